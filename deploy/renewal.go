package deploy

import (
	"context"
	"sync"
	"time"
)

// renewal keeps the leases of a rollout from running out while it works. A node that cannot be
// reached, or that was promised to another, is left to the step that is under way: it will be
// refused there. The nil renewal is one that was never started.
type renewal struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// startRenewal asks for the same ballot again on each node, at a third of the lease. An
// interruption of ctx does not end it, since what it interrupts has to be cleaned up.
func startRenewal(ctx context.Context, r *rollout) *renewal {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n := &renewal{cancel: cancel}
	for _, s := range r.seats {
		n.done.Go(func() {
			tick := time.NewTicker(r.opt.Lease / 3)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				_ = within(ctx, r.opt.Lease/3, func(ctx context.Context) error {
					_, err := s.Node.Promise(ctx, r.ballot, r.owner(s.Name), r.opt.Lease)
					return err
				})
			}
		})
	}
	return n
}

// stop ends the renewal and waits for a call that is under way.
func (n *renewal) stop() {
	if n == nil {
		return
	}
	n.cancel()
	n.done.Wait()
}
