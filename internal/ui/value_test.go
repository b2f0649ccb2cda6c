package ui

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
)

func at(line int) facsimile.Origin { return facsimile.Origin{Src: 1, Line: uint32(line), Col: 1} }

func m(pairs ...any) facsimile.Value {
	var entries []facsimile.Entry
	for i := 0; i < len(pairs); i += 2 {
		entries = append(entries, facsimile.Entry{Key: pairs[i].(string), Value: pairs[i+1].(facsimile.Value)})
	}
	return facsimile.MapAt(entries, at(1))
}

func str(s string) facsimile.Value { return facsimile.StringAt(s, at(2)) }

func list(items ...facsimile.Value) facsimile.Value { return facsimile.ListAt(items, at(3)) }

func written(v facsimile.Value, o ValueOptions) string {
	page := &Page{width: defaultWidth}
	page.Value(v, o)
	return page.buf.String()
}

func TestValueForPeople(t *testing.T) {
	v := m(
		"title", str("The Shop (beta)"),
		"version", str("1.4.2"),
		"looks_like", str("12"),
		"port", facsimile.IntAt(8080, at(4)),
		"nothing", facsimile.NullAt(at(5)),
		"empty", list(),
		"password", facsimile.HiddenAt("3f2a91c07be1aa00", at(6)),
		"derived", facsimile.HiddenAt("", at(6)),
		"cookie", facsimile.PendingAt("secrets/api/cookie", at(7)),
		"home", facsimile.DeferredAt("node", "./run/{{ node.name }}", at(8)),
		"replicas", list(
			m("name", str("api.0"), "ports", list(facsimile.IntAt(1, at(9)), facsimile.IntAt(2, at(9)))),
			m("name", str("api.1"), "tags", m("a", str("x"))),
			list(list(str("deep"))),
		),
		"script", str("first\n\n  second\n"),
		"bell", str("ding\a"),
	)
	want := `title: The Shop (beta)
version: 1.4.2
looks_like: "12"
port: 8080
nothing: null
empty: []
password: (secret 3f2a91c0…)
derived: (secret)
cookie: (new)
home: (per node: ./run/{{ node.name }})
replicas:
  - name: api.0
    ports:
      - 1
      - 2
  - name: api.1
    tags:
      a: x
  - - - deep
script: |
  first

    second
bell: "ding\u0007"
`
	if got := written(v, ValueOptions{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestValueAloneIsWrittenAsItIs(t *testing.T) {
	for v, want := range map[string]string{"12": "12\n", "a: b": "a: b\n", "two\nlines": "two\nlines\n", "esc\x1b[2J": "\"esc\\u001b[2J\"\n"} {
		if got := written(str(v), ValueOptions{}); got != want {
			t.Errorf("%q is written as %q, want %q", v, got, want)
		}
	}
}

func TestOriginsAreAligned(t *testing.T) {
	v := m("a", facsimile.IntAt(1, at(4)), "longer", m("b", str("x")), "wide", str(strings.Repeat("w", 80)))
	got := written(v, ValueOptions{Origin: func(v facsimile.Value) string { return fmt.Sprintf("f.yaml:%d", v.Origin().Line) }})
	want := "a: 1     # f.yaml:4\nlonger:  # f.yaml:1\n  b: x   # f.yaml:2\nwide: " + strings.Repeat("w", 80) + "  # f.yaml:2\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestValueReadsBack holds that YAML reads what was written as the same value.
func TestValueReadsBack(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-+.0-9a-fxoeE:_~ #|>@%*&!?\[\]{},'"\\=<nyNYtrufals\n\t]{0,12}`),
		rapid.StringMatching("[ a\n]{1,9}"), rapid.SampledFrom([]string{"\u0085", "\ufeff", "\u2028x", "\x7f", "a\ufffe", "---", "...", "- x", "~", "0x1F", "1e3", ".5", "2024-01-02", "<<"})).
		Filter(func(s string) bool { return !strings.ContainsRune(s, '\x00') })
	var value func(depth int) *rapid.Generator[facsimile.Value]
	value = func(depth int) *rapid.Generator[facsimile.Value] {
		kinds := []*rapid.Generator[facsimile.Value]{
			rapid.Map(text, str),
			rapid.Map(rapid.Int64(), func(i int64) facsimile.Value { return facsimile.IntAt(i, at(1)) }),
			rapid.Map(rapid.Float64(), func(f float64) facsimile.Value { return facsimile.FloatAt(f, at(1)) }),
			rapid.Map(rapid.Bool(), func(b bool) facsimile.Value { return facsimile.BoolAt(b, at(1)) }),
			rapid.Just(facsimile.NullAt(at(1))),
			rapid.Just(facsimile.BigAt(new(big.Int).Lsh(big.NewInt(7), 90), at(1))),
		}
		if depth > 0 {
			inner := rapid.Deferred(func() *rapid.Generator[facsimile.Value] { return value(depth - 1) })
			kinds = append(kinds,
				rapid.Map(rapid.SliceOfN(inner, 0, 4), func(v []facsimile.Value) facsimile.Value { return list(v...) }),
				rapid.Map(rapid.MapOfN(text, inner, 0, 4), func(of map[string]facsimile.Value) facsimile.Value {
					var pairs []any
					for k, v := range of {
						pairs = append(pairs, k, v)
					}
					return m(pairs...)
				}))
		}
		return rapid.OneOf(kinds...)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := m("top", value(3).Draw(t, "value"))
		out := written(v, ValueOptions{})
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(out), &node); err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		if why := differs(v, node.Content[0]); why != "" {
			t.Fatalf("%s in\n%q", why, out)
		}
	})
}

func differs(v facsimile.Value, n *yaml.Node) string {
	switch v.Kind() {
	case facsimile.Map:
		if n.Kind != yaml.MappingNode || len(n.Content) != 2*v.Len() {
			return "not the same map"
		}
		for i, e := range v.Entries() {
			if n.Content[2*i].Value != e.Key || n.Content[2*i].ShortTag() != "!!str" {
				return fmt.Sprintf("key %q came back as %s %q", e.Key, n.Content[2*i].ShortTag(), n.Content[2*i].Value)
			}
			if why := differs(e.Value, n.Content[2*i+1]); why != "" {
				return why
			}
		}
	case facsimile.List:
		if n.Kind != yaml.SequenceNode || len(n.Content) != v.Len() {
			return "not the same list"
		}
		for i, item := range v.Items() {
			if why := differs(item, n.Content[i]); why != "" {
				return why
			}
		}
	case facsimile.String:
		if n.ShortTag() != "!!str" || n.Value != v.Str() {
			return fmt.Sprintf("%q came back as %s %q", v.Str(), n.ShortTag(), n.Value)
		}
	case facsimile.Float:
		var f float64
		if err := n.Decode(&f); err != nil || n.ShortTag() != "!!float" || f != v.Float() && !math.IsNaN(f) {
			return fmt.Sprintf("%v came back as %s %q", v.Float(), n.ShortTag(), n.Value)
		}
	case facsimile.Int:
		if n.Value != v.Big().String() {
			return fmt.Sprintf("%s came back as %q", v.Big(), n.Value)
		}
	}
	return ""
}

func TestInline(t *testing.T) {
	v := m("a", list(str("x y"), facsimile.IntAt(3, at(1)), facsimile.HiddenAt("0123456789", at(1))), "b", str("two\nlines"))
	if got, want := Inline(v, 200), `{a: [x y, 3, (secret 01234567…)], b: "two\nlines"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Inline(v, 12), "{a: [x y, 3…"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31m\x9b2J\u202e\r\b")
	f.Fuzz(func(t *testing.T, s string) {
		out := Visible(s)
		if strings.IndexFunc(out, steers) >= 0 {
			t.Errorf("%q became %q, which still steers", s, out)
		}
		if bytes.ContainsAny([]byte(out), "\x1b\r\b") {
			t.Errorf("%q became %q", s, out)
		}
	})
}
