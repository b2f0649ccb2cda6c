package define

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"facsimile.dev/facsimile"
)

// Topology is what an instance consists of, before any overlay: the same for all its projects.
type Topology struct {
	Name     string // the definition's name
	Projects []ProjectDecl
	Regions  []facsimile.Region // those of regions:, in the order of the text, then those that only nodes name
	Targets  []TargetDecl
	Nodes    []NodeDecl // in the order of deploy.nodes
	State    string     // whose state it uses: "own", an instance, or "" for that of its parent
	Local    bool       // it has no deploy.nodes: it deploys to home on this machine, as the node LocalNode

	index map[facsimile.Node]int
}

// LocalNode is the name of the only node of an instance without deploy.nodes. It has no target:
// whatever runs on some target runs there.
const LocalNode facsimile.Node = "local"

// ProjectDecl is a subproject, as its definition declares it.
type ProjectDecl struct {
	Name    facsimile.Project
	Parent  facsimile.Project // "" right below the top
	Repo    string            // a path relative to the definition, or a URL
	Version string
	Class   string
	SrcDir  string
	At      facsimile.Origin
}

// TargetDecl is a target with its nodes, in the order of the text.
type TargetDecl struct {
	Name  facsimile.Target
	Nodes []facsimile.Node
	At    facsimile.Origin
}

// Transport says how a node is reached.
type Transport string

// The transports.
const (
	SSH   Transport = "ssh"
	Rsync Transport = "rsync"
	Local Transport = "local"
)

// SSHDecl is how to log in to a node; zero values are left to the user's ssh configuration.
// Address and User have the grammar of names or addresses, so that no program can take them
// for an option.
type SSHDecl struct {
	Address string
	Port    int
	User    string
}

// NodeDecl is a node with its place and the way in.
type NodeDecl struct {
	Name      facsimile.Node
	Region    facsimile.Region   // "" where none is given
	Targets   []facsimile.Target // in the order of deploy.nodes
	Transport Transport
	Home      facsimile.Value // text, which may hold references; absent where none is given
	SSH       SSHDecl
	At        facsimile.Origin // where it is listed
}

// Node finds a node.
func (t *Topology) Node(n facsimile.Node) (NodeDecl, bool) {
	if t.index == nil {
		for _, decl := range t.Nodes {
			if decl.Name == n {
				return decl, true
			}
		}
		return NodeDecl{}, false
	}
	i, ok := t.index[n]
	if !ok {
		return NodeDecl{}, false
	}
	return t.Nodes[i], true
}

// isTopologyKey reports whether a key at the top of a layer says what an instance consists of.
// deploy.nodes is another.
func isTopologyKey(name string) bool {
	switch name {
	case "name", "projects", "state", "regions", "targets", "nodes":
		return true
	}
	return false
}

// withoutTopology is a layer of one project, in which topology does not count.
func withoutTopology(body *part, dropped func(name string, at facsimile.Origin)) *part {
	return body.without(func(k kid) bool {
		if isTopologyKey(k.name) {
			dropped(k.name, k.keyAt)
			return true
		}
		return false
	}).mapKid("deploy", func(deploy *part) *part {
		return deploy.without(func(k kid) bool {
			if k.name == "nodes" {
				dropped("deploy.nodes", k.keyAt)
			}
			return k.name == "nodes"
		})
	})
}

// mapKid is the map with another value under a key that holds a map.
func (p *part) mapKid(name string, to func(*part) *part) *part {
	changed := &part{value: p.value}
	for k := range p.each {
		if k.name == name && k.part.isMap() {
			k.part = to(k.part)
		}
		changed.kids = append(changed.kids, k)
	}
	return changed
}

// topologyOf is what was found out about one instance.
type topologyOf struct {
	topology *Topology
	overlays *overlays
	resolved *Resolved // the top's, complete
	err      error
}

// Topology is what an instance consists of. The error is Problems: all of them.
func (d *Definition) Topology(ctx context.Context, in facsimile.Instance) (*Topology, error) {
	of := d.topologyOf(ctx, in)
	return of.topology, of.err
}

func (d *Definition) topologyOf(ctx context.Context, in facsimile.Instance) *topologyOf {
	d.mu.Lock()
	of, ok := d.topologies[in]
	d.mu.Unlock()
	if ok {
		return of
	}
	of = d.readTopology(ctx, in)
	d.mu.Lock()
	defer d.mu.Unlock()
	if first, ok := d.topologies[in]; ok {
		return first
	}
	if ctx.Err() == nil {
		d.topologies[in] = of
	}
	return of
}

// forget drops what was found out about an instance.
func (d *Definition) forget(in facsimile.Instance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.topologies, in)
}

func (d *Definition) readTopology(ctx context.Context, in facsimile.Instance) *topologyOf {
	if problems := d.known(in); len(problems) > 0 {
		return &topologyOf{err: problems}
	}
	r, problems := d.stack(ctx, in, "", nil, nil)
	if len(problems) > 0 {
		return &topologyOf{err: problems}
	}
	problems = r.merge()
	t := &topologyReader{d: d, r: r, topology: &Topology{index: map[facsimile.Node]int{}}}
	t.read()
	if problems = append(problems, t.problems...); len(problems) == 0 {
		r.overlays = t.overlays
		problems = r.checkNodes(ctx)
	}
	if len(problems) > 0 {
		return &topologyOf{err: unique(problems)}
	}
	return &topologyOf{topology: t.topology, overlays: t.overlays, resolved: r}
}

// topologyReader reads the topology of the top's merged layers.
type topologyReader struct {
	d        *Definition
	r        *Resolved
	topology *Topology
	overlays *overlays
	problems facsimile.Problems
}

func (t *topologyReader) fail(msg, hint string, at ...facsimile.Origin) {
	t.problems = append(t.problems, problem(t.d.sources, msg, hint, at...))
}

// good notes an error about the name of a place.
func (t *topologyReader) good(err error, p *place) bool {
	if err != nil {
		t.fail(err.Error(), "", p.all[len(p.all)-1].at)
	}
	return err == nil
}

// placesOf are the keys of a map at the top, those that hold a value.
func (t *topologyReader) placesOf(key string) []*place {
	all := follow(t.r.all, facsimile.Path{key})
	v, tail := new(merger).settle(all, true)
	if tail == nil {
		if !v.IsAbsent() {
			t.fail(fmt.Sprintf("%s are a map by name, this is %s", key, v.Kind()), "", v.Origin())
		}
		return nil
	}
	var out []*place
	for _, p := range below(tail, nil) {
		if p.there {
			out = append(out, p)
		}
	}
	return out
}

func (t *topologyReader) read() {
	root := t.r.root
	t.topology.Name = t.text(root.Get("name"), "name")
	if t.topology.Name != "" {
		if _, err := facsimile.ParseName("definition", t.topology.Name); err != nil {
			t.fail(err.Error(), "", root.Get("name").Origin())
		}
	}
	if t.topology.State = t.text(root.Get("state"), "state"); t.topology.State != "" {
		if _, err := facsimile.ParseInstance(t.topology.State); err != nil {
			t.fail("state is own or the name of an instance: "+err.Error(), "", root.Get("state").Origin())
		}
	}
	t.readProjects(root.Get("projects"), "", map[facsimile.Project]facsimile.Origin{})
	t.overlays = t.readOverlays()
	t.readTargets(root.Get("deploy"))
	t.readNodes(root.Get("home"))
}

// text is a value that must be text without references, as topology is read before any is
// evaluated; "" where it is absent or wrong.
func (t *topologyReader) text(v facsimile.Value, what string) string {
	switch {
	case v.IsAbsent():
	case v.Kind() != facsimile.String:
		hint := ""
		if v.Kind() == facsimile.Float || v.Kind() == facsimile.Int {
			hint = "quote it"
		}
		t.fail(fmt.Sprintf("%s is text, this is %s", what, v.Kind()), hint, v.Origin())
	case isReference(v):
		t.fail(fmt.Sprintf("%s cannot hold a reference: it is read before any is evaluated", what), "", v.Origin())
	default:
		return v.Str()
	}
	return ""
}

// argument is text that may become an argument of a program: it must not look like an option,
// and holds no control characters.
func (t *topologyReader) argument(v facsimile.Value, what string) string {
	s := t.text(v, what)
	if strings.HasPrefix(s, "-") || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		t.fail(fmt.Sprintf("%q is no %s", s, what), "it may neither start with - nor hold control characters", v.Origin())
		return ""
	}
	return s
}

// maxProjects is the most projects of a definition.
const maxProjects = 10_000

func (t *topologyReader) readProjects(v facsimile.Value, parent facsimile.Project, seen map[facsimile.Project]facsimile.Origin) {
	if v.IsAbsent() {
		return
	}
	if v.Kind() != facsimile.Map || len(seen) > maxProjects {
		t.fail(fmt.Sprintf("projects are a map by name, this is %s", v.Kind()), "", v.Origin())
		return
	}
	for _, e := range v.Entries() {
		name, err := facsimile.ParseName("project", e.Key)
		if err != nil {
			t.fail(err.Error(), "", e.KeyAt)
			continue
		}
		if e.Value.Kind() != facsimile.Map {
			t.fail(fmt.Sprintf("the project %q is a map, this is %s", name, e.Value.Kind()), "write {repo: …, version: …}", e.Value.Origin())
			continue
		}
		decl := ProjectDecl{
			Name: facsimile.Project(name), Parent: parent, At: e.KeyAt,
			Repo:    t.argument(e.Value.Get("repo"), "repo"),
			Version: t.argument(e.Value.Get("version"), "version"),
			Class:   t.text(e.Value.Get("class"), "class"),
			SrcDir:  t.argument(e.Value.Get("src_dir"), "src_dir"),
		}
		if first, twice := seen[decl.Name]; twice || name == t.topology.Name {
			if !twice {
				first = t.r.root.Get("name").Origin()
			}
			t.fail(fmt.Sprintf("there are two projects %q", name), "rename one: the names of projects are distinct at every depth", e.KeyAt, first)
			continue
		}
		seen[decl.Name] = e.KeyAt
		t.topology.Projects = append(t.topology.Projects, decl)
		t.readProjects(e.Value.Get("projects"), decl.Name, seen)
	}
}
