package jinja

// macro resolves a macro or the body of a call block, which is a function
// inside the one around it.
func (c *compiler) macro(n *macroNode, s *scope) {
	n.fn = newFunc(s.syms.fn)
	inner := s.inner(n.fn)
	inner.check = false
	for _, p := range n.params {
		inner.syms.param(p.name)
	}
	special := findUndeclared(n.body, "caller", "kwargs", "varargs")
	for i, p := range n.params {
		if p.name == "caller" && special["caller"] && i < len(n.params)-len(n.defaults) {
			c.fail(p.span, "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.")
		}
	}
	declared := func(name string) bool {
		for _, p := range n.params {
			if p.name == name {
				return true
			}
		}
		return false
	}
	use := func(name string, uses *bool, ref *slotRef) {
		if special[name] && !declared(name) {
			*uses = true
			*ref = n.fn.refTo(inner.syms.param(name))
		}
	}
	use("caller", &n.usesCaller, &n.caller)
	use("kwargs", &n.usesKwargs, &n.kwargs)
	use("varargs", &n.usesVarargs, &n.varargs)
	for _, d := range n.defaults {
		inner.syms.readExpr(d)
	}
	inner.syms.readStmts(n.body)
	for i, p := range n.params {
		arg := param{name: p.name, ref: inner.ref(p.name)}
		if k := i - (len(n.params) - len(n.defaults)); k >= 0 {
			arg.initial = n.defaults[k]
			c.expr(arg.initial, inner)
		}
		n.args = append(n.args, arg)
	}
	c.stmts(n.body, inner)
	n.scope = inner.syms.ops()
}

func (c *compiler) target(t target, s *scope) {
	switch n := t.(type) {
	case *nameNode:
		n.ref = s.ref(n.name)
	case *nsNode:
		n.ref = s.ref(n.name)
	case *tupleNode:
		for _, item := range n.items {
			if t, ok := item.(target); ok {
				c.target(t, s)
			}
		}
	}
}

func (c *compiler) expr(x expr, s *scope) {
	switch n := x.(type) {
	case *nameNode:
		n.ref = s.ref(n.name)
	case *concatNode:
		n.esc, n.constant = s.esc, isConstant(n)
	case *condNode:
		s = s.softened()
	case *filterNode:
		if n.fn = c.tmpl.env.filters[n.name]; n.fn == nil && !s.soft {
			c.fail(n.span, "No filter named '%s'.", n.name)
		}
	case *testNode:
		if n.fn = c.tmpl.env.tests[n.name]; n.fn == nil && !s.soft {
			c.fail(n.span, "No test named '%s'.", n.name)
		}
	}
	x.walk(func(x expr) { c.expr(x, s) })
}
