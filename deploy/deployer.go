package deploy

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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

// Timeouts are the deadlines of single calls to one node. A zero field means the default, which
// is long enough for a big release on a slow host.
type Timeouts struct {
	Look, Promise, Stage, Activate, Confirm, Verify, Prune, Release time.Duration
}

func (t Timeouts) orDefaults() Timeouts {
	return Timeouts{
		Look:     cmp.Or(t.Look, 5*time.Minute), // it may read the whole tree
		Promise:  cmp.Or(t.Promise, time.Minute),
		Stage:    cmp.Or(t.Stage, 2*time.Hour),
		Activate: cmp.Or(t.Activate, 5*time.Minute),
		Confirm:  cmp.Or(t.Confirm, time.Minute),
		Verify:   cmp.Or(t.Verify, 2*time.Hour),
		Prune:    cmp.Or(t.Prune, 10*time.Minute),
		Release:  cmp.Or(t.Release, 15*time.Second),
	}
}

// Options is all that a Deployer needs.
type Options struct {
	Definition string
	Instance   facsimile.Instance
	Nodes      []Member // in any order
	Store      Store
	Keys       release.Keys           // nil: no release with secret files can be shipped
	Claim      string                 // a file of this machine that notes the ballot held; "": a killed process makes its successor wait
	HasHead    func(head string) bool // whether our state contains a head that a node runs; nil: not checked
	Who        string
	Keep       int              // confirmed releases that stay on a node; 0: 5
	Lease      time.Duration    // of a ballot, renewed while the rollout runs; 0: one minute
	Parallel   int              // nodes handled at once; 0: 32
	Timeouts   Timeouts         //
	Now        func() time.Time // nil: time.Now
	Random     io.Reader        // nil: crypto/rand
	Progress   func(Event)      // nil: nobody is told; never called twice at once
}

// Deployer puts releases of one instance on its nodes. It holds nothing between calls.
type Deployer struct {
	opt   Options
	tells sync.Mutex // held while Progress runs
}

// New checks the options.
func New(opt Options) (*Deployer, error) {
	opt.Timeouts = opt.Timeouts.orDefaults()
	opt.Keep = cmp.Or(opt.Keep, 5)
	opt.Lease = cmp.Or(opt.Lease, time.Minute)
	opt.Parallel = cmp.Or(opt.Parallel, 32)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Random == nil {
		opt.Random = rand.Reader
	}
	opt.Nodes = slices.Clone(opt.Nodes)
	slices.SortFunc(opt.Nodes, func(a, b Member) int { return strings.Compare(string(a.Name), string(b.Name)) })
	var problems facsimile.Problems
	if opt.Definition == "" || opt.Instance == "" {
		problems = append(problems, facsimile.Errorf(facsimile.BadInput, "a deployment needs the names of a definition and an instance"))
	}
	if len(opt.Nodes) == 0 {
		problems = append(problems, facsimile.Errorf(facsimile.BadInput, "instance %s has no nodes", opt.Instance).
			WithHint("list them under deploy.nodes"))
	}
	for i, m := range opt.Nodes {
		switch {
		case m.Node == nil:
			problems = append(problems, facsimile.Errorf(facsimile.BadInput, "there is no way to node %s", m.Name))
		case i > 0 && opt.Nodes[i-1].Name == m.Name:
			problems = append(problems, facsimile.Errorf(facsimile.BadInput, "node %s is listed twice", m.Name))
		}
	}
	return &Deployer{opt: opt}, problems.OrNil()
}

// each calls do for every seat, several at once, each call with a deadline of its own, and waits
// for all. It notes the phase and the error in the seat and gives those seats that failed.
func each(ctx context.Context, d *Deployer, phase Phase, limit time.Duration, seats []*seat, do func(context.Context, *seat) error) []*seat {
	var group errgroup.Group
	group.SetLimit(d.opt.Parallel)
	for _, s := range seats {
		group.Go(func() error {
			s.phase, s.err = phase, nil
			d.tell(Event{Node: s.Name, Phase: phase})
			err := within(ctx, limit, func(ctx context.Context) error { return do(ctx, s) })
			if err != nil {
				s.err = &phaseError{phase, err}
			}
			e := Event{Node: s.Name, Phase: phase, Done: true, Err: err}
			if phase == PhaseStage {
				e.Staged = s.staged
			}
			d.tell(e)
			return nil
		})
	}
	_ = group.Wait() // errors are in the seats, since all of them are wanted
	return slices.DeleteFunc(slices.Clone(seats), func(s *seat) bool { return s.err == nil })
}

// phaseError says in which phase a call to a node failed.
type phaseError struct {
	phase Phase
	err   error
}

// Error names the phase once, also where a node behind a connection named it already.
func (e *phaseError) Error() string {
	prefix := string(e.phase) + ": "
	return prefix + strings.TrimPrefix(e.err.Error(), prefix)
}

// Unwrap gives the error without the phase.
func (e *phaseError) Unwrap() error { return e.err }

// within runs do with a deadline, and says so where that was what ended it.
func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := do(inner)
	if err != nil && inner.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer within %s: %w", limit, err)
	}
	return err
}

func (d *Deployer) tell(e Event) {
	if d.opt.Progress == nil {
		return
	}
	d.tells.Lock()
	defer d.tells.Unlock()
	d.opt.Progress(e)
}

// owner is what a home of this instance says of itself.
func (d *Deployer) owner(n facsimile.Node) node.Owner {
	return node.Owner{Definition: d.opt.Definition, Instance: d.opt.Instance, Node: n}
}

// checkOwner refuses a home of another instance. A new home has no owner yet.
func (d *Deployer) checkOwner(n facsimile.Node, have node.Owner) error {
	if have == (node.Owner{}) || have == d.owner(n) {
		return nil
	}
	return facsimile.Errorf(facsimile.Refused, "its home belongs to node %s of instance %s of %s", have.Node, have.Instance, have.Definition).
		WithHint("give node %s a home of its own", n)
}

// seats gives a seat for each node.
func (d *Deployer) seats() []*seat {
	list := make([]*seat, len(d.opt.Nodes))
	for i, m := range d.opt.Nodes {
		list[i] = &seat{Member: m}
	}
	return list
}
