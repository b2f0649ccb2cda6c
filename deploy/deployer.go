package deploy

import (
	"context"
	"errors"
	"io"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/release"
)

// Member is a node of the instance and the way to it.
type Member struct {
	Name    facsimile.Node
	Region  facsimile.Region
	Targets []facsimile.Target
	Node    node.Node
}

// Store is where the content of releases comes from; *release.Store is one.
type Store interface {
	Release(d facsimile.Digest) (release.Release, error)
	Tree(d facsimile.Digest) (facsimile.Tree, error)
	Blob(d facsimile.Digest) (io.ReadCloser, error)
	BlobKeys(d facsimile.Digest, keys release.Keys) (map[facsimile.Digest][32]byte, error)
}

// Timeouts are the deadlines of single calls to one node. A zero field means the default.
type Timeouts struct {
	Look, Promise, Stage, Activate, Confirm, Verify, Prune, Release time.Duration
}

// Options is all that a Deployer needs.
type Options struct {
	Definition string
	Instance   facsimile.Instance
	Nodes      []Member // in any order
	Store      Store
	Keys       release.Keys           // nil: no release with secret files can be shipped
	Claim      string                 // a file of this machine that notes the ballot held; "": a killed process makes its successor wait
	HasHead    func(head string) bool // whether the state contains a head that a node runs; nil: not checked
	Who        string
	Keep       int           // confirmed releases that stay on a node; 0: 5
	Lease      time.Duration // 0: one minute
	Parallel   int           // nodes handled at once; 0: 32
	Timeouts   Timeouts
	Now        func() time.Time // nil: time.Now
	Random     io.Reader        // nil: crypto/rand
	Progress   func(Event)      // nil: nobody is told; never called twice at once
}

// Deployer puts releases of one instance on its nodes. It holds nothing between calls.
type Deployer struct{ opt Options }

var errSoon = errors.New("not written yet")

// New checks the options.
func New(opt Options) (*Deployer, error) { return &Deployer{opt}, errSoon }

// Plan says what a deployment of rel would change. It changes nothing, not even a ballot.
func (d *Deployer) Plan(ctx context.Context, rel release.Release) (Plan, error) {
	return Plan{}, errSoon
}

// Deploy puts rel on all nodes, or on none. The result says for each node how it ended, also
// beside an error. Errors carry the outcome: see the package comment.
func (d *Deployer) Deploy(ctx context.Context, rel release.Release, why string) (Result, error) {
	return Result{}, errSoon
}

// Rollback deploys an older release that is in the store. For the zero digest it is the last
// confirmed one that differs from the current one and was not itself rolled back from.
func (d *Deployer) Rollback(ctx context.Context, to facsimile.Digest, why string) (Result, error) {
	return Result{}, errSoon
}

// Verify has every node read every byte that it should have, against a release or, for the zero
// digest, against the newest order found on any node. That a node differs is no error.
func (d *Deployer) Verify(ctx context.Context, want facsimile.Digest) (Verification, error) {
	return Verification{}, errSoon
}

// Status asks each node what it runs. That a node does not answer is no error.
func (d *Deployer) Status(ctx context.Context) (Status, error) { return Status{}, errSoon }

// History merges the journals of the nodes: one entry per epoch, the newest first. The second
// result names the nodes that did not answer, and why; it is an error only when none does.
func (d *Deployer) History(ctx context.Context) ([]Entry, map[facsimile.Node]error, error) {
	return nil, nil, errSoon
}
