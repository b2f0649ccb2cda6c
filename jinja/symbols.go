package jinja

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Which names a template scope sees follows Jinja2 exactly, because
// templates depend on it: a loop body starts every round with the outer
// variables, an if shares the variables around it, a macro sees the
// variables of the place where it is written as they are when it runs.
//
// Jinja2 gets there by compiling templates to Python functions whose local
// variables are named after the nesting level. Here a funcInfo stands for
// such a function, and a variable for one of its locals.

// funcInfo describes a function of a template: its root, a block, a macro, a
// recursive loop or the test of a loop. Running it takes n slots.
type funcInfo struct {
	outer *funcInfo
	vars  map[string]*variable
	n     int
}

// variable is one slot of a function.
type variable struct {
	fn   *funcInfo
	slot int
}

func newFunc(outer *funcInfo) *funcInfo {
	return &funcInfo{outer: outer, vars: map[string]*variable{}}
}

// variable returns the slot for a name at a nesting level. Scopes next to
// each other share it.
func (fn *funcInfo) variable(level int, name string) *variable {
	key := strconv.Itoa(level) + " " + name
	v, ok := fn.vars[key]
	if !ok {
		v = &variable{fn, fn.n}
		fn.vars[key] = v
		fn.n++
	}
	return v
}

// slotRef leads from the frame of a function to a slot: up functions
// outwards.
type slotRef struct{ up, slot int }

// refTo returns the way from fn to v, which belongs to fn or to a function
// around it.
func (fn *funcInfo) refTo(v *variable) slotRef {
	up := 0
	for f := fn; f != nil && f != v.fn; f = f.outer {
		up++
	}
	return slotRef{up, v.slot}
}

// loadKind says what a variable holds when its scope starts.
type loadKind uint8

const (
	loadParam   loadKind = iota // set by whoever starts the scope
	loadResolve                 // what the context has under the name
	loadAlias                   // what an outer variable holds
	loadMissing                 // nothing
)

type load struct {
	kind  loadKind
	name  string
	alias *variable
}

// symbols are the names of one scope.
type symbols struct {
	level  int
	parent *symbols
	fn     *funcInfo
	refs   map[string]*variable
	loads  map[*variable]load
	stores map[string]bool
}

func newSymbols(parent *symbols, fn *funcInfo) *symbols {
	s := &symbols{parent: parent, fn: fn, refs: map[string]*variable{},
		loads: map[*variable]load{}, stores: map[string]bool{}}
	if parent != nil {
		s.level = parent.level + 1
	}
	return s
}

func (s *symbols) copy() *symbols {
	c := *s
	c.refs, c.loads, c.stores = maps.Clone(s.refs), maps.Clone(s.loads), maps.Clone(s.stores)
	return &c
}

func (s *symbols) define(name string, l load) *variable {
	v := s.fn.variable(s.level, name)
	s.refs[name] = v
	s.loads[v] = l
	return v
}

// find returns the variable that a name means here, or nil.
func (s *symbols) find(name string) *variable {
	for ; s != nil; s = s.parent {
		if v, ok := s.refs[name]; ok {
			return v
		}
	}
	return nil
}

// load notes that the scope reads a name.
func (s *symbols) load(name string) {
	if s.find(name) == nil {
		s.define(name, load{kind: loadResolve, name: name})
	}
}

// store notes that the scope assigns to a name.
func (s *symbols) store(name string) {
	s.stores[name] = true
	if _, ok := s.refs[name]; ok {
		return
	}
	if s.parent != nil {
		if outer := s.parent.find(name); outer != nil {
			s.define(name, load{kind: loadAlias, alias: outer})
			return
		}
	}
	s.define(name, load{kind: loadMissing})
}

func (s *symbols) param(name string) *variable {
	s.stores[name] = true
	return s.define(name, load{kind: loadParam})
}

// join takes over what the branches of an if did to the scope. A name that
// not every branch stores starts with what it means outside.
func (s *symbols) join(branches ...*symbols) {
	counts := map[string]int{}
	for _, b := range branches {
		for name := range b.stores {
			if !s.stores[name] {
				counts[name]++
			}
		}
	}
	for _, b := range branches {
		maps.Copy(s.refs, b.refs)
		maps.Copy(s.loads, b.loads)
		maps.Copy(s.stores, b.stores)
	}
	for name, n := range counts {
		if n == len(branches) {
			continue
		}
		v := s.find(name)
		if s.parent != nil {
			if outer := s.parent.find(name); outer != nil {
				s.loads[v] = load{kind: loadAlias, alias: outer}
				continue
			}
		}
		s.loads[v] = load{kind: loadResolve, name: name}
	}
}

// local is a name that an included template or a scoped block gets to see.
type local struct {
	name string
	ref  slotRef
}

// locals returns all names that are stored here or in a scope around, by
// name.
func (s *symbols) locals() []local {
	seen := map[string]bool{}
	var out []local
	for scope := s; scope != nil; scope = scope.parent {
		for name := range scope.stores {
			if !seen[name] {
				seen[name] = true
				out = append(out, local{name, s.fn.refTo(s.find(name))})
			}
		}
	}
	slices.SortFunc(out, func(a, b local) int { return strings.Compare(a.name, b.name) })
	return out
}

// scopeOp prepares one slot when a scope starts.
type scopeOp struct {
	kind  loadKind
	slot  int
	alias slotRef
}

// scopeOps prepare all slots of a scope.
type scopeOps []scopeOp

// ops returns what to do when the scope starts, in the order of the slots.
func (s *symbols) ops() scopeOps {
	out := make(scopeOps, 0, len(s.loads))
	for v, l := range s.loads {
		op := scopeOp{kind: l.kind, slot: v.slot}
		if l.kind == loadAlias {
			op.alias = s.fn.refTo(l.alias)
		}
		out = append(out, op)
	}
	slices.SortFunc(out, func(a, b scopeOp) int { return a.slot - b.slot })
	return out
}

// readStmts notes what the statements of a scope read and assign. It does
// not look into statements that have a scope of their own.
func (s *symbols) readStmts(body []stmt) {
	for _, st := range body {
		s.readStmt(st)
	}
}

func (s *symbols) readStmt(st stmt) {
	switch n := st.(type) {
	case *printNode:
		s.readExpr(n.x)
	case *groupNode:
		s.readStmts(n.body)
	case *ifNode:
		s.readIf(n)
	case *forNode:
		s.readExpr(n.iter)
	case *setNode:
		s.readExpr(n.x)
		s.readTarget(n.target)
	case *setBlockNode:
		s.readTarget(n.target)
	case *macroNode:
		s.store(n.name)
	case *callBlockNode:
		s.readExpr(n.call)
	case *filterBlockNode:
		s.readExpr(n.filter)
	case *withNode:
		for _, x := range n.values {
			s.readExpr(x)
		}
	case *extendsNode:
		s.readExpr(n.template)
	case *includeNode:
		s.readExpr(n.template)
	case *importNode:
		s.readExpr(n.template)
		s.store(n.name)
	case *fromImportNode:
		s.readExpr(n.template)
		for _, name := range n.names {
			s.store(name.alias)
		}
	case *doNode:
		s.readExpr(n.x)
	}
}

// readIf notes the if branch, all elif branches together, and the else
// branch as three alternatives.
func (s *symbols) readIf(n *ifNode) {
	s.readExpr(n.arms[0].test)
	body, elifs, other := s.copy(), s.copy(), s.copy()
	body.readStmts(n.arms[0].body)
	for _, arm := range n.arms[1:] {
		if arm.test == nil {
			other.readStmts(arm.body)
			continue
		}
		elifs.readExpr(arm.test)
		inner := elifs.copy()
		inner.readStmts(arm.body)
		elifs.join(inner, elifs.copy(), elifs.copy())
	}
	s.join(body, elifs, other)
}

func (s *symbols) readTarget(t target) {
	switch n := t.(type) {
	case *nameNode:
		s.readExpr(n)
	case *nsNode:
		s.load(n.name)
	case *tupleNode:
		s.readExpr(n)
	}
}

func (s *symbols) readExpr(x expr) {
	if n, ok := x.(*nameNode); ok {
		switch n.ctx {
		case ctxLoad:
			s.load(n.name)
		case ctxStore:
			s.store(n.name)
		case ctxParam:
			s.param(n.name)
		}
		return
	}
	x.walk(s.readExpr)
}

// paramTarget notes the target of a loop, whose names its scope starts with.
func (s *symbols) paramTarget(t target) {
	switch n := t.(type) {
	case *nameNode:
		s.param(n.name)
	case *tupleNode:
		for _, item := range n.items {
			if t, ok := item.(target); ok {
				s.paramTarget(t)
			}
		}
	}
}
