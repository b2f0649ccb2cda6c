package view

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/jinja"
)

// Context is the view of one project from one scope: the variables of a template. It is for
// one goroutine.
type Context struct {
	view     *View
	project  Project
	scope    Scope
	resolved *define.Resolved
	root     facsimile.Value // the definition with the instance's modules in it
	modules  facsimile.Value
	node     define.NodeDecl // zero at instance scope
	reveal   bool            // secrets are read, not marked

	ledger  *ledger
	results map[facsimile.Origin]result // of references, each evaluated once
	running []running                   // references being evaluated, for cycles
	evals   int                         // counts evaluations of references
	lastErr error                       // of a map or list that was read

	roots      []nodeRoot // see nodeRoots
	rootsKnown bool
}

// result is what a reference gave.
type result struct {
	value jinja.Value
	err   error
}

type running struct {
	at   facsimile.Origin
	path facsimile.Path
}

func newContext(v *View, p Project, s Scope, r *define.Resolved, modules facsimile.Value) *Context {
	root := newEntries(r.Root())
	root.put("modules", modules)
	c := &Context{
		view: v, project: p, scope: s, resolved: r, modules: modules,
		root:    facsimile.MapAt(root.list, r.Root().Origin()),
		ledger:  newLedger(),
		results: map[facsimile.Origin]result{},
	}
	if s.Node != "" {
		c.node, _ = v.in.Topology.Node(s.Node)
	}
	return c
}

// Root is the project's definition as this scope sees it, references as they are written.
func (c *Context) Root() facsimile.Value { return c.root }

// Layers are the layers that take part, in order.
func (c *Context) Layers() []facsimile.Layer { return c.resolved.Layers() }

// Node is the node of the scope; its name is empty at instance scope.
func (c *Context) Node() define.NodeDecl { return c.node }

// Evaluations counts the references evaluated so far: a measure of work.
func (c *Context) Evaluations() int { return c.evals }

// Union implements part of jinja.Tracker.
func (c *Context) Union(a, b jinja.Tag) jinja.Tag { return c.ledger.union(a, b) }

// Emit implements the rest of jinja.Tracker for those who need no spans.
func (c *Context) Emit(jinja.Span) {}

// Reads are the values behind a tag.
func (c *Context) Reads(t jinja.Tag) []Read { return c.ledger.all(t) }

// Secret reports whether a secret is among the values behind a tag.
func (c *Context) Secret(t jinja.Tag) bool { return t&secretBit != 0 }

// errDeferred says that a value differs per node or per replica, where none was given.
type errDeferred struct{ per string }

func (e *errDeferred) Error() string { return "has a value of its own on each " + e.per }

// Get implements jinja.Mapping: the names that templates see.
func (c *Context) Get(name string) (jinja.Value, bool, error) {
	switch name {
	case "instance", "definition", "env":
		v, err := c.toJinja(nil, c.root, true)
		return v, true, err
	case "module":
		v, err := c.toJinja(facsimile.Path{"modules"}, c.modules, true)
		return v, true, err
	case "facs":
		return c.facs(), true, nil
	case "nodes":
		return c.nodes(), true, nil
	case "node", "region", "target":
		if c.scope.Node == "" {
			return jinja.Value{}, false, &errDeferred{"node"}
		}
		return c.ofNode(name), true, nil
	case "replica":
		v, err := c.replica()
		return v, err == nil, err
	}
	return jinja.Value{}, false, nil
}

// Keys implements jinja.Mapping.
func (c *Context) Keys() ([]string, error) {
	return []string{"instance", "definition", "env", "module", "facs", "nodes", "node", "region", "target", "replica"}, nil
}

// lazy is a map whose values are made when they are read.
type lazy struct {
	keys []string
	get  func(key string) (jinja.Value, bool, error)
}

// Get implements jinja.Mapping.
func (l lazy) Get(key string) (jinja.Value, bool, error) { return l.get(key) }

// Keys implements jinja.Mapping.
func (l lazy) Keys() ([]string, error) { return l.keys, nil }

func (c *Context) facs() jinja.Value {
	in := c.view.in
	name := string(c.project.Name)
	if name == "" {
		name = in.Definition
	}
	return jinja.FromMapping(lazy{
		keys: []string{"name", "version", "instance", "release_environment", "home", "current"},
		get: func(key string) (jinja.Value, bool, error) {
			switch key {
			case "name":
				return jinja.String(name), true, nil
			case "version":
				return jinja.String(c.project.Version), true, nil
			case "instance", "release_environment":
				return jinja.String(string(in.Instance)), true, nil
			case "home":
				home, err := c.Home()
				return jinja.String(home), true, err
			case "current":
				home, err := c.Home()
				return jinja.String(filepath.ToSlash(filepath.Join(home, "current"))), true, err
			}
			return jinja.Value{}, false, nil
		},
	})
}

func (c *Context) ofNode(name string) jinja.Value {
	switch {
	case name == "region":
		return jinja.String(string(c.node.Region))
	case name == "target" && len(c.node.Targets) > 0:
		return jinja.String(string(c.node.Targets[0]))
	case name == "target":
		return jinja.String("")
	}
	return c.nodeValue(c.node)
}

func (c *Context) nodes() jinja.Value {
	topology := c.view.in.Topology
	keys := make([]string, len(topology.Nodes))
	for i, n := range topology.Nodes {
		keys[i] = string(n.Name)
	}
	return jinja.FromMapping(lazy{keys: keys, get: func(key string) (jinja.Value, bool, error) {
		n, ok := topology.Node(facsimile.Node(key))
		if !ok {
			return jinja.Value{}, false, nil
		}
		return c.nodeValue(n), true, nil
	}})
}

func (c *Context) nodeValue(n define.NodeDecl) jinja.Value {
	tag := c.ledger.leaf(Read{Path: facsimile.Path{"nodes", string(n.Name)}, Origin: n.At})
	targets := make([]jinja.Value, len(n.Targets))
	for i, t := range n.Targets {
		targets[i] = jinja.String(string(t)).WithTag(tag)
	}
	return jinja.FromMapping(lazy{
		keys: []string{"name", "region", "targets", "address", "transport", "home"},
		get: func(key string) (jinja.Value, bool, error) {
			switch key {
			case "name":
				return jinja.String(string(n.Name)).WithTag(tag), true, nil
			case "region":
				return jinja.String(string(n.Region)).WithTag(tag), true, nil
			case "targets":
				return jinja.List(targets...).WithTag(tag), true, nil
			case "address":
				return jinja.String(Address(n)).WithTag(tag), true, nil
			case "transport":
				return jinja.String(string(n.Transport)).WithTag(tag), true, nil
			case "home":
				home, err := c.homeOf(n)
				return jinja.String(home).WithTag(tag), true, err
			}
			return jinja.Value{}, false, nil
		},
	})
}

func (c *Context) replica() (jinja.Value, error) {
	if c.scope.Replica == "" {
		return jinja.Value{}, &errDeferred{"replica"}
	}
	for _, m := range c.modules.Entries() {
		replicas := m.Value.Get("replicas")
		for i, r := range replicas.Items() {
			if r.Get("name").Str() == string(c.scope.Replica) {
				return c.toJinja(facsimile.Path{"modules", m.Key, "replicas"}.Index(i), r, true)
			}
		}
	}
	return jinja.Value{}, fmt.Errorf("no replica %q", c.scope.Replica)
}

// Home is the absolute folder under which the node of the scope keeps its releases. At
// instance scope it differs per node.
func (c *Context) Home() (string, error) {
	if c.scope.Node == "" {
		return "", &errDeferred{"node"}
	}
	return c.homeOf(c.node)
}

func (c *Context) homeOf(n define.NodeDecl) (string, error) {
	home, path := n.Home, facsimile.Path{"nodes", string(n.Name), "home"}
	if home.IsAbsent() {
		home, path = c.root.Get("home"), facsimile.Path{"home"}
	}
	if home.IsAbsent() {
		return "", c.homeless(n)
	}
	at := c
	if n.Name != c.scope.Node { // another node's home is evaluated as that node sees it
		other, err := c.view.at(c.project.Name, Scope{Node: n.Name}, c.reveal)
		if err != nil {
			return "", err
		}
		at = other
	}
	text, err := at.text(path, home)
	if err != nil {
		return "", err
	}
	return c.absolute(n, home, text)
}

// homeless is the error of a node without a home. One that nobody listed has no place to name.
func (c *Context) homeless(n define.NodeDecl) error {
	in := c.view.in
	if in.Topology.Local {
		err := facsimile.Errorf(facsimile.BadInput, "instance %s has no deploy.nodes, and no home on this machine", in.Instance)
		if !n.At.IsZero() {
			err = err.WithAt(in.Sources.Position(n.At))
		}
		return err.WithHint("give it one, home: ./run, or list its nodes under deploy.nodes")
	}
	return c.view.fault(n.At, "node %s has no home", n.Name).WithHint("give it one: home: /srv/%s", in.Definition)
}

func (c *Context) absolute(n define.NodeDecl, home facsimile.Value, text string) (string, error) {
	switch {
	case strings.ContainsAny(text, "\n\r\x00") || text == "":
		return "", c.view.fault(home.Origin(), "the home of node %s is not a path", n.Name)
	case strings.HasPrefix(text, "~"):
		return "", c.view.fault(home.Origin(), "the home %q of node %s starts with a ~, which is not expanded", text, n.Name).
			WithHint("write an absolute path: home: /srv/%s", c.view.in.Definition)
	case filepath.Clean(text) == "/":
		return "", c.view.fault(home.Origin(), "the home of node %s is the whole machine", n.Name).
			WithHint("a home is a folder of its own: home: /srv/%s", c.view.in.Definition)
	case filepath.IsAbs(text):
		return filepath.Clean(text), nil
	case n.Transport == define.Local:
		return filepath.Join(c.view.in.Dir, text), nil
	}
	return "", c.view.fault(home.Origin(), "the home %q of node %s is relative", text, n.Name).
		WithHint("only a local node's home may be relative (to the folder of the definition)")
}

// text evaluates a value that must be a string.
func (c *Context) text(path facsimile.Path, v facsimile.Value) (string, error) {
	j, err := c.toJinja(path, v, true)
	if err != nil {
		return "", c.explainError(err, v)
	}
	s, ok := j.AsString()
	if !ok {
		return "", c.view.fault(v.Origin(), "%s is %s, want a string", path, j.Kind())
	}
	return s, nil
}

// explainError makes a failure of the template language one that says where the reference
// was written.
func (c *Context) explainError(err error, v facsimile.Value) error {
	var placed *facsimile.Error
	var deferred *errDeferred
	if errors.As(err, &placed) || errors.As(err, &deferred) || errors.Is(err, context.Canceled) {
		return err
	}
	return TemplateError(err, c.view.in.Sources.Position(v.Origin()))
}

// TemplateError turns an error of the template language into one for people. at replaces the
// place that the template language knows, unless it is zero.
func TemplateError(err error, at facsimile.Position) error {
	var placed *facsimile.Error
	if errors.As(err, &placed) {
		return placed
	}
	var list jinja.ErrorList
	if errors.As(err, &list) {
		problems := make(facsimile.Problems, len(list))
		for i, e := range list {
			problems[i] = templateError(e, at)
		}
		return problems
	}
	var e *jinja.Error
	if !errors.As(err, &e) {
		return err
	}
	return templateError(e, at)
}

func templateError(e *jinja.Error, at facsimile.Position) *facsimile.Error {
	out := &facsimile.Error{Outcome: facsimile.BadInput, Msg: e.Message, Err: e}
	if e.Err != nil {
		out.Msg += ": " + e.Err.Error()
	}
	if e.Expr != "" && !strings.Contains(out.Msg, e.Expr) {
		out.Msg += " in {{ " + e.Expr + " }}"
	}
	if at == (facsimile.Position{}) {
		at = facsimile.Position{File: e.Pos.Template, Line: e.Pos.Line, Column: e.Pos.Column, Text: e.Source}
	}
	out.At = []facsimile.Position{at}
	for _, p := range e.Stack {
		out.At = append(out.At, facsimile.Position{File: p.Template, Line: p.Line, Column: p.Column})
	}
	switch {
	case e.Nearest != "":
		out.Hint = "did you mean " + e.Nearest + "?"
	case len(e.Keys) > 0 && len(e.Keys) <= 12:
		out.Hint = "there are: " + strings.Join(e.Keys, ", ")
	}
	return out
}
