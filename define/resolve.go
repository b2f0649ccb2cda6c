package define

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"

	"facsimile.dev/facsimile"
)

// Resolved is the merged definition of one project in one instance, or of that on one node. It
// never changes, and may be used by several goroutines at once.
type Resolved struct {
	d        *Definition
	all      []said // of the whole, the lowest layer first; for a node the overlays are last
	root     facsimile.Value
	layers   []facsimile.Layer
	lineages []*lineage      // whose parents may disagree
	strict   bool            // the top layer or the instance's own asks for it
	overlays *overlays       // what may come over it; nil for a node
	counting map[*layer]bool // in which topology counts; nil for all
	notes    []Finding       // what stands in a layer and does not count

	mu     sync.Mutex
	byName map[string]*Resolved // for nodes, by the list of their overlays
}

// Contribution is what one layer says of a value.
type Contribution struct {
	Value facsimile.Value // what the layer says; absent for Remove
	Op    Op
	Layer facsimile.Layer
	At    facsimile.Origin // where it says so: the key, as far as there is one
}

// Resolve merges all layers of a project in an instance. Project "" is the top: the
// conglomerate itself, or the only project. Source is the folder of the project's own
// definitions in its source at the version at hand, nil if it has none, or if it is the folder
// of this definition itself. Only the layers of this instance are read.
//
// The value holds no key that speaks of layers (inherit, abstract, strict, instances), and
// modules are a map by name. References are left as text. The error is Problems: all of them.
func (d *Definition) Resolve(ctx context.Context, in facsimile.Instance, p facsimile.Project, source fs.FS) (*Resolved, error) {
	of := d.topologyOf(ctx, in)
	if of.err != nil {
		return nil, of.err
	}
	if err := d.declared(of.topology, p); err != nil {
		return nil, err
	}
	if source == nil && (p == "" || p == facsimile.Project(of.topology.Name)) {
		return of.resolved, nil
	}
	r, problems := d.stack(ctx, in, p, source, of.resolved)
	if len(problems) == 0 {
		problems = r.merge()
	}
	if len(problems) == 0 {
		r.overlays = of.overlays
		problems = r.checkNodes(ctx)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return r, nil
}

// declared refuses a project that the instance does not have.
func (d *Definition) declared(t *Topology, p facsimile.Project) error {
	if p == "" || p == facsimile.Project(t.Name) {
		return nil
	}
	names := make([]string, len(t.Projects))
	for i, decl := range t.Projects {
		if decl.Name == p {
			return nil
		}
		names[i] = string(decl.Name)
	}
	return problem(d.sources, fmt.Sprintf("there is no project %q", p), nearestHint(string(p), names, "projects"))
}

// stack puts the layers of a project in an instance in order: the top's modules and top layer,
// the project's own in its source, the top's of that project, the instance's, and its versions.
// Topology counts only in the layers of the top, which is nil when it is what is stacked.
func (d *Definition) stack(ctx context.Context, in facsimile.Instance, p facsimile.Project, source fs.FS, of *Resolved) (*Resolved, facsimile.Problems) {
	r := &Resolved{d: d, byName: map[string]*Resolved{}}
	if of != nil {
		r.counting = map[*layer]bool{}
		for _, l := range of.lineages[0].order {
			r.counting[l] = true
		}
	}
	top, problems := d.shelf.top()
	if len(problems) > 0 {
		return nil, problems
	}
	if p == "" {
		p = top.name
	}
	line := newLineage(d.shelf)
	r.lineages = append(r.lineages, line)
	line.addAll([]string{modulesName, topName})
	r.strict = top.layer.strict
	if own, _ := d.shelf.layer(string(in)); own != nil {
		r.strict = r.strict || own.strict
	}
	r.push(line.order)
	taken := len(line.order)
	if source != nil {
		own := newLineage(d.own(p, source))
		own.addAll(append([]string{modulesName, topName, string(p)}, namesOf(in)...))
		r.lineages = append(r.lineages, own)
		r.push(own.order)
	}
	if p != "" && !slices.Contains(namesOf(in), string(p)) { // else it is a layer of the instance
		line.addAll([]string{string(p)})
		r.push(line.order[taken:])
		taken = len(line.order)
	}
	if err := ctx.Err(); err != nil {
		return nil, asProblems(err)
	}
	line.addAll(append(namesOf(in), string(in)+versionsSuffix))
	r.push(line.order[taken:])
	for _, l := range r.lineages {
		problems = append(problems, l.problems...)
	}
	return r, problems
}

// push puts layers over those that are there.
func (r *Resolved) push(layers []*layer) {
	for _, l := range layers {
		body := l.body
		if r.counting != nil && !r.counting[l] {
			body = withoutTopology(body, func(name string, at facsimile.Origin) {
				e := problem(r.d.sources, fmt.Sprintf("%s does not count in a layer of one project", name), "write it into the layers of the instance", at)
				r.notes = append(r.notes, Finding{e, true})
			})
		}
		r.all = append(r.all, said{l.name, Set, body, l.at})
		if l.name != modulesName {
			r.layers = append(slices.DeleteFunc(r.layers, func(have facsimile.Layer) bool { return have == l.name }), l.name)
		}
	}
}

// own is the shelf of a project's own source. The last one is kept, if it can be known again.
func (d *Definition) own(p facsimile.Project, source fs.FS) *shelf {
	label := string(p) + "/config/facsimile/"
	if d.options.SourceDir != nil {
		label = strings.TrimSuffix(d.options.SourceDir(p), "/") + "/"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	known := reflect.ValueOf(source).Comparable()
	if s, ok := d.owns[p]; ok && known && s.folder.fsys == source {
		return s
	}
	s := newShelf(newFolder(source, d.sources, d.options, label, &d.parsed))
	if known {
		d.owns[p] = s
	}
	return s
}

// merge computes the value.
func (r *Resolved) merge() facsimile.Problems {
	m := &merger{sources: r.d.sources}
	r.root = m.combine(r.all, false)
	problems := m.problems
	if r.root.IsAbsent() {
		r.root = facsimile.MapAt(nil, facsimile.Origin{})
	}
	for _, f := range r.Findings() {
		if !f.Warning {
			problems = append(problems, f.Error)
		}
	}
	return problems
}

// Root is the merged value, a Map.
func (r *Resolved) Root() facsimile.Value { return r.root }

// Layers are the names of the layers that take part, inherited ones too, in order: each is
// under the next. A layer that stands both in the definition and in a project's source is one.
func (r *Resolved) Layers() []facsimile.Layer { return slices.Clone(r.layers) }

// Fold gives the history of the value at a path: what the layer says that won, then each that
// it overrode or added to, the nearest first. Where the first is Remove there is no value; where
// nothing was ever said there is no contribution. A map is the work of all contributions down
// to the first that is not Set, or whose value is no map.
func (r *Resolved) Fold(p facsimile.Path) iter.Seq[Contribution] {
	return func(yield func(Contribution) bool) {
		for _, s := range slices.Backward(follow(r.all, p)) {
			c := Contribution{Op: s.op, Layer: s.layer, At: s.at}
			if s.op != Remove {
				alone := said{s.layer, Set, s.part, s.at}
				c.Value = new(merger).combine([]said{alone}, true)
			}
			if !yield(c) {
				return
			}
		}
	}
}
