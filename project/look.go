package project

import (
	"context"
	"errors"
	"slices"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/deploy"
)

// ListKinds are the kinds of things that List lists.
func ListKinds() []string {
	return []string{"instances", "projects", "modules", "targets", "nodes", "regions"}
}

// List lists things of a kind: one of ListKinds. All but instances are those of the filter's
// instance.
func (p *Project) List(ctx context.Context, kind string, f Filter) ([]Item, error) {
	if !slices.Contains(ListKinds(), kind) {
		err := facsimile.Errorf(facsimile.BadInput, "%q is nothing that can be listed", kind)
		if near := facsimile.Nearest(kind, ListKinds()); len(near) > 0 {
			return nil, err.WithHint("did you mean %s?", near[0])
		}
		return nil, err.WithHint("there are: %s", strings.Join(ListKinds(), ", "))
	}
	if kind == "instances" {
		return p.listInstances(ctx), nil
	}
	if f.Instance == "" {
		return nil, facsimile.Errorf(facsimile.BadInput, "%s are those of an instance: facs list %s INSTANCE", kind, kind).
			WithHint("facs list instances shows the instances")
	}
	if err := p.known(f.Instance); err != nil {
		return nil, err
	}
	if kind == "modules" {
		return p.listModules(ctx, f)
	}
	topology, err := p.definition.Topology(ctx, f.Instance)
	if err != nil {
		return nil, err
	}
	return p.listTopology(kind, topology, f), nil
}

func (p *Project) listInstances(ctx context.Context) []Item {
	var out []Item
	for _, info := range p.instances {
		item := Item{Name: string(info.Name), Abstract: info.Abstract, At: p.sources.Position(info.At).String()}
		if topology, err := p.definition.Topology(ctx, info.Name); err == nil && !info.Abstract {
			item.Local = allLocal(topology)
			for _, n := range topology.Nodes {
				item.Nodes = append(item.Nodes, string(n.Name))
			}
		}
		out = append(out, item)
	}
	return out
}

// allLocal reports whether every node is on this machine.
func allLocal(t *define.Topology) bool {
	return !slices.ContainsFunc(t.Nodes, func(n define.NodeDecl) bool { return n.Transport != define.Local })
}

func (f Filter) takes(n define.NodeDecl) bool {
	return (f.Region == "" || n.Region == f.Region) && (f.Target == "" || slices.Contains(n.Targets, f.Target))
}

func (p *Project) listTopology(kind string, t *define.Topology, f Filter) []Item {
	var out []Item
	nodesWhere := func(in func(define.NodeDecl) bool) []string {
		var names []string
		for _, n := range t.Nodes {
			if f.takes(n) && in(n) {
				names = append(names, string(n.Name))
			}
		}
		return names
	}
	switch kind {
	case "projects":
		for _, d := range t.Projects {
			out = append(out, Item{Name: string(d.Name), Version: d.Version, Repo: d.Repo, Class: d.Class, At: p.sources.Position(d.At).String()})
		}
	case "targets":
		for _, d := range t.Targets {
			nodes := nodesWhere(func(n define.NodeDecl) bool { return slices.Contains(n.Targets, d.Name) })
			out = append(out, Item{Name: string(d.Name), Nodes: nodes, At: p.sources.Position(d.At).String()})
		}
	case "regions":
		for _, r := range t.Regions {
			out = append(out, Item{Name: string(r), Nodes: nodesWhere(func(n define.NodeDecl) bool { return n.Region == r })})
		}
	case "nodes":
		for _, n := range t.Nodes {
			if f.takes(n) {
				out = append(out, Item{
					Name: string(n.Name), Region: string(n.Region), Targets: names(n.Targets),
					Local: n.Transport == define.Local, At: p.sources.Position(n.At).String(),
				})
			}
		}
	}
	return out
}

func names[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

func (p *Project) listModules(ctx context.Context, f Filter) ([]Item, error) {
	i, err := p.open(ctx, f.Instance, forLooking, nil)
	if err != nil {
		return nil, err
	}
	c, err := i.at(Address{Instance: f.Instance}, "")
	if err != nil {
		return nil, err
	}
	var out []Item
	for _, m := range c.Root().Get("modules").Entries() {
		item := Item{Name: m.Key, At: p.sources.Position(m.Value.Origin()).String()}
		for _, t := range m.Value.Get("targets").Items() {
			item.Targets = append(item.Targets, t.Str())
		}
		for _, r := range m.Value.Get("replicas").Items() {
			item.Replicas = append(item.Replicas, r.Get("name").Str())
		}
		if f.Target == "" || slices.Contains(item.Targets, string(f.Target)) {
			out = append(out, item)
		}
	}
	return out, nil
}

// Show gives the value under a path (nil: all), of the project named (usually ""), with every
// reference evaluated and every secret hidden.
func (p *Project) Show(ctx context.Context, at Address, project facsimile.Project, path facsimile.Path) (facsimile.Value, error) {
	i, err := p.open(ctx, at.Instance, forLooking, nil)
	if err != nil {
		return facsimile.Value{}, err
	}
	c, err := i.at(at, project)
	if err != nil {
		return facsimile.Value{}, err
	}
	return c.Show(path)
}

// Explain says why the value under a path is what it is.
func (p *Project) Explain(ctx context.Context, at Address, project facsimile.Project, path facsimile.Path) (Explanation, error) {
	i, err := p.open(ctx, at.Instance, forLooking, nil)
	if err != nil {
		return Explanation{}, err
	}
	c, err := i.at(at, project)
	if err != nil {
		return Explanation{}, err
	}
	e, err := c.Explain(path)
	if err != nil {
		return Explanation{}, err
	}
	out := Explanation{
		Path: e.Path, Value: e.Value, Secret: e.Value.Kind() == facsimile.Hidden || e.StateKey != "",
		Origin: p.Place(e.Origin), Expression: e.Expression, StateKey: e.StateKey, Project: e.Project,
		Overrode: []Overridden{}, Reads: []ReadValue{},
	}
	for _, c := range e.Overrode {
		at := c.Value.Origin()
		if c.Value.IsAbsent() { // a removal stands at its key
			at = c.At
		}
		out.Overrode = append(out.Overrode, Overridden{Value: c.Value, Origin: p.Place(at)})
	}
	for _, r := range e.Reads {
		out.Reads = append(out.Reads, ReadValue{Path: r.Path, Origin: p.Place(r.Origin)})
	}
	return out, nil
}

// Check looks at everything that can be wrong, in some instances or, with none given, in all:
// the definition's files and layers, references, what the state would have to hold, and every
// template, with marks in place of secrets. Findings come in reading order. That there is no instance is one.
func (p *Project) Check(ctx context.Context, instances ...facsimile.Instance) ([]Finding, error) {
	for _, in := range instances {
		if err := p.known(in); err != nil && p.broken == nil {
			return nil, err
		}
	}
	var out []Finding
	seen := map[string]bool{}
	add := func(e *facsimile.Error, warning bool) {
		if key := e.Error(); !seen[key] {
			seen[key] = true
			out = append(out, Finding{Error: e, Warning: warning})
		}
	}
	for _, f := range p.definition.Check(ctx) {
		add(f.Error, f.Warning)
	}
	if len(instances) == 0 {
		instances = p.Instances()
	}
	if len(instances) == 0 && p.broken == nil {
		add(facsimile.Errorf(facsimile.BadInput, "the definition has no instance").
			WithHint("define/NAME.yaml makes one, unless it says abstract: true"), false)
	}
	for _, in := range instances {
		if p.known(in) != nil { // of a broken definition, which said why
			continue
		}
		if err := p.try(ctx, in); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			for _, e := range problems(err) {
				add(e, false)
			}
		}
	}
	return out, nil
}

// Warnings are what Check would warn of in the layers of one instance, without a look at references and
// templates: so much is cheap enough before a deployment. Of an instance that cannot be read there are none,
// since whoever needs it says what is wrong.
func (p *Project) Warnings(ctx context.Context, in facsimile.Instance) []*facsimile.Error {
	if p.known(in) != nil {
		return nil
	}
	resolved, err := p.definition.Resolve(ctx, in, "", nil)
	if err != nil {
		return nil
	}
	layers := resolved.Layers()
	var out []*facsimile.Error
	for _, f := range p.definition.Check(ctx) {
		if f.Warning && (len(f.Error.At) == 0 || slices.Contains(layers, f.Error.At[0].Layer)) {
			out = append(out, f.Error)
		}
	}
	return out
}

// Restorable gives what Rollback could put back: the rollouts of the history that succeeded and whose release is
// still in the store here, the newest of each release. The live one, which is the newest that succeeded, is only
// among them when a later rollout failed, so that nodes may not have it.
func (p *Project) Restorable(ctx context.Context, in facsimile.Instance) ([]Rollout, error) {
	entries, err := p.History(ctx, in)
	if err != nil {
		return nil, err
	}
	store, err := p.releases()
	if err != nil {
		return nil, err
	}
	records, err := store.Releases(in)
	if err != nil && len(records) == 0 { // beside others a damaged one is no reason to give up
		return nil, err
	}
	here := map[facsimile.Digest]bool{}
	for _, r := range records {
		here[r.Digest] = true
	}
	return restorable(entries, here), nil
}

func restorable(entries []Rollout, here map[facsimile.Digest]bool) []Rollout {
	out := []Rollout{}
	taken := map[facsimile.Digest]bool{}
	whole := true
	for _, e := range entries {
		switch {
		case e.Result == deploy.EndFailed && len(taken) == 0:
			whole = false
		case e.Result != deploy.EndDone || taken[e.Digest]:
		default:
			live := len(taken) == 0 && whole
			taken[e.Digest] = true
			if !live && here[e.Digest] {
				out = append(out, e)
			}
		}
	}
	return out
}

// problems are the errors in an error, as people read them.
func problems(err error) []*facsimile.Error {
	var many facsimile.Problems
	if errors.As(err, &many) {
		return many
	}
	var one *facsimile.Error
	if errors.As(err, &one) {
		return []*facsimile.Error{one}
	}
	return []*facsimile.Error{{Outcome: facsimile.BadInput, Msg: err.Error(), Err: err}}
}
