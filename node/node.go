// Package node is the part of Facsimile that acts on a host: it keeps the releases under a
// home, switches between them, and proves what stands there.
//
// Node is the seam: what a host can be asked. Host implements it on the file system it runs on,
// for local nodes in process and, later, for hosts behind a stream. Whoever wants a dry run, a
// record or a fault wraps a Node.
//
// Under a home:
//
//	current            a link to releases/TREE: the one switch
//	releases/TREE/     one complete release, named by the digest of its tree (64 hexadecimal digits)
//	shared/            what survives releases
//	.facs/             owner mark, promise, lock, journal, receipts, trees and keys; mode 0700
//
// A release never changes once it has its name. It is made in a folder whose name says that it is
// none (.staging-TREE), synced, read again byte by byte, and renamed; it loses its name before it
// is removed (.removing-…). A release that was damaged while it is live is made again beside it
// (.whole-TREE), and the two folders are exchanged in one step.
//
// The journal says that a switch begins before it does, and that it was done afterwards. What
// current leads to is the truth in between: whoever takes the lock next finishes or undoes by it
// what a crash left half done.
package node

import (
	"context"
	"io"
	"iter"
	"time"

	facsimile "facsimile.dev/facsimile"
)

// Owner says to whom a home belongs. A home has one for life; another's stops everything.
type Owner struct {
	Definition string             `json:"definition"` // the definition's name
	Instance   facsimile.Instance `json:"instance"`
	Node       facsimile.Node     `json:"node"`
}

// Ballot is the right to change an instance: the epoch of a rollout and a token that no other
// rollout has. A node grants only epochs above any it ever promised.
type Ballot struct {
	Epoch uint64 `json:"epoch"`
	Token string `json:"token"` // 128 random bits, hexadecimal
}

// Order is the decision to put a release on an instance. It names what each node gets.
type Order struct {
	Format     int                                 `json:"format"` // 1
	Definition string                              `json:"definition"`
	Instance   facsimile.Instance                  `json:"instance"`
	Epoch      uint64                              `json:"epoch"`
	Kind       string                              `json:"kind"`    // deploy or rollback
	Release    facsimile.Digest                    `json:"release"` // the manifest's digest
	Previous   facsimile.Digest                    `json:"previous"`
	Trees      map[facsimile.Node]facsimile.Digest `json:"trees"`
	Versions   map[facsimile.Project]string        `json:"versions,omitempty"`
	StateHead  string                              `json:"state_head,omitempty"`
	Who        string                              `json:"who"`
	Why        string                              `json:"why,omitempty"`
	Time       time.Time                           `json:"time"` // the operator's clock, to be read by people only
}

// Key opens one sealed blob: see the package release.
type Key [32]byte

// Content gives a node what it lacks. A node takes nothing from it on trust: every byte is
// checked against the digest that named it.
type Content interface {
	// Tree gives the encoded tree (facsimile.Tree.Encode).
	Tree(ctx context.Context, d facsimile.Digest) ([]byte, error)
	// Open gives a blob: the bytes of a file, sealed where the file is secret.
	Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error)
	// Key opens a sealed blob.
	Key(ctx context.Context, d facsimile.Digest) (Key, error)
}

// Receipt is what a node wrote when it switched.
type Receipt struct {
	Order     Order            `json:"order"`
	Tree      facsimile.Digest `json:"tree"`
	Previous  facsimile.Digest `json:"previous_tree"` // zero: none was current
	Time      time.Time        `json:"time"`          // the node's clock
	Confirmed bool             `json:"confirmed"`
	Reverted  bool             `json:"reverted,omitempty"` // what the switch did was undone by Revert
}

// Report is what a node says of itself without being changed.
type Report struct {
	Owner    Owner            `json:"owner"`    // zero where the home is new
	Promised uint64           `json:"promised"` // the highest epoch ever granted
	Current  facsimile.Digest `json:"current"`  // the tree that current points to; zero: none
	Last     Receipt          `json:"last"`     // the newest that was not reverted; zero where there is none
	Exact    bool             `json:"exact"`    // Current is the tree that was asked about and every path of it is right on disk
	Staged   bool             `json:"staged"`   // the tree that was asked about stands complete in releases/, or beside the damaged one that is live
	Free     uint64           `json:"free"`     // bytes that can still be written under the home
	System   string           `json:"system"`   // GOOS/GOARCH
}

// Staged counts what staging did.
type Staged struct {
	Received int   `json:"received"` // blobs taken from Content
	Bytes    int64 `json:"bytes"`    // their size
	Reused   int   `json:"reused"`   // files that were on the node already
}

// EventKind says what an Event tells.
type EventKind string

// The kinds of events of a node's journal.
const (
	EventPromised  EventKind = "promised"
	EventStaged    EventKind = "staged"
	EventSwitching EventKind = "switching" // about to rename; synced before it does
	EventSwitched  EventKind = "switched"
	EventConfirmed EventKind = "confirmed"
	EventReleased  EventKind = "released" // the ballot was given back
	EventUndone    EventKind = "undone"   // a half-done switch was found and undone or finished
	EventMended    EventKind = "mended"   // a torn end of the journal was cut off
	EventPruned    EventKind = "pruned"   // old releases were removed
)

// Event is one line of a node's journal.
type Event struct {
	Seq   uint64           `json:"seq"` // from 1, without gaps
	Time  time.Time        `json:"time"`
	Kind  EventKind        `json:"kind"`
	Epoch uint64           `json:"epoch"`
	Tree  facsimile.Digest `json:"tree,omitzero"`   // of a switch, and of one undone: what is current afterwards; zero: nothing
	Order *Order           `json:"order,omitempty"` // with staged, switching, switched and undone
	Note  string           `json:"note,omitempty"`

	Previous facsimile.Digest `json:"previous_tree,omitzero"` // of a switch: what was current before
	Revert   bool             `json:"revert,omitempty"`       // of a switch: it undoes that of the order
}

// Node is what a host can be asked. Every call ends when ctx does. Calls that change something
// carry the ballot and are refused (facsimile.Refused) when it is not the one promised.
type Node interface {
	// Look says how things stand and whether tree is there and exact; a zero tree only looks.
	// It changes nothing, not even a folder.
	Look(ctx context.Context, tree facsimile.Digest) (Report, error)
	// Promise grants b if its epoch is above any granted before and no unexpired lease of another
	// token stands, claims the home for owner, and returns the report of before. The very ballot
	// that is promised is granted again, which starts its lease anew. Refused: another's owner
	// mark, a non-empty home without one.
	Promise(ctx context.Context, b Ballot, owner Owner, lease time.Duration) (Report, error)
	// Stage makes the order's tree for this node complete beside the live one, verified and
	// synced. Nothing live changes. It may be called again after any failure.
	Stage(ctx context.Context, b Ballot, o Order, c Content) (Staged, error)
	// Activate switches to the staged tree by one rename, under the node's lock, and writes a
	// receipt. Where the same tree is live but damaged, the whole one is exchanged for it.
	Activate(ctx context.Context, b Ballot, o Order) (Receipt, error)
	// Confirm says that the rollout stands; only a confirmed release is a target of rollback.
	Confirm(ctx context.Context, b Ballot, release facsimile.Digest) error
	// Revert switches back to what was current before the order's switch; to nothing where nothing was.
	Revert(ctx context.Context, b Ballot, o Order) error
	// Verify re-reads every byte of tree and gives each difference in order of path; where current
	// is another release it says so first (ReleaseDiffers).
	Verify(ctx context.Context, tree facsimile.Digest) iter.Seq2[facsimile.Difference, error]
	// Journal gives the events after since, oldest first.
	Journal(ctx context.Context, since uint64) iter.Seq2[Event, error]
	// Prune removes releases that are neither current nor among the newest keep confirmed ones,
	// and never one that pinned says something still runs from. It gives the trees removed.
	Prune(ctx context.Context, b Ballot, keep int, pinned []facsimile.Digest) ([]facsimile.Digest, error)
	// Release gives the ballot back before its lease ends. Another's ballot is left alone.
	Release(ctx context.Context, b Ballot) error
}
