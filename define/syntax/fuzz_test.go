package syntax

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"facsimile.dev/facsimile"
)

func FuzzYAML(f *testing.F) {
	for _, s := range []string{"a: 1\nb: [x, {y: ~}]\n", "a: &x {q: 1}\nb: *x\n", "a: |\n  x\n", "? a\n: b\n", "é: 'x'\n---\n", "a:\n\t- b", "%YAML 1.2\n---\n- !!str 1\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkParse(t, YAML, text) })
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a": [1, 2.5, null, true], "é": {"x": "\u00e9"}}`, "// c\n{\"a\": 1, /* x */ }", "[,]", `{"a":1} x`, "{\"a\": \"\\ud800\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkParse(t, JSON, text) })
}

func FuzzTOML(f *testing.F) {
	for _, s := range []string{"a = 1\nb.c = 'x'\n[t.u]\nk = [1, {z = true}, []]\n[[l]]\nm = 0xFF\n", "é = 1", "\"ü\" = \"\"\"\nx\"\"\"\n", "d = 1979-05-27T07:32:00Z\n", "a = [[], [1]]\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkParse(t, TOML, text) })
}

// checkParse holds what is true of every text: no panic, and every place inside the file.
func checkParse(t *testing.T, f Format, text []byte) {
	text = TrimMark(text)
	v, problems := parse(f, string(text))
	lines := strings.Split(string(text), "\n")
	for _, p := range problems {
		for _, at := range p.At {
			checkPlace(t, lines, at.Line, at.Column)
		}
	}
	if len(problems) == 0 && v.IsAbsent() {
		t.Fatal("neither a value nor a problem")
	}
	checkValue(t, lines, v)
}

func checkValue(t *testing.T, lines []string, v facsimile.Value) {
	if v.IsAbsent() {
		return
	}
	checkPlace(t, lines, int(v.Origin().Line), int(v.Origin().Col))
	if v.Kind() == facsimile.Float && (math.IsInf(v.Float(), 0) || math.IsNaN(v.Float())) {
		t.Fatal("a number without a form in JSON")
	}
	if v.Kind() == facsimile.String && !utf8.ValidString(v.Str()) {
		t.Fatalf("text that is not UTF-8: %q", v.Str())
	}
	for _, item := range v.Items() {
		checkValue(t, lines, item)
	}
	for _, e := range v.Entries() {
		checkPlace(t, lines, int(e.KeyAt.Line), int(e.KeyAt.Col))
		if e.Value.IsAbsent() {
			t.Fatalf("the key %q has an absent value", e.Key)
		}
		checkValue(t, lines, e.Value)
	}
}

func checkPlace(t *testing.T, lines []string, line, col int) {
	if line < 1 || line > len(lines) || col < 1 || col > utf8.RuneCountInString(lines[line-1])+1 {
		t.Fatalf("%d:%d is outside a file of %d lines", line, col, len(lines))
	}
}
