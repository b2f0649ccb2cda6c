package jinja

import "strings"

// statement reads the inside of one statement tag and, if it has one, its
// body with all but the closing delimiter of the end tag.
func (p *parser) statement() stmt {
	t := *p.cur()
	if t.kind != tokName {
		p.fail("tag name expected")
	}
	parse := p.tagParser(t.text)
	if parse == nil {
		if t.text == "trans" || t.text == "pluralize" {
			p.fail("the tag '%s' is not supported: there is no translation", t.text)
		}
		p.unknownTag(t.text, p.ends)
	}
	p.tags = append(p.tags, openTag{t.text, span{t.start, t.end}})
	p.next()
	s := parse(t.start)
	p.tags = p.tags[:len(p.tags)-1]
	return s
}

// tagParser returns the method that reads the named tag, or nil.
func (p *parser) tagParser(name string) func(start int) stmt {
	switch name {
	case "for":
		return p.forTag
	case "if":
		return p.ifTag
	case "set":
		return p.setTag
	case "block":
		return p.blockDefTag
	case "extends":
		return p.extendsTag
	case "print":
		return p.printStatement
	case "macro":
		return p.macroTag
	case "include":
		return p.includeTag
	case "from":
		return p.fromTag
	case "import":
		return p.importTag
	case "with":
		return p.withTag
	case "autoescape":
		return p.autoescapeTag
	case "call":
		return p.callTag
	case "filter":
		return p.filterTag
	}
	if p.env.opts.StrictJinja {
		return nil
	}
	switch name {
	case "do":
		return p.doTag
	case "break":
		return func(start int) stmt { return &jumpNode{p.spanFrom(start), signalBreak} }
	case "continue":
		return func(start int) stmt { return &jumpNode{p.spanFrom(start), signalContinue} }
	}
	return nil
}

// target reads the target of an assignment and marks its names as stored.
func (p *parser) target(x expr) target {
	p.store(x, x.at())
	t, _ := x.(target)
	return t
}

func (p *parser) store(x expr, at span) {
	switch n := x.(type) {
	case *nameNode:
		n.ctx = ctxStore
		return
	case *tupleNode:
		for _, item := range n.items {
			p.store(item, at)
		}
		return
	}
	p.failAt(at, "can't assign to '%s'", nodeName(x))
}

// nodeName names the form of an expression for messages.
func nodeName(x expr) string {
	switch x.(type) {
	case *constNode:
		return "const"
	case *listNode:
		return "list"
	case *dictNode:
		return "dict"
	case *callNode:
		return "call"
	case *filterNode:
		return "filter"
	case *attrNode:
		return "getattr"
	case *itemNode, *sliceNode:
		return "getitem"
	}
	return "expression"
}

// storeName reads a single name to assign to.
func (p *parser) storeName() *nameNode {
	t := p.expect(tokName)
	at := span{t.start, t.end}
	switch t.text {
	case "true", "false", "none", "True", "False", "None":
		p.failAt(at, "can't assign to 'name'")
	}
	return &nameNode{span: at, name: t.text, ctx: ctxStore}
}

func (p *parser) forTag(start int) stmt {
	n := &forNode{}
	n.target = p.target(p.tuple(tupleOpts{simple: true, end: "in"}))
	p.expectName("in")
	n.iter = p.tuple(tupleOpts{end: "recursive"})
	if p.skipName("if") {
		n.test = p.expression()
	}
	n.recursive = p.skipName("recursive")
	n.span = p.spanFrom(start)
	n.body = p.body("endfor", "else")
	if p.next().text == "else" {
		n.other = p.closedBody("endfor")
		if n.other == nil {
			n.other = []stmt{}
		}
	}
	return n
}

func (p *parser) ifTag(start int) stmt {
	n := &ifNode{}
	arm := ifArm{test: p.tuple(tupleOpts{})}
	for {
		arm.span = p.spanFrom(start)
		arm.body = p.body("elif", "else", "endif")
		n.arms = append(n.arms, arm)
		t := p.next()
		start = t.start
		if t.text == "elif" {
			arm = ifArm{test: p.tuple(tupleOpts{})}
			continue
		}
		if t.text == "else" {
			arm = ifArm{span: span{t.start, t.end}}
			arm.body = p.closedBody("endif")
			n.arms = append(n.arms, arm)
		}
		n.span = n.arms[0].span
		return n
	}
}

func (p *parser) setTag(start int) stmt {
	var target target
	if p.is(tokName) && p.peek().kind == tokDot {
		ns := p.next()
		p.next()
		attr := p.expect(tokName)
		target = &nsNode{span: span{ns.start, attr.end}, name: ns.text, attr: attr.text}
	} else {
		target = p.target(p.tuple(tupleOpts{simple: true}))
	}
	if p.skipIf(tokAssign) {
		x := p.tuple(tupleOpts{cond: true})
		return &setNode{span: p.spanFrom(start), target: target, x: x}
	}
	n := &setBlockNode{target: target, filter: p.filterChain()}
	n.span = p.spanFrom(start)
	n.body = p.closedBody("endset")
	return n
}

// filterChain reads the filters that apply to a captured text: the result is
// the outermost, or nil if there is none.
func (p *parser) filterChain() *filterNode {
	var n *filterNode
	start := p.cur().start
	for k := 0; p.skipIf(tokPipe); p.link(&k) {
		n = p.chained(n, start)
	}
	return n
}

// chained reads one filter that applies to the one before, which may be nil.
func (p *parser) chained(inner *filterNode, start int) *filterNode {
	if inner == nil {
		return p.filter(nil, start)
	}
	return p.filter(inner, start)
}

func (p *parser) filterTag(start int) stmt {
	n := &filterBlockNode{}
	from := p.cur().start
	n.filter = p.chained(nil, from)
	for k := 0; p.skipIf(tokPipe); p.link(&k) {
		n.filter = p.chained(n.filter, from)
	}
	n.span = p.spanFrom(start)
	n.body = p.closedBody("endfilter")
	return n
}

func (p *parser) withTag(start int) stmt {
	n := &withNode{}
	for !p.is(tokBlockEnd) {
		if n.targets != nil {
			p.expect(tokComma)
		}
		x := p.tuple(tupleOpts{simple: true})
		n.targets = append(n.targets, p.target(x))
		markParams(x)
		p.expect(tokAssign)
		n.values = append(n.values, p.expression())
	}
	n.span = p.spanFrom(start)
	n.body = p.closedBody("endwith")
	return n
}

func markParams(x expr) {
	switch n := x.(type) {
	case *nameNode:
		n.ctx = ctxParam
	case *tupleNode:
		for _, item := range n.items {
			markParams(item)
		}
	}
}

func (p *parser) autoescapeTag(start int) stmt {
	n := &autoescapeNode{x: p.expression()}
	n.span = p.spanFrom(start)
	n.body = p.closedBody("endautoescape")
	return n
}

func (p *parser) blockDefTag(start int) stmt {
	t := p.expect(tokName)
	n := &blockNode{name: t.text}
	n.scoped = p.skipName("scoped")
	n.required = p.skipName("required")
	if p.is(tokSub) {
		p.fail("Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.")
	}
	n.span = p.spanFrom(start)
	for _, other := range p.blocks {
		if other.name == n.name {
			p.protect(func() { p.failAt(n.span, "block '%s' defined twice", n.name) })
		}
	}
	p.blocks = append(p.blocks, n)
	n.body = p.closedBody("endblock")
	if n.required {
		for _, s := range n.body {
			if text, ok := s.(*textNode); !ok || strings.TrimLeftFunc(text.text, isSpace) != "" {
				p.failAt(n.span, "Required blocks can only contain comments or whitespace")
			}
		}
	}
	p.skipName(n.name)
	return n
}

func (p *parser) extendsTag(start int) stmt {
	n := &extendsNode{template: p.expression()}
	n.span = p.spanFrom(start)
	return n
}

// contextClause reads "with context" or "without context".
func (p *parser) contextClause() (with, given bool) {
	if (p.isName("with") || p.isName("without")) && p.peek().isName("context") {
		with = p.next().text == "with"
		p.next()
		return with, true
	}
	return false, false
}

func (p *parser) includeTag(start int) stmt {
	n := &includeNode{template: p.expression()}
	if p.isName("ignore") && p.peek().isName("missing") {
		p.next()
		p.next()
		n.ignoreMissing = true
	}
	with, given := p.contextClause()
	n.withContext = with || !given
	n.span = p.spanFrom(start)
	return n
}

func (p *parser) importTag(start int) stmt {
	n := &importNode{template: p.expression()}
	p.expectName("as")
	n.name = p.storeName().name
	n.withContext, _ = p.contextClause()
	n.span = p.spanFrom(start)
	return n
}

func (p *parser) fromTag(start int) stmt {
	n := &fromImportNode{template: p.expression()}
	p.expectName("import")
	for {
		if n.names != nil {
			p.expect(tokComma)
		}
		if !p.is(tokName) {
			p.expect(tokName)
		}
		if with, given := p.contextClause(); given {
			n.withContext = with
			break
		}
		name := p.storeName()
		if strings.HasPrefix(name.name, "_") {
			p.failAt(name.span, "names starting with an underline can not be imported")
		}
		imported := importName{span: name.span, name: name.name, alias: name.name}
		if p.skipName("as") {
			imported.alias = p.storeName().name
		}
		n.names = append(n.names, imported)
		if with, given := p.contextClause(); given {
			n.withContext = with
			break
		}
		if !p.is(tokComma) {
			break
		}
	}
	n.span = p.spanFrom(start)
	return n
}

// signature reads the parameters of a macro or call block.
func (p *parser) signature(n *macroNode) {
	p.expect(tokLParen)
	for !p.is(tokRParen) {
		if n.params != nil {
			p.expect(tokComma)
		}
		param := p.storeName()
		param.ctx = ctxParam
		for _, other := range n.params {
			if other.name == param.name {
				p.failAt(param.span, "duplicate argument '%s' in function definition", param.name)
			}
		}
		if p.skipIf(tokAssign) {
			n.defaults = append(n.defaults, p.expression())
		} else if n.defaults != nil {
			p.fail("non-default argument follows default argument")
		}
		n.params = append(n.params, param)
	}
	p.expect(tokRParen)
}

func (p *parser) macroTag(start int) stmt {
	n := &macroNode{name: p.storeName().name}
	p.signature(n)
	n.span = p.spanFrom(start)
	n.body = p.closedBody("endmacro")
	return n
}

func (p *parser) callTag(start int) stmt {
	m := &macroNode{}
	if p.is(tokLParen) {
		p.signature(m)
	}
	x := p.expression()
	call, ok := x.(*callNode)
	if !ok {
		p.failAt(x.at(), "expected call")
	}
	n := &callBlockNode{span: p.spanFrom(start), call: call, macro: m}
	m.span = n.span
	m.body = p.closedBody("endcall")
	return n
}

func (p *parser) printStatement(start int) stmt {
	n := &groupNode{}
	for !p.is(tokBlockEnd) {
		if n.body != nil {
			p.expect(tokComma)
		}
		x := p.expression()
		n.body = append(n.body, &printNode{span: x.at(), x: x})
	}
	n.span = p.spanFrom(start)
	return n
}

func (p *parser) doTag(start int) stmt {
	x := p.tuple(tupleOpts{cond: true})
	return &doNode{span: p.spanFrom(start), x: x}
}
