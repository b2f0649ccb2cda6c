package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile"
)

// FilesOptions say where a Files is and who uses it.
type FilesOptions struct {
	Dir       string // the folder of states, which need not exist yet
	ProjectID string // states of another project are refused

	IdentityFiles []string       // private keys: age identities, or SSH keys without a passphrase
	Identities    []age.Identity // further ones
	Recipients    []string       // who can open a state that is begun: age or SSH public keys
	KeyDir        string         // the user's configuration folder, for a key where there is none

	Who, Host string           // for the journal and the lock
	Now       func() time.Time // nil means time.Now
	Random    io.Reader        // for the root of a new state; nil means that of the system
	LockWait  time.Duration    // how long Commit waits for another process; 0 means 10 s
}

// Format implements fmt.Formatter: options print without their identities.
func (o FilesOptions) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "files in "+o.Dir) }

// Files is a Store in a folder. It may be used by several goroutines and several processes.
type Files struct {
	o     FilesOptions // without Identities
	given func() []age.Identity
	fsys  atomicfile.FS
	lock  func(ctx context.Context, path, what string, me holder, wait time.Duration) (func(), error)

	mu      sync.Mutex
	notices []Notice
	opened  map[facsimile.Digest]*key // by the digest of key.age, and so never stale
}

// Notice is something that a person should be told, once.
type Notice struct {
	Msg  string
	Hint string
}

// The names in the folder of a state.
const (
	keyName     = "key.age"
	journalName = "journal"
	secretsName = "secrets"
	lockName    = ".lock"
	entrySuffix = ".jsonl"

	// beginningName is a file that is there while the first commit is made. A key without any
	// entry and without this file is what is left of a state that lost its journal.
	beginningName = ".beginning"
)

// Format implements fmt.Formatter: a store prints as its folder, without the keys that it holds.
func (f *Files) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "files in "+f.o.Dir) }

// OpenFiles checks the options. It neither reads nor makes anything yet.
func OpenFiles(o FilesOptions) (*Files, error) {
	switch {
	case o.Dir == "":
		return nil, facsimile.Errorf(facsimile.BadInput, "no folder for the state")
	case o.ProjectID == "" || strings.ContainsAny(o.ProjectID, "\r\n"):
		return nil, facsimile.Errorf(facsimile.BadInput, "%q cannot be the id of a project", o.ProjectID)
	}
	var problems facsimile.Problems
	o.Recipients = slices.Clone(o.Recipients)
	for i, text := range o.Recipients {
		o.Recipients[i] = strings.TrimSpace(text)
		if _, err := parseRecipient(text); err != nil {
			// The text may be a private key: it is not shown.
			problems = append(problems, facsimile.Errorf(facsimile.BadInput, "cannot use a recipient: %w", err))
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.LockWait == 0 {
		o.LockWait = lockWait
	}
	given := slices.Clone(o.Identities)
	o.Identities = nil
	return &Files{o: o, given: func() []age.Identity { return given }, fsys: atomicfile.OS{}, lock: lock, opened: map[facsimile.Digest]*key{}}, nil
}

// Notices gives what there is to tell since the last call.
func (f *Files) Notices() []Notice {
	f.mu.Lock()
	defer f.mu.Unlock()
	told := f.notices
	f.notices = nil
	return told
}

func (f *Files) notify(n Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notices = append(f.notices, n)
}

func (f *Files) holder() holder {
	return holder{Who: f.o.Who, Host: f.o.Host, PID: os.Getpid(), Since: f.o.Now()}
}

// path is that of a file of an instance.
func (f *Files) path(in facsimile.Instance, parts ...string) string {
	return filepath.Join(append([]string{f.o.Dir, string(in)}, parts...)...)
}

// Load implements Store.
func (f *Files) Load(ctx context.Context, in facsimile.Instance) (Snapshot, error) {
	v, err := f.load(ctx, in)
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{shared: v, own: v}, nil
}

// History implements Store.
func (f *Files) History(ctx context.Context, in facsimile.Instance) ([]JournalEntry, error) {
	v, err := f.load(ctx, in)
	if err != nil {
		return nil, err
	}
	var history []JournalEntry
	for i := len(v.order) - 1; i >= 0; i-- {
		history = append(history, v.order[i].public())
	}
	return history, nil
}

func (f *Files) load(ctx context.Context, in facsimile.Instance) (*version, error) {
	if _, err := facsimile.ParseInstance(string(in)); err != nil {
		return nil, facsimile.Errorf(facsimile.BadInput, "no state: %w", err)
	}
	entries, err := f.readJournal(ctx, in)
	if err == nil && len(entries) == 0 && f.begun(in) {
		// Either another process has just made the first entry, or the journal was lost.
		entries, err = f.readJournal(ctx, in)
		if err == nil && len(entries) == 0 {
			err = facsimile.Errorf(facsimile.Refused, "the journal of the state of %s is gone, though its key %s is there", in, f.path(in, keyName)).
				WithHint("get the folder %s back from version control or a backup; new passwords would lock you out of what runs", f.path(in, journalName))
		}
	}
	if err != nil {
		return nil, err
	}
	v := newVersion(in, f.o.ProjectID, f)
	if err := v.fold(entries); err != nil {
		return nil, err
	}
	return v, nil
}

// begun reports whether a state has a key that was not left by a first commit that was cut off.
func (f *Files) begun(in facsimile.Instance) bool {
	if _, err := f.fsys.ReadFile(f.path(in, beginningName)); err == nil {
		return false
	}
	_, err := f.fsys.ReadFile(f.path(in, keyName))
	return err == nil
}

func (f *Files) readJournal(ctx context.Context, in facsimile.Instance) (map[Head]*entry, error) {
	names, err := f.fsys.ReadDir(f.path(in, journalName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot read the state of %s: %w", in, err)
	}
	var heads []Head
	for _, name := range names {
		if head, ok := entryHead(name.Name()); ok {
			heads = append(heads, head)
		}
	}
	entries := make(map[Head]*entry, len(names))
	for len(heads) > 0 {
		if err := f.readEntries(ctx, in, heads, entries); err != nil {
			return nil, err
		}
		heads = f.unlisted(in, entries)
	}
	return entries, nil
}

// readEntries reads those of heads that entries does not have. All faults are told together.
func (f *Files) readEntries(ctx context.Context, in facsimile.Instance, heads []Head, entries map[Head]*entry) error {
	var problems facsimile.Problems
	for _, head := range heads {
		if err := ctx.Err(); err != nil {
			return err
		}
		if entries[head] != nil {
			continue
		}
		e, err := f.readEntry(in, head)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		entries[head] = e
	}
	return problems.OrNil()
}

// unlisted are parents that the folder did not list, and has: a listing that is taken while
// others commit may show a newer name and not an older one.
func (f *Files) unlisted(in facsimile.Instance, entries map[Head]*entry) []Head {
	var found []Head
	for _, e := range entries {
		for _, p := range e.Parents {
			if entries[p] != nil {
				continue
			}
			if _, err := f.fsys.ReadFile(f.path(in, journalName, p.Hex()+entrySuffix)); err == nil {
				found = append(found, p)
			}
		}
	}
	return found
}

// entryHead reads the name of an entry's file. Other files of the folder are none of ours.
func entryHead(name string) (Head, bool) {
	digits, ok := strings.CutSuffix(name, entrySuffix)
	if !ok {
		return Head{}, false
	}
	d, err := facsimile.ParseDigest("sha256:" + digits)
	return Head{d}, err == nil
}

func (f *Files) readEntry(in facsimile.Instance, head Head) (*entry, *facsimile.Error) {
	path := f.path(in, journalName, head.Hex()+entrySuffix)
	at := facsimile.Position{File: path}
	text, err := f.fsys.ReadFile(path)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot read an entry of the state of %s: %w", in, err)
	}
	if facsimile.DigestOf(text) != head.Digest {
		return nil, facsimile.Errorf(facsimile.Refused, "an entry of the state of %s is damaged: its content is not what its name says", in).
			WithAt(at).WithHint("it was cut short or edited: get the file back from version control or a backup")
	}
	e, err := decodeEntry(text)
	switch {
	case errors.Is(err, errFormat):
		return nil, facsimile.Errorf(facsimile.Refused, "cannot read an entry of the state of %s: %w", in, err).
			WithAt(at).WithHint("use the version of facs that wrote it, or a newer one")
	case err != nil:
		return nil, facsimile.Errorf(facsimile.Refused, "cannot read an entry of the state of %s: %w", in, err).WithAt(at)
	case e.Project != f.o.ProjectID || e.Instance != in:
		return nil, facsimile.Errorf(facsimile.Refused, "an entry in the state of %s of the project %q belongs to %q of the project %q",
			in, f.o.ProjectID, e.Instance, e.Project).
			WithAt(at).WithHint("states cannot be copied as files: passwords of one instance would become those of another")
	}
	return e, nil
}

// unlock implements vault.
func (f *Files) unlock(v *version) (*key, error) {
	if k := v.unlocked.Load(); k != nil {
		return k, nil
	}
	k, err := f.openKey(v.instance, v.recipients)
	if err != nil {
		return nil, err
	}
	if v.newest != nil && !k.made(v.newest) {
		return nil, facsimile.Errorf(facsimile.Refused,
			"the newest entry in the state of %s, %s, was not sealed with the key of this state: somebody who cannot open it made it, or the key was replaced",
			v.instance, v.newest.told()).
			WithAt(facsimile.Position{File: f.path(v.instance, journalName, v.head.Hex()+entrySuffix)}).
			WithHint("find out in version control who added it, and take it out; nothing of it was used")
	}
	v.unlocked.Store(k)
	return k, nil
}

// openKey opens key.age; recipients are those recorded, for the error.
func (f *Files) openKey(in facsimile.Instance, recipients []string) (*key, error) {
	path := f.path(in, keyName)
	sealed, err := f.fsys.ReadFile(path)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot read the sealed key of %s: %w", in, err).
			WithHint("get the file back from version control or a backup: nothing opens the secrets without it")
	}
	sum := facsimile.DigestOf(sealed)
	f.mu.Lock()
	k := f.opened[sum]
	f.mu.Unlock()
	if k != nil {
		return k, nil
	}
	ids, looked, err := f.identities()
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, noKey(in, recipients, looked)
	}
	text, err := decrypt(sealed, ids...)
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, noKey(in, recipients, looked)
	}
	if err == nil {
		k, err = parseKey(text, f.o.ProjectID, in)
	}
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot open the sealed key of %s: %w", in, err).
			WithAt(facsimile.Position{File: path}).
			WithHint("it was cut short, edited or replaced: get the file back from version control or a backup")
	}
	f.mu.Lock()
	f.opened[sum] = k
	f.mu.Unlock()
	return k, nil
}

// envelope implements vault.
func (f *Files) envelope(v *version, it *item) ([]byte, error) {
	path := f.path(v.instance, secretsName, envelopeName(it))
	sealed, err := f.fsys.ReadFile(path)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot read the sealed secret %s of %s: %w", it.Secret, v.instance, err).
			WithHint("get the file back from version control or a backup")
	}
	if facsimile.DigestOf(sealed) != it.Envelope {
		return nil, facsimile.Errorf(facsimile.Refused,
			"the file of the secret %s of %s is not the one that was committed as its generation %d", it.Secret, v.instance, it.Generation).
			WithAt(facsimile.Position{File: path}).
			WithHint("it was cut short, or replaced by an older, another or a foreign one: get it back from version control or a backup")
	}
	return sealed, nil
}
