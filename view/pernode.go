package view

import (
	"slices"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
)

// nodeRoot is the definition as some nodes see it that see another one than the instance.
type nodeRoot struct {
	node facsimile.Node // the first of them
	root facsimile.Value
}

// nodeRoots are the definitions that overlays of regions, targets and nodes make of the
// instance's: one for each list of overlays, which nodes share. None at a node.
func (c *Context) nodeRoots() ([]nodeRoot, error) {
	if c.scope.Node != "" || c.rootsKnown {
		return c.roots, nil
	}
	whole := c.view.in.Projects[0].Resolved
	seen := map[*define.Resolved]bool{whole: true}
	var roots []nodeRoot
	for _, n := range c.view.in.Topology.Nodes {
		resolved := whole.For(n.Name)
		if seen[resolved] {
			continue
		}
		seen[resolved] = true
		at, err := c.view.at(c.project.Name, Scope{Node: n.Name}, false)
		if err != nil {
			return nil, err
		}
		roots = append(roots, nodeRoot{n.Name, at.root})
	}
	c.roots, c.rootsKnown = roots, true
	return roots, nil
}

// onSomeNode is the first node that has a value under a path.
func (c *Context) onSomeNode(p facsimile.Path) (facsimile.Node, bool) {
	roots, _ := c.nodeRoots() // where they cannot be had, no node is known to have one
	for _, r := range roots {
		if !r.root.Lookup(p).IsAbsent() {
			return r.node, true
		}
	}
	return "", false
}

// differing are those of the values of nodes that are not v.
func differing(v facsimile.Value, onNodes []facsimile.Value) []facsimile.Value {
	var out []facsimile.Value
	for _, other := range onNodes {
		if !other.Equal(v) {
			out = append(out, other)
		}
	}
	return out
}

func allMaps(values []facsimile.Value) bool {
	return !slices.ContainsFunc(values, func(v facsimile.Value) bool { return v.Kind() != facsimile.Map })
}

// under are the values of a key in some maps, absent where there is none.
func under(maps []facsimile.Value, key string) []facsimile.Value {
	if len(maps) == 0 {
		return nil
	}
	out := make([]facsimile.Value, len(maps))
	for i, m := range maps {
		out[i] = m.Get(key)
	}
	return out
}

// onlyOnNodes adds to a map the keys that some nodes have in theirs and it does not.
func onlyOnNodes(entries []facsimile.Entry, onNodes []facsimile.Value) []facsimile.Entry {
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.Key] = true
	}
	for _, m := range onNodes {
		for _, e := range m.Entries() {
			if !seen[e.Key] {
				seen[e.Key] = true
				e.Value = facsimile.DeferredAt("node", "", e.Value.Origin())
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// readsDiffer reports whether something that a result depends on differs on some node.
func (w *writer) readsDiffer(reads []Read) bool {
	for i, r := range reads {
		if onTheWay(r.Path, i, reads) {
			continue
		}
		here := w.c.root.Lookup(r.Path)
		for _, other := range w.roots {
			if !other.root.Lookup(r.Path).Equal(here) {
				return true
			}
		}
	}
	return false
}
