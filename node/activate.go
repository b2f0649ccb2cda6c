package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	facsimile "facsimile.dev/facsimile"
)

// The names of folders in releases that are no releases, each followed by the digits of a tree.
const (
	stagingPrefix  = ".staging-"  // being made
	wholePrefix    = ".whole-"    // complete, to be exchanged for the damaged one that is live
	removingPrefix = ".removing-" // no longer a release, being removed
)

// nextLink is where the link that becomes current is made, below .facs.
const nextLink = "next"

// Activate implements Node. It may be repeated: the second call for one order finds it done.
func (h *Host) Activate(ctx context.Context, b Ballot, o Order) (Receipt, error) {
	tree, err := h.treeOf(o)
	if err != nil {
		return Receipt{}, err
	}
	if o.Epoch != b.Epoch {
		return Receipt{}, facsimile.Errorf(facsimile.Refused, "the order is of epoch %d and the ballot of epoch %d", o.Epoch, b.Epoch)
	}
	hm, err := h.openOwned()
	if err != nil {
		return Receipt{}, err
	}
	defer hm.close()
	var receipt Receipt
	err = hm.locked(ctx, fmt.Sprintf("activation of epoch %d", b.Epoch), func() error {
		if err := hm.checkLease(b); err != nil {
			return err
		}
		receipt, err = hm.activate(ctx, o, tree)
		return err
	})
	return receipt, err
}

func (hm *home) activate(ctx context.Context, o Order, tree facsimile.Digest) (Receipt, error) {
	from, _, err := hm.current()
	if err != nil {
		return Receipt{}, err
	}
	have, switched, err := hm.receiptOf(o.Epoch)
	if err != nil {
		return Receipt{}, err
	}
	whole, fault, err := hm.exact(ctx, tree.Hex(), tree)
	if err != nil {
		return Receipt{}, err
	}
	if switched && whole && from == tree && have.Tree == tree && !have.Reverted {
		return have, nil
	}
	s := change{to: tree, from: from, order: o}
	if !whole {
		if s.mend, err = hm.canMend(ctx, tree); err != nil {
			return Receipt{}, err
		}
		if !s.mend {
			return Receipt{}, facsimile.Errorf(facsimile.Refused, "the tree %s does not stand complete on node %s: %s", tree.Short(), hm.host.name, fault).WithHint("stage it again")
		}
	}
	if err := hm.makeShared(tree); err != nil {
		return Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return Receipt{}, err // from here on it is done to the end
	}
	return hm.doSwitch(s)
}

// canMend says that a whole copy of a damaged release stands ready.
func (hm *home) canMend(ctx context.Context, tree facsimile.Digest) (bool, error) {
	ok, _, err := hm.exact(ctx, wholePrefix+tree.Hex(), tree)
	return ok, err
}

// change is one switch.
type change struct {
	to     facsimile.Digest // zero: to nothing
	from   facsimile.Digest
	order  Order
	mend   bool // exchange the whole copy of to for the damaged one first
	revert bool // it undoes the order's switch
}

// doSwitch is the one place where a release becomes current: what is about to happen is
// journaled and synced, the link is renamed, its folder synced, the receipt written, and the
// journal closed. After a crash in between, recover reads from the link which way it went.
func (hm *home) doSwitch(s change) (Receipt, error) {
	j, err := hm.openJournal()
	if err != nil {
		return Receipt{}, err
	}
	defer j.close()
	e := Event{
		Time: hm.host.now().UTC(), Kind: EventSwitching, Epoch: s.order.Epoch,
		Tree: s.to, Previous: s.from, Order: &s.order, Revert: s.revert,
	}
	if err := j.add(e); err != nil {
		return Receipt{}, err
	}
	if s.mend {
		if err := hm.mend(s.to); err != nil {
			return Receipt{}, err
		}
	}
	if err := hm.point(s.to); err != nil {
		return Receipt{}, err
	}
	r, err := hm.settle(e)
	if err != nil {
		return Receipt{}, err
	}
	e.Kind, e.Time = EventSwitched, hm.host.now().UTC()
	if err := j.add(e); err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// settle writes the receipt of a switch that took place.
func (hm *home) settle(e Event) (Receipt, error) {
	r, found, err := hm.receiptOf(e.Order.Epoch)
	if err != nil {
		return Receipt{}, err
	}
	switch {
	case e.Revert:
		if !found {
			return Receipt{}, facsimile.Errorf(facsimile.Refused, "node %s has no receipt of epoch %d to mark as reverted", hm.host.name, e.Order.Epoch)
		}
		r.Reverted = true
	case found && r.Tree == e.Tree && !r.Reverted:
		// The same order again, to mend what was damaged since: what was there before it stays.
	default:
		r = Receipt{Order: *e.Order, Tree: e.Tree, Previous: e.Previous, Time: e.Time}
	}
	return r, hm.writeReceipt(r)
}

// mend exchanges the whole copy of a release for the damaged one. The damaged one stays under
// the name of the copy until it is removed (see Prune and Stage).
func (hm *home) mend(tree facsimile.Digest) error {
	releases, err := hm.sub(releasesDir)
	if err != nil {
		return err
	}
	defer releases.close()
	err = releases.exchange(wholePrefix+tree.Hex(), releases, tree.Hex())
	if errors.Is(err, errors.ErrUnsupported) {
		return facsimile.Errorf(facsimile.Refused, "cannot mend the release %s while it is live: the file system of %s cannot exchange two folders", tree.Short(), hm.path).
			WithHint("deploy another release first, then this one")
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = releases.rename(wholePrefix+tree.Hex(), releases, tree.Hex()) // the damaged one is gone altogether
	}
	if err != nil {
		return err
	}
	return releases.sync()
}

// point makes current lead to a tree; to nothing for the zero digest. A folder or a file that
// stands in the place of the link is moved aside, never deleted.
func (hm *home) point(tree facsimile.Digest) error {
	if err := hm.clearNext(); err != nil {
		return err
	}
	st, err := hm.lstat(currentLink)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return err
	}
	foreign := !absent && !st.isLink()
	if tree.IsZero() {
		switch {
		case absent:
			return nil
		case foreign:
			err = hm.rename(currentLink, hm.facs, nextLink)
		default:
			err = hm.remove(currentLink)
		}
	} else {
		to := releasesDir + "/" + tree.Hex()
		if have, err := hm.readlink(currentLink); err == nil && have == to {
			return hm.sync()
		}
		if err := hm.facs.symlink(to, nextLink); err != nil {
			return err
		}
		if foreign {
			err = hm.swapForeign()
		} else {
			err = hm.facs.rename(nextLink, hm.dir, currentLink)
		}
	}
	if err != nil {
		return err
	}
	if err := hm.sync(); err != nil {
		return err
	}
	return hm.clearNext()
}

// swapForeign puts the next link in the place of a folder or file, in one step where the file
// system can.
func (hm *home) swapForeign() error {
	err := hm.facs.exchange(nextLink, hm.dir, currentLink)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := hm.moveAside(hm.dir, currentLink); err != nil {
		return err
	}
	return hm.facs.rename(nextLink, hm.dir, currentLink)
}

// clearNext frees the name of the next link. A link there was left by a crash and goes;
// anything else stood in the place of current and is kept aside.
func (hm *home) clearNext() error {
	st, err := hm.facs.lstat(nextLink)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case st.isLink():
		return hm.facs.remove(nextLink)
	}
	return hm.moveAside(hm.facs, nextLink)
}

// moveAside keeps what stood in the place of current.
func (hm *home) moveAside(d *dir, name string) error {
	aside, err := hm.facs.mkdir(asideDir, 0o700)
	if err != nil {
		return err
	}
	defer aside.close()
	to := hm.host.now().UTC().Format("20060102T150405.000000000Z") + "-current"
	if _, err := aside.lstat(to); err == nil {
		to += "-" + tempName()[len(tempPrefix):]
	}
	if err := d.rename(name, aside, to); err != nil {
		return err
	}
	return aside.sync()
}

// makeShared makes the folders that the shared links of a tree lead to. They are never removed.
func (hm *home) makeShared(tree facsimile.Digest) error {
	t, _, err := hm.tree(tree)
	if err != nil {
		return err
	}
	for _, f := range t.Files {
		if f.Type != facsimile.Symlink || f.Link != facsimile.SharedLink(f.Path) {
			continue
		}
		if err := hm.makeFolder(path.Join(sharedDir, f.Path)); err != nil {
			return facsimile.Errorf(facsimile.Refused, "cannot make the shared folder for %s: %w", f.Path, err)
		}
	}
	return nil
}

// makeFolder makes a folder below the home and those above it, mode 0755. One that is there,
// and a file that somebody put in its place, stay as they are.
func (hm *home) makeFolder(p string) error {
	if p == "." {
		return nil
	}
	if err := hm.makeFolder(path.Dir(p)); err != nil {
		return err
	}
	above, name, err := hm.parent(p)
	if err != nil {
		return err
	}
	defer above.close()
	if _, err := above.lstat(name); err == nil {
		return nil
	}
	made, err := above.mkdir(name, 0o755)
	if err != nil {
		return err
	}
	made.close()
	return above.sync()
}
