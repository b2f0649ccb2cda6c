package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// Plan says what a deployment of rel would change. It changes nothing, not even a ballot: nodes
// are looked at, and a damaged release of the same tree is verified to say what is damaged.
func (d *Deployer) Plan(ctx context.Context, rel release.Release) (Plan, error) {
	if err := d.fits(rel); err != nil {
		return Plan{}, err
	}
	seats := d.seats()
	plans := make([]NodePlan, len(seats))
	index := map[*seat]int{}
	for i, s := range seats {
		s.want, index[s] = rel.Nodes[s.Name], i
	}
	failed := each(ctx, d, PhaseLook, d.opt.Timeouts.Verify, seats, func(ctx context.Context, s *seat) (err error) {
		if s.before, err = s.Node.Look(ctx, s.want); err != nil {
			return err
		}
		if err := d.checkOwner(s.Name, s.before.Owner); err != nil {
			return err
		}
		plans[index[s]], err = d.planNode(ctx, s)
		return err
	})
	if len(failed) > 0 {
		return Plan{}, failure(fmt.Sprintf("the plan of %s for %s", rel.Digest.Short(), d.opt.Instance), facsimile.Refused, failed, "nothing was changed", "")
	}
	return Plan{Digest: rel.Digest, Nodes: plans}, nil
}

func (d *Deployer) planNode(ctx context.Context, s *seat) (NodePlan, error) {
	p := NodePlan{Node: s.Name, From: s.before.Current, To: s.want}
	var c facsimile.Change
	var err error
	switch {
	case s.before.Exact:
	case p.From == p.To:
		c, err = repair(ctx, s)
	default:
		c, p.Note, err = d.changeOf(p.From, p.To)
	}
	p.Add, p.Change, p.Remove = orEmpty(c.Add), orEmpty(c.Change), orEmpty(c.Remove)
	p.Restart, p.Tasks = []string{}, []string{}
	return p, err
}

// changeOf compares two trees of the store. What runs now may have been built elsewhere: then the
// paths that go cannot be listed, and the note says so.
func (d *Deployer) changeOf(from, to facsimile.Digest) (c facsimile.Change, note string, err error) {
	next, err := d.opt.Store.Tree(to)
	if err != nil || from.IsZero() {
		return facsimile.ChangeBetween(facsimile.Tree{}, next), "", err
	}
	now, err := d.opt.Store.Tree(from)
	if errors.Is(err, fs.ErrNotExist) {
		for _, f := range next.Files {
			c.Change = append(c.Change, f.Path)
		}
		return c, "the tree that is live was built elsewhere and is not in the store: every path may change, and what would be removed is not known", nil
	}
	return facsimile.ChangeBetween(now, next), "", err
}

// repair says what is wrong with a live tree that should be the same.
func repair(ctx context.Context, s *seat) (c facsimile.Change, err error) {
	last := ""
	for diff, err := range s.Node.Verify(ctx, s.want) {
		if err != nil {
			return facsimile.Change{}, err
		}
		if diff.Path == last {
			continue // it has two differences
		}
		last = diff.Path
		switch diff.Kind {
		case facsimile.Missing:
			c.Add = append(c.Add, diff.Path)
		case facsimile.Extra:
			c.Remove = append(c.Remove, diff.Path)
		default:
			c.Change = append(c.Change, diff.Path)
		}
	}
	return c, nil
}

// orEmpty makes a missing list an empty one, for JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
