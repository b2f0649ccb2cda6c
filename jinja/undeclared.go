package jinja

// undeclared finds out whether statements use special names that they do not
// assign themselves first. It looks into macros and loops, but not into
// blocks.
type undeclared struct {
	wanted map[string]bool
	found  map[string]bool
}

// findUndeclared returns those of names that body uses.
func findUndeclared(body []stmt, names ...string) map[string]bool {
	u := &undeclared{wanted: map[string]bool{}, found: map[string]bool{}}
	for _, n := range names {
		u.wanted[n] = true
	}
	u.stmts(body)
	return u.found
}

func (u *undeclared) stmts(body []stmt) {
	for _, s := range body {
		u.stmt(s)
	}
}

func (u *undeclared) stmt(s stmt) {
	switch n := s.(type) {
	case *printNode:
		u.expr(n.x)
	case *groupNode:
		u.stmts(n.body)
	case *ifNode:
		for _, arm := range n.arms {
			if arm.test != nil {
				u.expr(arm.test)
			}
			u.stmts(arm.body)
		}
	case *forNode:
		u.target(n.target)
		u.expr(n.iter)
		u.stmts(n.body)
		u.stmts(n.other)
		if n.test != nil {
			u.expr(n.test)
		}
	case *setNode:
		u.target(n.target)
		u.expr(n.x)
	case *setBlockNode:
		u.target(n.target)
		if n.filter != nil {
			u.expr(n.filter)
		}
		u.stmts(n.body)
	case *macroNode:
		u.macro(n)
	case *callBlockNode:
		u.expr(n.call)
		u.macro(n.macro)
	case *filterBlockNode:
		u.stmts(n.body)
		u.expr(n.filter)
	case *withNode:
		for _, t := range n.targets {
			u.target(t)
		}
		for _, x := range n.values {
			u.expr(x)
		}
		u.stmts(n.body)
	case *autoescapeNode:
		u.expr(n.x)
		u.stmts(n.body)
	case *doNode:
		u.expr(n.x)
	case *extendsNode:
		u.expr(n.template)
	case *includeNode:
		u.expr(n.template)
	case *importNode:
		u.expr(n.template)
	case *fromImportNode:
		u.expr(n.template)
	}
}

func (u *undeclared) macro(n *macroNode) {
	for _, p := range n.params {
		u.expr(p)
	}
	for _, d := range n.defaults {
		u.expr(d)
	}
	u.stmts(n.body)
}

func (u *undeclared) target(t target) {
	if x, ok := t.(expr); ok {
		u.expr(x)
	}
}

func (u *undeclared) expr(x expr) {
	if n, ok := x.(*nameNode); ok {
		if n.ctx != ctxLoad {
			delete(u.wanted, n.name)
		} else if u.wanted[n.name] {
			u.found[n.name] = true
		}
		return
	}
	x.walk(u.expr)
}
