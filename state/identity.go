package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile"
)

// ownKeyFile is where the user's own key is made, inside the user's configuration folder. It has
// a folder of its own, so that the mode of that can be strict.
func ownKeyFile(keyDir string) string { return filepath.Join(keyDir, "keys", "identity.txt") }

// identities reads all private keys at hand, and names where it looked.
func (f *Files) identities() (ids []age.Identity, looked []string, err error) {
	ids = slices.Clone(f.given())
	if len(ids) > 0 {
		looked = append(looked, "the keys that were handed over")
	}
	for _, path := range f.o.IdentityFiles {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, facsimile.Errorf(facsimile.Refused, "cannot read the key file: %w", err)
		}
		more, err := parseIdentities(text)
		if err != nil {
			return nil, nil, facsimile.Errorf(facsimile.Refused, "cannot use the key file %s: %w", path, err)
		}
		ids, looked = append(ids, more...), append(looked, path)
	}
	if f.o.KeyDir != "" {
		path := ownKeyFile(f.o.KeyDir)
		more, err := readOwnKey(path)
		if err != nil {
			return nil, nil, err
		}
		ids, looked = append(ids, more...), append(looked, path)
	}
	return ids, looked, nil
}

// readOwnKey reads the user's own key, and gives nothing where there is none.
func readOwnKey(path string) ([]age.Identity, error) {
	for _, p := range []string{filepath.Dir(path), path} {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, facsimile.Errorf(facsimile.Refused, "cannot look at your key: %w", err)
		}
		// On Windows the mode says nothing about others.
		if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
			return nil, facsimile.Errorf(facsimile.Refused, "others can reach your private key: %s has the mode %#o", p, mode).
				WithHint("chmod go= %s, and think about who may have read it", p)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot read your key: %w", err)
	}
	ids, err := parseIdentities(text)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot use your key %s: %w", path, err)
	}
	return ids, nil
}

// firstRecipients are those whom a new state is sealed to: those configured; else those of the
// identities that were named; else the user's own key, which is made where there is none.
func (f *Files) firstRecipients(ctx context.Context) ([]string, error) {
	if len(f.o.Recipients) > 0 {
		return f.o.Recipients, nil
	}
	ids, _, err := f.identities()
	if err != nil {
		return nil, err
	}
	if texts := publicKeys(ids); len(texts) > 0 {
		return texts, nil
	}
	if f.o.KeyDir == "" {
		return nil, facsimile.Errorf(facsimile.Refused, "nobody could open the new state: there is no recipient and no folder for a key").
			WithHint("name recipients under state.recipients, or an identity with --identity")
	}
	return f.makeOwnKey(ctx)
}

// publicKeys are the recipients of those identities that tell them.
func publicKeys(ids []age.Identity) []string {
	var texts []string
	for _, id := range ids {
		switch id := id.(type) {
		case *age.X25519Identity:
			texts = append(texts, id.Recipient().String())
		case *age.HybridIdentity:
			texts = append(texts, id.Recipient().String())
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// makeOwnKey makes the user's own key, unless another process just did.
func (f *Files) makeOwnKey(ctx context.Context) ([]string, error) {
	path := ownKeyFile(f.o.KeyDir)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot make a folder for your key: %w", err)
	}
	free, err := lock(ctx, filepath.Join(filepath.Dir(path), ".lock"), "the folder of your keys", f.holder(), f.o.LockWait)
	if err != nil {
		return nil, err
	}
	defer free()
	if ids, err := readOwnKey(path); err != nil || len(ids) > 0 {
		return publicKeys(ids), err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot make a key: %w", err)
	}
	public := id.Recipient().String()
	text := fmt.Sprintf("# made by facs for %s on %s, %s\n# public key: %s\n%s\n", plain(f.o.Who), plain(f.o.Host), f.o.Now().UTC().Format(time.RFC3339), public, id)
	if err := atomicfile.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot write your new key: %w", err)
	}
	f.notify(Notice{
		Msg:  fmt.Sprintf("made a private key, %s, since no recipient is configured: it alone opens the secrets of this project", path),
		Hint: "keep a copy of it in a safe place: without it the secrets are lost",
	})
	return []string{public}, nil
}

// noKey tells that nobody here can open the state of an instance.
func noKey(in facsimile.Instance, recipients, looked []string) error {
	msg := fmt.Sprintf("the secrets of %s are sealed, and no key at hand opens them", in)
	if len(recipients) > 0 {
		msg += ": they are for " + strings.Join(recipients, ", ")
	}
	hint := "name your private key with --identity, or ask one of those who can open them to add you"
	if len(looked) > 0 {
		hint += "; looked at: " + strings.Join(looked, ", ")
	}
	return (&facsimile.Error{Outcome: facsimile.Refused, Msg: msg, Err: ErrNoKey}).WithHint("%s", hint)
}
