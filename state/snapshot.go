package state

import (
	"context"
	"time"

	"facsimile.dev/facsimile"
)

// Snapshot is one version of the state of an instance. It never changes, and copies share what
// they hold. Reading needs no key, but for Reveal and BlobKey. The zero Snapshot has nothing.
type Snapshot struct{ shared, own *version }

// version is what the journal of one instance folds to.
type version struct {
	instance facsimile.Instance
	head     Head
}

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

// Instance is the instance that s is of; where two were combined, the one whose places it has.
func (s Snapshot) Instance() facsimile.Instance { return "" }

// Head is the version; where two were combined, of the one whose places it has.
func (s Snapshot) Head() Head { return Head{} }

// Knows reports whether h is the head or came before it. A state that does not know the head
// that its nodes run is stale.
func (s Snapshot) Knows(h Head) bool { return false }

// Recipients are those who can open the secrets, as public keys in their text form.
func (s Snapshot) Recipients() []string { return nil }

// Secret is what is known of a secret without opening it.
func (s Snapshot) Secret(key string) (Entry, bool) { return Entry{}, false }

// SecretKeys are the keys of all secrets, in order.
func (s Snapshot) SecretKeys() []string { return nil }

// Replica is what is known of a replica, also of one that the definition no longer has.
func (s Snapshot) Replica(name facsimile.Replica) (Placed, bool) { return Placed{}, false }

// Replicas are all that were ever given an id or a place, in order of id and name.
func (s Snapshot) Replicas() []Placed { return nil }

// Directory is the path that was fixed for a directory of a module.
func (s Snapshot) Directory(m facsimile.Module, name string) (string, bool) { return "", false }

// Directories are all that were ever fixed, in order of module and name.
func (s Snapshot) Directories() []Directory { return nil }

// Reveal opens a secret. The error is ErrNoKey where no key at hand opens it.
func (s Snapshot) Reveal(ctx context.Context, key string) (facsimile.Secret, error) {
	return facsimile.Secret{}, facsimile.Errorf(facsimile.Refused, "there is no secret %q", key)
}

// BlobKey is the key under which a file of a release is sealed that has secrets in it; sum is
// that of its plain content. Each key seals one content only. The error is ErrNoKey where no
// key at hand opens the state.
func (s Snapshot) BlobKey(sum facsimile.Digest) ([32]byte, error) {
	return [32]byte{}, facsimile.Errorf(facsimile.Refused, "there is no state yet")
}

// CompareFingerprints says whether the secrets behind two fingerprints are the same, where that
// can be known: not for fingerprints that different instances made of secrets which somebody
// could guess.
func CompareFingerprints(a, b string) (same, known bool) { return false, false }
