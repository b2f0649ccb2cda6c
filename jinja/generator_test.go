package jinja

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

// templateGen writes random templates. They are meant to be right more often
// than wrong, so that most of them get past their first expression.
type templateGen struct {
	rand  *rand.Rand
	depth int
	loops int
	// vars are the names that templates set and read.
	macros int
}

func newGen(seed uint64) *templateGen {
	return &templateGen{rand: rand.New(rand.NewPCG(seed, 7))}
}

var generatorContext = func() []byte {
	raw, err := os.ReadFile("testdata/oracle-context.json")
	if err != nil {
		return []byte("{}")
	}
	return raw
}()

func (g *templateGen) request() request {
	r := request{Templates: map[string]string{}, Context: generatorContext}
	pick := func(xs ...string) string { return g.pick(xs...) }
	r.Options.Trim, r.Options.Lstrip, r.Options.Keep = g.chance(2), g.chance(2), g.chance(2)
	r.Options.Autoescape = g.chance(3)
	r.Options.Undefined = pick("", "", "", "strict", "chainable", "debug")
	if g.chance(8) {
		r.Options.Newline = pick("\r\n", "\r", "\n")
	}
	if g.chance(4) {
		r.Options.LinePrefix, r.Options.LineNote = pick(".", "#", "%", "%%"), pick(";.", "##", "//", "")
	}
	parts := map[string]bool{}
	main := g.body(1 + g.rand.IntN(3))
	switch g.rand.IntN(10) {
	case 0, 1:
		main = "{% extends " + pick(`"base"`, `"base"`, `"mid"`) + " %}" + g.blocks() + main
	case 2:
		main = "{% import 'lib' as lib" + pick("", " with context") + " %}" + main + "{{ lib.f(" + g.expr(1) + ") }}{{ lib.v }}"
	case 3:
		main = "{% from 'lib' import f, v as w" + pick("", " with context") + " %}" + main + "{{ f(1, b=" + g.expr(1) + ") }}{{ w }}"
	}
	r.Templates["main"] = g.mangle(main, &r)
	parts["main"] = true
	r.Templates["base"] = g.mangle("B["+g.blocks()+g.body(2)+"]", &r)
	r.Templates["mid"] = "{% extends 'base' %}" + g.blocks()
	r.Templates["inc"] = "I" + g.body(2)
	r.Templates["lib"] = "{% macro f(a, b=" + g.expr(1) + ") %}" + g.body(2) + "{{ a }}{{ b }}{% endmacro %}{% set v = " + g.expr(1) + " %}{% set _p = 1 %}"
	if g.chance(5) {
		g.delimiters(&r)
	}
	return r
}

// delimiters rewrites the templates with other delimiters.
func (g *templateGen) delimiters(r *request) {
	sets := [][6]string{
		{"<%", "%>", "${", "}", "<!--", "-->"}, {"<%", "%>", "<%=", "%>", "<%#", "%>"}, {"[%", "%]", "[[", "]]", "[#", "#]"},
		{"@", "@@", "@=", "=@", "@#", "#@"}, {"{%-", "-%}", "{{-", "-}}", "{#-", "-#}"}, {"BEGIN", "END", "(((", ")))", "/*", "*/"},
	}
	d := sets[g.rand.IntN(len(sets))]
	r.Options.BlockStart, r.Options.BlockEnd, r.Options.VariableStart = d[0], d[1], d[2]
	r.Options.VariableEnd, r.Options.CommentStart, r.Options.CommentEnd = d[3], d[4], d[5]
	replace := strings.NewReplacer("{%", d[0], "%}", d[1], "{{", d[2], "}}", d[3], "{#", d[4], "#}", d[5])
	for name, source := range r.Templates {
		r.Templates[name] = replace.Replace(source)
	}
}

// mangle adds line statements and damages a few templates.
func (g *templateGen) mangle(s string, r *request) string {
	if r.Options.LinePrefix != "" {
		p := r.Options.LinePrefix
		if r.Options.LineNote != "" && g.chance(2) {
			s = strings.Replace(s, "\n", g.pick(" ", "", "\t")+r.Options.LineNote+" note {{ x }}\n", 1)
		}
		s += fmt.Sprintf("\n%s%sfor q in %s%s%s\n %s\n%s%sendfor%s\n", g.pick("", "  "), p, g.list(1), g.pick("", ":"), g.pick("", " ", "\n"),
			g.body(1), g.pick("", " "), p, g.pick("", "\n\n"))
	}
	if g.chance(20) && len(s) > 2 {
		i := g.rand.IntN(len(s))
		for i > 0 && s[i]&0xc0 == 0x80 {
			i--
		}
		j := min(len(s), i+1+g.rand.IntN(3))
		for j < len(s) && s[j]&0xc0 == 0x80 {
			j++
		}
		s = s[:i] + g.pick("", "{%", "%}", "}}", "{{", "(", ")", "'", " ", "|", "-", "\n", "{#") + s[j:]
	}
	if g.chance(10) {
		s = strings.ReplaceAll(s, "\n", g.pick("\r\n", "\r"))
	}
	return s
}

func (g *templateGen) chance(n int) bool { return g.rand.IntN(n) == 0 }

func (g *templateGen) pick(xs ...string) string { return xs[g.rand.IntN(len(xs))] }

func (g *templateGen) blocks() string {
	var b strings.Builder
	for _, name := range []string{"one", "two", "three"} {
		if g.chance(2) {
			fmt.Fprintf(&b, "{%% block %s%s %%}%s%s{%% endblock %%}", name, g.pick("", "", " scoped"), g.body(2), g.pick("", "", "{{ super() }}", "{{ self.one() if false }}"))
		}
	}
	return b.String()
}

func (g *templateGen) body(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(g.statement())
	}
	return b.String()
}

func (g *templateGen) tag(inside string) string {
	return "{%" + g.pick("", "", "", "", "-", "+") + " " + inside + " " + g.pick("", "", "", "-", "+") + "%}" + g.pick("", "", "\n", "\n\n")
}

func (g *templateGen) name() string { return g.pick("x", "y", "q", "s", "n", "l", "i") }

func (g *templateGen) statement() string {
	if g.depth > 3 {
		return g.output()
	}
	g.depth++
	defer func() { g.depth-- }()
	switch g.rand.IntN(22) {
	case 0, 1, 2:
		return g.tag("if "+g.expr(2)) + g.body(1) + g.elses() + g.tag("endif")
	case 3, 4, 5:
		return g.loop()
	case 6, 7:
		return g.tag("set " + g.name() + " = " + g.expr(2))
	case 8:
		return g.tag("set "+g.name()+g.pick("", "", " | upper", " | replace('a', 'b') | trim")) + g.body(1) + g.tag("endset")
	case 9:
		return g.tag("with "+g.name()+" = "+g.expr(1)+", y = "+g.expr(1)) + g.body(2) + g.tag("endwith")
	case 10:
		return g.tag("filter "+g.pick("upper", "trim", "indent(2)", "title|replace('A', 'b')", "e", "wordwrap(10)")) + g.body(2) + g.tag("endfilter")
	case 11:
		return g.macro()
	case 12:
		return g.tag("include " + g.pick("'inc'", "'nope' ignore missing", "['nope', 'inc']"))
	case 13:
		return g.tag("autoescape "+g.pick("true", "false", "n", "z")) + g.body(2) + g.tag("endautoescape")
	case 14:
		return g.tag("set ns = namespace(v="+g.expr(1)+")") + g.tag("for i in "+g.list(1)) + "{% set ns.v = " + g.expr(1) + " %}{{ ns.v }}" + g.tag("endfor") + "{{ ns.v }}"
	case 15:
		return g.pick("{# note #}", "{#- note -#}", "{# a\nb #}\n", "{% raw %}{{ x }}{% endraw %}", "{%- raw -%} {% if %} {%- endraw %}", "  {% raw %}\n a {% endraw -%}\n", "{#+ x +#}\n")
	case 16:
		return g.tag("do [].append(" + g.expr(1) + ")")
	}
	return g.output() + g.text()
}

func (g *templateGen) text() string {
	return g.pick("", " ", "\n", "a", "  ", "text\n", "\n  ", "<b>", "é\n", "\n\n", ".", " # x", "\t", "  \n")
}

func (g *templateGen) elses() string {
	s := ""
	if g.chance(4) {
		s += g.tag("elif "+g.expr(1)) + g.body(1)
	}
	if g.chance(2) {
		s += g.tag("else") + g.body(1)
	}
	return s
}

func (g *templateGen) loop() string {
	head := "for " + g.pick("i", "x", "y") + " in " + g.list(2)
	if g.chance(5) {
		head = "for k, v in " + g.pick("d.items()", "{'b': 1, 'a': 2}|dictsort", "[(1, 2), (3, 4)]", "nest|items", "users|groupby('grp')")
	}
	if g.chance(4) {
		head += " if " + g.pick("i", "x is string", "y", "i is string", g.expr(1))
	}
	g.loops++
	body := g.body(1 + g.rand.IntN(2))
	if g.chance(2) {
		body += "{{ loop." + g.pick("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "previtem", "nextitem", "cycle('a', 'b')", "changed(i)") + " }}"
	}
	if g.chance(5) {
		body += g.tag("if "+g.expr(1)) + g.tag(g.pick("break", "continue")) + g.tag("endif") + g.body(1)
	}
	g.loops--
	s := g.tag(head) + body
	if g.chance(4) {
		s += g.tag("else") + g.body(1)
	}
	return s + g.tag("endfor")
}

func (g *templateGen) macro() string {
	g.macros++
	name := fmt.Sprintf("m%d", g.rand.IntN(3))
	args := g.pick("a", "a, b=1", "a=x, b=a", "i, x=5")
	body := g.body(2) + g.pick("", "{{ a }}", "{{ varargs }}", "{{ varargs }}{{ kwargs }}", "{{ caller(1) if caller is defined }}", "{{ caller(a) if caller }}", "{{ i }}{{ x }}")
	s := g.tag("macro "+name+"("+args+")") + body + g.tag("endmacro")
	call := name + "(" + g.pick("", "1", "1", g.expr(1), g.expr(1), "*l", "a=1") + ")"
	if g.chance(2) {
		return s + g.tag("call"+g.pick("", "(x)", "(x=1)")+" "+call) + g.body(1) + "{{ x }}" + g.tag("endcall")
	}
	return s + "{{ " + call + " }}"
}

func (g *templateGen) output() string {
	return "{{" + g.pick("", "", "", "-") + " " + g.expr(1+g.rand.IntN(2)) + " " + g.pick("", "", "", "-") + "}}"
}

// wild tells whether to write something that is probably wrong.
func (g *templateGen) wild() bool { return g.chance(60) }

// expr writes an expression of any type.
func (g *templateGen) expr(depth int) string {
	if depth <= 0 {
		return g.atom()
	}
	switch g.rand.IntN(15) {
	case 0, 1:
		return g.number(depth)
	case 2, 3, 4, 5:
		return g.str(depth)
	case 6, 7, 8:
		return g.list(depth)
	case 9:
		return g.dict(depth)
	case 10, 11:
		return g.boolean(depth)
	case 12:
		return "(" + g.expr(depth-1) + ")"
	case 13:
		return g.expr(depth-1) + " if " + g.expr(depth-1) + " else " + g.expr(depth-1)
	}
	if g.wild() {
		return g.atom() + g.pick(".q", "|attr('q')", ".x.q", "()", "[x]", "|nosuch", " is nosuch", g.anyFilter(), "|int|upper|first")
	}
	return "(" + g.expr(depth-1) + ") ~ " + g.atom()
}

func (g *templateGen) atom() string {
	return g.pick("x", "y", "q", "i", "s", "html", "uni", "multi", "n", "neg", "z", "f", "big", "t", "no", "none", "l", "ls", "mixed", "empty", "d", "ed",
		"nest", "users", "1", "0", "2.5", "'a'", "\"b c\"", "[]", "{}", "()", "[1, 2]", "(1,)", "true", "nope", "nest.x.y", "users[0]", "l[0]", "d.a", "long", "-1", "3 * 4", "'<x>'|safe")
}

func (g *templateGen) number(depth int) string {
	if depth <= 0 {
		return g.pick("1", "2", "5", "7", "n", "neg", "f", "-3", "2.5", "big", "true", "1e3", "0.1", "10", "l|length", "z")
	}
	switch g.rand.IntN(5) {
	case 0, 1:
		return g.number(depth-1) + " " + g.pick("+", "-", "*") + " " + g.number(depth-1)
	case 2:
		return g.number(depth-1) + " " + g.pick("/ 2", "/ 3", "// 3", "// -2", "% 7", "% -3", "% 1.5", "// 0.5", "** 2", "** 3", "** -2", "** 7", "/ 0.3")
	case 3:
		return "(" + g.number(depth-1) + ")" + g.pick("|abs", "|round", "|round(1)", "|int", "|float", "|round(0, 'floor')", "|filesizeformat", "|string", "|round(-1)", "|int|string|length")
	}
	return g.ints(depth-1) + g.pick("|length", "|sum", "|first", "|last", "|max", "|min", "|count")
}

func (g *templateGen) str(depth int) string {
	if depth <= 0 {
		return g.pick("s", "html", "uni", "multi", "e", "'abc'", "\"it's\"", "'<i>'|safe", "long", "'1'", "'x\\ny'", "'a,b'", "'-5'", "' 1.5 '")
	}
	x := g.str(depth - 1)
	switch g.rand.IntN(7) {
	case 0:
		return x + " ~ " + g.str(depth-1)
	case 1:
		return "(" + x + ")[" + g.pick("0", "-1", "1:", ":3", "::-1", "1:4:2", "-3:", "99") + "]|string"
	case 2:
		return "(" + x + ")." + g.pick("upper()", "lower()", "title()", "strip()", "split()|join('/')", "split(' ', 1)|last", "replace('a', 'b')", "find('l')|string",
			"startswith('h')|string", "center(12)", "zfill(8)", "splitlines()|join('|')", "partition(' ')|join", "rsplit('l', 1)|first", "swapcase()", "capitalize()", "isalpha()|string",
			"count('l')|string", "join(ls)", "lstrip('<h')", "expandtabs()", "istitle()|string", "ljust(9, '.')", "rpartition('l')[1]", "casefold()", "removeprefix('h')")
	case 3:
		return g.pick("'%s-%s'", "'%5s|%-5s'", "'<%s>%r'", "'%(a)s'", "'{}'") + g.pick(" % (1, 2)", " % ('a', html)", "|format(1, html)", " % {'a': 1}", ".format(html, 1)")
	}
	return "(" + x + ")" + g.strFilter()
}

func (g *templateGen) strFilter() string {
	if g.wild() {
		return g.anyFilter()
	}
	return g.pick("|upper", "|lower", "|title", "|capitalize", "|trim", "|e", "|escape", "|forceescape", "|safe", "|striptags", "|length|string", "|reverse",
		"|replace('l', 'L')", "|replace('<', '>', 1)", "|center(20)", "|truncate(8)", "|truncate(8, true, '!')", "|wordwrap(6)", "|wordwrap(4, false)",
		"|wordcount|string", "|indent", "|indent(2, true)", "|indent('>', blank=true)", "|urlencode", "|tojson", "|list|string", "|first|string", "|last|string", "|int|string", "|float|string", "|string",
		"|default('d', true)", "|urlize", "|pprint", "|batch(3)|list|string", "|unique|join", "|sort|join", "|int(7, 16)|string", "|upper|e|title",
		"|d", "|join('-')", "|map('upper')|join", "|trim('<h')", "|wordwrap(9, true, '<')", "|replace('b', html)", "|reverse|list|string")
}

// ints, strs and users write lists of one type.
func (g *templateGen) ints(depth int) string {
	if depth <= 0 {
		return g.pick("l", "range(3)", "range(1, 8, 3)", "[1, 2, 2]", "(3, 1)", "[n, neg, f]", "d.values()|list", "[5]", "[big, 1, true]")
	}
	x := "(" + g.ints(depth-1) + ")"
	return x + g.pick("|list", "|sort", "|sort(reverse=true)", "|unique|list", "|reverse|list", "|select('odd')|list + [4]", "|reject('even')|list + [1]", "|map('abs')|list",
		"|list + [9]", "|list * 2", "[1:]|list or [1]", "[::-1]|list", "|batch(2, 0)|map('sum')|list", "|slice(2)|map('length')|list", "|select('gt', 1)|list or [7]", "|map('round', 1)|list")
}

func (g *templateGen) strs(depth int) string {
	if depth <= 0 {
		return g.pick("ls", "s|list", "['x', 'Y', html]", "s.split()", "users|map(attribute='name')|list", "multi.splitlines()", "d|list", "['<'|safe, '<']", "('a', 'b')|list", "[s]")
	}
	x := "(" + g.strs(depth-1) + ")"
	return x + g.pick("|list", "|sort", "|sort(true)", "|sort(case_sensitive=true)", "|unique|list", "|unique(true)|list", "|reverse|list", "|map('upper')|list", "|map('e')|list", "|map('replace', 'a', '<')|list",
		"|select('upper')|list + ['q']", "|map('title')|list", "[1:] + ['z']", "|map('length')|map('string')|list", "|map('center', 5)|list", "|batch(2)|map('join')|list", "|groupby(0)|map(attribute='grouper')|list")
}

func (g *templateGen) records(depth int) string {
	return g.pick("users", "users|sort(attribute='age')", "users|sort(attribute='age,name')", "users|selectattr('age', 'gt', 26)|list", "users|rejectattr('grp', 'eq', 'x')|list",
		"users|reverse|list", "users|unique(attribute='grp')|list", "users[1:]", "users|sort(attribute='name', reverse=true)") +
		g.pick("", "|map(attribute='name')|list", "|groupby('grp')", "|sum(attribute='age')", "|max(attribute='age')", "|join(',', attribute='name')", "|map(attribute='zip', default=0)|list", "|first", "|tojson", "|pprint")
}

func (g *templateGen) list(depth int) string {
	switch g.rand.IntN(10) {
	case 0, 1, 2:
		return g.ints(depth)
	case 3, 4, 5:
		return g.strs(depth)
	case 6:
		return g.records(depth)
	case 7:
		return g.pick("mixed", "empty", "d", "s", "nest.l", "nope", "tree", "d.items()", "d.keys()")
	}
	if depth <= 0 {
		return "l"
	}
	if g.wild() {
		return g.atom() + g.anyFilter()
	}
	if g.chance(3) {
		return "[" + g.expr(depth-1) + ", " + g.expr(depth-1) + "]"
	}
	return "(" + g.list(depth-1) + ")" + g.listFilter()
}

// listFilter writes filters that work on lists with any elements and yield
// something to iterate over.
func (g *templateGen) listFilter() string {
	return g.pick("|list", "|reverse|list", "|map('string')|list", "|select|list", "|reject('none')|list", "|batch(2)|list", "|batch(2, 0)|list", "|slice(2)|list", "|slice(2, 'f')|list",
		"|join(', ')", "|join", "|tojson", "|pprint", "|string", "|default([], true)", "|map('default', 1)|list", "|select('string')|list", "|select('in', [1, 'a'])|list", "|join('<')",
		"|map('e')|list", "|map('pprint')|join", "|map('tojson')|list", "|list|length|string", "|list|first|string", "|list|last|string", "|rejectattr('grp')|list", "|selectattr('nope', 'undefined')|list")
}

func (g *templateGen) dict(depth int) string {
	if depth <= 0 {
		return g.pick("d", "ed", "nest", "users[0]", "{}", "{'a': 1}", "{1: 2}", "dict(a=1, b=s)")
	}
	if g.chance(2) {
		return "{" + g.pick("'a'", "n", "s", "'x' ~ n", "none", "(1, 2)") + ": " + g.expr(depth-1) + ", 'k': " + g.expr(depth-1) + "}"
	}
	return "(" + g.dict(depth-1) + ")" + g.pick(".a", "['b']", ".get('a')", ".get('zz', 5)", ".items()|list", ".keys()|list", "|items|list", "|length", "|list", "|pprint", ".copy()",
		"|first", "|join", ".name", "|string", ".pop('a', 0)", ".values()|list", ".keys()|map('string')|sort", "|urlencode")
}

func (g *templateGen) boolean(depth int) string {
	if depth <= 0 {
		return g.pick("true", "false", "t", "no", "x is defined", "nope is defined", "1 == 1.0", "none is none")
	}
	a, b := g.expr(depth-1), g.expr(depth-1)
	switch g.rand.IntN(7) {
	case 0:
		return "not " + a
	case 1:
		return a + g.pick(" and ", " or ") + b
	case 2:
		return a + " " + g.pick("==", "!=") + " " + b
	case 3:
		return a + g.pick(" in ", " not in ") + "(" + g.list(depth-1) + ")|list"
	case 4:
		return g.number(depth-1) + " < " + g.number(depth-1) + " <= " + g.number(depth-1)
	case 5:
		return g.str(depth-1) + g.pick(" < ", " >= ") + g.str(depth-1)
	}
	return a + g.pick(" is ", " is not ") + g.pick("defined", "undefined", "none", "string", "number", "mapping", "sequence", "iterable", "callable",
		"true", "false", "boolean", "integer", "float", "lower", "upper", "escaped", "in l", "sameas none", "eq 1", "ne b")
}

// anyFilter writes a filter that may not fit.
func (g *templateGen) anyFilter() string {
	return g.pick("|dictsort", "|dictsort(by='value')", "|items|list", "|xmlattr", "|sum", "|max", "|min", "|sort", "|abs", "|round", "|format(1)", "|filesizeformat", "|groupby('grp')", "|unique|list",
		"|indent", "|wordwrap(5)", "|truncate(3)", "|batch(0)|list", "|slice(0)|list", "|float", "|int", "|tojson", "|replace(1, 2)", "|join(1)", "|random is defined", "|length", "|first", "|last", "|map('x')|list")
}
