package jinja

// effects are what the body of an if or a loop may change for the
// statements behind it. They are known without running the body, because
// whether it runs depends on the condition: what it would have changed
// depends on the condition even if it does not run.
type effects struct {
	vars  []effect // assigned variables
	attrs []effect // attributes set on a namespace
	// objects are the names of lists and dicts that the body calls a
	// changing method of.
	objects []effect
}

type effect struct {
	name string
	attr string
	// ref leads to the variable of that name outside of the body, if there
	// is one.
	ref   slotRef
	known bool
	// export tells that other templates see the variable.
	export bool
}

func (e *effects) empty() bool {
	return len(e.vars) == 0 && len(e.attrs) == 0 && len(e.objects) == 0
}

// changingMethods are the methods of lists and dicts that change them.
var changingMethods = map[string]bool{
	"append": true, "extend": true, "insert": true, "remove": true, "pop": true, "clear": true,
	"sort": true, "reverse": true, "update": true, "setdefault": true, "popitem": true,
}

// collect adds the effects of body. shared tells that variables which the
// body assigns are those of the scope around it.
func (e *effects) collect(body []stmt, shared bool, s *scope) {
	for _, st := range body {
		e.collectStmt(st, shared, s)
	}
}

func (e *effects) collectStmt(st stmt, shared bool, s *scope) {
	e.collectCalls(st, s)
	switch n := st.(type) {
	case *setNode:
		e.collectTarget(n.target, shared, s)
	case *setBlockNode:
		e.collectTarget(n.target, shared, s)
		e.collect(n.body, false, s)
	case *macroNode:
		e.variable(n.name, shared, s)
	case *importNode:
		e.variable(n.name, shared, s)
	case *fromImportNode:
		for _, name := range n.names {
			e.variable(name.alias, shared, s)
		}
	case *ifNode:
		for _, arm := range n.arms {
			e.collect(arm.body, shared, s)
		}
	default:
		for _, body := range bodies(st) {
			e.collect(body, false, s)
		}
	}
}

func (e *effects) collectTarget(t target, shared bool, s *scope) {
	switch n := t.(type) {
	case *nameNode:
		e.variable(n.name, shared, s)
	case *nsNode:
		e.attrs = append(e.attrs, s.effect(n.name, n.attr))
	case *tupleNode:
		for _, item := range n.items {
			if t, ok := item.(target); ok {
				e.collectTarget(t, shared, s)
			}
		}
	}
}

func (e *effects) variable(name string, shared bool, s *scope) {
	if shared {
		e.vars = append(e.vars, s.effect(name, ""))
	}
}

func (s *scope) effect(name, attr string) effect {
	e := effect{name: name, attr: attr, export: s.topLevel}
	if v := s.syms.find(name); v != nil {
		e.ref, e.known = s.syms.fn.refTo(v), true
	}
	return e
}

// collectCalls finds calls like "items.append(x)" in the expressions of one
// statement.
func (e *effects) collectCalls(st stmt, s *scope) {
	var visit func(x expr)
	visit = func(x expr) {
		if call, ok := x.(*callNode); ok {
			if attr, ok := call.fn.(*attrNode); ok && changingMethods[attr.name] {
				if name, ok := rootName(attr.x); ok {
					e.objects = append(e.objects, s.effect(name, ""))
				}
			}
		}
		x.walk(visit)
	}
	switch n := st.(type) {
	case *printNode:
		visit(n.x)
	case *groupNode:
		for _, st := range n.body {
			e.collectCalls(st, s)
		}
	case *doNode:
		visit(n.x)
	case *setNode:
		visit(n.x)
	case *callBlockNode:
		visit(n.call)
	}
}

// rootName returns the name that an attribute or item access starts from.
func rootName(x expr) (string, bool) {
	for {
		switch n := x.(type) {
		case *nameNode:
			return n.name, true
		case *attrNode:
			x = n.x
		case *itemNode:
			x = n.x
		default:
			return "", false
		}
	}
}

// jumps tells whether body may leave or restart the loop that it is part of.
func jumps(body []stmt) bool {
	for _, st := range body {
		switch n := st.(type) {
		case *jumpNode:
			return true
		case *forNode:
			if jumps(n.other) {
				return true
			}
			continue
		case *macroNode, *callBlockNode, *blockNode:
			continue
		}
		for _, inner := range bodies(st) {
			if jumps(inner) {
				return true
			}
		}
	}
	return false
}
