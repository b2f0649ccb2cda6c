package define

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"facsimile.dev/facsimile"
)

// overlay is what the layers of an instance say of some of its nodes.
type overlay struct {
	key  string // of its list: distinct, in the order of ranks
	rank int    // a higher one goes over a lower
	what string // for people
	all  []said // the maps to put over the rest; those before a replacement are gone
}

// The ranks.
const (
	rankRegion = iota
	rankTarget
	rankPattern
	rankNode
)

// overlays are all those of an instance. They hold for each of its projects.
type overlays struct {
	topology *Topology
	regions  map[facsimile.Region]overlay
	targets  map[facsimile.Target]overlay
	patterns []patternOverlay
	exact    map[facsimile.Node]overlay
	places   map[facsimile.Node]overlay // region, transport, home and ssh under an exact name

	keys     struct{ nodes, targets []*place } // as they are written
	regionAt map[facsimile.Region]facsimile.Origin
}

// patternOverlay is one key of nodes that may name several.
type patternOverlay struct {
	pattern pattern
	overlay overlay
	place   overlay // region, transport, home and ssh
}

// of lists what goes over the rest on a node: its region's, its targets' by name, patterns in
// the order of the text, its own.
func (o *overlays) of(n NodeDecl) []overlay {
	var list []overlay
	add := func(ov overlay, ok bool) {
		if ok && len(ov.all) > 0 {
			list = append(list, ov)
		}
	}
	region, ok := o.regions[n.Region]
	add(region, ok)
	for _, t := range slices.Sorted(slices.Values(n.Targets)) {
		target, ok := o.targets[t]
		add(target, ok)
	}
	for _, p := range o.patterns {
		if len(p.overlay.all) > 0 && p.pattern.matches(string(n.Name)) {
			add(p.overlay, true)
		}
	}
	exact, ok := o.exact[n.Name]
	add(exact, ok)
	return list
}

// keyOf names a list of overlays: equal lists have equal keys.
func keyOf(list []overlay) string {
	keys := make([]string, len(list))
	for i, o := range list {
		keys[i] = o.key
	}
	return strings.Join(keys, "\x00")
}

// For is r as it is on a node: with the overlays of its region, targets and name. Nodes with
// the same overlays share one, and a node without any, or that the instance does not have, has
// r itself.
func (r *Resolved) For(n facsimile.Node) *Resolved {
	if r.overlays == nil {
		return r
	}
	decl, ok := r.overlays.topology.Node(n)
	if !ok {
		return r
	}
	list := r.overlays.of(decl)
	if len(list) == 0 {
		return r
	}
	key := keyOf(list)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName[key] == nil {
		r.byName[key], _ = r.with(list)
	}
	return r.byName[key]
}

// with puts overlays over r. The value starts from that of r, which is the same as starting
// from its layers: a merge may be cut anywhere, as long as its lower part is merged first.
func (r *Resolved) with(list []overlay) (*Resolved, facsimile.Problems) {
	o := &Resolved{d: r.d, layers: r.layers, all: slices.Clone(r.all)}
	short := []said{{"", Set, &part{value: r.root, plain: true}, r.root.Origin()}}
	for _, ov := range list {
		o.all = append(o.all, ov.all...)
		short = append(short, ov.all...)
	}
	m := &merger{sources: r.d.sources}
	o.root = m.combine(short, false)
	return o, m.problems
}

// checkNodes merges the overlays of every kind of node once, for the problems, and keeps
// nothing: an instance of very many different nodes is not held in memory at once.
func (r *Resolved) checkNodes(ctx context.Context) facsimile.Problems {
	var problems facsimile.Problems
	seen := map[string]bool{}
	for _, n := range r.overlays.topology.Nodes {
		if ctx.Err() != nil {
			return asProblems(ctx.Err())
		}
		list := r.overlays.of(n)
		if key := keyOf(list); !seen[key] && len(list) > 0 {
			seen[key] = true
			_, faults := r.with(list)
			problems = append(problems, faults...)
		}
	}
	if r.strict {
		for _, f := range r.overlays.findings(r.d.sources) {
			problems = append(problems, f.Error)
		}
	}
	return unique(problems)
}

// notInOverlays are the keys that an overlay cannot change, since they are read before it.
func notInOverlays(name string) bool {
	return isTopologyKey(name) || name == "instances" || name == "inherit"
}

// notInPlaces are those that belong under the name of a node, and not into an overlay of
// regions or targets.
func notInPlaces(name string) bool {
	return name == "region" || name == "transport" || name == "home" || name == "ssh"
}

// readOverlays collects the overlays of the layers of an instance.
func (t *topologyReader) readOverlays() *overlays {
	o := &overlays{topology: t.topology, regions: map[facsimile.Region]overlay{}, targets: map[facsimile.Target]overlay{},
		exact: map[facsimile.Node]overlay{}, places: map[facsimile.Node]overlay{},
		regionAt: map[facsimile.Region]facsimile.Origin{}}
	for _, p := range t.placesOf("regions") {
		if name, err := facsimile.ParseName("region", p.name); t.good(err, p) {
			o.regions[facsimile.Region(name)] = t.overlay(rankRegion, "region", p)
			t.topology.Regions = append(t.topology.Regions, facsimile.Region(name))
		}
	}
	o.keys.targets, o.keys.nodes = t.placesOf("targets"), t.placesOf("nodes")
	for _, p := range o.keys.targets {
		if name, err := facsimile.ParseName("target", p.name); t.good(err, p) {
			o.targets[facsimile.Target(name)] = t.overlay(rankTarget, "target", p)
		}
	}
	for _, p := range o.keys.nodes {
		pat, err := parsePattern(p.name)
		if !t.good(err, p) {
			continue
		}
		isPlace := func(k kid) bool { return notInPlaces(k.name) }
		if pat.isExact() {
			if name, err := facsimile.ParseNode(p.name); t.good(err, p) {
				whole := t.overlay(rankNode, "node", p)
				o.exact[name], o.places[name] = whole.less(isAway), whole.less(func(k kid) bool { return !isPlace(k) })
			}
			continue
		}
		whole := t.overlay(rankPattern, "pattern", p)
		o.patterns = append(o.patterns, patternOverlay{pat, whole.less(isAway), whole.less(func(k kid) bool { return !isPlace(k) })})
	}
	return o
}

// isAway holds for the keys of a node that speak of the way to it. Its home is not one of
// them: on the node it is the home of all.
func isAway(k kid) bool { return notInPlaces(k.name) && k.name != "home" }

// less is the overlay without some keys; what is left empty goes.
func (o overlay) less(drop func(kid) bool) overlay {
	var all []said
	for _, s := range o.all {
		s.part = s.part.without(drop)
		if len(s.part.kids) > 0 {
			all = append(all, s)
		}
	}
	o.all = all
	return o
}

// overlay reads one overlay, and refuses what overlays cannot say.
func (t *topologyReader) overlay(rank int, kind string, p *place) overlay {
	o := overlay{key: fmt.Sprintf("%d%s", rank, p.name), rank: rank, what: fmt.Sprintf("%s %q", kind, p.name)}
	v, tail := new(merger).settle(p.all, true)
	if tail == nil {
		t.fail(fmt.Sprintf("what the %s says is a map, this is %s", o.what, v.Kind()), "", v.Origin())
		return o
	}
	for _, s := range tail {
		s.op = Set // what it replaces are other layers of this overlay, not what it goes over
		o.all = append(o.all, s)
		for k := range s.part.each {
			deploy := k.name == "deploy" && k.part.isMap()
			switch _, nodes := k.part.find("nodes"); {
			case notInOverlays(k.name) || deploy && nodes:
				what := k.name
				if deploy {
					what = "deploy.nodes"
				}
				t.fail(fmt.Sprintf("the %s cannot change %s, which is read before it", o.what, what), "write it into a layer", k.keyAt)
			case rank < rankPattern && notInPlaces(k.name):
				t.fail(fmt.Sprintf("the %s cannot change %s, which is read before it", o.what, k.name), fmt.Sprintf("write it under nodes: {\"*\": {%s: …}}", k.name), k.keyAt)
			}
		}
	}
	return o
}

// unique drops problems that were noted before.
func unique(problems facsimile.Problems) facsimile.Problems {
	seen := map[string]bool{}
	return slices.DeleteFunc(problems, func(e *facsimile.Error) bool {
		key := e.Error()
		again := seen[key]
		seen[key] = true
		return again
	})
}
