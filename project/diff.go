package project

import (
	"context"
	"slices"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/state"
	"facsimile.dev/facsimile/view"
)

// Diff compares two instances by value: what their definitions say, references evaluated.
// What only the state knows (passwords, replicas) is left out. Differences that parity lists
// are marked as meant. Overlays of regions, targets and nodes are compared where they are written.
func (p *Project) Diff(ctx context.Context, a, b Address) (Comparison, error) {
	left, err := p.contextOf(ctx, a)
	if err != nil {
		return Comparison{}, err
	}
	right, err := p.contextOf(ctx, b)
	if err != nil {
		return Comparison{}, err
	}
	va, err := left.ShowBase(nil)
	if err != nil {
		return Comparison{}, err
	}
	vb, err := right.ShowBase(nil)
	if err != nil {
		return Comparison{}, err
	}
	d := comparer{p: p}
	d.maps(nil, va, vb)
	out := Comparison{Differences: d.found, Equal: len(d.found) == 0}
	meant := readParity(va, a.Instance, b.Instance)
	for i := range out.Differences {
		out.Differences[i].Meant, out.Differences[i].Reason = meant.covers(out.Differences[i].Path)
	}
	return out, nil
}

func (p *Project) contextOf(ctx context.Context, a Address) (*view.Context, error) {
	i, err := p.open(ctx, a.Instance, forLooking, nil)
	if err != nil {
		return nil, err
	}
	return i.at(a, "")
}

// comparer collects differences in the order of the left side, then of what only the right has.
type comparer struct {
	p     *Project
	found []Difference
}

func (c *comparer) maps(path facsimile.Path, a, b facsimile.Value) {
	for _, e := range a.Entries() {
		at := path.Child(e.Key)
		if !generated(at) {
			c.values(at, e.Value, b.Get(e.Key))
		}
	}
	for _, e := range b.Entries() {
		if at := path.Child(e.Key); a.Get(e.Key).IsAbsent() && !generated(at) {
			c.values(at, facsimile.Value{}, e.Value)
		}
	}
}

func (c *comparer) values(at facsimile.Path, a, b facsimile.Value) {
	switch {
	case a.Kind() == facsimile.Map && b.Kind() == facsimile.Map:
		c.maps(at, a, b)
	case a.Kind() == facsimile.Hidden && b.Kind() == facsimile.Hidden:
		if same, known := state.CompareFingerprints(a.Str(), b.Str()); known && !same {
			c.add(at, a, b)
		}
	case !a.Equal(b):
		c.add(at, a, b)
	}
}

func (c *comparer) add(at facsimile.Path, a, b facsimile.Value) {
	side := func(v facsimile.Value) *Side {
		if v.IsAbsent() {
			return nil
		}
		return &Side{Value: v, Origin: c.p.Place(v.Origin())}
	}
	c.found = append(c.found, Difference{Path: at, Left: side(a), Right: side(b)})
}

// generated reports whether a path is one that the view adds to a module from the state.
func generated(p facsimile.Path) bool {
	return len(p) == 3 && p[0] == "modules" && slices.Contains([]string{"password", "secrets", "replicas", "directories"}, p[2])
}

// parity are the differences between two instances that the definition says are meant.
type parity []struct {
	path   facsimile.Path
	reason string
}

func readParity(root facsimile.Value, a, b facsimile.Instance) parity {
	var out parity
	for _, entry := range root.Get("parity").Items() {
		var between []string
		for _, name := range entry.Get("between").Items() {
			between = append(between, name.Str())
		}
		if !slices.Contains(between, string(a)) || !slices.Contains(between, string(b)) {
			continue
		}
		path, err := facsimile.ParsePath(entry.Get("path").Str())
		if err == nil {
			out = append(out, struct {
				path   facsimile.Path
				reason string
			}{path, entry.Get("reason").Str()})
		}
	}
	return out
}

// covers reports whether a difference at path stands under one that is meant.
func (m parity) covers(path facsimile.Path) (bool, string) {
	for _, e := range m {
		if len(e.path) <= len(path) && slices.Equal(e.path, path[:len(e.path)]) {
			return true, e.reason
		}
	}
	return false, ""
}
