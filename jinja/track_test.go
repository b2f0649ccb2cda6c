package jinja

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// setTracker stands for sets of tags: bit n of a tag is the name with that
// number.
type setTracker struct{ spans []Span }

func (t *setTracker) Union(a, b Tag) Tag {
	if a == 0 || b == 0 || a == b {
		panic(fmt.Sprintf("Union(%d, %d)", a, b))
	}
	return a | b
}

func (t *setTracker) Emit(s Span) { t.spans = append(t.spans, s) }

const (
	tagA Tag = 1 << iota
	tagB
	tagC
	tagD
)

func tagNames(t Tag) string {
	var b strings.Builder
	for i, name := range []string{"A", "B", "C", "D"} {
		if t&(1<<i) != 0 {
			b.WriteString(name)
		}
	}
	return b.String()
}

// trackVars are a, b, c and d with a tag each; a and b are true, c is false
// and d is a list.
func trackVars() Mapping {
	return MapVars(map[string]Value{
		"a": String("va").WithTag(tagA),
		"b": Int(2).WithTag(tagB),
		"c": Bool(false).WithTag(tagC),
		"d": List(String("y").WithTag(tagA), String("x").WithTag(tagB)).WithTag(tagD),
		"m": FromMapping(MapVars(map[string]Value{"k": String("vk").WithTag(tagC), "j": Int(1).WithTag(tagD)})),
		"p": List(Int(1), Int(2)),
	})
}

// spanText writes spans as "text:VALUE/CONTROL", with the line they come
// from in front if lines is set.
func spanText(out []byte, spans []Span) string {
	var b strings.Builder
	for i, s := range spans {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%s/%s", out[s.Start:s.End], tagNames(s.Value), tagNames(s.Control))
	}
	return b.String()
}

func TestSpans(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"x{{ a }}y", "x:/ va:A/ y:/"},
		{"{{ a ~ b }}{{ a|upper }}{{ b + 1 }}{{ b > 1 }}", "va2:AB/ VA:A/ 3:B/ True:B/"},
		{"{{ a if b }}{{ a if c }}{{ 1 if c else 2 }}", "va:AB/ :C/ 2:C/"},
		{"{{ a or b }}{{ c or a }}{{ c and a }}{{ not c }}", "va:A/ va:AC/ False:C/ True:C/"},
		{"{% if b %}T{% endif %}", "T:/B"},
		{"{% if c %}T{% endif %}z", ":/C z:/"},
		{"{% if c %}T{% elif b %}U{% else %}V{% endif %}", ":/C :/BC U:/BC"},
		{"{% if c %}{% set q = 1 %}{% endif %}{{ q }}", ":/C :C/"},
		{"{% set q = 1 %}{% if c %}{% set q = 2 %}{% endif %}{{ q }}", ":/C 1:C/"},
		{"{% set q = 1 %}{% if b %}{% set q = 2 %}{% endif %}{{ q }}", "2:B/"},
		{"{% set n = namespace(v=1) %}{% if c %}{% set n.v = 2 %}{% endif %}{{ n.v }}", ":/C 1:C/"},
		{"{% set n = namespace() %}{% for x in d %}{% set n.v = 2 %}{% endfor %}{{ n.v }}", "2:D/"},
		{"{% set n = namespace() %}{% for x in [] if c %}{% set n.v = 2 %}{% endfor %}{{ n.v }}", ""},
		{"{% set l = [] %}{% if c %}{% do l.append(1) %}{% endif %}{{ l }}{{ l|length }}", ":/C []:C/ 0:C/"},
		{"{% for x in d %}{{ x }},{% endfor %}", "y:A/D ,:/D x:B/D ,:/D"},
		{"{% for x in d|sort %}{{ x }}{% endfor %}", "x:B/ABD y:A/ABD"},
		{"{% for x in d if x == 'x' %}{{ x }}{% endfor %}", "x:B/ABD"},
		{"{% for x in c|default([], true) %}{{ x }}{% else %}E{% endfor %}", ":/C E:/C"},
		{"{{ d }}{{ d|join }}{{ d|length }}{{ d[0] }}{{ d|first }}", "['y', 'x']:ABD/ yx:ABD/ 2:D/ y:AD/ y:AD/"},
		{"{{ m.k }}{{ m['j'] }}{{ m.get('k') }}{{ m }}", "vk:C/ 1:D/ vk:C/ {'j': 1, 'k': 'vk'}:CD/"},
		{"{% for k, v in m.items() %}{{ k }}{{ v }}{% endfor %}", "j:/ 1:D/ k:/ vk:C/"},
		{"{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(a) }}{{ f(a)|upper }}{% set q = f(b) %}{{ q }}", "<:/ va:A/ >:/ <VA>:A/ <:/ 2:B/ >:/"},
		{"{% macro f() %}[{{ caller(a) }}]{% endmacro %}{% call(x) f() %}{{ x }}{{ b }}{% endcall %}", "[:/ va:A/ 2:B/ ]:/"},
		{"{% set q %}x{{ a }}{% if b %}y{% endif %}{% endset %}{{ q }}|{{ q ~ '' }}", "x:/ va:A/ y:/B |:/ xvay:AB/"},
		{"{% filter upper %}x{{ a }}{% if c %}{% endif %}{% endfilter %}", "XVA:AC/"},
		{"{% if b %}{% set q %}{{ a }}{% endset %}{{ q }}{% endif %}{{ q }}", "va:A/B va:A/"},
		{"{% if a is defined %}D{% endif %}{{ a is defined }}{{ zz|default(b) }}", "D:/A True:A/ 2:B/"},
		{"{% for x in p %}{% if c %}{% break %}{% endif %}{{ x }}{% endfor %}!", ":/C 1:/C :/C 2:/C !:/"},
		{"{{ p[b - 1] }}{{ 'abc'[b] }}{{ {'q': a}.q }}{{ [a, b][0] }}{{ (a, b) }}", "2:B/ c:B/ va:A/ va:A/ ('va', 2):AB/"},
		{"{% include 'i' %}{% import 'lib' as l %}{{ l.f(a) }}{{ l.v }}", "I:/ va:A/ va:A/ L:/ va:A/ 1:/"},
		{"{% if b %}{% include 'i' %}{% endif %}", "I:/B va:A/B"},
		{"{% set n = namespace(v=1) %}{% macro f() %}{% set n.v = 2 %}{% endmacro %}{% if b %}{{ f() }}{% endif %}{{ n.v }}", "2:B/"},
		{"{% set l = [] %}{% macro f() %}{% do l.append(1) %}{% endmacro %}{% if b %}{{ f() }}{% endif %}{{ l|length }}", "1:B/"},
		{"{% set y = cycler(1, 2) %}{% if b %}{% do y.next() %}{% endif %}{{ y.next() }}{{ joiner()() }}", "2:B/"},
		{"{% set l = [1] %}{% if c %}{% set w = l.pop() %}{% endif %}{{ l }}{{ w is defined }}", ":/C [1]:C/ False:C/"},
		{"{% block x %}{{ a }}{% endblock %}{{ self.x() }}", "va:A/ va:A/"},
		{"{% extends 'base' if b else '' %}{% block x %}{{ super() }}{{ a }}{% endblock %}", "B:/B b:/B va:A/B !:/B"},
		{"{{ d|map('upper')|list }}{{ d|select('eq', 'x')|list }}", "['Y', 'X']:ABD/ ['x']:ABD/"},
		{"{{ d|max }}{{ d|groupby(0)|length }}{{ p|sum }}{{ d|tojson }}", `y:ABD/ 2:ABD/ 3:/ ["y", "x"]:ABD/`},
		{"{{ '%s-%s' % (a, b) }}{{ '{}'.format(a) }}{{ a.upper() }}{{ d.index('x') }}", "va-2:AB/ va:A/ VA:A/ 1:ABD/"},
		{"{% for x in p %}{% if loop.index == b %}{{ x }}{% endif %}{% endfor %}", ":/B 2:/B"},
		{"{% for x in d %}{{ loop.index }}{{ loop.last }}{% endfor %}", "1:D/D False:D/D 2:D/D True:D/D"},
	} {
		env := mustNew(t, Options{Loader: MapLoader(map[string]string{
			"i":    "I{{ a }}",
			"lib":  "{% macro f(x) %}{{ x }}L{{ x }}{% endmacro %}{% set v = 1 %}",
			"base": "B{% block x %}b{% endblock %}!",
		})})
		tmpl, err := env.Parse("main", c.source)
		if err != nil {
			t.Fatal(err)
		}
		var tr setTracker
		out, err := tmpl.Render(t.Context(), trackVars(), &tr)
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		if got := spanText(out, tr.spans); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.source, got, c.want)
		}
		plain, err := tmpl.Render(t.Context(), trackVars(), nil)
		if err != nil || string(plain) != string(out) {
			t.Errorf("%s: with tracker %q, without %q, %v", c.source, out, plain, err)
		}
		checkCover(t, c.source, out, tr.spans)
	}
}

// checkCover reports bytes that are not covered exactly once, in order.
func checkCover(t testing.TB, source string, out []byte, spans []Span) {
	t.Helper()
	at := 0
	for _, s := range spans {
		if s.Start != at || s.End < s.Start {
			t.Errorf("%s: span %d-%d where %d was expected", source, s.Start, s.End, at)
			return
		}
		at = s.End
	}
	if at != len(out) {
		t.Errorf("%s: spans end at %d of %d bytes", source, at, len(out))
	}
}

func TestSpanPositions(t *testing.T) {
	env := mustNew(t, Options{TrimBlocks: true, Loader: MapLoader(map[string]string{
		"lib": "{% macro f(x) %}\nm{{ x }}\n{% endmacro %}",
	})})
	tmpl, err := env.Parse("main", "one\ntwo {{ 1 }} é {{ 2 }}\n{% from 'lib' import f %}\n{% if true %}\nin\n{% endif %}\n{{ f(3) }}")
	if err != nil {
		t.Fatal(err)
	}
	var tr setTracker
	out, err := tmpl.Render(t.Context(), nil, &tr)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range tr.spans {
		place := fmt.Sprintf("%q %s:%d:%d", out[s.Start:s.End], s.Pos.Template, s.Pos.Line, s.Pos.Column)
		for _, p := range s.Stack {
			place += fmt.Sprintf(" < %s:%d:%d", p.Template, p.Line, p.Column)
		}
		got = append(got, place)
	}
	want := []string{
		`"one\n" main:1:1`, `"two " main:2:1`, `"1" main:2:5`, `" é " main:2:12`, `"2" main:2:15`, `"\n" main:2:22`,
		`"in\n" main:5:1`, `"m" lib:2:1 < main:7:4`, `"3" lib:2:2 < main:7:4`, `"\n" lib:2:9 < main:7:4`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRandomSpans checks on random templates that listening does not change
// the output and that spans cover it.
func TestRandomSpans(t *testing.T) {
	for seed := range uint64(500) {
		r := newGen(seed).request()
		opts := r.Options.options()
		opts.Loader = MapLoader(r.Templates)
		tmpl, err := mustNew(t, opts).Load("main")
		if err != nil {
			continue
		}
		plain, plainErr := tmpl.Render(t.Context(), varsOf(t, r.Context), nil)
		var tr setTracker
		out, err := tmpl.Render(t.Context(), varsOf(t, r.Context), &tr)
		if (err == nil) != (plainErr == nil) || string(out) != string(plain) {
			t.Errorf("seed %d: with tracker %q, %v; without %q, %v", seed, out, err, plain, plainErr)
		}
		if err == nil {
			checkCover(t, fmt.Sprint("seed ", seed), out, tr.spans)
		}
	}
}
