package deploy

import (
	"context"
	"errors"
	"slices"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// giveBack returns the ballots, also those that an earlier rollout could not return. What a node
// may hold still is noted in the claim, for the next one.
func (r *rollout) giveBack(ctx context.Context) {
	r.renewal.stop()
	held := r.claim.note.Held
	if held == nil {
		return // no node was asked
	}
	for _, s := range r.seats {
		if !s.asked {
			held[s.Name] = slices.DeleteFunc(held[s.Name], func(e uint64) bool { return e == r.ballot.Epoch })
		}
	}
	holders := slices.DeleteFunc(slices.Clone(r.seats), func(s *seat) bool { return len(held[s.Name]) == 0 })
	limit := r.opt.Timeouts.Release
	failed := r.housekeep(ctx, PhaseRelease, limit*time.Duration(2*longest(held)), holders, func(ctx context.Context, s *seat) (err error) {
		for _, epoch := range held[s.Name] {
			b := node.Ballot{Epoch: epoch, Token: r.ballot.Token}
			err = errors.Join(err, twice(ctx, limit, func(ctx context.Context) error { return s.Node.Release(ctx, b) }))
		}
		return err
	})
	still := map[facsimile.Node][]uint64{}
	for _, s := range failed {
		still[s.Name] = held[s.Name]
	}
	if err := r.claim.end(still); err != nil {
		r.warn("cannot change the note of this rollout: %v", err)
	}
}

// cleanUp gives back what a process that died here after the last step left with the nodes.
func (r *rollout) cleanUp(ctx context.Context) {
	if _, err := readNote(r.opt.Claim); err != nil {
		return // as a rule: there is no note
	}
	c, err := takeClaim(r.opt.Claim)
	if err != nil {
		return // its process is alive, and will do it
	}
	defer func() { _ = c.free() }()
	r.claim, r.ballot.Token = c, c.note.Token
	r.giveBack(context.WithoutCancel(ctx))
}

func longest(held map[facsimile.Node][]uint64) int {
	n := 0
	for _, epochs := range held {
		n = max(n, len(epochs))
	}
	return n
}

// housekeep does what cannot make the rollout fail any more: failures are warnings, and what the
// seats say of the rollout stays. It gives those that failed.
func (r *rollout) housekeep(ctx context.Context, phase Phase, limit time.Duration, seats []*seat, do func(context.Context, *seat) error) []*seat {
	aside := make([]*seat, len(seats))
	for i, s := range seats {
		aside[i] = &seat{Member: s.Member}
	}
	failed := each(ctx, r.Deployer, phase, limit, aside, do)
	for _, s := range failed {
		r.warn("node %s: %s", s.Name, oneLine(s.err))
	}
	return failed
}
