package jinja

import "strings"

// expression reads an expression, with "x if y else z" among the operators.
func (p *parser) expression() expr {
	p.enter()
	defer p.leave()
	start := p.cur().start
	x := p.or()
	for p.skipName("if") {
		test := p.or()
		var other expr
		if p.skipName("else") {
			other = p.expression()
		}
		x = &condNode{p.spanFrom(start), test, x, other}
	}
	return x
}

func (p *parser) or() expr {
	start, n := p.cur().start, 0
	x := p.and()
	for p.skipName("or") {
		p.link(&n)
		r := p.and()
		x = &logicNode{p.spanFrom(start), false, x, r}
	}
	return x
}

func (p *parser) and() expr {
	start, n := p.cur().start, 0
	x := p.not()
	for p.skipName("and") {
		p.link(&n)
		r := p.not()
		x = &logicNode{p.spanFrom(start), true, x, r}
	}
	return x
}

func (p *parser) not() expr {
	if !p.isName("not") {
		return p.compare()
	}
	p.enter()
	defer p.leave()
	start := p.next().start
	x := p.not()
	return &notNode{p.spanFrom(start), x}
}

func (p *parser) compare() expr {
	start := p.cur().start
	x := p.sum()
	var rest []operand
	for n := 0; ; p.link(&n) {
		op, ok := p.compareOp()
		if !ok {
			break
		}
		rest = append(rest, operand{op, p.sum()})
	}
	if rest == nil {
		return x
	}
	return &compareNode{p.spanFrom(start), x, rest}
}

// compareOp reads a comparison operator if there is one.
func (p *parser) compareOp() (compareOp, bool) {
	switch t := p.cur(); {
	case t.kind >= tokEq && t.kind <= tokLe:
		ops := [...]compareOp{opEq, opNe, opGt, opGe, opLt, opLe}
		p.next()
		return ops[t.kind-tokEq], true
	case t.isName("in"):
		p.next()
		return opIn, true
	case t.isName("not") && p.peek().isName("in"):
		p.next()
		p.next()
		return opNotIn, true
	}
	return 0, false
}

func (p *parser) sum() expr {
	start, n := p.cur().start, 0
	x := p.concat()
	for p.is(tokAdd) || p.is(tokSub) {
		p.link(&n)
		op := p.next().kind
		r := p.concat()
		x = &binaryNode{p.spanFrom(start), op, x, r}
	}
	return x
}

func (p *parser) concat() expr {
	start, n := p.cur().start, 0
	x := p.product()
	if !p.is(tokTilde) {
		return x
	}
	parts := []expr{x}
	for p.skipIf(tokTilde) {
		p.link(&n)
		parts = append(parts, p.product())
	}
	return &concatNode{span: p.spanFrom(start), parts: parts}
}

func (p *parser) product() expr {
	start, n := p.cur().start, 0
	x := p.power()
	for p.is(tokMul) || p.is(tokDiv) || p.is(tokFloorDiv) || p.is(tokMod) {
		p.link(&n)
		op := p.next().kind
		r := p.power()
		x = &binaryNode{p.spanFrom(start), op, x, r}
	}
	return x
}

func (p *parser) power() expr {
	start, n := p.cur().start, 0
	x := p.unary(true)
	for p.skipIf(tokPow) {
		p.link(&n)
		r := p.unary(true)
		x = &binaryNode{p.spanFrom(start), tokPow, x, r}
	}
	return x
}

// unary reads signs, a primary expression and what follows it. Filters do
// not apply to the operand of a sign but to the whole.
func (p *parser) unary(withFilter bool) expr {
	start := p.cur().start
	var x expr
	if p.is(tokSub) || p.is(tokAdd) {
		p.enter()
		op := p.next().kind
		operand := p.unary(false)
		p.leave()
		x = &unaryNode{p.spanFrom(start), op, operand}
	} else {
		x = p.primary()
	}
	x = p.postfix(x, start)
	if withFilter {
		x = p.filters(x, start)
	}
	return x
}

func (p *parser) primary() expr {
	t := *p.cur()
	at := span{t.start, t.end}
	switch t.kind {
	case tokName:
		p.next()
		switch t.text {
		case "true", "True":
			return &constNode{at, Bool(true)}
		case "false", "False":
			return &constNode{at, Bool(false)}
		case "none", "None":
			return &constNode{at, None()}
		}
		return &nameNode{span: at, name: t.text}
	case tokString:
		var b strings.Builder
		for p.is(tokString) {
			b.WriteString(p.next().text)
		}
		return &constNode{p.spanFrom(t.start), Value{kind: KindString, ref: b.String(), literal: true}}
	case tokInteger:
		p.next()
		n := BigInt(t.big)
		n.literal = true
		return &constNode{at, n}
	case tokFloat:
		p.next()
		return &constNode{at, Float(t.float)}
	case tokLParen:
		p.next()
		x := p.tuple(tupleOpts{cond: true, parens: true})
		p.expect(tokRParen)
		return x
	case tokLBracket:
		return p.list()
	case tokLBrace:
		return p.dict()
	}
	p.fail("unexpected '%s'", t.describe())
	return nil
}

func (p *parser) list() expr {
	start := p.next().start
	var items []expr
	for !p.is(tokRBracket) {
		if items != nil {
			p.expect(tokComma)
		}
		if p.is(tokRBracket) {
			break
		}
		items = append(items, p.expression())
	}
	p.expect(tokRBracket)
	return &listNode{p.spanFrom(start), items}
}

func (p *parser) dict() expr {
	start := p.next().start
	var keys, values []expr
	for !p.is(tokRBrace) {
		if keys != nil {
			p.expect(tokComma)
		}
		if p.is(tokRBrace) {
			break
		}
		keys = append(keys, p.expression())
		p.expect(tokColon)
		values = append(values, p.expression())
	}
	p.expect(tokRBrace)
	return &dictNode{p.spanFrom(start), keys, values}
}

// tupleOpts say what a tuple may hold and where it ends.
type tupleOpts struct {
	simple bool   // only primary expressions: the target of an assignment
	cond   bool   // with conditional expressions
	parens bool   // inside parentheses, where it may be empty
	end    string // a name that ends it, too
}

// tuple reads expressions separated by commas. A single one without a comma
// stands for itself.
func (p *parser) tuple(o tupleOpts) expr {
	start := p.cur().start
	var items []expr
	isTuple := false
	for {
		if items != nil {
			p.expect(tokComma)
		}
		if p.tupleEnd(o.end) {
			break
		}
		items = append(items, p.tupleItem(o))
		if !p.is(tokComma) {
			break
		}
		isTuple = true
	}
	if !isTuple {
		if items != nil {
			return items[0]
		}
		if !o.parens {
			p.fail("Expected an expression, got '%s'", p.cur().describe())
		}
	}
	return &tupleNode{p.spanFrom(start), items}
}

func (p *parser) tupleItem(o tupleOpts) expr {
	p.enter()
	defer p.leave()
	switch {
	case o.simple:
		return p.primary()
	case o.cond:
		return p.expression()
	}
	return p.or()
}

func (p *parser) tupleEnd(end string) bool {
	return p.is(tokVariableEnd) || p.is(tokBlockEnd) || p.is(tokRParen) || end != "" && p.isName(end)
}

// postfix reads attributes, subscripts and calls.
func (p *parser) postfix(x expr, start int) expr {
	for n := 0; ; p.link(&n) {
		switch p.cur().kind {
		case tokDot, tokLBracket:
			x = p.subscript(x, start)
		case tokLParen:
			args := p.callArgs()
			x = &callNode{p.spanFrom(start), x, args}
		default:
			return x
		}
	}
}

// filters reads filters, tests, and calls of their results.
func (p *parser) filters(x expr, start int) expr {
	for n := 0; ; p.link(&n) {
		switch t := p.cur(); {
		case t.kind == tokPipe:
			p.next()
			x = p.filter(x, start)
		case t.isName("is"):
			x = p.test(x, start)
		case t.kind == tokLParen:
			args := p.callArgs()
			x = &callNode{p.spanFrom(start), x, args}
		default:
			return x
		}
	}
}

func (p *parser) subscript(x expr, start int) expr {
	if p.next().kind == tokDot {
		t := p.next()
		switch t.kind {
		case tokName:
			return &attrNode{p.spanFrom(start), x, t.text}
		case tokInteger:
			n := BigInt(t.big)
			n.literal = true
			return &itemNode{p.spanFrom(start), x, &constNode{span{t.start, t.end}, n}}
		}
		p.failAt(span{t.start, t.end}, "expected name or number")
	}
	argStart := p.cur().start
	var args []expr
	var slice *sliceNode
	for !p.is(tokRBracket) {
		if args != nil || slice != nil {
			p.expect(tokComma)
			if slice != nil {
				p.fail("a slice cannot be part of a tuple")
			}
		}
		arg, s := p.subscriptArg()
		if s != nil && args != nil {
			p.fail("a slice cannot be part of a tuple")
		}
		if s != nil {
			slice = s
		} else {
			args = append(args, arg)
		}
	}
	argSpan := p.spanFrom(argStart)
	p.expect(tokRBracket)
	switch {
	case slice != nil:
		slice.span, slice.x = p.spanFrom(start), x
		return slice
	case len(args) == 1:
		return &itemNode{p.spanFrom(start), x, args[0]}
	}
	return &itemNode{p.spanFrom(start), x, &tupleNode{argSpan, args}}
}

// subscriptArg reads one subscript: an expression or a slice.
func (p *parser) subscriptArg() (expr, *sliceNode) {
	s := &sliceNode{}
	if !p.is(tokColon) {
		x := p.expression()
		if !p.is(tokColon) {
			return x, nil
		}
		s.start = x
	}
	p.next()
	if !p.is(tokColon) && !p.is(tokRBracket) && !p.is(tokComma) {
		s.stop = p.expression()
	}
	if p.skipIf(tokColon) && !p.is(tokRBracket) && !p.is(tokComma) {
		s.step = p.expression()
	}
	return nil, s
}

// callArgs reads arguments in parentheses.
func (p *parser) callArgs() callArgs {
	open := p.expect(tokLParen)
	var a callArgs
	ensure := func(ok bool) {
		if !ok {
			p.failAt(span{open.start, open.end}, "invalid syntax for function call expression")
		}
	}
	for comma := false; !p.is(tokRParen); comma = true {
		if comma {
			p.expect(tokComma)
			if p.is(tokRParen) {
				break
			}
		}
		switch {
		case p.is(tokMul):
			ensure(a.dynArgs == nil && a.dynKwargs == nil)
			p.next()
			a.dynArgs = p.expression()
		case p.is(tokPow):
			ensure(a.dynKwargs == nil)
			p.next()
			a.dynKwargs = p.expression()
		case p.is(tokName) && p.peek().kind == tokAssign:
			ensure(a.dynKwargs == nil)
			name := p.next()
			p.next()
			for _, kw := range a.kwargs {
				if kw.name == name.text {
					p.failAt(span{name.start, name.end}, "keyword argument repeated: %s", name.text)
				}
			}
			a.kwargs = append(a.kwargs, kwarg{name.text, p.expression()})
		default:
			ensure(a.dynArgs == nil && a.dynKwargs == nil && a.kwargs == nil)
			a.args = append(a.args, p.expression())
		}
	}
	p.expect(tokRParen)
	return a
}

// dottedName reads the name of a filter or test.
func (p *parser) dottedName() string {
	name := p.expect(tokName).text
	for p.skipIf(tokDot) {
		name += "." + p.expect(tokName).text
	}
	return name
}

// filter reads one filter; the bar is already read.
func (p *parser) filter(x expr, start int) *filterNode {
	n := &filterNode{x: x, name: p.dottedName()}
	if p.is(tokLParen) {
		n.callArgs = p.callArgs()
	}
	n.span = p.spanFrom(start)
	return n
}

func (p *parser) test(x expr, start int) expr {
	p.next()
	negated := p.skipName("not")
	n := &testNode{x: x, name: p.dottedName()}
	if p.is(tokLParen) {
		n.callArgs = p.callArgs()
	} else if p.testArgument() {
		if p.isName("is") {
			p.fail("You cannot chain multiple tests with is")
		}
		argStart := p.cur().start
		p.enter()
		n.args = []expr{p.postfix(p.primary(), argStart)}
		p.leave()
	}
	n.span = p.spanFrom(start)
	if negated {
		return &notNode{n.span, n}
	}
	return n
}

// testArgument tells whether an argument without parentheses follows.
func (p *parser) testArgument() bool {
	switch t := p.cur(); t.kind {
	case tokName:
		return t.text != "else" && t.text != "or" && t.text != "and"
	case tokString, tokInteger, tokFloat, tokLBracket, tokLBrace:
		return true
	}
	return false
}
