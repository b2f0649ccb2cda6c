package jinja

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestErrorPlaces(t *testing.T) {
	vars := Vars(
		Pair{String("env"), Dict(Pair{String("host"), String("h")}, Pair{String("port"), Int(1)})},
		Pair{String("name"), String("n")})
	for _, c := range []struct{ source, want string }{
		{"a\n  {{ naem }}", `main:2:6: 'naem' is undefined (did you mean "name"?)`},
		{"{{ env.hots }}", `main:1:4: 'dict object' has no attribute 'hots' (did you mean "host"?)`},
		{"{{ env['prot'].x }}", `main:1:4: 'dict object' has no attribute 'prot' (did you mean "port"?)`},
		{"é{{ 1 + name }}", "main:1:5: unsupported operand type(s) for +: 'int' and 'str'"},
		{"{% for x in 5 %}{% endfor %}", "main:1:13: 'int' object is not iterable"},
		{"{{ name|indent(x) }}", "main:1:4: can't multiply sequence by non-int of type 'StrictUndefined'"},
		{"{{ name.nope() }}", "main:1:4: 'str object' has no attribute 'nope'"},
		{"{% include 'nope' %}", "main:1:12: template 'nope' not found: file does not exist"},
		{"{% include 'inc' %}", "inc:2:5: 'boom' is undefined"},
		{"{% from 'inc' import x %}\n{{ 1 }}", "inc:2:5: 'boom' is undefined"},
		{"{% include 'bad' %}", "bad:1:7: unexpected 'end of print statement'"},
	} {
		env := mustNew(t, Options{Undefined: UndefinedStrict, Loader: MapLoader(map[string]string{
			"inc": "x\n {{ boom }}", "bad": "{{ 1 +}}"})})
		tmpl, err := env.Parse("main", c.source)
		if err == nil {
			_, err = tmpl.Render(t.Context(), vars, nil)
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%q\ngot  %v\nwant %s", c.source, err, c.want)
		}
	}
}

func TestErrorDetails(t *testing.T) {
	env := mustNew(t, Options{Undefined: UndefinedStrict, Loader: MapLoader(map[string]string{
		"lib": "{% macro f(v) %}\n{{ v.user.nmae }}{% endmacro %}"})})
	tmpl, err := env.Parse("main", "{% from 'lib' import f %}\n  {{ f(d) }}")
	if err != nil {
		t.Fatal(err)
	}
	user := Dict(Pair{String("name"), String("secret")}, Pair{String("age"), Int(3)})
	_, err = tmpl.Render(t.Context(), Vars(Pair{String("d"), Dict(Pair{String("user"), user})}), nil)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if e.Kind != ErrUndefined || e.Pos != (Pos{"lib", 2, 4}) || e.Source != "{{ v.user.nmae }}{% endmacro %}" ||
		e.Expr != "v.user.nmae" || e.Name != "nmae" || e.Nearest != "name" || strings.Join(e.Keys, ",") != "name,age" {
		t.Errorf("got %+v", e)
	}
	if len(e.Stack) != 1 || e.Stack[0] != (Pos{"main", 2, 6}) {
		t.Errorf("stack %v", e.Stack)
	}
}

func TestSyntaxErrorsTogether(t *testing.T) {
	_, err := mustNew(t, Options{}).Parse("main",
		"{{ 1 + }}\n{% for x in %}\n{{ x| }}\n{% else %}{% endfor %}\n{% if a %}{{ b.. }}{% elif %}{{ c }}{% endif %}\n{% nosuch %}\n{{ 'x }}")
	var list ErrorList
	if !errors.As(err, &list) {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Error())
	}
	want := []string{
		"main:1:8: unexpected 'end of print statement'",
		"main:2:13: Expected an expression, got 'end of statement block'",
		"main:3:7: expected token 'name', got 'end of print statement'",
		"main:5:16: expected name or number",
		"main:5:28: Expected an expression, got 'end of statement block'",
		"main:6:4: Encountered unknown tag 'nosuch'.",
		`main:7:4: unexpected char '\'': the string does not end`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestErrorsKeepSecrets makes operations fail on a value and looks for it in
// everything the error says.
func TestErrorsKeepSecrets(t *testing.T) {
	const secret = "hunter2"
	vars := MapVars(map[string]Value{
		"p": String(secret), "l": List(String(secret)), "d": Dict(Pair{String("k"), String(secret)}),
		"n": Int(424242), "dd": Dict(Pair{String("x"), Int(1)})})
	for _, source := range []string{
		"{{ p + 1 }}", "{{ 1 + p }}", "{{ p - 1 }}", "{{ -p }}", "{{ p() }}", "{{ p.x.y }}", "{{ d[p].x }}", "{{ dd[p].x }}", "{{ l[p].x }}",
		"{{ p|filesizeformat }}", "{{ p|round }}", "{{ p|abs }}", "{{ [p, 1]|sort }}", "{{ [p, 1]|max }}", "{{ l|sum }}", "{{ p < 1 }}",
		"{{ 1 in n }}", "{{ n in p }}", "{{ '%d' % p }}", "{{ '%z' % p }}", "{{ p % 5 }}", "{{ '{:d}'.format(p) }}", "{{ '{x}'.format(p) }}",
		"{{ p.index('z') }}", "{{ l.index('z') }}", "{{ l.remove('z') }}", "{{ {}[l] }}", "{{ {l: 1} }}", "{{ dd.pop(p) }}", "{{ p|dictsort }}",
		"{{ p|items|list }}", "{% for a, b in l %}{% endfor %}", "{% set a, b = p %}", "{% include p %}", "{% include l %}", "{% import p as q %}",
		"{{ l|map(p)|list }}", "{{ l|select(p)|list }}", "{{ l|map(attribute=n).x }}", "{{ range(p) }}", "{{ range(1, 2, p) }}", "{{ dict(p) }}",
		"{{ p|center(p) }}", "{{ p|wordwrap(p) }}", "{{ p|truncate(p) }}", "{{ p|int(base=p) }}", "{{ p[p:] }}", "{{ p|batch(p)|list }}", "{{ p|slice(p)|list }}",
		"{{ p|groupby(p) }}", "{{ p|tojson(p) }}", "{{ {p: 1, 1: 2}|tojson }}", "{{ p|attr(1) }}", "{{ p|replace(1) }}", "{{ l|join(1, 2, 3) }}", "{{ p.join([1]) }}",
		"{{ p.split('') }}", "{{ p.startswith(1) }}", "{{ p.zfill(p) }}", "{{ p.format_map(1) }}", "{{ n.x() }}", "{{ p is divisibleby p }}", "{{ p is odd }}",
		"{{ p|urlize(extra_schemes=l) }}", "{{ {'a b': p, p: p}|xmlattr }}", "{{ p * p }}", "{{ l * l }}", "{{ p ** 2 }}", "{{ f(**d) }}", "{{ dict(**{n: 1}) }}",
		"{{ p|round(method=p) }}", "{{ d|dictsort(by=p) }}", "{% macro m() %}{% endmacro %}{{ m(p) }}", "{{ lipsum(p) }}", "{{ cycler(x=p) }}",
		"{{ ('%(' ~ p ~ ')s') % {} }}", "{{ ('{' ~ p ~ '}').format() }}", "{{ ('{0.' ~ p ~ '}').format(1) }}", "{{ ('{:' ~ p ~ '}').format(1) }}", "{{ d[p ~ 'x'].y }}", "{{ p[n].x }}",
	} {
		_, err := render(t, Options{Undefined: UndefinedStrict, Loader: MapLoader(nil)}, source, vars)
		if err == nil {
			t.Logf("no error: %s", source)
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: not an *Error: %v", source, err)
		}
		all := strings.Join(append(e.Keys, err.Error(), e.Message, e.Name, e.Nearest), " ")
		if strings.Contains(all, secret) || strings.Contains(all, "424242") {
			t.Errorf("%s: the error shows the value: %s", source, all)
		}
	}
}

type failingMapping struct{}

func (failingMapping) Get(string) (Value, bool, error) { return Value{}, false, errSealed }
func (failingMapping) Keys() ([]string, error)         { return nil, errSealed }

var errSealed = errors.New("sealed")

func TestCallerErrors(t *testing.T) {
	vars := MapVars(map[string]Value{
		"m": FromMapping(failingMapping{}),
		"f": FromFunc("f", func(*Call) (Value, error) { return Value{}, errSealed }),
	})
	for _, source := range []string{"\n{{ m.x }}", "\n{{ m }}", "\n{{ m|length }}", "\n{% for k in m %}{% endfor %}", "\n{{ f() }}", "\n{{ m.items()|list }}", "\n{{ 'a' in m }}"} {
		_, err := render(t, Options{}, source, vars)
		var e *Error
		if !errors.Is(err, errSealed) || !errors.As(err, &e) || e.Kind != ErrCaller || e.Pos.Line != 2 {
			t.Errorf("%q: got %v", source, err)
		}
	}
	if _, err := render(t, Options{}, "{{ x }}", failingMapping{}); !errors.Is(err, errSealed) {
		t.Errorf("got %v", err)
	}
}

func TestLimits(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for _, source := range []string{
		"{{ 'a' * 10**10 }}", "{{ range(10**12)|list }}", "{{ '%1000000000d' % 1 }}", "{{ '%.1000000000f' % 1 }}", "{{ '{:1000000000}'.format(1) }}",
		"{{ lipsum(n=10**9) }}", "{{ lipsum(min=10**12, max=10**13) }}", "{{ [1] * 10**10 }}", "{{ 'a'.center(10**10) }}",
		"{{ 'a'|center(10**10) }}", "{{ 'a\nb'|indent(10**10) }}", "{% for x in range(10**12) %}{% endfor %}", "{% for x in range(10**12) %}x{% endfor %}",
		"{% set l = [1] %}{% for x in l %}{% do l.append(1) %}{% endfor %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% include 'loop' %}",
		"{% extends 'ext' %}", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "{% block b %}{{ self.b() }}{% endblock %}",
		"{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
		"{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
		"{% set ns = namespace(l=[]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
		"{% set ns = namespace(l=[]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l == ns.l[:] }}{{ [ns.l, 1] == [ns.l[:], 2] }}{{ ns.l|tojson }}",
		"{{ range(10**9)|map('string')|join }}", "{{ (range(10**9)|sum) }}", "{{ ('a,' * 10**6).split(',')|map('center', 10**6)|join }}",
		"{{ range(10**6)|batch(1)|slice(10**9)|list }}", "{{ [1]|slice(10**9)|list|length }}", "{{ 'a\tb'.expandtabs(10**12) }}", "{{ ('a' * 10**6)|replace('', 'b' * 10**6) }}",
		"{{ 2**1000000 * 2**1000000 }}", "{% set ns = namespace(n=3) %}{% for i in range(1000) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
		"{{ ('x' * 1000)|wordwrap(1, true, 'y' * 10**7) }}", "{{ 'a'|batch(10**12, 'x')|list }}", "{{ 10**(10**10) }}", "{{ 9 ** (9 ** 9) }}", "{{ 'x'.zfill(10**11) }}",
		"{% set ns = namespace(t=(1, 2)) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ {ns.t: 1} }}",
		"{% set ns = namespace(t=()) %}{% for i in range(100000) %}{% set ns.t = (ns.t,) %}{% endfor %}{{ {ns.t: 1} }}",
		"{% set a = 'a' * 10**7 %}{% set b = 'a' * 10**7 %}{% for i in range(10**6) %}{% if a == b ~ '' or a < b or a in b or a|length < 3 or {a: 1}[b] == 2 or a.find('b') > 1 %}{% endif %}{% endfor %}",
		"{{ [[1] * 10**6] * 10**6 }}", "{{ dict([[1, 2]] * 10**8) }}", "{{ -1 in range(10**15)|map('abs') }}", "{{ ' ' * 10**6 }}{{ [[1]]|tojson(10**12) }}",
	} {
		// What no limit stops ends with the test's own deadline, and with another error than ErrLimit.
		env := mustNew(t, Options{Loader: MapLoader(map[string]string{"loop": "{% include 'loop' %}", "ext": "{% extends 'ext' %}"})})
		tmpl, err := env.Parse("main", source)
		if err != nil {
			t.Fatal(err)
		}
		out, err := tmpl.Render(ctx, nil, nil)
		var e *Error
		if !errors.As(err, &e) || e.Kind != ErrLimit {
			t.Errorf("%s: got %d bytes, %v", source, len(out), err)
		}
	}
}

func TestOutputLimit(t *testing.T) {
	env := mustNew(t, Options{Limits: Limits{Output: 10}})
	tmpl, err := env.Parse("main", "{% for i in range(9) %}abc{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err = tmpl.Render(t.Context(), nil, nil); !errors.As(err, &e) || e.Kind != ErrLimit {
		t.Errorf("got %v", err)
	}
}

func TestCanceled(t *testing.T) {
	tmpl, err := mustNew(t, Options{}).Parse("main", "{% for x in range(10**12) %}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = tmpl.Render(ctx, nil, nil)
	var e *Error
	if !errors.As(err, &e) || e.Kind != ErrCanceled || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
