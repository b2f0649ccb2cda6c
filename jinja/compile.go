package jinja

import "fmt"

// compiler gives every name of a template its slot, looks up filters and
// tests, and decides what inheritance and autoescape leave to do at run
// time.
type compiler struct {
	tmpl *Template
	errs ErrorList
	// knownExtends tells that an extends tag always runs before this place,
	// extends how many there were, and anyExtends that there is one at all.
	knownExtends bool
	extends      int
	anyExtends   bool
}

// scope is what holds at a place of a template.
type scope struct {
	syms *symbols
	// topLevel is the root of a template and the ifs in it; rootLevel is
	// the root alone.
	topLevel, rootLevel bool
	// soft is the inside of an if or a conditional expression, where an
	// unknown filter is an error only if it is reached.
	soft bool
	// check tells that output depends on there being no parent template.
	check bool
	// inLoop tells that break and continue have a loop to act on.
	inLoop bool
	esc    escapeMode
	// constEsc is what holds for constants: Jinja2 prints them when it
	// compiles the template, with the last setting that it knew then.
	constEsc escapeMode
}

// inner returns the scope of a body that has names of its own, in function
// fn.
func (s *scope) inner(fn *funcInfo) *scope {
	c := *s
	c.syms = newSymbols(s.syms, fn)
	c.topLevel, c.rootLevel, c.soft = false, false, false
	if fn != s.syms.fn {
		c.inLoop = false
	}
	return &c
}

func (s *scope) softened() *scope {
	c := *s
	c.rootLevel, c.soft = false, true
	return &c
}

// ref returns the way to the variable that a name means in this scope.
func (s *scope) ref(name string) slotRef {
	v := s.syms.find(name)
	if v == nil {
		s.syms.load(name)
		v = s.syms.find(name)
	}
	return s.syms.fn.refTo(v)
}

func (c *compiler) fail(at span, format string, args ...any) {
	if len(c.errs) < maxErrors {
		c.errs = append(c.errs, c.tmpl.errorAt(failf(ErrSyntax, format, args...), at))
	}
}

// compile resolves a parsed template.
func (c *compiler) compile(body []stmt, blocks []*blockNode) error {
	t := c.tmpl
	esc := escapeOff
	if t.env.opts.Autoescape {
		esc = escapeOn
	}
	c.anyExtends = hasExtends(body)
	t.fn, t.body = newFunc(nil), body
	root := &scope{syms: newSymbols(nil, t.fn), topLevel: true, rootLevel: true, check: c.anyExtends, esc: esc, constEsc: esc}
	if findUndeclared(body, "self")["self"] {
		t.usesSelf = true
		t.self = t.fn.refTo(root.syms.param("self"))
	}
	root.syms.readStmts(body)
	c.stmts(body, root)
	t.scope = root.syms.ops()
	t.blocks = make(map[string]*blockNode, len(blocks))
	for _, b := range blocks {
		t.blocks[b.name] = b
		c.block(b, esc)
	}
	return c.errs.asError()
}

// block resolves the inside of a block. Its names have nothing to do with
// those around it.
func (c *compiler) block(n *blockNode, esc escapeMode) {
	n.fn = newFunc(nil)
	s := &scope{syms: newSymbols(nil, n.fn), esc: esc, constEsc: esc}
	used := findUndeclared(n.body, "self", "super")
	if n.usesSelf = used["self"]; n.usesSelf {
		n.self = n.fn.refTo(s.syms.param("self"))
	}
	if n.usesSuper = used["super"]; n.usesSuper {
		n.super = n.fn.refTo(s.syms.param("super"))
	}
	s.syms.readStmts(n.body)
	c.stmts(n.body, s)
	n.scope = s.syms.ops()
}

// hasExtends tells whether there is an extends tag anywhere in body.
func hasExtends(body []stmt) bool {
	found := false
	for _, s := range body {
		eachStmt(s, func(s stmt) {
			if _, ok := s.(*extendsNode); ok {
				found = true
			}
		})
	}
	return found
}

// eachStmt calls visit for s and for all statements inside of it.
func eachStmt(s stmt, visit func(stmt)) {
	visit(s)
	for _, body := range bodies(s) {
		for _, inner := range body {
			eachStmt(inner, visit)
		}
	}
}

// bodies returns the statements inside of a statement.
func bodies(s stmt) [][]stmt {
	switch n := s.(type) {
	case *ifNode:
		out := make([][]stmt, len(n.arms))
		for i := range n.arms {
			out[i] = n.arms[i].body
		}
		return out
	case *forNode:
		return [][]stmt{n.body, n.other}
	case *setBlockNode:
		return [][]stmt{n.body}
	case *macroNode:
		return [][]stmt{n.body}
	case *callBlockNode:
		return [][]stmt{n.macro.body}
	case *filterBlockNode:
		return [][]stmt{n.body}
	case *withNode:
		return [][]stmt{n.body}
	case *autoescapeNode:
		return [][]stmt{n.body}
	case *blockNode:
		return [][]stmt{n.body}
	case *groupNode:
		return [][]stmt{n.body}
	}
	return nil
}

func (c *compiler) stmts(body []stmt, s *scope) {
	for _, st := range body {
		c.stmt(st, s)
	}
}

func (c *compiler) stmt(st stmt, s *scope) {
	switch n := st.(type) {
	case *textNode:
		n.check = s.check
	case *printNode:
		n.check, n.esc = s.check, s.esc
		if s.esc == escapeDynamic && isConstant(n.x) && !filtered(n.x) {
			n.esc = s.constEsc
		}
		c.expr(n.x, s)
	case *groupNode:
		c.stmts(n.body, s)
	case *ifNode:
		c.ifNode(n, s)
	case *forNode:
		c.forNode(n, s)
	case *setNode:
		c.expr(n.x, s)
		c.target(n.target, s)
		n.export = s.topLevel
	case *setBlockNode:
		c.setBlock(n, s)
	case *macroNode:
		c.macro(n, s)
		n.target, n.export = s.ref(n.name), s.topLevel
	case *callBlockNode:
		c.macro(n.macro, s)
		c.expr(n.call, s)
	case *filterBlockNode:
		inner := s.inner(s.syms.fn)
		inner.syms.readStmts(n.body)
		inner.syms.readExpr(n.filter)
		c.stmts(n.body, inner)
		c.expr(n.filter, inner)
		n.scope = inner.syms.ops()
	case *withNode:
		c.withNode(n, s)
	case *autoescapeNode:
		c.autoescape(n, s)
	case *blockNode:
		c.blockUse(n, s)
	case *doNode:
		c.expr(n.x, s)
	case *jumpNode:
		if !s.inLoop {
			name := "break"
			if n.signal == signalContinue {
				name = "continue"
			}
			c.fail(n.span, "'%s' outside loop", name)
		}
	default:
		c.templateStmt(st, s)
	}
}

// templateStmt resolves the statements that name other templates.
func (c *compiler) templateStmt(st stmt, s *scope) {
	switch n := st.(type) {
	case *extendsNode:
		if !s.topLevel {
			c.fail(n.span, "cannot use extend from a non top-level scope")
		}
		n.again, n.known = c.extends > 0, c.knownExtends
		c.expr(n.template, s)
		if s.rootLevel {
			c.knownExtends = true
		}
		c.extends++
	case *includeNode:
		c.expr(n.template, s)
		if n.withContext {
			n.locals = s.syms.locals()
		}
	case *importNode:
		c.expr(n.template, s)
		n.target, n.export = s.ref(n.name), s.topLevel
		if n.withContext {
			n.locals = s.syms.locals()
		}
	case *fromImportNode:
		c.expr(n.template, s)
		for i := range n.names {
			n.names[i].target = s.ref(n.names[i].alias)
		}
		n.export = s.topLevel
		if n.withContext {
			n.locals = s.syms.locals()
		}
	default:
		panic(fmt.Sprintf("jinja: statement %T is not known to the compiler", st))
	}
}

func (c *compiler) ifNode(n *ifNode, s *scope) {
	soft := s.softened()
	for _, arm := range n.arms {
		if arm.test != nil {
			c.expr(arm.test, soft)
		}
		c.stmts(arm.body, soft)
		n.effects.collect(arm.body, true, s)
		n.jumps = n.jumps || jumps(arm.body)
	}
}

func (c *compiler) forNode(n *forNode, s *scope) {
	fn := s.syms.fn
	if n.recursive {
		n.fn = newFunc(fn)
		fn = n.fn
	}
	body, other := s.inner(fn), s.inner(fn)
	n.extended = n.recursive || findUndeclared(n.body, "loop")["loop"] || hasScopedBlock(n)
	if n.extended {
		n.loop = fn.refTo(body.syms.param("loop"))
	}
	c.checkLoopStores(n)
	body.syms.paramTarget(n.target)
	body.syms.readStmts(n.body)
	other.syms.readStmts(n.other)
	if n.test != nil {
		n.filter = newFunc(s.syms.fn)
		test := s.inner(n.filter)
		test.syms.paramTarget(n.target)
		test.syms.readExpr(n.test)
		n.filterTo = cloneTarget(n.target)
		c.target(n.filterTo, test)
		c.expr(n.test, test)
		n.filterOps = test.syms.ops()
	}
	c.expr(n.iter, s)
	c.target(n.target, body)
	body.inLoop = true
	c.stmts(n.body, body)
	n.scope = body.syms.ops()
	c.stmts(n.other, other)
	n.elseOps = other.syms.ops()
	n.effects.collect(n.body, false, s)
}

// checkLoopStores refuses to assign to the loop variable inside of a loop.
func (c *compiler) checkLoopStores(n *forNode) {
	check := func(t target) {
		if storesName(t, "loop") {
			c.fail(t.at(), "Can't assign to special loop variable in for-loop target")
		}
	}
	eachStmt(n, func(s stmt) {
		switch n := s.(type) {
		case *forNode:
			check(n.target)
		case *setNode:
			check(n.target)
		case *setBlockNode:
			check(n.target)
		}
	})
}

func storesName(t target, name string) bool {
	switch n := t.(type) {
	case *nameNode:
		return n.name == name
	case *tupleNode:
		for _, item := range n.items {
			if t, ok := item.(target); ok && storesName(t, name) {
				return true
			}
		}
	}
	return false
}

func hasScopedBlock(n *forNode) bool {
	found := false
	eachStmt(n, func(s stmt) {
		if b, ok := s.(*blockNode); ok && b.scoped {
			found = true
		}
	})
	return found
}

// cloneTarget copies a target for a second function.
func cloneTarget(t target) target {
	switch n := t.(type) {
	case *nameNode:
		c := *n
		return &c
	case *tupleNode:
		c := &tupleNode{span: n.span}
		for _, item := range n.items {
			t, _ := item.(target)
			x, _ := cloneTarget(t).(expr)
			c.items = append(c.items, x)
		}
		return c
	}
	return t
}

func (c *compiler) setBlock(n *setBlockNode, s *scope) {
	inner := s.inner(s.syms.fn)
	inner.check = false
	inner.syms.readStmts(n.body)
	if n.filter != nil {
		inner.syms.readExpr(n.filter)
	}
	c.stmts(n.body, inner)
	if n.filter != nil {
		c.expr(n.filter, inner)
	}
	n.scope = inner.syms.ops()
	c.target(n.target, s)
	n.export = s.topLevel
}

func (c *compiler) withNode(n *withNode, s *scope) {
	inner := s.inner(s.syms.fn)
	for _, t := range n.targets {
		inner.syms.readTarget(t)
	}
	inner.syms.readStmts(n.body)
	for i, t := range n.targets {
		c.target(t, inner)
		c.expr(n.values[i], s)
	}
	c.stmts(n.body, inner)
	n.scope = inner.syms.ops()
}

func (c *compiler) autoescape(n *autoescapeNode, s *scope) {
	inner := s.inner(s.syms.fn)
	inner.syms.readExpr(n.x)
	inner.syms.readStmts(n.body)
	c.expr(n.x, inner)
	inner.esc = escapeDynamic
	if k, ok := n.x.(*constNode); ok {
		inner.constEsc = escapeOff
		if truthOf(k.value) {
			inner.constEsc = escapeOn
		}
		if s.esc != escapeDynamic {
			inner.esc = inner.constEsc
		}
	}
	c.stmts(n.body, inner)
	n.scope = inner.syms.ops()
}

func (c *compiler) blockUse(n *blockNode, s *scope) {
	if s.topLevel {
		n.skip = c.knownExtends
		n.check = c.extends > 0
	}
	if n.scoped {
		n.locals = s.syms.locals()
	}
}
