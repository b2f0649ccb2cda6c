package define

import (
	"fmt"
	"slices"

	"facsimile.dev/facsimile"
)

// effect is what some layers together do to a place: they set, replace or remove its value,
// or they do something to keys below it.
type effect struct {
	leaf  *said
	kids  map[string]*effect
	names []string
	at    facsimile.Origin
}

func newEffect() *effect { return &effect{kids: map[string]*effect{}} }

// apply adds what a layer says; a later one counts.
func (e *effect) apply(layer facsimile.Layer, p *part) {
	for k := range p.each {
		child := e.kids[k.name]
		merges := k.op == Set && k.part.isMap()
		if child == nil {
			e.names = append(e.names, k.name)
		}
		if child == nil || !merges || child.leaf != nil {
			child = newEffect()
			e.kids[k.name] = child
		}
		child.at = k.keyAt
		if merges {
			child.apply(layer, k.part)
		} else {
			child.leaf = &said{layer, k.op, k.part, k.keyAt}
		}
	}
}

// effectOf is the effect of layers, the lowest first.
func effectOf(all []said) *effect {
	e := newEffect()
	for _, s := range all {
		e.apply(s.layer, s.part)
	}
	return e
}

// disagreement is a place of which two that have no order say different things.
type disagreement struct {
	path facsimile.Path
	a, b facsimile.Origin
}

// disagree lists the places on which two effects disagree, but for those that over decides.
func disagree(a, b, over *effect, at facsimile.Path) []disagreement {
	var out []disagreement
	for _, name := range a.names {
		x, y := a.kids[name], b.kids[name]
		if y == nil {
			continue
		}
		above := newEffect()
		if over != nil && over.kids[name] != nil {
			above = over.kids[name]
		}
		path := at.Child(name)
		switch {
		case above.leaf != nil && above.leaf.op != Append:
		case x.leaf == nil && y.leaf == nil:
			out = append(out, disagree(x, y, above, path)...)
		case x.leaf == nil || y.leaf == nil || !agree(*x.leaf, *y.leaf):
			out = append(out, disagreement{path, x.at, y.at})
		}
	}
	return out
}

// agree reports whether two layers say the same of a place. One that appends agrees with all:
// it was written for what stands there.
func agree(a, b said) bool {
	if a.op == Append || b.op == Append {
		return true
	}
	if a.op == Remove || b.op == Remove {
		return a.op == b.op
	}
	value := func(s said) facsimile.Value {
		return new(merger).combine([]said{{s.layer, Set, s.part, s.at}}, true)
	}
	return value(a).Equal(value(b))
}

// findings are the values on which two parents of one layer disagree, where neither inherits
// from the other and the layer itself leaves it open.
func (l *lineage) findings(strict bool) []Finding {
	var out []Finding
	for _, of := range l.order {
		for i, x := range of.parents {
			for _, y := range of.parents[i+1:] {
				for _, d := range l.between(of, x.name, y.name) {
					e := problem(l.shelf.folder.sources, fmt.Sprintf("%q and %q disagree on %s, which %q leaves open", x.name, y.name, d.path, of.name),
						fmt.Sprintf("%s counts, since it comes last; say it in %s, or let %s inherit %s", y.name, of.name, y.name, x.name), d.a, d.b)
					out = append(out, Finding{e, !strict && !of.strict})
				}
			}
		}
	}
	return out
}

// between compares what two parents of a layer say alone: each with what it inherits, less what
// both inherit.
func (l *lineage) between(of *layer, x, y string) []disagreement {
	fromX, fromY := l.ancestors(x, map[string]bool{}), l.ancestors(y, map[string]bool{})
	only := func(in, notIn map[string]bool) []said {
		var all []said
		for _, layer := range l.order {
			if name := string(layer.name); in[name] && !notIn[name] && name != topName {
				all = append(all, said{layer.name, Set, layer.body, layer.at})
			}
		}
		return all
	}
	a, b := only(fromX, fromY), only(fromY, fromX)
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	return disagree(effectOf(a), effectOf(b), effectOf([]said{{of.name, Set, of.body, of.at}}), nil)
}

// findings are the values on which two overlays of one rank disagree on some node, where none
// of a higher rank decides.
func (o *overlays) findings(sources *facsimile.Sources) []Finding {
	var out []Finding
	seen := map[string]bool{}
	for _, n := range o.topology.Nodes {
		list := o.of(n)
		for i, a := range list {
			for _, b := range list[i+1:] {
				if a.rank != b.rank {
					break
				}
				higher := slices.DeleteFunc(slices.Clone(list), func(c overlay) bool { return c.rank <= a.rank })
				key := keyOf(append([]overlay{a, b}, higher...))
				if seen[key] {
					continue
				}
				seen[key] = true
				out = append(out, a.against(b, higher, n.Name, sources)...)
			}
		}
	}
	return out
}

func (o overlay) against(b overlay, higher []overlay, n facsimile.Node, sources *facsimile.Sources) []Finding {
	var over []said
	for _, h := range higher {
		over = append(over, h.all...)
	}
	var out []Finding
	for _, d := range disagree(effectOf(o.all), effectOf(b.all), effectOf(over), nil) {
		e := problem(sources, fmt.Sprintf("on the node %s the %s and the %s disagree on %s", n, o.what, b.what, d.path),
			fmt.Sprintf("the %s counts, since it comes last; say it under the name of the node", b.what), d.a, d.b)
		out = append(out, Finding{e, true})
	}
	return out
}

// Findings are the warnings about the merge: values that two parents, or two overlays of one
// rank, leave without an order, and topology where it does not count.
func (r *Resolved) Findings() []Finding {
	out := slices.Clone(r.notes)
	for _, l := range r.lineages {
		out = append(out, l.findings(r.strict)...)
	}
	if r.overlays != nil {
		out = append(out, r.overlays.findings(r.d.sources)...)
	}
	return out
}
