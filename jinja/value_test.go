package jinja

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

func TestExpressions(t *testing.T) {
	env := mustNew(t, Options{Undefined: UndefinedStrict})
	for _, c := range []struct{ source, kind, text, tags string }{
		{"{{ b + 1 }}", "int", "3", "B"},
		{"{{ b }} ", "str", "2 ", "B"},
		{"x{{ a }}{{ b }}", "str", "xva2", "AB"},
		{"{{ d }}", "list", "['y', 'x']", "ABD"},
		{"{{ d|map('upper') }}", "list", "['Y', 'X']", "ABD"},
		{"{{ range(3) }}", "list", "[0, 1, 2]", ""},
		{"{{ {'k': a, 'l': [b]} }}", "dict", "{'k': 'va', 'l': [2]}", "AB"},
		{"{{ 1.5 }}", "float", "1.5", ""},
		{"{{ none }}", "NoneType", "None", ""},
		{"{{ c }}", "bool", "False", "C"},
		{"{{ a if b else c }}", "str", "va", "AB"},
		{"plain", "str", "plain", ""},
		{"", "str", "", ""},
		{"{% if c %}x{% endif %}", "str", "", "C"},
		{"{{ 1 }}\n", "str", "1\n", ""},
		{"{{ (1, a) }}", "tuple", "(1, 'va')", "A"},
	} {
		x, err := env.ParseValue("v", c.source)
		if err != nil {
			t.Fatal(err)
		}
		v, err := x.Eval(t.Context(), trackVars(), &setTracker{})
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		text, err := newState(t.Context(), env, nil, nil).strText(v)
		if err != nil || v.Kind().String() != c.kind || text != c.text || tagNames(v.Tag()) != c.tags {
			t.Errorf("%q: got %s %q %s, want %s %q %s", c.source, v.Kind(), text, tagNames(v.Tag()), c.kind, c.text, c.tags)
		}
	}
	x, err := env.ParseValue("v", "{{ nope }}")
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := x.Eval(t.Context(), nil, nil); !errors.As(err, &e) || e.Kind != ErrUndefined || e.Pos.Column != 4 {
		t.Errorf("got %v", err)
	}
}

func TestHasTemplate(t *testing.T) {
	env := mustNew(t, Options{})
	for s, want := range map[string]bool{"": false, "a b }}": false, "{ { x": false, "{{ x }}": true, "a {% x": true, "{# c": true} {
		if env.HasTemplate(s) != want {
			t.Errorf("HasTemplate(%q) is not %v", s, want)
		}
	}
	env = mustNew(t, Options{LineStatementPrefix: "#", VariableStart: "<<", VariableEnd: ">>"})
	if !env.HasTemplate("# for") || !env.HasTemplate("<<x>>") || env.HasTemplate("{{ x }}") {
		t.Error("other delimiters are not found")
	}
}

func TestFSLoader(t *testing.T) {
	fsys := fstest.MapFS{"sub/a": {Data: []byte("A{% include './sub//b' %}")}, "sub/b": {Data: []byte("B")}, "top": {Data: []byte("T")}}
	env := mustNew(t, Options{Loader: FSLoader(fsys)})
	tmpl, err := env.Load("sub/a")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := tmpl.Render(t.Context(), nil, nil); err != nil || string(out) != "AB" {
		t.Errorf("got %q, %v", out, err)
	}
	for _, name := range []string{"../top", "sub/../../x", "sub/../top", "", "sub", "/", "nope", "a\\b", "a\x00"} {
		var e *Error
		if _, err := env.Load(name); !errors.As(err, &e) || e.Kind != ErrNotFound || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load(%q): %v", name, err)
		}
	}
	if other, err := env.Load("sub/a"); err != nil || other != tmpl {
		t.Errorf("the template is parsed again: %v", err)
	}
}

// lazy counts what is read of it.
type lazy struct {
	read *[]string
	path string
}

func (l lazy) Get(key string) (Value, bool, error) {
	*l.read = append(*l.read, l.path+key)
	switch key {
	case "sub":
		return FromMapping(lazy{l.read, l.path + "sub."}), true, nil
	case "n":
		return Int(1), true, nil
	case "list":
		return List(Int(1), Int(2)), true, nil
	}
	return Value{}, false, nil
}

func (l lazy) Keys() ([]string, error) { return []string{"sub", "n", "list"}, nil }

func TestLazyReads(t *testing.T) {
	for _, c := range []struct{ source, want, reads string }{
		{"{{ m.n }}{{ m.sub.n }}{{ m.sub.n }}", "111", "m n sub sub.n sub.n"},
		{"{% if false %}{{ m.n }}{% endif %}", "", ""},
		{"{{ 1 or m.n }}", "1", ""},
		{"{{ 'n' in m }}{{ m|length }}", "True3", "m n"},
		{"{{ m.zz is defined }}{{ m.list[0] }}", "False1", "m zz list"},
		{"{% do m.list.append(3) %}{{ m.list }}{{ m.sub.list }}", "[1, 2, 3][1, 2]", "m list sub sub.list"},
		{"{% do m.update(q=1) %}{{ m.q }}{{ m|list }}", "1['sub', 'n', 'list', 'q']", "m sub n list"},
		{"{% for k in m %}{{ k }}{% endfor %}{% for k, v in m.items() if k == 'n' %}{{ v }}{% endfor %}", "subnlist1", "m sub n list"},
	} {
		var reads []string
		vars := mappingFunc(func(key string) (Value, bool, error) {
			reads = append(reads, key)
			return FromMapping(lazy{&reads, ""}), key == "m", nil
		})
		out, err := render(t, Options{}, c.source, vars)
		if err != nil || out != c.want || strings.Join(reads, " ") != c.reads {
			t.Errorf("%s: got %q, reads %v, %v; want %q, %s", c.source, out, reads, err, c.want, c.reads)
		}
	}
}

type mappingFunc func(key string) (Value, bool, error)

func (f mappingFunc) Get(key string) (Value, bool, error) { return f(key) }
func (f mappingFunc) Keys() ([]string, error)             { return nil, nil }

type squares int

func (s squares) Len() int                { return int(s) }
func (s squares) At(i int) (Value, error) { return Int(int64(i * i)), nil }

func TestSequence(t *testing.T) {
	vars := MapVars(map[string]Value{"s": FromSequence(squares(5))})
	out, err := render(t, Options{}, "{{ s }} {{ s[2] }} {{ s[-1] }} {{ s[9] is defined }} {{ s|length }} {{ s[1:3] }} {% for x in s %}{{ x }}{{ loop.last }}{% endfor %} {% do s.append(7) %}{{ s|last }} {{ s == [0,1,4,9,16,7] }} {{ 9 in s }}", vars)
	want := "[0, 1, 4, 9, 16] 4 16 False 5 [1, 4] 0False1False4False9False16True 7 True True"
	if err != nil || out != want {
		t.Errorf("got %q, %v\nwant %q", out, err, want)
	}
}

// TestChangesStay checks that what a template does to the caller's values
// is gone with the rendering.
func TestChangesStay(t *testing.T) {
	l := List(Int(1))
	d := Dict(Pair{String("k"), l})
	vars := MapVars(map[string]Value{"l": l, "d": d})
	for range 2 {
		out, err := render(t, Options{}, "{% do l.append(2) %}{% do d.k.append(3) %}{% do d.update(x=l) %}{{ l }}{{ d }}", vars)
		if want := "[1, 2, 3]{'k': [1, 2, 3], 'x': [1, 2, 3]}"; err != nil || out != want {
			t.Errorf("got %q, %v, want %q", out, err, want)
		}
	}
	if l.Len() != 1 || d.Len() != 1 {
		t.Error("the caller's values were changed")
	}
}

func TestCallerFunctions(t *testing.T) {
	o := Options{
		Filters: map[string]Func{"shout": func(c *Call) (Value, error) {
			s, err := c.Text(c.Args[0])
			mark, ok := c.Arg(1, "mark")
			if !ok {
				mark = String("!")
			}
			m, _ := mark.AsString()
			return String(strings.ToUpper(s) + m), err
		}},
		Tests:   map[string]Func{"long": func(c *Call) (Value, error) { return Bool(c.Args[0].Len() > 2), nil }},
		Globals: map[string]Value{"version": String("1.2"), "twice": FromFunc("twice", func(c *Call) (Value, error) { return List(c.Args[0], c.Args[0]), nil })},
	}
	out, err := render(t, o, "{{ 'a'|shout }}{{ 'a'|shout(mark='?') }}{{ [1,2,3] is long }}{{ version }}{{ twice(1) }}{{ ['x']|map('shout')|join }}{{ twice }}{{ [[1,2,3]]|select('long')|list }}", nil)
	if want := "A!A?True1.2[1, 1]X!<function twice>[[1, 2, 3]]"; err != nil || out != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

func TestAccessors(t *testing.T) {
	d := Dict(Pair{String("a"), Int(1)}, Pair{Int(2), Float(1.5)}, Pair{String("a"), Int(9)}, Pair{List(), Int(1)})
	var got []string
	for k, v := range d.Pairs() {
		got = append(got, fmt.Sprint(k.Kind(), " ", v.Kind()))
	}
	if d.Len() != 2 || strings.Join(got, ", ") != "str int, int float" {
		t.Errorf("got %v", got)
	}
	if v, ok, err := d.Lookup("a"); err != nil || !ok || v.int64() != 9 {
		t.Errorf("got %v, %v, %v", v, ok, err)
	}
	if s, ok := None().AsString(); ok || s != "" {
		t.Error("None is a text")
	}
	if n, ok := BigInt(Int(5).bigInt()).AsInt64(); !ok || n != 5 {
		t.Error("a small BigInt is not an int64")
	}
	if (Value{}).Kind() != KindUndefined || Int(1).WithTag(7).Tag() != 7 {
		t.Error("wrong kind or tag")
	}
}

func TestStrictPrint(t *testing.T) {
	o := Options{Undefined: UndefinedStrictPrint}
	out, err := render(t, o, "{% if x %}y{% else %}n{% endif %}{{ x is defined }}{{ x|default(1) }}{{ not x }}{{ x or 2 }}{{ 1 if x else 3 }}", nil)
	if want := "nFalse1True23"; err != nil || out != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	for _, source := range []string{"{{ x }}", "{{ x.y }}", "{% for i in x %}{% endfor %}", "{{ x ~ 'a' }}", "{{ x == 1 }}", "{{ x + 1 }}", "{{ [x] }}", "{{ x|upper }}", "{{ x|length }}", "{{ 1 in x }}"} {
		var e *Error
		if _, err := render(t, o, source, nil); !errors.As(err, &e) || e.Kind != ErrUndefined {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestStrictJinja(t *testing.T) {
	for _, source := range []string{"{% do 1 %}", "{% for x in [1] %}{% break %}{% endfor %}", "{{ {}.iteritems() }}", "{{ {}.has_key(1) }}"} {
		if _, err := render(t, Options{StrictJinja: true}, source, nil); err == nil {
			t.Errorf("%s is allowed", source)
		}
	}
	out, err := render(t, Options{}, "{{ {'a': 1}.iteritems()|list }}{{ {'a': 1}.has_key('a') }}{{ {'a': 1}.iterkeys()|list }}{{ {'a': 1}.itervalues()|list }}", nil)
	if want := "[('a', 1)]True['a'][1]"; err != nil || out != want {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{{NewlineSequence: "x"}, {BlockStart: "{{"}, {Undefined: 99}, {CommentEnd: "\n"}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// TestConcurrentUse renders one template in many goroutines, for the race
// detector.
func TestConcurrentUse(t *testing.T) {
	env := mustNew(t, Options{Loader: MapLoader(map[string]string{
		"main": "{% import 'lib' as l %}{% for x in items %}{{ l.f(x) }}{% endfor %}{% do items.append(1) %}{{ items|length }}",
		"lib":  "{% macro f(x) %}{{ x|upper }}{{ range(3)|random }}{% endmacro %}"})})
	vars := MapVars(map[string]Value{"items": List(String("a"), String("b"))})
	var wg sync.WaitGroup
	outs := make([]string, 8)
	for i := range outs {
		wg.Go(func() {
			tmpl, err := env.Load("main")
			if err != nil {
				t.Error(err)
				return
			}
			out, err := tmpl.Render(t.Context(), vars, &setTracker{})
			if err != nil {
				t.Error(err)
			}
			outs[i] = string(out)
		})
	}
	wg.Wait()
	for _, out := range outs {
		if out != outs[0] || !strings.HasSuffix(out, "3") {
			t.Errorf("got %q and %q", out, outs[0])
		}
	}
}
