package node

import (
	"context"
	"errors"
	"fmt"

	facsimile "facsimile.dev/facsimile"
)

// Confirm implements Node. It may be repeated.
func (h *Host) Confirm(ctx context.Context, b Ballot, release facsimile.Digest) error {
	hm, err := h.openOwned()
	if err != nil {
		return err
	}
	defer hm.close()
	return hm.locked(ctx, fmt.Sprintf("confirmation of epoch %d", b.Epoch), func() error {
		if err := hm.checkBallot(b); err != nil {
			return err
		}
		r, err := hm.standing()
		if err != nil {
			return err
		}
		current, _, err := hm.current()
		if err != nil {
			return err
		}
		if r.Order.Release != release || current != r.Tree || release.IsZero() {
			return facsimile.Errorf(facsimile.Refused, "cannot confirm the release %s on node %s: the last switch was to %s, and the current tree is %s", shortText(release), h.name, shortText(r.Order.Release), shortText(current))
		}
		if r.Confirmed {
			return nil
		}
		r.Confirmed = true
		if err := hm.writeReceipt(r); err != nil {
			return err
		}
		return hm.note(Event{Kind: EventConfirmed, Epoch: r.Order.Epoch, Tree: r.Tree})
	})
}

// shortText is a digest for people, also one that was not set.
func shortText(d facsimile.Digest) string {
	if d.IsZero() {
		return d.String()
	}
	return d.Short()
}

// Revert implements Node. Where the order never switched here, or was reverted already, it does
// nothing. The ballot may be of a later rollout, which cleans up after one that died.
func (h *Host) Revert(ctx context.Context, b Ballot, o Order) error {
	tree, err := h.treeOf(o)
	if err != nil {
		return err
	}
	hm, err := h.openOwned()
	if err != nil {
		return err
	}
	defer hm.close()
	return hm.locked(ctx, fmt.Sprintf("reverting epoch %d", o.Epoch), func() error {
		if err := hm.checkLease(b); err != nil {
			return err
		}
		r, found, err := hm.receiptOf(o.Epoch)
		if err != nil || !found || r.Reverted {
			return err
		}
		if r.Tree != tree {
			return facsimile.Errorf(facsimile.Refused, "node %s switched to %s for the order of epoch %d, which says %s now", h.name, r.Tree.Short(), o.Epoch, tree.Short())
		}
		return hm.revert(ctx, r)
	})
}

func (hm *home) revert(ctx context.Context, r Receipt) error {
	standing, err := hm.standing()
	if err != nil {
		return err
	}
	if standing.Order.Epoch != r.Order.Epoch {
		return facsimile.Errorf(facsimile.Refused, "cannot revert epoch %d on node %s: epoch %d was deployed since", r.Order.Epoch, hm.host.name, standing.Order.Epoch)
	}
	from, _, err := hm.current()
	if err != nil {
		return err
	}
	if to := r.Previous; !to.IsZero() && to != from {
		if err := hm.mustBeWhole(ctx, to); err != nil {
			return err
		}
	}
	_, err = hm.doSwitch(change{to: r.Previous, from: from, order: r.Order, revert: true})
	return err
}

// mustBeWhole reads every byte of a release that is about to become current again, since it may
// have been damaged in the meantime.
func (hm *home) mustBeWhole(ctx context.Context, tree facsimile.Digest) error {
	c, err := hm.check(ctx, tree.Hex(), tree, checkOptions{first: true})
	var fault string
	if err == nil {
		fault, err = c.fault()
	}
	if fault != "" {
		err = errors.New(fault)
	}
	if err != nil {
		return facsimile.Errorf(facsimile.Refused, "cannot switch node %s back to %s: %w", hm.host.name, tree.Short(), err).
			WithHint("roll back to that release, which stages it anew")
	}
	return nil
}
