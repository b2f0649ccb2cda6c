package syntax

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"facsimile.dev/facsimile"
	"pgregory.net/rapid"
)

// parse reads a text as the file x.
func parse(f Format, text string) (facsimile.Value, facsimile.Problems) {
	sources := new(facsimile.Sources)
	id := sources.Add(facsimile.Source{Layer: "x", File: "x", Text: TrimMark([]byte(text))})
	return Parse(sources, id, f)
}

// show writes a value with the line and column of everything: maps as {key@l:c=value}.
func show(v facsimile.Value) string {
	at := fmt.Sprintf("@%d:%d", v.Origin().Line, v.Origin().Col)
	switch v.Kind() {
	case facsimile.Map:
		var parts []string
		for _, e := range v.Entries() {
			parts = append(parts, fmt.Sprintf("%s@%d:%d=%s", e.Key, e.KeyAt.Line, e.KeyAt.Col, show(e.Value)))
		}
		return "{" + strings.Join(parts, " ") + "}" + at
	case facsimile.List:
		var parts []string
		for _, item := range v.Items() {
			parts = append(parts, show(item))
		}
		return "[" + strings.Join(parts, " ") + "]" + at
	}
	text, _ := v.MarshalJSON()
	return string(text) + at
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, text string
		format     Format
		want       string
	}{
		{"yaml map", "a: 1\nb:\n  c: x\n", YAML, `{a@1:1=1@1:4 b@2:1={c@3:3="x"@3:6}@2:1}@1:1`},
		{"yaml runes", "é: {ü: ä}\n", YAML, `{é@1:1={ü@1:5="ä"@1:8}@1:1}@1:1`},
		{"yaml list", "a:\n- 1\n- {b: 2}\n", YAML, `{a@1:1=[1@2:3 {b@3:4=2@3:7}@3:3]@1:1}@1:1`},
		{"yaml core", "[0777, 0o17, 0x1F, 1e3, .5, -1., yes, NO, 2001-01-01, 1_000, +12, 'x', ~, Null, True, 12:30:45]", YAML,
			`[777@1:2 15@1:8 31@1:14 1000.0@1:20 0.5@1:25 -1.0@1:29 "yes"@1:34 "NO"@1:39 "2001-01-01"@1:43 "1_000"@1:55 12@1:62 "x"@1:67 null@1:72 null@1:75 true@1:81 "12:30:45"@1:87]@1:1`},
		{"yaml big", "a: 123456789012345678901234567890", YAML, `{a@1:1=123456789012345678901234567890@1:4}@1:1`},
		{"yaml tags", "a: !!str 1\nb: !!float 2\nc: !!null\nd: !!str\n", YAML, `{a@1:1="1"@1:4 b@2:1=2.0@2:4 c@3:1=null@3:4 d@4:1=""@4:4}@1:1`},
		{"yaml block", "a: |\n  x\n  y\nb: >-\n  x\n  y\n", YAML, `{a@1:1="x\ny\n"@1:4 b@4:1="x y"@4:4}@1:1`},
		{"yaml alias", "a: &x {q: 1}\nb: *x\nc: &y z\nd: [*y]\n", YAML, `{a@1:1={q@1:8=1@1:11}@1:1 b@2:1={q@1:8=1@1:11}@2:1 c@3:1="z"@3:4 d@4:1=["z"@4:5]@4:1}@1:1`},
		{"yaml keys", "80: a\ntrue: b\n\"<<\": c\n", YAML, `{80@1:1="a"@1:5 true@2:1="b"@2:7 <<@3:1="c"@3:7}@1:1`},
		{"yaml nothing", "# only a comment\n", YAML, `{}@1:1`},
		{"yaml mark", "\ufeffa: 1\n", YAML, `{a@1:1=1@1:4}@1:1`},
		{"yaml end", "a: 1\r\n...\n", YAML, `{a@1:1=1@1:4}@1:1`},
		{"json", "{\"a\": [1, -0, 1.0, 1e2], // x\n \"b\": {\"c\": null},}", JSON, `{a@1:2=[1@1:8 0@1:11 1.0@1:15 100.0@1:20]@1:2 b@2:2={c@2:8=null@2:13}@2:2}@1:1`},
		{"json comments", "/* ü */ {\"é\": \"// no\", /* , */ \"x\": [ \"a\", /* b */ ] }", JSON, `{é@1:10="// no"@1:15 x@1:32=["a"@1:39]@1:32}@1:9`},
		{"json escapes", `{"\u0061": "\ud83d\ude00\n"}`, JSON, `{a@1:2="😀\n"@1:12}@1:1`},
		{"toml", "a = 1\nb.\"c d\" = 'x'\n[t.u]\nk = [1, {z = true}, [2], 1.5]\n[[l]]\nm = 0xFF_0\n[[l]]\n[l.n]\nd = 1979-05-27\n", TOML,
			`{a@1:1=1@1:5 b@2:1={c d@2:3="x"@2:11}@2:1 t@3:2={u@3:4={k@4:1=[1@4:6 {z@4:10=true@4:14}@4:9 [2@4:22]@4:22 1.5@4:26]@4:1}@3:4}@3:2 ` +
				`l@5:3=[{m@6:1=4080@6:5}@5:3 {n@8:4={d@9:1="1979-05-27"@9:5}@8:4}@7:3]@5:3}@1:1`},
		{"toml runes", "\"é\" = [\"ü\", 1]\n", TOML, `{é@1:1=["ü"@1:8 1@1:13]@1:1}@1:1`},
		{"toml nothing", "", TOML, `{}@1:1`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, problems := parse(test.format, test.text)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if got := show(v); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		format     Format
		want       string // the error
		hint       string // a part of the hint
	}{
		{"yaml empty value", "a: 1\nb:\n", YAML, `x:2:1: the key "b" has no value`, "{}"},
		{"yaml empty element", "a:\n-\n", YAML, `x:2:2: an empty element of a list`, `""`},
		{"yaml empty anchor", "a: &x\n", YAML, `x:1:1: the key "a" has no value`, ""},
		{"yaml twice", "a: 1\nb: 2\na: 3\n", YAML, `x:3:1: the key "a" is written twice in one map`, ""},
		{"yaml tab", "a:\n\t- b\n", YAML, `x:2:1: a tab in the indentation`, "spaces"},
		{"yaml merge key", "a: &a {b: 1}\nc:\n  <<: *a\n", YAML, `x:3:3: a merge key is no part of YAML 1.2`, "inherit"},
		{"yaml two documents", "a: 1\n---\nb: 2\n", YAML, `x:2:1: a second document in one file`, ""},
		{"yaml cycle", "a: &a {b: *a}\n", YAML, `x:1:11: the alias *a stands inside the value that it names`, ""},
		{"yaml unknown alias", "a: *q\n", YAML, `x:1:4: unknown anchor 'q' referenced`, ""},
		{"yaml unquoted reference", "a: {{ b }}\n", YAML, `x:1:5: a key that is not text`, "quote"},
		{"yaml unquoted reference, more", "a: {{ b }}:1\n", YAML, `x:1:11: did not find expected key while parsing a block mapping`, "quote"},
		{"yaml unquoted reference, in a block", "a: 1\nb:\n  c: 1\n  url: {{ instance.greeting }}/x\n  d: 2\n", YAML,
			`x:4:31: did not find expected key while parsing a block mapping (it began at line 3)`, "quote a value that starts with a brace"},
		{"yaml indentation", "a:\n  b: 1\n c: 2\n", YAML, `x:3:2: did not find expected key while parsing a block mapping (it began at line 1)`, "indentation"},
		{"yaml colon in a value", "a: 1\nb: x: y\n", YAML, `x:2:5: mapping values are not allowed in this context`, `": "`},
		{"yaml quoted reference, another fault", "a:\n  b: \"{{ x }}\"\n c: 2\n", YAML,
			`x:3:2: did not find expected key while parsing a block mapping (it began at line 1)`, "indentation"},
		{"yaml tag", "a: !foo 3\n", YAML, `x:1:4: the tag !foo does not belong here`, ""},
		{"yaml wrong tag", "a: !!int x\n", YAML, `x:1:4: "x" is not of the type that its tag !!int says`, ""},
		{"yaml infinity", "a: .inf\n", YAML, `x:1:4: .inf is not a number that a definition can hold`, ""},
		{"yaml large", "a: 1e999\n", YAML, `x:1:4: the number 1e999 is too large`, ""},
		{"yaml open", "a: [1\n", YAML, `x:1:4: did not find expected ',' or ']' while parsing a flow sequence (found at line 2)`, ""},
		{"yaml line separator", "a: \"x\u2028y\"\n", YAML, `x:1:6: the character U+2028 may not stand in YAML as it is`, "escape"},
		{"utf-8", "a: b\nc: \xff\n", YAML, `x:2:4: the byte 0xff is not valid UTF-8`, "UTF-8"},
		{"control", "{\"a\":\n \"\x07\"}", JSON, `x:2:3: the control character U+0007`, ""},
		{"carriage return", "a = 1\rb = 2\n", TOML, `x:1:6: a carriage return without a newline`, ""},
		{"json twice", "{\"a\": 1,\n \"a\": 2}", JSON, `x:2:2: the key "a" is written twice in one map`, ""},
		{"json empty", " // nothing\n", JSON, `x:1:1: the file is empty`, "{}"},
		{"json more", "{} ü", JSON, `x:1:4: more text behind the end of the value`, ""},
		{"json two", "{} {}", JSON, `x:1:4: more text behind the end of the value`, ""},
		{"json comma alone", "[,]", JSON, `x:1:2: invalid character ',' at start of value`, ""},
		{"json two commas", "[1,,]", JSON, `x:1:4: invalid character ',' at start of value`, ""},
		{"json bare key", "{\n  a: 1}", JSON, `x:2:3: invalid character 'a' at start of value`, "double quotes"},
		{"json comment", "{ /* }", JSON, `x:1:3: a comment that is not closed`, ""},
		{"json end", "{\"a\": [1", JSON, `x:1:9: the file ends in the middle of a value`, ""},
		{"json surrogate", `{"a": "\ud800"}`, JSON, "x:1:8: invalid surrogate pair `\\ud800\"}` in string", ""},
		{"toml twice", "a = 1\n'a' = 2\n", TOML, `x:2:1: key a is already defined`, ""},
		{"toml runes", "\"ü\" = ü\n", TOML, `x:1:7: `, ""},
		{"toml nan", "a = nan\n", TOML, `x:1:5: nan is not a number that a definition can hold`, ""},
		{"toml open", "a = [\n", TOML, `x:1:6: array is incomplete`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := parse(test.format, test.text)
			if len(problems) == 0 {
				t.Fatal("no problem")
			}
			if got := problems[0].Error(); got != test.want && !(strings.HasSuffix(test.want, ": ") && strings.HasPrefix(got, test.want)) {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
			if !strings.Contains(problems[0].Hint, test.hint) {
				t.Errorf("hint %q lacks %q", problems[0].Hint, test.hint)
			}
		})
	}
}

// What is found far from where it began has both places.
func TestFaultHasBothPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb:\n  c: 1\n  url: {{ x }}/x\n": "[x:4:15 x:3:3]",
		"b:\n  url: {{ x }}/x\n  c: 1\n":       "[x:2:15]",
		"a: [1\n":                              "[x:1:4 x:2:1]",
	} {
		_, problems := parse(YAML, text)
		if got := fmt.Sprint(problems[0].At); got != want {
			t.Errorf("%q is at %s, want %s", text, got, want)
		}
	}
}

// Files made to exhaust a reader are refused, each with a place.
func TestParseIsBounded(t *testing.T) {
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'z'; i++ {
		laughs += fmt.Sprintf("%c: &%c [%s*%c]\n", i, i, strings.Repeat(fmt.Sprintf("*%c,", i-1), 8), i-1)
	}
	tower := "a: &a [x]\n"
	for i := 1; i < 1000; i++ {
		tower += fmt.Sprintf("k%d: &k%d [*%s]\n", i, i, map[bool]string{true: "a", false: fmt.Sprintf("k%d", i-1)}[i == 1])
	}
	tests := []struct {
		name   string
		format Format
		text   string
		want   string
	}{
		{"yaml lists", YAML, strings.Repeat("[", 100_000), "inside each other"},
		{"yaml maps", YAML, strings.Repeat("{a: ", 10_000) + strings.Repeat("}", 10_000), "inside each other"},
		{"yaml items", YAML, strings.Repeat("- ", 10_000) + "a", "inside each other"},
		{"yaml laughs", YAML, laughs, "aliases"},
		{"yaml tower", YAML, tower, "inside each other"},
		{"yaml many", YAML, "[" + strings.Repeat("a,", 2_000_000) + "]", "values"},
		{"json lists", JSON, strings.Repeat("[", 1_000_000), "inside each other"},
		{"json maps", JSON, strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), "inside each other"},
		{"json digits", JSON, "[" + strings.Repeat("1", 1_000_000) + "]", "digits"},
		{"json twice", JSON, "{" + strings.Repeat(`"a":1,`, 100_000) + "}", "twice"},
		{"toml parts", TOML, strings.Repeat("a.", 1_000_000) + "a = 1", "inside each other"},
		{"toml header", TOML, "[" + strings.Repeat("a.", 1_000_000) + "a]", "inside each other"},
		{"toml inline", TOML, "a = " + strings.Repeat("{a = ", 5_000) + "1" + strings.Repeat("}", 5_000), ""},
		{"toml lists", TOML, "a = " + strings.Repeat("[", 100_000), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := parse(test.format, test.text)
			if len(problems) == 0 || len(problems) > maxProblems {
				t.Fatalf("%d problems", len(problems))
			}
			last := problems[len(problems)-1]
			if !strings.Contains(last.Msg, test.want) || last.At[0].Line == 0 {
				t.Errorf("%.200s", last.Error())
			}
		})
	}
}

func TestFormatOf(t *testing.T) {
	for file, want := range map[string]string{"dev.me.yaml": "dev.me", "a.json": "a", "a.b.toml": "a.b", "x.yml": "x", "a.txt": "", "README": "", ".yaml": "", "yaml": ""} {
		if name, _, ok := FormatOf(file); name != want || ok != (want != "") {
			t.Errorf("FormatOf(%q) = %q, %v", file, name, ok)
		}
	}
}

// JSON is YAML: what JSON can write both readers take for the same values at the same places.
func TestJSONIsYAML(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom(nil, unicode.L, unicode.N, unicode.P, unicode.Zs, unicode.So))
	var value func(depth int) *rapid.Generator[facsimile.Value]
	value = func(depth int) *rapid.Generator[facsimile.Value] {
		var none facsimile.Origin
		kinds := []*rapid.Generator[facsimile.Value]{
			rapid.Just(facsimile.NullAt(none)),
			rapid.Map(rapid.Bool(), func(b bool) facsimile.Value { return facsimile.BoolAt(b, none) }),
			rapid.Map(rapid.Int64(), func(i int64) facsimile.Value { return facsimile.IntAt(i, none) }),
			rapid.Map(rapid.Float64(), func(f float64) facsimile.Value { return facsimile.FloatAt(f, none) }),
			rapid.Map(text, func(s string) facsimile.Value { return facsimile.StringAt(s, none) }),
		}
		if depth > 0 {
			kinds = append(kinds,
				rapid.Map(rapid.SliceOfN(value(depth-1), 0, 4), func(items []facsimile.Value) facsimile.Value { return facsimile.ListAt(items, none) }),
				rapid.Map(rapid.MapOfN(text, value(depth-1), 0, 4), func(m map[string]facsimile.Value) facsimile.Value {
					var entries []facsimile.Entry
					for _, key := range slices.Sorted(maps.Keys(m)) {
						entries = append(entries, facsimile.Entry{Key: key, Value: m[key]})
					}
					return facsimile.MapAt(entries, none)
				}))
		}
		return rapid.OneOf(kinds...)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := value(3).Draw(t, "value")
		written, err := v.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		fromJSON, problems := parse(JSON, string(written))
		if len(problems) > 0 || !fromJSON.Equal(v) {
			t.Fatalf("JSON: %s became %s (%v)", written, show(fromJSON), problems)
		}
		fromYAML, problems := parse(YAML, string(written))
		if len(problems) > 0 || show(fromYAML) != show(fromJSON) {
			t.Fatalf("YAML: %s became %s, as JSON it is %s (%v)", written, show(fromYAML), show(fromJSON), problems)
		}
	})
}
