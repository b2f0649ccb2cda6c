package deploy

import (
	"context"
	"slices"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// Status asks each node what it runs. That a node does not answer is no error.
func (d *Deployer) Status(ctx context.Context) (Status, error) {
	seats := d.seats()
	each(ctx, d, PhaseLook, d.opt.Timeouts.Look, seats, func(ctx context.Context, s *seat) (err error) {
		if s.before, err = s.Node.Look(ctx, facsimile.Digest{}); err != nil {
			return err
		}
		return d.checkOwner(s.Name, s.before.Owner)
	})
	st := Status{Instance: d.opt.Instance, Nodes: make([]NodeStatus, len(seats))}
	for i, s := range seats {
		n := NodeStatus{Node: s.Name, Region: s.Region, Targets: orEmpty(s.Targets), Services: []Service{}}
		last := s.before.Last
		switch {
		case s.err != nil:
			n.Error = oneLine(s.err)
		case s.before.Current != last.Tree:
			n.Epoch = last.Order.Epoch
			n.Error = "current was changed by hand: it leads to " + s.before.Current.String()
		default:
			n.Release, n.Epoch = last.Order.Release, last.Order.Epoch
		}
		st.Nodes[i] = n
	}
	return st, ctx.Err()
}

// Standing asks all nodes and gives the newest order that any of them runs; zero where none that
// answers runs any. That a node does not answer is no error.
func (d *Deployer) Standing(ctx context.Context) (node.Order, error) {
	seats := d.seats()
	failed := each(ctx, d, PhaseLook, d.opt.Timeouts.Look, seats, func(ctx context.Context, s *seat) (err error) {
		if s.before, err = s.Node.Look(ctx, facsimile.Digest{}); err != nil {
			return err
		}
		return d.checkOwner(s.Name, s.before.Owner)
	})
	answered := slices.DeleteFunc(seats, func(s *seat) bool { return slices.Contains(failed, s) })
	return standing(answered), ctx.Err()
}

func sortByNode[T any](list []T, of func(T) facsimile.Node) {
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(string(of(a)), string(of(b))) })
}
