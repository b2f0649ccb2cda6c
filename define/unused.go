package define

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"facsimile.dev/facsimile"
)

// overlayKey is a key of nodes or targets as one layer writes it.
type overlayKey struct {
	kind string // node or target
	name string
	at   facsimile.Origin
	used bool // it names something of some instance
}

// names collects the keys of overlays over all instances: one that stands in a layer of several
// may be meant for one of them only.
type names struct {
	keys    []*overlayKey
	byPlace map[facsimile.Origin]*overlayKey
	known   map[string]map[string]bool // by kind: the nodes and targets of all instances
}

func (s *names) add(kind, name string, p *place, used bool) {
	for _, said := range p.all {
		k := s.byPlace[said.at]
		if k == nil {
			k = &overlayKey{kind: kind, name: name, at: said.at}
			s.byPlace[said.at] = k
			s.keys = append(s.keys, k)
		}
		k.used = k.used || used
	}
}

// collect adds the keys of one instance.
func (s *names) collect(o *overlays) {
	if s.known == nil {
		s.known = map[string]map[string]bool{"node": {}, "target": {}}
	}
	for _, n := range o.topology.Nodes {
		s.known["node"][string(n.Name)] = true
	}
	for _, t := range o.topology.Targets {
		s.known["target"][string(t.Name)] = true
	}
	for _, p := range o.keys.nodes {
		_, used := o.topology.Node(facsimile.Node(p.name))
		if pat, err := parsePattern(p.name); err == nil && !used && !pat.isExact() {
			used = slices.ContainsFunc(o.topology.Nodes, func(n NodeDecl) bool { return pat.matches(string(n.Name)) })
		}
		s.add("node", p.name, p, used)
	}
	for _, p := range o.keys.targets {
		s.add("target", p.name, p, slices.ContainsFunc(o.topology.Targets, func(t TargetDecl) bool { return string(t.Name) == p.name }))
	}
}

// unused points out keys of nodes that name no node of any instance, and keys of targets that
// name none and are near one: targets may be written down before anything runs on them.
func (c *checker) unused() {
	for _, k := range c.names.keys {
		if k.used {
			continue
		}
		near := facsimile.Nearest(k.name, slices.Sorted(maps.Keys(c.names.known[k.kind])))
		if k.kind == "target" && len(near) == 0 {
			continue
		}
		hint := "name nodes that stand under deploy.nodes, or leave it out"
		if len(near) > 0 {
			hint = "did you mean " + strings.Join(near, ", ") + "?"
		}
		e := problem(c.d.sources, fmt.Sprintf("no instance has a %s %q", k.kind, k.name), hint, k.at)
		c.add(Finding{e, true})
	}
}

// regions points out a region that only nodes name and that is near one of regions. Numbered
// regions are near each other by their nature.
func (c *checker) regions(o *overlays) {
	var known []string
	for name := range o.regions {
		known = append(known, string(name))
	}
	for _, n := range o.topology.Regions {
		name := string(n)
		at, named := o.regionAt[n]
		if !named || len(name) < 4 || slices.Contains(known, name) {
			continue
		}
		near := slices.DeleteFunc(facsimile.Nearest(name, known), func(k string) bool { return withoutDigits(k) == withoutDigits(name) })
		if len(near) == 0 {
			continue
		}
		e := problem(c.d.sources, fmt.Sprintf("regions has no %q", name),
			fmt.Sprintf("did you mean %s? If not, write %s: {} under regions", strings.Join(near, ", "), name), at)
		c.add(Finding{e, true})
	}
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}
