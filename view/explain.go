package view

import (
	"slices"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
)

// Explanation says why a value is what it is.
type Explanation struct {
	Path       facsimile.Path
	Value      facsimile.Value       // as Show gives it
	Project    facsimile.Project     // whose layers say so; "" for the conglomerate's
	Layer      facsimile.Layer       // that won
	Origin     facsimile.Origin      // where it was written
	Expression string                // of a reference, as it was written
	StateKey   string                // where the value is generated
	Reads      []Read                // what a reference read
	Overrode   []define.Contribution // the nearest first
}

// Explain says where the value under a path came from and what it overrode. It is the same
// walk over the layers that made the value.
func (c *Context) Explain(p facsimile.Path) (Explanation, error) {
	shown, err := c.Show(p)
	if err != nil {
		return Explanation{}, err
	}
	out := Explanation{Path: p, Value: shown, Project: c.project.Name, Origin: shown.Origin()}
	written := c.root.Lookup(p)
	if written.Kind() == facsimile.Pending {
		out.StateKey, out.Layer = written.Str(), "state"
		return out, nil
	}
	if written.Kind() == facsimile.String && c.isReference(written) {
		out.Expression = written.Str()
		out.Reads = c.readsOf(p, written)
	}
	for _, contribution := range c.contributions(p, &out) {
		if out.Layer == "" {
			out.Layer = contribution.Layer
			if out.Origin.IsZero() {
				out.Origin = contribution.At
			}
			continue
		}
		out.Overrode = append(out.Overrode, contribution)
	}
	return out, nil
}

// contributions folds the project's layers; where they say nothing of a module, those of the
// project that does.
func (c *Context) contributions(p facsimile.Path, out *Explanation) []define.Contribution {
	candidates := append([]Project{c.project}, c.view.in.Projects...)
	for _, project := range candidates {
		resolved := project.Resolved
		if c.scope.Node != "" {
			resolved = resolved.For(c.scope.Node)
		}
		var list []define.Contribution
		for contribution := range resolved.Fold(p) {
			list = append(list, contribution)
		}
		if len(list) > 0 {
			out.Project = project.Name
			return list
		}
	}
	return nil
}

// readsOf evaluates a reference for what it reads, itself left out.
func (c *Context) readsOf(p facsimile.Path, v facsimile.Value) []Read {
	j, err := c.reference(p, v)
	if err != nil {
		return nil
	}
	var reads []Read
	all := c.Reads(j.Tag())
	for i, r := range all {
		if r.Origin != v.Origin() && !onTheWay(r.Path, i, all) {
			reads = append(reads, r)
		}
	}
	return reads
}

// onTheWay reports whether a path is that of a map or list which was only passed on the way to
// another read.
func onTheWay(p facsimile.Path, i int, reads []Read) bool {
	for k, r := range reads {
		if k != i && len(r.Path) > len(p) && slices.Equal(p, r.Path[:len(p)]) {
			return true
		}
	}
	return false
}
