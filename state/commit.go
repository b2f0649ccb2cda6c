package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile"
)

// fileMode is that of all files of a state: what is not sealed is no secret.
const fileMode = 0o644

// Commit implements Store. The rename of the entry's file is the one point at which the change
// is made; all that the entry speaks of is on the disk before.
func (f *Files) Commit(ctx context.Context, in facsimile.Instance, base Head, c Change) (Head, error) {
	if c.Empty() {
		return base, nil
	}
	if err := f.prepare(in); err != nil {
		return Head{}, refused(in, err)
	}
	free, err := f.lock(ctx, f.path(in, lockName), fmt.Sprintf("the state of %s", in), f.holder(), f.o.LockWait)
	if err != nil {
		return Head{}, err
	}
	defer free()
	v, err := f.load(ctx, in)
	if err != nil {
		return Head{}, err
	}
	journal := f.path(in, journalName)
	switch {
	case c.ID == "":
		return Head{}, facsimile.Errorf(facsimile.BadInput, "a change needs an id, so that it is not made twice")
	case v.changes[c.ID]:
		// An earlier attempt got as far as the rename, perhaps no further.
		if err := f.fsys.SyncDir(journal); err != nil {
			return Head{}, refused(in, err)
		}
		return v.head, nil
	case v.head != base:
		return Head{}, moved(v, base)
	}
	f.removeLeft(in, v)
	k, recipients, err := f.keyFor(ctx, v)
	if err != nil {
		return Head{}, err
	}
	text, next, err := f.write(ctx, v, k, recipients, c)
	if err != nil {
		return Head{}, err
	}
	if err := atomicfile.Write(f.fsys, f.path(in, journalName, next.head.Hex()+entrySuffix), text, fileMode); err != nil {
		return Head{}, refused(in, err)
	}
	if v.newest == nil {
		f.removeLeft(in, next)
	}
	return next.head, nil
}

// refused tells that the disk did not take a change.
func refused(in facsimile.Instance, err error) error {
	return facsimile.Errorf(facsimile.Refused, "cannot write the state of %s: %w", in, err).
		WithHint("the state is as it was, or has the whole change; the same command takes it up from there")
}

func moved(v *version, base Head) error {
	msg := fmt.Sprintf("the state of %s is not at %s any more", v.instance, base.Short())
	if v.newest != nil {
		msg += ": the newest entry is " + v.newest.told()
	}
	return &facsimile.Error{Outcome: facsimile.Refused, Msg: msg, Err: ErrMoved, Hint: "run the same command again"}
}

// prepare makes the folders of an instance, and tells git what to leave alone.
func (f *Files) prepare(in facsimile.Instance) error {
	if _, err := facsimile.ParseInstance(string(in)); err != nil {
		return err
	}
	for _, dir := range []string{f.path(in, journalName), f.path(in, secretsName)} {
		if err := atomicfile.MkdirAll(f.fsys, dir, 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		".gitignore":     lockName + "\n" + beginningName + "\n.facs-tmp-*\n",
		".gitattributes": "* -text\n*.age binary\n", // line ends that git changed would break every hash
	} {
		path := f.path("", name)
		if _, err := f.fsys.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := atomicfile.Write(f.fsys, path, []byte(text), fileMode); err != nil {
			return err
		}
	}
	return nil
}

// removeLeft removes what crashes have left. Only the holder of the lock may: nobody else is
// writing. A file that cannot be removed does no harm.
func (f *Files) removeLeft(in facsimile.Instance, v *version) {
	for _, dir := range []string{f.path(in), f.path(in, journalName), f.path(in, secretsName)} {
		names, err := f.fsys.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, name := range names {
			if atomicfile.IsTemp(name.Name()) || name.Name() == beginningName && v.newest != nil {
				_ = f.fsys.Remove(filepath.Join(dir, name.Name()))
			}
		}
	}
}

// keyFor gives the key of a state, which it makes where the state begins. Then it gives the
// recipients too, for the entry.
func (f *Files) keyFor(ctx context.Context, v *version) (*key, []string, error) {
	if v.newest != nil {
		k, err := f.unlock(v)
		return k, nil, err
	}
	recipients, err := f.firstRecipients(ctx)
	if err != nil {
		return nil, nil, err
	}
	path := f.path(v.instance, keyName)
	_, err = f.fsys.ReadFile(path)
	if err == nil {
		return f.leftKey(v, recipients)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, refused(v.instance, err)
	}
	k, err := newKey(f.o.Random)
	if err != nil {
		return nil, nil, refused(v.instance, err)
	}
	sealed, err := sealKey(k, f.o.ProjectID, v.instance, recipients)
	if err != nil {
		return nil, nil, facsimile.Errorf(facsimile.Refused, "cannot seal the new key of %s: %w", v.instance, err)
	}
	if err := f.canOpen(v.instance, sealed, recipients); err != nil {
		return nil, nil, err
	}
	if err := atomicfile.Write(f.fsys, f.path(v.instance, beginningName), nil, fileMode); err != nil {
		return nil, nil, refused(v.instance, err)
	}
	if err := atomicfile.Write(f.fsys, path, sealed, fileMode); err != nil {
		return nil, nil, refused(v.instance, err)
	}
	return k, recipients, nil
}

// leftKey takes up the key of a first commit that did not get as far as its entry. It is made
// anew where the recipients are others now, since nothing is sealed to it that counts.
func (f *Files) leftKey(v *version, recipients []string) (*key, []string, error) {
	k, err := f.openKey(v.instance, nil)
	if err != nil {
		if hinted := (*facsimile.Error)(nil); errors.As(err, &hinted) {
			err = hinted.WithHint("the state of %s has no entry yet: where nobody else has one either, remove %s and start again",
				v.instance, f.path(v.instance, keyName))
		}
		return nil, nil, err
	}
	sealed, err := sealKey(k, f.o.ProjectID, v.instance, recipients)
	if err != nil {
		return nil, nil, facsimile.Errorf(facsimile.Refused, "cannot seal the key of %s: %w", v.instance, err)
	}
	if err := atomicfile.Write(f.fsys, f.path(v.instance, keyName), sealed, fileMode); err != nil {
		return nil, nil, refused(v.instance, err)
	}
	return k, recipients, nil
}

// sealKey gives the content of key.age.
func sealKey(k *key, project string, in facsimile.Instance, recipients []string) ([]byte, error) {
	var to []age.Recipient
	for _, text := range recipients {
		r, err := parseRecipient(text)
		if err != nil {
			return nil, err
		}
		to = append(to, r)
	}
	return encrypt(k.text(project, in), to...)
}

// canOpen refuses to begin a state that whoever begins it could not go on with.
func (f *Files) canOpen(in facsimile.Instance, sealed []byte, recipients []string) error {
	ids, looked, err := f.identities()
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		if _, err := decrypt(sealed, ids...); err == nil {
			return nil
		}
	}
	return noKey(in, recipients, looked)
}

// write writes the envelopes of a change, and gives the entry that makes it count.
func (f *Files) write(ctx context.Context, v *version, k *key, recipients []string, c Change) ([]byte, *version, error) {
	h := header{
		Facsimile: "state", Format: formatNumber, Project: f.o.ProjectID, Instance: v.instance,
		Change: c.ID, Who: f.o.Who, Host: f.o.Host, When: f.o.Now().UTC().Truncate(time.Second), Why: c.Why,
		Recipients: recipients,
	}
	if v.newest != nil {
		h.Parents = []Head{v.head}
	}
	items := c.plainItems()
	envelopes := map[string][]byte{}
	for _, s := range c.Secrets {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		it, sealed, err := sealSecret(k, f.o.ProjectID, s)
		if err != nil {
			return nil, nil, facsimile.Errorf(facsimile.Refused, "cannot seal the secret %s of %s: %w", s.Key, v.instance, err)
		}
		items = append(items, it)
		envelopes[it.Secret] = sealed
	}
	for _, it := range items {
		it.Generation = 1
		if have := v.items[it.key()]; have != nil {
			it.Generation = have.Generation + 1
		}
	}
	text, err := encodeEntry(h, items, k.mac)
	if err != nil {
		return nil, nil, facsimile.Errorf(facsimile.BadInput, "cannot write the change of %s: %w", v.instance, err)
	}
	e, err := decodeEntry(text)
	if err != nil {
		return nil, nil, facsimile.Errorf(facsimile.BadInput, "cannot write the change of %s: %w", v.instance, err)
	}
	next, err := v.with(e)
	if err != nil {
		return nil, nil, err
	}
	return text, next, f.writeEnvelopes(v.instance, items, envelopes)
}

func (f *Files) writeEnvelopes(in facsimile.Instance, items []*item, envelopes map[string][]byte) error {
	for _, it := range items {
		sealed := envelopes[it.Secret]
		if sealed == nil {
			continue
		}
		if err := atomicfile.Place(f.fsys, f.path(in, secretsName, envelopeName(it)), sealed, fileMode); err != nil {
			return refused(in, err)
		}
	}
	if len(envelopes) == 0 {
		return nil
	}
	if err := f.fsys.SyncDir(f.path(in, secretsName)); err != nil {
		return refused(in, err)
	}
	return nil
}

// sealSecret gives the item and the envelope of a new secret.
func sealSecret(k *key, project string, s NewSecret) (*item, []byte, error) {
	value := s.Value.Reveal()
	sealed, err := k.seal(s.Value)
	if err != nil {
		return nil, nil, err
	}
	it := &item{Secret: s.Key, Type: s.Type, Bits: s.Bits, Envelope: facsimile.DigestOf(sealed), Fingerprint: k.fingerprint(value)}
	if s.Bits >= strongBits {
		it.Fingerprint = projectFingerprint(project, value)
	}
	return it, sealed, nil
}

// plainItems are the items of what is not sealed.
func (c Change) plainItems() []*item {
	var items []*item
	for _, id := range c.IDs {
		items = append(items, &item{Replica: id.Replica, UIID: id.UIID, Module: id.Module, LogicalName: id.LogicalName})
	}
	for _, p := range c.Places {
		items = append(items, &item{Place: p.Replica, Node: p.Node, Port: p.Port, Base: p.Base})
	}
	for _, d := range c.Directories {
		items = append(items, &item{Directory: d.Name, Module: d.Module, Path: d.Path})
	}
	return items
}

// envelopeName is the file name of an envelope. The digest in it lets two branches that made one
// generation of one secret both keep theirs, on file systems that fold case too.
func envelopeName(it *item) string {
	const longest = 150 // together with the rest within the 255 bytes of a file name
	name := fileName(it.Secret)
	return fmt.Sprintf("%s.%d.%s.age", name[:min(len(name), longest)], it.Generation, it.Envelope.Hex()[:16])
}

// fileName makes a name that any file system takes: every byte but letters, digits, ".", "_" and
// "-" is %XX, and so is a dot at the start, which would hide the file.
func fileName(key string) string {
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if strings.IndexByte(lettersAndDigits+"_-", c) >= 0 || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
