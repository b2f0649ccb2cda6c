package deploy

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// History merges the journals of the nodes: one entry per epoch in which something was staged,
// the newest first. The second result names the nodes that did not answer, and why; it is an
// error only when none does.
func (d *Deployer) History(ctx context.Context) ([]Entry, map[facsimile.Node]error, error) {
	seats := d.seats()
	stories := make([]map[uint64]*chapter, len(seats))
	index := map[*seat]int{}
	for i, s := range seats {
		index[s] = i
	}
	failed := each(ctx, d, PhaseLook, d.opt.Timeouts.Look, seats, func(ctx context.Context, s *seat) (err error) {
		stories[index[s]], err = d.chapters(ctx, s)
		return err
	})
	silent := map[facsimile.Node]error{}
	for _, s := range failed {
		silent[s.Name] = s.err
	}
	if len(failed) == len(seats) {
		return nil, silent, facsimile.Errorf(facsimile.Refused, "cannot read the history of %s: no node answers; node %s: %w", d.opt.Instance, failed[0].Name, failed[0].err)
	}
	return merge(stories), silent, nil
}

// chapter is what one node's journal says of one epoch.
type chapter struct {
	order     *node.Order
	switched  bool
	reverted  bool
	confirmed bool
}

func (d *Deployer) chapters(ctx context.Context, s *seat) (map[uint64]*chapter, error) {
	story := map[uint64]*chapter{}
	for e, err := range s.Node.Journal(ctx, 0) {
		if err != nil {
			return nil, err
		}
		c := story[e.Epoch]
		if c == nil {
			c = &chapter{}
			story[e.Epoch] = c
		}
		if e.Order != nil && e.Order.Definition == d.opt.Definition && e.Order.Instance == d.opt.Instance {
			c.order = e.Order
		}
		c.read(s.Name, e)
	}
	return story, nil
}

// read adds one event. A switch that was found half done tells by its tree which way it went.
func (c *chapter) read(n facsimile.Node, e node.Event) {
	switch e.Kind {
	case node.EventConfirmed:
		c.confirmed = true
	case node.EventSwitched:
		c.switched, c.reverted = true, e.Revert
	case node.EventUndone:
		if e.Order == nil {
			return
		}
		stands := e.Tree == e.Order.Trees[n]
		c.switched = c.switched || stands
		c.reverted = (c.reverted || e.Revert) && !stands
	}
}

// merge joins what the nodes say, by epoch. Nodes that did not answer have no story.
func merge(stories []map[uint64]*chapter) []Entry {
	byEpoch := map[uint64][]*chapter{}
	for _, story := range stories {
		for epoch, c := range story {
			byEpoch[epoch] = append(byEpoch[epoch], c)
		}
	}
	entries := []Entry{}
	for _, epoch := range slices.SortedFunc(maps.Keys(byEpoch), func(a, b uint64) int { return cmp.Compare(b, a) }) {
		chapters := byEpoch[epoch]
		i := slices.IndexFunc(chapters, func(c *chapter) bool { return c.order != nil })
		if i < 0 {
			continue // a ballot was granted, and nothing came of it
		}
		o := chapters[i].order
		versions := o.Versions
		if versions == nil {
			versions = map[facsimile.Project]string{}
		}
		entries = append(entries, Entry{
			Epoch: epoch, Time: o.Time, Who: o.Who, What: o.Kind, Why: o.Why, Digest: o.Release, Versions: versions, Result: ending(chapters),
		})
	}
	return entries
}

// ending says how a rollout ended, by the nodes that answered.
func ending(chapters []*chapter) Ending {
	var confirmed, switched, reverted int
	for _, c := range chapters {
		if c.confirmed {
			confirmed++
		}
		if c.switched {
			switched++
		}
		if c.switched && c.reverted {
			reverted++
		}
	}
	switch {
	case confirmed == len(chapters):
		return EndDone
	case switched > 0 && reverted == switched:
		return EndRolledBack
	}
	return EndFailed
}

// Rollback deploys an older release that is in the store. For the zero digest it is the last
// confirmed one that differs from the current one and was not itself rolled back from; where the
// nodes do not all run the release that was confirmed last, it is that one.
func (d *Deployer) Rollback(ctx context.Context, to facsimile.Digest, why string) (Result, error) {
	if to.IsZero() {
		var err error
		if to, err = d.lastGood(ctx); err != nil {
			return Result{Result: EndFailed, Nodes: []NodeResult{}}, err
		}
	}
	rel, err := d.opt.Store.Release(to)
	if err != nil {
		return Result{Digest: to, Result: EndFailed, Nodes: []NodeResult{}}, err
	}
	return d.rollout(ctx, rel, kindRollback, why)
}

// lastGood finds the release to which a rollback goes.
func (d *Deployer) lastGood(ctx context.Context) (facsimile.Digest, error) {
	seats := d.seats()
	failed := each(ctx, d, PhaseLook, d.opt.Timeouts.Look, seats, func(ctx context.Context, s *seat) (err error) {
		s.before, err = s.Node.Look(ctx, facsimile.Digest{})
		return err
	})
	entries, silent, err := d.History(ctx)
	for _, s := range failed {
		silent[s.Name] = s.err
	}
	if err == nil && len(silent) > 0 {
		n := slices.Min(slices.Collect(maps.Keys(silent)))
		err = facsimile.Errorf(facsimile.Refused, "cannot choose the release to roll back to: node %s does not answer: %w", n, silent[n]).
			WithHint("name the release")
	}
	if err != nil {
		return facsimile.Digest{}, err
	}
	stack := confirmedStack(entries)
	if len(stack) > 0 && slices.ContainsFunc(seats, func(s *seat) bool {
		last := s.before.Last
		return last.Order.Release != stack[len(stack)-1] || last.Tree != s.before.Current
	}) {
		return stack[len(stack)-1], nil
	}
	if len(stack) < 2 {
		return facsimile.Digest{}, d.nowhereBack(entries)
	}
	return stack[len(stack)-2], nil
}

// nowhereBack says why no release is chosen, and which ones can be named.
func (d *Deployer) nowhereBack(entries []Entry) error {
	var others []string
	stack := confirmedStack(entries)
	for _, e := range entries {
		digits := e.Digest.Short()
		if e.Result == EndDone && !slices.Contains(stack, e.Digest) && !slices.Contains(others, digits) {
			others = append(others, digits)
		}
	}
	if len(others) == 0 {
		return facsimile.Errorf(facsimile.Refused, "there is no release to roll back to on %s: none but the current one was ever confirmed", d.opt.Instance).
			WithHint("name a release that is in the store")
	}
	return facsimile.Errorf(facsimile.Refused,
		"there is no release to roll back to on %s: all others that were confirmed were rolled back from, and none of those is taken by itself", d.opt.Instance).
		WithHint("name one: facs rollback %s DIGEST: %s", d.opt.Instance, strings.Join(others, ", "))
}

// confirmedStack replays a history: a deployment puts its release on top, a rollback takes off
// what stands above the release that it went back to. So a second rollback goes further back and
// not forth again.
func confirmedStack(entries []Entry) []facsimile.Digest {
	var stack []facsimile.Digest
	for _, e := range slices.Backward(entries) {
		if e.Result != EndDone {
			continue
		}
		at := slices.Index(stack, e.Digest)
		switch {
		case e.What == kindRollback && at >= 0:
			stack = stack[:at+1]
		case at >= 0:
			stack = append(slices.Delete(stack, at, at+1), e.Digest)
		default:
			stack = append(stack, e.Digest)
		}
	}
	return stack
}
