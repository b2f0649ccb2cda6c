package deploy

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// renewal keeps the leases of a rollout from running out while it works. A node that cannot be
// reached, or that was promised to another, is left to the step that is under way: it will be
// refused there. The nil renewal is one that was never started.
type renewal struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// startRenewal asks each node for the same ballot again at every third of the lease. An
// interruption of ctx does not end it, since what it interrupts has to be cleaned up.
func startRenewal(ctx context.Context, r *rollout) *renewal {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n := &renewal{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(n.done)
		tick := time.NewTicker(r.opt.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				r.renew(ctx)
			}
		}
	}()
	return n
}

func (r *rollout) renew(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(r.opt.Parallel)
	for _, s := range r.seats {
		group.Go(func() error {
			return within(ctx, r.opt.Lease/3, func(ctx context.Context) error {
				_, err := s.Node.Promise(ctx, r.ballot, r.owner(s.Name), r.opt.Lease)
				return err
			})
		})
	}
	_ = group.Wait() // see renewal
}

// stop ends the renewal and waits for a call that is under way.
func (n *renewal) stop() {
	if n == nil {
		return
	}
	n.cancel()
	<-n.done
}
