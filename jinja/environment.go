package jinja

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

// Environment holds the configuration that templates share. It is safe for
// use by many goroutines.
type Environment struct {
	opts    Options
	syntax  syntax
	limits  Limits
	filters map[string]*builtin
	tests   map[string]*builtin
	globals map[string]Value
	methods methodTables

	mu    sync.Mutex
	cache map[string]*Template
}

// New checks the options and returns an environment with them.
func New(o Options) (*Environment, error) {
	e := &Environment{opts: o, limits: o.Limits.withDefaults(), cache: map[string]*Template{}}
	e.syntax = syntax{
		blockStart: cmp.Or(o.BlockStart, "{%"), blockEnd: cmp.Or(o.BlockEnd, "%}"),
		variableStart: cmp.Or(o.VariableStart, "{{"), variableEnd: cmp.Or(o.VariableEnd, "}}"),
		commentStart: cmp.Or(o.CommentStart, "{#"), commentEnd: cmp.Or(o.CommentEnd, "#}"),
		linePrefix: o.LineStatementPrefix, lineComment: o.LineCommentPrefix,
		newline: cmp.Or(o.NewlineSequence, "\n"), trim: o.TrimBlocks, lstrip: o.LstripBlocks,
		keepNewline: o.KeepTrailingNewline,
	}
	if err := e.syntax.check(); err != nil {
		return nil, err
	}
	if o.Undefined > UndefinedStrictPrint {
		return nil, fmt.Errorf("jinja: no undefined mode %d", o.Undefined)
	}
	e.methods = newMethodTables(o.StrictJinja)
	e.filters = builtinFilters()
	e.tests = builtinTests()
	e.globals = builtinGlobals()
	for name, f := range o.Filters {
		e.filters[name] = &builtin{name: name, fn: f, foreign: true}
	}
	for name, f := range o.Tests {
		e.tests[name] = &builtin{name: name, fn: f, foreign: true}
	}
	for name, v := range o.Globals {
		e.globals[name] = v
	}
	return e, nil
}

// check refuses delimiters that cannot work and orders the openers.
func (s *syntax) check() error {
	if s.newline != "\n" && s.newline != "\r\n" && s.newline != "\r" {
		return errors.New(`jinja: NewlineSequence must be "\n", "\r\n" or "\r"`)
	}
	if s.blockStart == s.variableStart || s.blockStart == s.commentStart || s.variableStart == s.commentStart {
		return errors.New("jinja: block, variable and comment start strings must be different")
	}
	for _, d := range []string{s.blockStart, s.blockEnd, s.variableStart, s.variableEnd,
		s.commentStart, s.commentEnd, s.linePrefix, s.lineComment} {
		if strings.ContainsAny(d, "\r\n") || !utf8.ValidString(d) {
			return errors.New("jinja: a delimiter must be UTF-8 without line ends")
		}
	}
	s.rules = []openRule{{openComment, s.commentStart}, {openBlock, s.blockStart}, {openVariable, s.variableStart}}
	if s.linePrefix != "" {
		s.rules = append(s.rules, openRule{openLineStatement, s.linePrefix})
	}
	if s.lineComment != "" {
		s.rules = append(s.rules, openRule{openLineComment, s.lineComment})
	}
	// Of rules of the same length the one whose Jinja2 name comes last in
	// the alphabet is tried first.
	names := map[openKind]string{openComment: "comment", openBlock: "block", openVariable: "variable",
		openLineStatement: "linestatement", openLineComment: "linecomment"}
	sort.SliceStable(s.rules, func(i, j int) bool {
		a, b := s.rules[i], s.rules[j]
		if len(a.text) != len(b.text) {
			return len(a.text) > len(b.text)
		}
		return names[a.kind] > names[b.kind]
	})
	return nil
}

// Parse parses a template. name is for messages and for [Pos]. The error is
// an [*Error] or an [ErrorList].
func (e *Environment) Parse(name, source string) (*Template, error) {
	t := &Template{env: e, name: name}
	if !utf8.ValidString(source) {
		return nil, &Error{Kind: ErrSyntax, Pos: Pos{name, 1, 1}, Message: "the template is not UTF-8"}
	}
	t.src = e.syntax.normalize(source)
	if err := t.parse(e.syntax.tokenize(t.src)); err != nil {
		return nil, err
	}
	return t, nil
}

// parse builds the tree of the template from its tokens.
func (t *Template) parse(tokens []token) error {
	p := &parser{env: t.env, tmpl: t, tokens: tokens}
	var body []stmt
	if !p.protect(func() { body, _ = p.parse() }) || len(p.errs) > 0 {
		slices.SortStableFunc(p.errs, func(a, b *Error) int {
			return cmp.Or(a.Pos.Line-b.Pos.Line, a.Pos.Column-b.Pos.Column)
		})
		return p.errs.asError()
	}
	c := &compiler{tmpl: t}
	return c.compile(body, p.blocks)
}

// Load returns the named template of the Loader. A template is parsed once;
// later calls return the same one.
func (e *Environment) Load(name string) (*Template, error) {
	e.mu.Lock()
	t := e.cache[name]
	e.mu.Unlock()
	if t != nil {
		return t, nil
	}
	if e.opts.Loader == nil {
		return nil, &Error{Kind: ErrRuntime, Message: "no loader for this environment specified"}
	}
	source, err := e.opts.Loader.Load(name)
	if err != nil {
		if isNotFound(err) {
			return nil, &Error{Kind: ErrNotFound, Message: fmt.Sprintf("template '%s' not found", name), Name: name, Err: fs.ErrNotExist}
		}
		return nil, &Error{Kind: ErrCaller, Message: fmt.Sprintf("cannot load template '%s'", name), Name: name, Err: err}
	}
	if t, err = e.Parse(name, source); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if other := e.cache[name]; other != nil {
		return other, nil
	}
	e.cache[name] = t
	return t, nil
}

// HasTemplate says whether s contains anything that a template would not
// print as it is. It only looks for the opening delimiters and the line
// prefixes, so it may say yes to a text with a stray one.
func (e *Environment) HasTemplate(s string) bool {
	for _, r := range e.syntax.rules {
		if strings.Contains(s, r.text) {
			return true
		}
	}
	return false
}

// Template is a parsed template. It is safe for use by many goroutines.
type Template struct {
	env  *Environment
	name string
	src  string

	fn       *funcInfo
	scope    scopeOps
	body     []stmt
	blocks   map[string]*blockNode
	self     slotRef
	usesSelf bool

	linesOnce sync.Once
	lines     []int // offsets of line starts
}

// Name returns the name that the template was parsed with.
func (t *Template) Name() string { return t.name }

// Render renders the template with vars, which may be nil, and reports
// origins to tr, which may be nil. The error is an [*Error], or an
// [ErrorList] if another template that was loaded cannot be parsed.
func (t *Template) Render(ctx context.Context, vars Mapping, tr Tracker) ([]byte, error) {
	st := newState(ctx, t.env, vars, tr)
	if err := st.canceled(); err != nil {
		return nil, err
	}
	if err := st.renderRoot(t); err != nil {
		return nil, err
	}
	return st.out.buf, nil
}

// pos returns the place of an offset of the source.
func (t *Template) pos(offset int) Pos {
	t.linesOnce.Do(func() {
		t.lines = append(t.lines, 0)
		for i := 0; i < len(t.src); i++ {
			if t.src[i] == '\n' {
				t.lines = append(t.lines, i+1)
			}
		}
	})
	line := sort.SearchInts(t.lines, offset+1)
	start := t.lines[line-1]
	return Pos{t.name, line, utf8.RuneCountInString(t.src[start:min(offset, len(t.src))]) + 1}
}

// maxExpr is the length at which the text of an expression is cut off in an
// error.
const maxExpr = 200

// errorAt adds the place to an error that has none yet.
func (t *Template) errorAt(e *Error, at span) *Error {
	if e.Pos.Line > 0 {
		return e
	}
	e.Pos = t.pos(at.start)
	start := t.lines[e.Pos.Line-1]
	line, _, _ := strings.Cut(t.src[start:], "\n")
	e.Source = line
	e.Expr = t.text(at)
	return e
}

// text returns the source of a span.
func (t *Template) text(at span) string {
	s := t.src[at.start:min(at.end, len(t.src))]
	if len(s) > maxExpr {
		cut := maxExpr
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return s
}
