package define

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"facsimile.dev/facsimile"
)

// Check looks for everything that is wrong with any file or instance of the definition: errors
// of syntax and structure, values without an order, near misses of known keys, overlays of
// nodes that no instance has, homes that two instances claim. The own sources of projects are not looked at. Findings come by file, then
// by instance.
func (d *Definition) Check(ctx context.Context) []Finding {
	c := &checker{d: d, seen: map[string]bool{}, homes: map[[2]string]claim{}, names: names{byPlace: map[facsimile.Origin]*overlayKey{}}}
	c.files()
	infos, err := d.Instances()
	c.errors(asProblems(err))
	c.failed = err != nil
	for _, info := range infos {
		if ctx.Err() != nil {
			c.errors(asProblems(ctx.Err()))
			c.failed = true
			break
		}
		if !info.Abstract {
			c.instance(ctx, info, infos)
			d.forget(info.Name) // not all instances are held in memory at once
		}
	}
	if !c.failed {
		c.unused()
	}
	return c.findings
}

// checker collects findings, each once.
type checker struct {
	d        *Definition
	findings []Finding
	seen     map[string]bool
	homes    map[[2]string]claim // host and home
	names    names
	failed   bool // an instance could not be read: what it uses is not known
}

// claim is a node of an instance that has some home.
type claim struct {
	instance facsimile.Instance
	node     facsimile.Node
	at       facsimile.Origin
}

func (c *checker) add(f Finding) {
	if key := f.Error.Error(); !c.seen[key] {
		c.seen[key] = true
		c.findings = append(c.findings, f)
	}
}

func (c *checker) errors(problems facsimile.Problems) {
	for _, e := range problems {
		c.add(Finding{Error: e})
	}
}

// files reads every layer file. Without define/ only those are taken for layers that something
// names, since other files may stand beside a definition in a source repository.
func (c *checker) files() {
	l, err := c.d.shelf.folder.list()
	if err != nil {
		c.errors(asProblems(err))
		return
	}
	names := []string{topName, modulesName}
	if top, problems := c.d.shelf.top(); len(problems) == 0 {
		names = append(names, slices.Sorted(maps.Keys(top.inline))...)
		for _, p := range top.projects {
			names = append(names, string(p))
		}
	}
	names = append(names, l.define...)
	known := knownKeys()
	for _, name := range names {
		found, problems := c.d.shelf.layer(name)
		c.errors(problems)
		if found != nil {
			known.check(found.body, nil, func(e *facsimile.Error) { c.add(Finding{e, true}) }, c.d.sources)
		}
	}
}

// instance resolves one instance for the top and for each project.
func (c *checker) instance(ctx context.Context, info InstanceInfo, infos []InstanceInfo) {
	in := info.Name
	t, err := c.d.Topology(ctx, in)
	if err != nil {
		c.errors(asProblems(err))
		c.failed = true
		return
	}
	overlays := c.d.topologyOf(ctx, in).overlays
	c.names.collect(overlays)
	c.regions(overlays)
	projects := []facsimile.Project{""}
	for _, p := range t.Projects {
		projects = append(projects, p.Name)
	}
	for _, p := range projects {
		r, err := c.d.Resolve(ctx, in, p, nil)
		if err != nil {
			c.errors(asProblems(err))
			continue
		}
		for _, f := range r.Findings() {
			c.add(f)
		}
		if p == "" {
			c.keptTargets(r, info, infos)
		}
	}
	c.claims(in, t)
}

// claims refuses two instances, or two nodes of one, with one home on one host. A home that
// holds references cannot be compared here, and which machine a local instance is on is for
// the operator to know.
func (c *checker) claims(in facsimile.Instance, t *Topology) {
	for _, n := range t.Nodes {
		home := n.Home.Str()
		if home == "" || isReference(n.Home) {
			continue
		}
		host, where := string(n.Name), "the host "+string(n.Name)
		switch {
		case n.Transport == Local:
			host, where = "", "this machine"
		case n.SSH.Address != "":
			host, where = n.SSH.Address, "the host "+n.SSH.Address
		}
		key := [2]string{host, home}
		first, taken := c.homes[key]
		if !taken {
			c.homes[key] = claim{in, n.Name, n.Home.Origin()}
			continue
		}
		who, hint := fmt.Sprintf("the instances %q and %q", first.instance, in), "a home belongs to one instance: give one of them another, or make one abstract"
		if first.instance == in {
			who, hint = fmt.Sprintf("the nodes %s and %s of %q", first.node, n.Name, in), "give each a home of its own: {{ node.name }} may stand in it"
		}
		e := problem(c.d.sources, fmt.Sprintf("%s both claim %s on %s", who, home, where), hint, n.Home.Origin(), first.at)
		c.add(Finding{e, host == "" && first.instance != in})
	}
}

// keptTargets points out targets that an instance keeps from another one, although it names
// its own nodes for some: who writes deploy.nodes for a copy mostly means all of it.
func (c *checker) keptTargets(r *Resolved, info InstanceInfo, infos []InstanceInfo) {
	isInstance := func(l facsimile.Layer) bool {
		return slices.ContainsFunc(infos, func(i InstanceInfo) bool {
			return string(i.Name) == string(l) && !i.Abstract && i.Name != info.Name
		})
	}
	var own facsimile.Origin
	var kept []string
	var places []facsimile.Origin
	for _, target := range r.Root().Get("deploy").Get("nodes").Entries() {
		for said := range r.Fold(facsimile.Path{"deploy", "nodes", target.Key}) {
			switch {
			case said.Layer == facsimile.Layer(info.Name):
				own = said.At
			case isInstance(said.Layer):
				kept = append(kept, target.Key)
				places = append(places, said.At)
			}
			break // only the winner counts
		}
	}
	if own.IsZero() || len(kept) == 0 {
		return
	}
	e := problem(c.d.sources, fmt.Sprintf("%q names its own nodes, and keeps %s from another instance", info.Name, strings.Join(kept, ", ")),
		"write nodes! to replace all targets, or null for those that it shall not have", append([]facsimile.Origin{own}, places...)...)
	c.add(Finding{e, true})
}
