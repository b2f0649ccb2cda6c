package jinja

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// maxNesting is how deep expressions and statements may nest.
	maxNesting = 200
	// maxChain is how many operators, filters or attributes may follow each
	// other in one expression.
	maxChain = 500
	// maxErrors is how many syntax errors of one template are reported.
	maxErrors = 10
)

// parser builds the tree of one template. A syntax error is thrown as a
// panic with a *Error and caught at the next statement boundary, behind
// which parsing goes on to find more of them.
type parser struct {
	env    *Environment
	tmpl   *Template
	tokens []token
	i      int
	errs   ErrorList
	nested int
	// tags are the names of the tags that are open, and ends the names that
	// may end each of them.
	tags []openTag
	ends [][]string
	// unclosed tells that the error being thrown is a missing end tag.
	unclosed bool
	// blocks collects the blocks in order.
	blocks []*blockNode
}

// openTag is a tag whose end tag is still to come.
type openTag struct {
	name string
	at   span
}

// parse returns the statements of the template.
func (p *parser) parse() ([]stmt, error) {
	body := p.statements(nil)
	return body, p.errs.asError()
}

func (p *parser) cur() *token { return &p.tokens[p.i] }

func (p *parser) peek() *token {
	if p.i+1 < len(p.tokens) {
		return &p.tokens[p.i+1]
	}
	return &p.tokens[p.i]
}

// next moves on and returns the token it was at.
func (p *parser) next() token {
	t := p.tokens[p.i]
	if t.kind == tokError {
		p.failAt(span{t.start, t.end}, "%s", t.text)
	}
	if p.i+1 < len(p.tokens) {
		p.i++
	}
	return t
}

// spanFrom is the span from an offset to the end of the last token read.
func (p *parser) spanFrom(start int) span {
	end := start
	if p.i > 0 {
		end = max(p.tokens[p.i-1].end, start)
	}
	return span{start, end}
}

// failAt throws a syntax error.
func (p *parser) failAt(at span, format string, args ...any) {
	panic(p.tmpl.errorAt(failf(ErrSyntax, format, args...), at))
}

// fail throws a syntax error at the current token, or the error of the lexer
// if there is one.
func (p *parser) fail(format string, args ...any) {
	t := p.cur()
	if t.kind == tokError {
		p.failAt(span{t.start, t.end}, "%s", t.text)
	}
	p.failAt(span{t.start, t.end}, format, args...)
}

func (p *parser) is(kind tokenKind) bool { return p.cur().kind == kind }

func (p *parser) isName(name string) bool { return p.cur().isName(name) }

func (p *parser) skipIf(kind tokenKind) bool {
	if p.is(kind) {
		p.next()
		return true
	}
	return false
}

func (p *parser) skipName(name string) bool {
	if p.isName(name) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(kind tokenKind) token {
	if !p.is(kind) {
		p.unexpected(kind.describe())
	}
	return p.next()
}

func (p *parser) expectName(name string) token {
	if !p.isName(name) {
		p.unexpected(name)
	}
	return p.next()
}

func (p *parser) unexpected(want string) {
	if p.is(tokEOF) {
		p.fail("unexpected end of template, expected '%s'.", want)
	}
	p.fail("expected token '%s', got '%s'", want, p.cur().describe())
}

// enter counts one level of nesting; leave takes it back.
func (p *parser) enter() {
	p.nested++
	if p.nested > maxNesting {
		p.fail("nested too deeply")
	}
}

func (p *parser) leave() { p.nested-- }

// link counts the links of a chain.
func (p *parser) link(n *int) {
	*n++
	if *n > maxChain {
		p.fail("expression too long")
	}
}

// protect runs f and records a syntax error that it throws. It reports
// whether f went through.
func (p *parser) protect(f func()) (ok bool) {
	nested, tags, ends := p.nested, len(p.tags), len(p.ends)
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		err, isError := r.(*Error)
		if !isError {
			panic(r)
		}
		ok = false
		p.nested, p.tags, p.ends = nested, p.tags[:tags], p.ends[:ends]
		// A tag that is not closed is most likely a consequence of another
		// error.
		if len(p.errs) == 0 || len(p.errs) < maxErrors && !p.unclosed {
			p.errs = append(p.errs, err)
		}
		p.unclosed = false
	}()
	f()
	return true
}

// statements reads statements up to one of the end tags, at whose name it
// stops, or up to the end of the template.
func (p *parser) statements(ends []string) []stmt {
	var body []stmt
	if ends != nil {
		p.ends = append(p.ends, ends)
		defer func() { p.ends = p.ends[:len(p.ends)-1] }()
	}
	for {
		switch t := p.cur(); t.kind {
		case tokEOF:
			return body
		case tokData:
			body = append(body, &textNode{span: span{t.start, t.end}, text: t.text})
			p.next()
		case tokBlockBegin:
			if next := p.peek(); next.kind == tokName && slices.Contains(ends, next.text) {
				p.next()
				return body
			}
			body = p.guarded(body, p.blockTag)
		case tokVariableBegin:
			body = p.guarded(body, p.printTag)
		default:
			// What is left of a tag behind an error.
			if t.kind == tokError {
				p.protect(func() { p.fail("") })
			}
			p.i++
		}
	}
}

// guarded appends the statement that parse reads, or skips it if it is
// wrong.
func (p *parser) guarded(body []stmt, parse func() stmt) []stmt {
	start := p.i
	ok := p.protect(func() {
		p.enter()
		if s := parse(); s != nil {
			body = append(body, s)
		}
		p.leave()
	})
	if !ok {
		p.recover(start)
	}
	return body
}

// recover moves behind the tag in which an error was found. If that tag
// opens a body, it also reads that, so that its end tag is not taken for
// another error.
func (p *parser) recover(start int) {
	if len(p.errs) >= maxErrors {
		p.i = len(p.tokens) - 1
		return
	}
	p.skipTag()
	if p.tokens[start].kind != tokBlockBegin {
		return
	}
	end, ok := bodyEnd(p.tokens[start+1].text)
	for ok && !p.is(tokEOF) {
		p.statements([]string{end, "elif", "else"})
		ok = !p.isName(end)
		p.skipTag()
	}
}

// skipTag moves behind the end of the tag that is being read.
func (p *parser) skipTag() {
	for !p.is(tokEOF) && !p.is(tokData) {
		k := p.cur().kind
		p.i++
		if k == tokBlockEnd || k == tokVariableEnd {
			return
		}
	}
}

// bodyEnd names the tag that ends the body of another.
func bodyEnd(tag string) (string, bool) {
	switch tag {
	case "for", "if", "macro", "call", "filter", "with", "block", "autoescape":
		return "end" + tag, true
	}
	return "", false
}

func (p *parser) printTag() stmt {
	start := p.next().start
	x := p.tuple(tupleOpts{cond: true})
	p.expect(tokVariableEnd)
	return &printNode{span: p.spanFrom(start), x: x}
}

func (p *parser) blockTag() stmt {
	p.next()
	s := p.statement()
	p.expect(tokBlockEnd)
	return s
}

// unknownTag throws the error for a tag that does not belong here. name is
// empty at the end of the template.
func (p *parser) unknownTag(name string, ends [][]string) {
	var b strings.Builder
	if name == "" {
		b.WriteString("Unexpected end of template.")
	} else {
		fmt.Fprintf(&b, "Encountered unknown tag '%s'.", name)
	}
	if len(ends) > 0 {
		looking := "'" + strings.Join(ends[len(ends)-1], "' or '") + "'"
		mistake := false
		for _, e := range ends {
			mistake = mistake || name != "" && slices.Contains(e, name)
		}
		if mistake {
			b.WriteString(" You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for " + looking + ".")
		} else {
			b.WriteString(" Jinja was looking for the following tags: " + looking + ".")
		}
	}
	if len(p.tags) > 0 {
		inner := p.tags[len(p.tags)-1]
		fmt.Fprintf(&b, " The innermost block that needs to be closed is '%s'.", inner.name)
		if name == "" {
			p.unclosed = true
			p.failAt(inner.at, "%s", b.String())
		}
	}
	p.fail("%s", b.String())
}

// body reads the statements between a tag and its end tag, at whose name it
// stops.
func (p *parser) body(ends ...string) []stmt {
	p.skipIf(tokColon)
	p.expect(tokBlockEnd)
	body := p.statements(ends)
	if p.is(tokEOF) {
		p.unknownTag("", append(p.ends, ends))
	}
	return body
}

// closedBody reads the statements up to the only possible end tag, and the
// name of that tag.
func (p *parser) closedBody(end string) []stmt {
	body := p.body(end)
	p.next()
	return body
}
