package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// Verify has every node read every byte that it should have, against a release or, for the zero
// digest, against the newest order found on any node. That a node differs, or does not answer, is
// no error: the answers say so. A node that the order does not name differs too; one that it
// names and that left the definition is listed as unknown. With only, all nodes are asked for
// their orders, and those alone are verified.
func (d *Deployer) Verify(ctx context.Context, want facsimile.Digest, only ...facsimile.Node) (Verification, error) {
	seats := d.seats()
	each(ctx, d, PhaseLook, d.opt.Timeouts.Look, seats, func(ctx context.Context, s *seat) (err error) {
		s.before, err = s.Node.Look(ctx, facsimile.Digest{})
		return err
	})
	digest, trees, err := d.expected(want, seats)
	if err != nil {
		return Verification{}, err
	}
	if len(only) > 0 {
		seats = slices.DeleteFunc(seats, func(s *seat) bool { return !slices.Contains(only, s.Name) })
	}
	v := Verification{Digest: digest, Nodes: make([]NodeVerification, len(seats)), Total: len(seats)}
	answered := []*seat{}
	index := map[*seat]int{}
	for i, s := range seats {
		s.want, index[s] = trees[s.Name], i
		v.Nodes[i] = NodeVerification{Node: s.Name, Answer: Unknown, Differences: []facsimile.Difference{}}
		if s.err != nil {
			v.Nodes[i].Error = oneLine(s.err)
			continue
		}
		answered = append(answered, s)
	}
	each(ctx, d, PhaseVerify, d.opt.Timeouts.Verify, answered, func(ctx context.Context, s *seat) error {
		return d.verifyNode(ctx, s, &v.Nodes[index[s]])
	})
	for _, n := range v.Nodes {
		if n.Answer == Exact {
			v.Exact++
		}
	}
	if len(only) == 0 {
		v.addLeft(trees)
	}
	return v, ctx.Err()
}

// expected finds the release to verify against and the tree of each node. A release that is not
// in the store may still be in an order that a node keeps.
func (d *Deployer) expected(want facsimile.Digest, seats []*seat) (facsimile.Digest, map[facsimile.Node]facsimile.Digest, error) {
	var newest node.Order
	for _, s := range seats {
		o := s.before.Last.Order
		if s.err == nil && o.Epoch > newest.Epoch && (want.IsZero() || o.Release == want) && d.checkOwner(s.Name, s.before.Owner) == nil {
			newest = o
		}
	}
	if newest.Epoch > 0 || want.IsZero() {
		return newest.Release, newest.Trees, nil
	}
	rel, err := d.opt.Store.Release(want)
	return want, rel.Nodes, err
}

func (d *Deployer) verifyNode(ctx context.Context, s *seat, v *NodeVerification) error {
	stranger := d.checkOwner(s.Name, s.before.Owner)
	switch {
	case stranger != nil:
		v.Answer, v.Error = Differs, oneLine(stranger)
		v.Differences = append(v.Differences, releaseDiffers("the home is another's"))
		return stranger
	case s.want.IsZero():
		v.Answer = Differs
		v.Differences = append(v.Differences, releaseDiffers("no order names this node"))
		return nil
	case s.before.Owner == (node.Owner{}):
		v.Answer = Differs
		v.Differences = append(v.Differences, releaseDiffers("nothing was ever deployed here"))
		return nil
	}
	var errs []error
	for diff, err := range s.Node.Verify(ctx, s.want) {
		if err != nil {
			errs = append(errs, err)
		} else {
			v.Differences = append(v.Differences, diff)
		}
	}
	err := errors.Join(append(errs, ctx.Err())...)
	switch {
	case len(v.Differences) > 0:
		v.Answer = Differs
	case err == nil:
		v.Answer = Exact
	}
	if err != nil {
		v.Error = oneLine(err)
	}
	return err
}

func releaseDiffers(note string) facsimile.Difference {
	return facsimile.Difference{Path: "current", Kind: facsimile.ReleaseDiffers, Note: note}
}

// addLeft lists the nodes of the order that the definition no longer has: nobody asks them.
func (v *Verification) addLeft(trees map[facsimile.Node]facsimile.Digest) {
	listed := map[facsimile.Node]bool{}
	for _, n := range v.Nodes {
		listed[n.Node] = true
	}
	for n := range trees {
		if !listed[n] {
			v.Nodes = append(v.Nodes, NodeVerification{
				Node: n, Answer: Unknown, Differences: []facsimile.Difference{},
				Error: fmt.Sprintf("node %s left the definition, and may still run %s", n, trees[n].Short()),
			})
			v.Total++
		}
	}
	sortByNode(v.Nodes, func(n NodeVerification) facsimile.Node { return n.Node })
}

// AllExact reports whether every node is an exact copy.
func (v Verification) AllExact() bool { return v.Exact == v.Total && v.Total > 0 }
