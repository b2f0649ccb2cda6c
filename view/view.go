// Package view makes everything that a project's templates can see on one node, out of the
// resolved definition, the topology and the state.
//
// A View stands for one instance with all its projects. At gives a Context: the view of one
// project from one node, or from one replica of a service there, or, with an empty Scope, what
// holds for the whole instance. A Context evaluates references ("{{ … }}" in values) lazily,
// each at most once, and knows of every result where it came from and whether a secret went
// into it. Nothing here touches the world: a View is a pure function of what it is given.
package view

import (
	"context"
	"fmt"
	"sync"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/jinja"
	"facsimile.dev/facsimile/state"
)

// Inputs are all that a view is made of.
type Inputs struct {
	Definition string // the definition's name
	Dir        string // absolute folder of the definition: relative homes of local nodes start there
	Instance   facsimile.Instance
	Topology   *define.Topology
	Projects   []Project // the conglomerate itself, named "", first
	State      State
	Secrets    facsimile.Instance // whose state holds the secrets and ids: a parent's as a rule of a subinstance
	Sources    *facsimile.Sources
}

// State is what a view reads of the state; a state.Snapshot is one. Of a subinstance it is its
// own combined with its parent's.
type State interface {
	Secret(key string) (state.Entry, bool)
	Reveal(ctx context.Context, key string) (facsimile.Secret, error)
	Replica(name facsimile.Replica) (state.Placed, bool)
	Replicas() []state.Placed
	Directory(m facsimile.Module, name string) (string, bool)
}

// Project is one project of the instance.
type Project struct {
	Name     facsimile.Project
	Version  string
	Resolved *define.Resolved
}

// Scope says from where one looks. The zero Scope is the whole instance.
type Scope struct {
	Node    facsimile.Node
	Replica facsimile.Replica // implies Node
}

// View is one instance as its templates see it. It may be used by several goroutines at once.
type View struct {
	in      Inputs
	env     *jinja.Environment
	atState facsimile.Origin // of what comes from the state

	mu      sync.Mutex
	modules map[facsimile.Node]moduleSet // by node; "" is the instance
}

// New checks that the projects agree on the modules and makes the view.
func New(in Inputs) (*View, error) {
	env, err := jinja.New(jinja.Options{KeepTrailingNewline: true, Undefined: undefinedMode(in)})
	if err != nil {
		return nil, fmt.Errorf("template language: %w", err)
	}
	v := &View{in: in, env: env, modules: map[facsimile.Node]moduleSet{}}
	v.atState = facsimile.Origin{Src: in.Sources.Add(facsimile.Source{Layer: "state", File: "the state of " + string(in.Secrets)})}
	if _, err := v.modulesAt(""); err != nil {
		return nil, err
	}
	return v, nil
}

func undefinedMode(in Inputs) jinja.UndefinedMode {
	if Lenient(in.Projects[0].Resolved.Root()) {
		return jinja.UndefinedLenient
	}
	return jinja.UndefinedStrictPrint
}

// Lenient reports whether a definition asks for missing values that print nothing, as in the
// earlier system.
func Lenient(root facsimile.Value) bool { return root.Get("undefined").Str() == "lenient" }

// Topology is the instance's nodes, targets and regions.
func (v *View) Topology() *define.Topology { return v.in.Topology }

// Projects are the instance's projects, the conglomerate first.
func (v *View) Projects() []Project { return v.in.Projects }

// Instance is the instance's name.
func (v *View) Instance() facsimile.Instance { return v.in.Instance }

// At gives the view of a project from a scope, for showing: in place of a secret it reads a
// mark, so it needs no key, and whatever a secret would reach is known as secret.
// A Context is for one goroutine.
func (v *View) At(p facsimile.Project, s Scope) (*Context, error) { return v.at(p, s, false) }

// Open is At for rendering: secrets are read.
func (v *View) Open(p facsimile.Project, s Scope) (*Context, error) { return v.at(p, s, true) }

func (v *View) at(p facsimile.Project, s Scope, reveal bool) (*Context, error) {
	i := v.find(p)
	if i < 0 {
		return nil, fmt.Errorf("no project %q in instance %s", p, v.in.Instance)
	}
	if s.Node != "" {
		if _, ok := v.in.Topology.Node(s.Node); !ok {
			return nil, v.unknownNode(s.Node)
		}
	}
	resolved := v.in.Projects[i].Resolved
	if s.Node != "" {
		resolved = resolved.For(s.Node)
	}
	modules, err := v.modulesAt(s.Node)
	if err != nil {
		return nil, err
	}
	c := newContext(v, v.in.Projects[i], s, resolved, modules.seen)
	c.reveal = reveal
	return c, nil
}

func (v *View) find(p facsimile.Project) int {
	for i, have := range v.in.Projects {
		if have.Name == p {
			return i
		}
	}
	return -1
}

func (v *View) unknownNode(n facsimile.Node) error {
	var names []string
	for _, decl := range v.in.Topology.Nodes {
		names = append(names, string(decl.Name))
	}
	err := facsimile.Errorf(facsimile.BadInput, "instance %s has no node %q", v.in.Instance, n)
	if near := facsimile.Nearest(string(n), names); len(near) > 0 {
		return err.WithHint("did you mean %s?", near[0])
	}
	return err.WithHint("its nodes are listed by: facs list nodes %s", v.in.Instance)
}

// modulesAt is the one map of modules of the instance as a node sees it, with what the state
// adds: passwords, secrets, replicas.
func (v *View) modulesAt(n facsimile.Node) (moduleSet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if m, ok := v.modules[n]; ok {
		return m, nil
	}
	resolved := make(map[facsimile.Project]*define.Resolved, len(v.in.Projects))
	for _, p := range v.in.Projects {
		r := p.Resolved
		if n != "" {
			r = r.For(n)
		}
		resolved[p.Name] = r
	}
	merged, err := define.MergeModules(resolved)
	if err != nil {
		return moduleSet{}, err
	}
	bare := newContext(v, v.in.Projects[0], Scope{Node: n}, resolved[v.in.Projects[0].Name], merged)
	seen, err := v.enrich(bare, merged)
	if err != nil {
		return moduleSet{}, err
	}
	set := moduleSet{defined: merged, seen: seen}
	v.modules[n] = set
	return set, nil
}
