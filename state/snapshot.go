package state

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"facsimile.dev/facsimile"
)

// Snapshot is one version of the state of an instance. It never changes, and copies share what
// they hold. Reading needs no key, but for Reveal, BlobKey and Verify. The zero Snapshot has
// nothing.
type Snapshot struct{ shared, own *version }

// Entry is what is known of a secret without any key.
type Entry struct {
	Generation  int       // 1, and one more each time it was replaced
	Fingerprint string    // see CompareFingerprints
	Type        string    // as generated: password, hex, uuid, token; empty where set by hand
	Created     time.Time // of this generation
}

// Placed is what is known of a replica. Without a place Node is empty and Port 0; without an
// id UIID is 0.
type Placed struct {
	Replica     facsimile.Replica
	UIID        int
	Module      facsimile.Module
	LogicalName string // as it was when the id was given
	Node        facsimile.Node
	Port        int
}

// Directory is a directory of a module.
type Directory struct {
	Module facsimile.Module
	Name   string
	Path   string
}

// Combine is a snapshot that has secrets and ids from shared and all else from own: what the
// templates of a subinstance see. Both may be the same.
func Combine(shared, own Snapshot) Snapshot {
	return Snapshot{shared: shared.shared, own: own.own}
}

// sharedVersion and ownVersion are never nil.
func (s Snapshot) sharedVersion() *version { return cmp.Or(s.shared, &version{}) }
func (s Snapshot) ownVersion() *version    { return cmp.Or(s.own, &version{}) }

// Instance is the instance that s is of; where two were combined, the one whose places it has.
func (s Snapshot) Instance() facsimile.Instance { return s.ownVersion().instance }

// Head is the version; where two were combined, of the one whose places it has.
func (s Snapshot) Head() Head { return s.ownVersion().head }

// SharedHead is the version of the state that has the secrets and ids: Head, unless two
// snapshots were combined.
func (s Snapshot) SharedHead() Head { return s.sharedVersion().head }

// Knows reports whether h is the head or came before it. A state that does not know the head
// that its nodes run is stale.
func (s Snapshot) Knows(h Head) bool { return s.ownVersion().known[h] }

// Recipients are those who can open the secrets, as public keys in their text form.
func (s Snapshot) Recipients() []string { return slices.Clone(s.sharedVersion().recipients) }

// Secret is what is known of a secret without opening it.
func (s Snapshot) Secret(key string) (Entry, bool) {
	it := s.sharedVersion().items[secretKey(key)]
	if it == nil {
		return Entry{}, false
	}
	return Entry{Generation: it.Generation, Fingerprint: it.Fingerprint, Type: it.Type, Created: it.entry.When}, true
}

// SecretKeys are the keys of all secrets, in order.
func (s Snapshot) SecretKeys() []string {
	var keys []string
	for _, it := range s.sharedVersion().items {
		if it.Secret != "" {
			keys = append(keys, it.Secret)
		}
	}
	slices.Sort(keys)
	return keys
}

// Replica is what is known of a replica, also of one that the definition no longer has.
func (s Snapshot) Replica(name facsimile.Replica) (Placed, bool) {
	p := Placed{Replica: name}
	id, place := s.sharedVersion().items[replicaKey(name)], s.ownVersion().items[placeKey(name)]
	if id != nil {
		p.UIID, p.Module, p.LogicalName = id.UIID, id.Module, id.LogicalName
	}
	if place != nil {
		p.Node, p.Port = place.Node, place.Port
	}
	return p, id != nil || place != nil
}

// Replicas are all that were ever given an id or a place, in order of id and name.
func (s Snapshot) Replicas() []Placed {
	var all []Placed
	add := func(name facsimile.Replica) {
		p, _ := s.Replica(name)
		all = append(all, p)
	}
	for _, it := range s.sharedVersion().items {
		if it.Replica != "" {
			add(it.Replica)
		}
	}
	for _, it := range s.ownVersion().items {
		if it.Place != "" && s.sharedVersion().items[replicaKey(it.Place)] == nil {
			add(it.Place)
		}
	}
	slices.SortFunc(all, func(a, b Placed) int {
		return cmp.Or(cmp.Compare(a.UIID, b.UIID), cmp.Compare(a.Replica, b.Replica))
	})
	return all
}

// Directory is the path that was fixed for a directory of a module.
func (s Snapshot) Directory(m facsimile.Module, name string) (string, bool) {
	it := s.ownVersion().items[directoryKey(m, name)]
	if it == nil {
		return "", false
	}
	return it.Path, true
}

// Directories are all that were ever fixed, in order of module and name.
func (s Snapshot) Directories() []Directory {
	var all []Directory
	for _, it := range s.ownVersion().items {
		if it.Directory != "" {
			all = append(all, Directory{it.Module, it.Directory, it.Path})
		}
	}
	slices.SortFunc(all, func(a, b Directory) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Reveal opens a secret. The error is ErrNoKey where no key at hand opens it.
func (s Snapshot) Reveal(ctx context.Context, key string) (facsimile.Secret, error) {
	v := s.sharedVersion()
	it := v.items[secretKey(key)]
	if it == nil {
		err := facsimile.Errorf(facsimile.Refused, "the state of %s has no secret %s", v.instance, key)
		if near := facsimile.Nearest(key, s.SecretKeys()); len(near) > 0 {
			err = err.WithHint("the nearest is %s", near[0])
		}
		return facsimile.Secret{}, err
	}
	if err := ctx.Err(); err != nil {
		return facsimile.Secret{}, err
	}
	k, err := v.vault.unlock(v)
	if err != nil {
		return facsimile.Secret{}, err
	}
	envelope, err := v.vault.envelope(v, it)
	if err != nil {
		return facsimile.Secret{}, err
	}
	value, err := k.open(envelope)
	if err != nil {
		return facsimile.Secret{}, facsimile.Errorf(facsimile.Refused, "cannot open the secret %s of %s: its envelope is not to the key of this state", key, v.instance)
	}
	return value, nil
}

// BlobKey is the key under which a file of a release is sealed that has secrets in it; sum is
// that of its plain content. Each key seals one content only. The error is ErrNoKey where no
// key at hand opens the state.
func (s Snapshot) BlobKey(sum facsimile.Digest) ([32]byte, error) {
	v := s.ownVersion()
	if v.newest == nil {
		return [32]byte{}, facsimile.Errorf(facsimile.Refused, "%s has no state yet, and so no key to seal files with", v.instance).
			WithHint("facs build %s generates what is missing", v.instance)
	}
	k, err := v.vault.unlock(v)
	if err != nil {
		return [32]byte{}, err
	}
	return k.blob(sum), nil
}

// Verify checks that what s has was put there by somebody who can open it: plain fields too,
// which anybody can write who can write files. Reveal, BlobKey and Commit do so by themselves;
// what ships without any secret needs this call. The error is ErrNoKey where no key at hand
// opens the state.
func (s Snapshot) Verify() error {
	for _, v := range []*version{s.sharedVersion(), s.ownVersion()} {
		if v.newest == nil {
			continue
		}
		if _, err := v.vault.unlock(v); err != nil {
			return err
		}
	}
	return nil
}

// Format implements fmt.Formatter: a snapshot prints as its instance and head, whatever it holds.
func (s Snapshot) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, fmt.Sprintf("state of %s at %s", s.Instance(), s.Head().Short()))
}
