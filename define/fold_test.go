package define

import (
	"strings"
	"testing"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define/syntax"
)

// parseJSON reads a JSON text as a value.
func parseJSON(t testing.TB, sources *facsimile.Sources, layer, text string) facsimile.Value {
	t.Helper()
	id := sources.Add(facsimile.Source{Layer: facsimile.Layer(layer), File: layer, Text: []byte(text)})
	v, problems := syntax.Parse(sources, id, syntax.JSON)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", text, problems)
	}
	return v
}

// The test cases of RFC 7396, appendix A. A patch that is no object, or replaces what is none,
// stands under a key here, since a layer is always a map.
func TestRFC7396(t *testing.T) {
	tests := [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	}
	for _, test := range tests {
		sources := new(facsimile.Sources)
		target := parseJSON(t, sources, "target", `{"x":`+test[0]+`}`)
		c := &compiler{sources: sources}
		patch := c.compile(parseJSON(t, sources, "patch", `{"x":`+test[1]+`}`))
		m := &merger{sources: sources}
		got := m.combine([]said{{layer: "target", part: &part{value: target, plain: true}}, {layer: "patch", part: patch}}, false)
		if want := `{"x":` + test[2] + `}`; text(got) != want || len(m.problems) > 0 {
			t.Errorf("%s patched with %s is %s, want %s (%v)", test[0], test[1], text(got), want, m.problems)
		}
	}
	// The one case left of the appendix: a whole document that is removed is no layer.
	sources := new(facsimile.Sources)
	if _, problems := newLayer(sources, "x", "x", parseJSON(t, sources, "x", "null")); len(problems) == 0 {
		t.Error("a layer that is null was taken")
	}
}

func TestMergeForms(t *testing.T) {
	tests := []struct{ name, base, over, want string }{
		{"append", `{"a":[1]}`, `{"a+":[2]}`, `{"a":[1,2]}`},
		{"append to nothing", `{}`, `{"a+":[2]}`, `{"a":[2]}`},
		{"append to null", `{"a":null}`, `{"a+":[2]}`, `{"a":[2]}`},
		{"replace a map", `{"a":{"b":1}}`, `{"a!":{"c":2}}`, `{"a":{"c":2}}`},
		{"replace keeps its place", `{"a":{"b":1},"z":1}`, `{"a!":{"c":2}}`, `{"a":{"c":2},"z":1}`},
		{"replace with null", `{"a":{"b":1}}`, `{"a!":null}`, `{}`},
		{"literal", `{"c++=":1,"d!=":2,"e==":3}`, `{"c++=":4}`, `{"c++":4,"d!":2,"e=":3}`},
		{"literal in a list", `{"a":[{"c++=":1}]}`, `{}`, `{"a":[{"c++":1}]}`},
		{"null in a list stays", `{"a":[null,{"b":null}]}`, `{}`, `{"a":[null,{"b":null}]}`},
		{"nested signs in a new map", `{}`, `{"a":{"b+":[1],"c!":{"d":null},"e":null}}`, `{"a":{"b":[1],"c":{}}}`},
		{"scalar over map", `{"a":{"b":1}}`, `{"a":2}`, `{"a":2}`},
		{"map over scalar", `{"a":2}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{"removed and back is last", `{"a":1,"b":2}`, `{"a":null}|{"a":3}`, `{"b":2,"a":3}`},
		{"map over scalar over map", `{"a":{"b":1}}`, `{"a":2}|{"a":{"c":1}}`, `{"a":{"c":1}}`},
		{"empty map clears nothing", `{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":1}}`},
		{"map over a reference replaced", `{"a":"{{ x }}"}`, `{"a!":{"b":1}}`, `{"a":{"b":1}}`},
		{"map over raw braces", `{"references":false,"a":"{{ x }}"}`, `{"a":{"b":1}}`, `{"references":false,"a":{"b":1}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, problems := mergeAll(t, append([]string{test.base}, strings.Split(test.over, "|")...)...)
			if got != test.want || len(problems) > 0 {
				t.Errorf("got %s, want %s (%v)", got, test.want, problems)
			}
		})
	}
}

// mergeAll merges layers written as JSON.
func mergeAll(t testing.TB, layers ...string) (string, facsimile.Problems) {
	t.Helper()
	sources := new(facsimile.Sources)
	c := &compiler{sources: sources}
	var all []said
	for i, layer := range layers {
		name := string(rune('a' + i))
		all = append(all, said{layer: facsimile.Layer(name), part: c.compile(parseJSON(t, sources, name, layer))})
	}
	m := &merger{sources: sources}
	v := m.combine(all, false)
	return text(v), append(c.problems, m.problems...)
}

func TestMergeRefuses(t *testing.T) {
	tests := []struct{ name, base, over, want string }{
		{"two forms", `{"a":[1],"a+":[2]}`, `{}`, `a:1:10 a:1:2: "a" and "a+" are two forms of one name in one map [keep one of them]`},
		{"literal is a form", `{"c+":[1],"c=":[2]}`, `{}`, `a:1:11 a:1:2: "c+" and "c=" are two forms of one name in one map [keep one of them]`},
		{"append to a map", `{"a":{"b":1}}`, `{"a+":[2]}`, `b:1:2 a:1:2: a: a list cannot be appended to a map`},
		{"append to text", `{"x":{"a":"t"}}`, `{"x":{"a+":[2]}}`, `b:1:7 a:1:11: x.a: a list cannot be appended to a string [write a "!" behind the key to replace it]`},
		{"append to a reference", `{"a":"{{ x }}"}`, `{"a+":[2]}`, `b:1:2 a:1:6: a: a list cannot be appended to a reference [write a "!" behind the key to replace it]`},
		{"append text", `{}`, `{"a+":"t"}`, `b:1:2: "a+" appends a string; only a list can be appended [a name that ends with a sign is written "a+="]`},
		{"map over a reference", `{"a":"{{ x }}"}`, `{"a":{"b":1}}`, `b:1:2 a:1:6: a: a map cannot merge into a reference [write a "!" behind the key to replace it]`},
		{"sign in a list", `{"a":[{"b+":[1]}]}`, `{}`, `a:1:8: "b+" stands inside a list, where nothing merges [a name that ends with a sign is written "b+="]`},
		{"sign alone", `{"+":[1]}`, `{}`, `a:1:2: the key "+" is a sign without a name [a name that is "+" itself is written "+="]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := mergeAll(t, test.base, test.over)
			if got := allOf(problems.OrNil()); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	d := load(t, `
-- facsimile.yaml --
instances: [prod]
db: {host: one, port: 1}
list: [a, b]
gone: {x: 1}
-- define/base.yaml --
abstract: true
db: 5
list+: [c]
gone: ~
-- define/prod.yaml --
inherit: [base]
db:
  host: two
list+:
- d
deep!: {a: 1}
`)
	r := resolve(t, d, "prod")
	for path, want := range map[string]string{
		"db.host": "prod set define/prod.yaml:3:3 \"two\"\nbase remove define/base.yaml:2:1\nfacsimile set facsimile.yaml:2:6 \"one\"",
		"db.port": "base remove define/base.yaml:2:1\nfacsimile set facsimile.yaml:2:17 1",
		"db":      "prod set define/prod.yaml:2:1 {\"host\":\"two\"}\nbase set define/base.yaml:2:1 5\nfacsimile set facsimile.yaml:2:1 {\"host\":\"one\",\"port\":1}",
		"list":    "prod append define/prod.yaml:4:1 [\"d\"]\nbase append define/base.yaml:3:1 [\"c\"]\nfacsimile set facsimile.yaml:3:1 [\"a\",\"b\"]",
		"list.2":  "base replace define/base.yaml:3:9 \"c\"",
		"gone.x":  "base remove define/base.yaml:4:1\nfacsimile set facsimile.yaml:4:8 1",
		"deep.a":  "prod set define/prod.yaml:6:9 1",
		"never":   "",
		"list.9":  "",
	} {
		if got := explain(t, r, path); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", path, got, want)
		}
	}
	if got, want := text(r.Root()), `{"db":{"host":"two"},"list":["a","b","c","d"],"deep":{"a":1}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
