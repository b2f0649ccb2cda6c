package state

import (
	"context"
	"errors"
	"time"

	"facsimile.dev/facsimile"
)

// Store holds the states of the instances of one project.
type Store interface {
	// Load reads the state of an instance. It needs no key and takes no lock; without a
	// state it gives a Snapshot that has nothing.
	Load(ctx context.Context, in facsimile.Instance) (Snapshot, error)

	// Commit makes a change as a whole or not at all, and gives the new head. The error is
	// ErrMoved where base is not the head any more. A change that was committed before, by
	// its ID, is not made again: committing it is then a success. So a Commit of which the
	// outcome is unknown may be repeated with the same arguments.
	Commit(ctx context.Context, in facsimile.Instance, base Head, c Change) (Head, error)

	// History gives all that was committed, the newest first. It needs no key.
	History(ctx context.Context, in facsimile.Instance) ([]JournalEntry, error)
}

var (
	// ErrMoved says that somebody else committed in the meantime: load and allot again.
	ErrMoved = errors.New("the state has moved")
	// ErrNoKey says that none of the keys at hand opens what is sealed.
	ErrNoKey = errors.New("no key at hand opens this state")
)

// Head names one version of a state: the hash of its newest journal entry, which names its
// parents and so all that came before. The zero Head is that of a state without entries.
type Head struct{ facsimile.Digest }

// JournalEntry tells of one commit. It names things and never holds a value.
type JournalEntry struct {
	Head    Head      `json:"head"`
	Parents []Head    `json:"parents"`
	Who     string    `json:"who"`
	Host    string    `json:"host"`
	When    time.Time `json:"when"` // by the clock of Host, in UTC
	Why     string    `json:"why"`
	Names   []string  `json:"names"` // what changed: secret keys, and names as Allotment.Pending has them
}
