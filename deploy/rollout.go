package deploy

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/release"
)

// Deploy puts rel on all nodes, or on none. The result says for each node how it ended, also
// beside an error. Errors carry the outcome: see the package comment. Where every node is an exact
// and confirmed copy already, one look at each is all that happens.
func (d *Deployer) Deploy(ctx context.Context, rel release.Release, why string) (Result, error) {
	return d.rollout(ctx, rel, kindDeploy, why)
}

// The kinds of orders.
const (
	kindDeploy   = "deploy"
	kindRollback = "rollback"
)

// rollout is one release on its way to the nodes.
type rollout struct {
	*Deployer
	rel     release.Release
	order   node.Order
	ballot  node.Ballot
	content content
	seats   []*seat // by name
	claim   *claim
	renewal *renewal
	result  Result
}

// seat is a node's place in a rollout.
type seat struct {
	Member
	want   facsimile.Digest
	before node.Report // when the ballot was granted
	asked  bool        // it may hold our ballot
	staged node.Staged
	phase  Phase
	err    error // of the last call
	cause  error // what made the rollout turn around here
	end    Ending
}

// rollout walks through the steps of the package comment.
func (d *Deployer) rollout(ctx context.Context, rel release.Release, kind, why string) (Result, error) {
	r, err := d.newRollout(rel, kind, why)
	if err != nil {
		return Result{Digest: rel.Digest, Result: EndFailed, Nodes: []NodeResult{}}, err
	}
	if failed := r.look(ctx); len(failed) > 0 {
		return r.giveUp(ctx, failed)
	}
	if r.unchanged() {
		r.cleanUp(ctx)
		return r.conclude(EndUnchanged), nil
	}
	if r.claim, err = takeClaim(d.opt.Claim); err != nil {
		return r.refused(err)
	}
	defer func() { _ = r.claim.free() }() // the kernel does it at the latest when the process ends
	if err := r.open(); err != nil {
		return r.refused(err)
	}
	for _, step := range []func(context.Context) []*seat{r.promise, r.stage} {
		if failed := step(ctx); len(failed) > 0 || ctx.Err() != nil {
			return r.giveUp(ctx, failed)
		}
	}
	work := context.WithoutCancel(ctx) // from here on it is done to the end
	if failed := r.activate(work); len(failed) > 0 {
		return r.undo(work, failed)
	}
	if failed := r.confirm(work); len(failed) > 0 {
		return r.leave(work, failed)
	}
	r.prune(work)
	r.giveBack(work)
	return r.conclude(EndDone), nil
}

// newRollout checks that the release fits the instance and its nodes.
func (d *Deployer) newRollout(rel release.Release, kind, why string) (*rollout, error) {
	if err := d.fits(rel); err != nil {
		return nil, err
	}
	r := &rollout{Deployer: d, rel: rel, seats: d.seats(), claim: &claim{}}
	for _, s := range r.seats {
		s.want = rel.Nodes[s.Name]
	}
	keys, err := d.opt.Store.BlobKeys(rel.Digest, d.opt.Keys)
	if err != nil {
		return nil, err
	}
	r.content = content{d.opt.Store, keys}
	r.order = node.Order{
		Format: 1, Definition: d.opt.Definition, Instance: d.opt.Instance, Kind: kind, Release: rel.Digest,
		Trees: rel.Nodes, Versions: rel.Statement.Versions, StateHead: rel.Statement.StateHead,
		Who: d.opt.Who, Why: why, Time: d.opt.Now().UTC(),
	}
	r.result = Result{Digest: rel.Digest}
	return r, nil
}

// fits refuses a release of another instance, of other nodes, or of nothing.
func (d *Deployer) fits(rel release.Release) error {
	if rel.Manifest.Definition != d.opt.Definition || rel.Manifest.Instance != d.opt.Instance {
		return facsimile.Errorf(facsimile.Refused, "release %s is of instance %s of %s, and this is instance %s of %s",
			rel.Digest.Short(), rel.Manifest.Instance, rel.Manifest.Definition, d.opt.Instance, d.opt.Definition)
	}
	var problems facsimile.Problems
	known := map[facsimile.Node]bool{}
	for _, m := range d.opt.Nodes {
		known[m.Name] = true
		switch tree := rel.Nodes[m.Name]; tree {
		case facsimile.Digest{}:
			problems = append(problems, facsimile.Errorf(facsimile.Refused, "release %s has nothing for node %s", rel.Digest.Short(), m.Name).
				WithHint("build the release again: it was made for other nodes"))
		case facsimile.Tree{}.Digest():
			problems = append(problems, facsimile.Errorf(facsimile.Refused, "release %s has an empty tree for node %s", rel.Digest.Short(), m.Name).
				WithHint("a node is never switched to nothing: say what is installed there, or take it out of deploy.nodes"))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(rel.Nodes)) {
		if !known[n] {
			problems = append(problems, facsimile.Errorf(facsimile.Refused, "release %s is for node %s too, which instance %s does not have", rel.Digest.Short(), n, d.opt.Instance).
				WithHint("build the release again: it was made for other nodes"))
		}
	}
	return problems.OrNil()
}

// look asks every node how it stands.
func (r *rollout) look(ctx context.Context) []*seat {
	return each(ctx, r.Deployer, PhaseLook, r.opt.Timeouts.Look, r.seats, func(ctx context.Context, s *seat) (err error) {
		if s.before, err = s.Node.Look(ctx, s.want); err != nil {
			return err
		}
		return r.acceptable(s)
	})
}

// acceptable refuses a node of another instance, or one that runs what our state never saw.
func (r *rollout) acceptable(s *seat) error {
	if err := r.checkOwner(s.Name, s.before.Owner); err != nil {
		return err
	}
	last := s.before.Last.Order
	if last.StateHead != "" && r.opt.HasHead != nil && !r.opt.HasHead(last.StateHead) {
		return facsimile.Errorf(facsimile.Refused, "it runs state %.19s, deployed by %s in epoch %d, which this state lacks", last.StateHead, last.Who, last.Epoch).
			WithHint("get the state of that rollout first: what was generated in it would be overwritten")
	}
	return nil
}

func (r *rollout) unchanged() bool {
	for _, s := range r.seats {
		last := s.before.Last
		if !s.before.Exact || !last.Confirmed || last.Order.Release != r.rel.Digest || last.Tree != s.want {
			return false
		}
		r.result.Epoch = max(r.result.Epoch, last.Order.Epoch)
		s.end = EndUnchanged
	}
	return true
}

// open chooses the ballot and notes it in the claim.
func (r *rollout) open() error {
	highest := r.claim.note.Epoch
	for _, s := range r.seats {
		highest = max(highest, s.before.Promised, s.before.Last.Order.Epoch)
	}
	r.ballot = node.Ballot{Epoch: highest + 1, Token: r.claim.note.Token}
	if r.ballot.Token == "" {
		var token [16]byte
		if _, err := io.ReadFull(r.opt.Random, token[:]); err != nil {
			return err
		}
		r.ballot.Token = hex.EncodeToString(token[:])
	}
	r.order.Epoch = r.ballot.Epoch
	return r.claim.begin(r.ballot, r.opt.Nodes, r.opt.Who, r.opt.Now().UTC())
}

// promise asks for the ballot: first the first node by name, so that of two rollouts at once one
// is refused before it holds anything, then all others.
func (r *rollout) promise(ctx context.Context) []*seat {
	ask := func(ctx context.Context, s *seat) (err error) {
		s.asked = true
		if s.before, err = s.Node.Promise(ctx, r.ballot, r.owner(s.Name), r.opt.Lease); err != nil {
			return r.withHolder(ctx, s, err)
		}
		return r.acceptable(s)
	}
	limit := r.opt.Timeouts.Promise
	if failed := each(ctx, r.Deployer, PhasePromise, limit, r.seats[:1], ask); len(failed) > 0 {
		return failed
	}
	r.result.Epoch = r.ballot.Epoch
	if failed := each(ctx, r.Deployer, PhasePromise, limit, r.seats[1:], ask); len(failed) > 0 {
		return failed
	}
	r.renewal = startRenewal(ctx, r)
	last := standing(r.seats)
	r.order.Previous = last.Release
	if r.order.Kind == kindRollback && last.StateHead != "" {
		// The nodes have seen this state and still run with it: an older head would let a stale
		// checkout through that never heard of it.
		r.order.StateHead = last.StateHead
	}
	return nil
}

// withHolder adds to a refusal whose rollout it is that the node is promised to, where that one
// came far enough to say so.
func (r *rollout) withHolder(ctx context.Context, s *seat, refusal error) error {
	var told *facsimile.Error
	if !errors.As(refusal, &told) || told.Outcome != facsimile.Refused {
		return refusal
	}
	report, err := s.Node.Look(ctx, facsimile.Digest{})
	if err != nil {
		return refusal
	}
	for e, err := range s.Node.Journal(ctx, 0) {
		if err != nil {
			return refusal
		}
		if e.Order == nil || e.Order.Epoch != report.Promised {
			continue
		}
		o := e.Order
		held := *told
		held.Msg += fmt.Sprintf(" (epoch %d is the %s of %s by %s, begun %s)", o.Epoch, o.Kind, o.Release.Short(), o.Who, o.Time.UTC().Format(time.RFC3339))
		return &held
	}
	return refusal
}

// standing is the newest order that any node runs; zero where none runs any.
func standing(seats []*seat) node.Order {
	var newest node.Receipt
	for _, s := range seats {
		if last := s.before.Last; last.Order.Epoch > newest.Order.Epoch {
			newest = last
		}
	}
	return newest.Order
}

// stage brings the whole tree to every node, beside the live one.
func (r *rollout) stage(ctx context.Context) []*seat {
	return each(ctx, r.Deployer, PhaseStage, r.opt.Timeouts.Stage, r.seats, func(ctx context.Context, s *seat) (err error) {
		s.staged, err = s.Node.Stage(ctx, r.ballot, r.order, r.content)
		return err
	})
}

// activate switches every node and reads each back. What Activate returned does not matter:
// a lost answer is no failure where the node turns out to have switched.
func (r *rollout) activate(ctx context.Context) []*seat {
	lost := each(ctx, r.Deployer, PhaseActivate, r.opt.Timeouts.Activate, r.seats, func(ctx context.Context, s *seat) error {
		_, err := s.Node.Activate(ctx, r.ballot, r.order)
		return err
	})
	for _, s := range lost {
		s.cause = s.err
	}
	failed := each(ctx, r.Deployer, PhaseRead, 2*r.opt.Timeouts.Look, r.seats, func(ctx context.Context, s *seat) error {
		report, err := lookTwice(ctx, r.opt.Timeouts.Look, s, s.want)
		if err == nil && !r.stands(s, report) {
			err = fmt.Errorf("it runs %s of epoch %d, exact: %t", report.Current.Short(), report.Last.Order.Epoch, report.Exact)
		}
		if err == nil {
			s.cause = nil
		}
		return err
	})
	for _, s := range failed {
		s.cause = errors.Join(s.cause, s.err)
	}
	return failed
}

// stands reports whether a node runs the order, exactly.
func (r *rollout) stands(s *seat, report node.Report) bool {
	last := report.Last
	return report.Exact && report.Current == s.want &&
		last.Order.Epoch == r.ballot.Epoch && last.Order.Release == r.rel.Digest
}

// confirm makes the release a target of rollback. It begins once every node was read back.
func (r *rollout) confirm(ctx context.Context) []*seat {
	limit := r.opt.Timeouts.Confirm
	return each(ctx, r.Deployer, PhaseConfirm, 2*limit+2*r.opt.Timeouts.Look, r.seats, func(ctx context.Context, s *seat) error {
		s.end = EndDone
		err := twice(ctx, limit, func(ctx context.Context) error { return s.Node.Confirm(ctx, r.ballot, r.rel.Digest) })
		if err == nil {
			return nil
		}
		report, lookErr := lookTwice(ctx, r.opt.Timeouts.Look, s, s.want)
		switch {
		case lookErr != nil:
			s.end = EndUnknown
		case r.stands(s, report) && report.Last.Confirmed:
			return nil // only the answer was lost
		default:
			s.end = EndFailed
		}
		return errors.Join(err, lookErr)
	})
}

// prune removes old releases. It comes last, when the new one stands everywhere.
func (r *rollout) prune(ctx context.Context) {
	r.housekeep(ctx, PhasePrune, r.opt.Timeouts.Prune, r.seats, func(ctx context.Context, s *seat) error {
		_, err := s.Node.Prune(ctx, r.ballot, r.opt.Keep, nil)
		return err
	})
}

func (r *rollout) warn(format string, args ...any) {
	r.result.Warnings = append(r.result.Warnings, fmt.Sprintf(format, args...))
}

// conclude fills in the result.
func (r *rollout) conclude(end Ending) Result {
	r.result.Result = end
	r.result.Nodes = make([]NodeResult, len(r.seats))
	for i, s := range r.seats {
		n := NodeResult{Node: s.Name, Phase: s.phase, Result: s.end, Staged: s.staged}
		if n.Result == "" {
			n.Result = end
		}
		if err := errors.Join(s.cause, s.err); err != nil {
			n.Error = oneLine(err)
		}
		r.result.Nodes[i] = n
	}
	return r.result
}
