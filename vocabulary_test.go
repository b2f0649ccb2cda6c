package facsimile_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
)

func TestParsePathRoundTrip(t *testing.T) {
	for text, want := range map[string]facsimile.Path{
		"":                     nil,
		"a":                    {"a"},
		"a.b.0":                {"a", "b", "0"},
		`nodes."*.eu.net".r`:   {"nodes", "*.eu.net", "r"},
		`"".x`:                 {"", "x"},
		`a."quote\"and\\back"`: {"a", `quote"and\back`},
	} {
		got, err := facsimile.ParsePath(text)
		if err != nil || !cmp.Equal(got, want) || got.String() != text {
			t.Errorf("ParsePath(%q) = %q, %v, printed %q; want %q", text, []string(got), err, got, []string(want))
		}
	}
	for _, bad := range []string{".", "a.", ".a", "a..b", `"open`, `"a"b`, `"a".`} {
		if p, err := facsimile.ParsePath(bad); err == nil {
			t.Errorf("ParsePath(%q) = %q, want an error", bad, []string(p))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := facsimile.Path(rapid.SliceOf(rapid.String()).Draw(t, "path"))
		got, err := facsimile.ParsePath(want.String())
		if err != nil {
			t.Fatalf("%q: %v", want.String(), err)
		}
		if len(got) != len(want) || got.String() != want.String() {
			t.Fatalf("%q came back as %q", []string(want), []string(got))
		}
	})
}

func FuzzParsePath(f *testing.F) {
	f.Add(`a."b.c".d`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := facsimile.ParsePath(s)
		if err != nil {
			return
		}
		again, err := facsimile.ParsePath(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q reads as %q, which reads as %q, %v", s, p, again, err)
		}
	})
}

func TestChildDoesNotShare(t *testing.T) {
	parent := append(make(facsimile.Path, 0, 8), "a")
	left, right := parent.Child("left"), parent.Child("right")
	if left.String() != "a.left" || right.String() != "a.right" {
		t.Errorf("children share memory: %s, %s", left, right)
	}
}

func TestNames(t *testing.T) {
	for _, good := range []string{"prod", "dev.me", "a-b.c_d", "9"} {
		if _, err := facsimile.ParseInstance(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "a.", "-oProxyCommand=x", "a/b", "a b", "a..b", "a.-b", "$x", "ä", strings.Repeat("a", 254)} {
		if _, err := facsimile.ParseNode(bad); err == nil {
			t.Errorf("%q was taken for a node's name", bad)
		}
	}
	if got := facsimile.Instance("dev.me.too").Parent(); got != "dev.me" {
		t.Errorf("Parent = %q", got)
	}
	if got := facsimile.Instance("dev").Parent(); got != "" {
		t.Errorf("Parent = %q", got)
	}
}

func TestSecretPrintsNothing(t *testing.T) {
	const canary = "hunter2-canary"
	s := facsimile.NewSecret(canary)
	holder := struct {
		S facsimile.Secret
		P *facsimile.Secret
		M map[string]facsimile.Secret
		// fmt asks no methods of what is unexported.
		s facsimile.Secret
		l []*facsimile.Secret
	}{s, &s, map[string]facsimile.Secret{"k": s}, s, []*facsimile.Secret{&s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+verb, s, holder)
	}
	b, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", s, "holder", holder)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", s, "holder", holder)
	fmt.Fprint(&out, fmt.Errorf("wrapped: %w", fmt.Errorf("%v", s)))
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the secret shows as %s in %s", form, out.String())
		}
	}
	if s.Reveal() != canary {
		t.Error("Reveal gives something else")
	}
}

func TestValueJSON(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	var o facsimile.Origin
	v := facsimile.MapAt([]facsimile.Entry{
		{Key: "z", Value: facsimile.IntAt(-7, o)},
		{Key: "a", Value: facsimile.BigAt(huge, o)},
		{Key: "f", Value: facsimile.FloatAt(1, o)},
		{Key: "e", Value: facsimile.FloatAt(1e30, o)},
		{Key: "s", Value: facsimile.StringAt("<\"\u2028>", o)},
		{Key: "n", Value: facsimile.NullAt(o)},
		{Key: "l", Value: facsimile.ListAt([]facsimile.Value{facsimile.BoolAt(true, o)}, o)},
		{Key: "h", Value: facsimile.HiddenAt("3f2a", o)},
		{Key: "d", Value: facsimile.HiddenAt("", o)},
		{Key: "p", Value: facsimile.PendingAt("passwd.x", o)},
		{Key: "r", Value: facsimile.DeferredAt("replica", "{{ replica.port }}", o)},
	}, o)
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"z":-7,"a":123456789012345678901234567890,"f":1.0,"e":1e+30,"s":"\u003c\"\u2028\u003e","n":null,"l":[true],` +
		`"h":{"secret":"3f2a"},"d":{"secret":null},"p":{"pending":true},"r":{"per":"replica","expression":"{{ replica.port }}"}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestValueLookup(t *testing.T) {
	var o facsimile.Origin
	entries := make([]facsimile.Entry, 30) // large enough to be indexed
	for i := range entries {
		entries[i] = facsimile.Entry{Key: fmt.Sprint("k", i), Value: facsimile.IntAt(int64(i), o)}
	}
	v := facsimile.MapAt([]facsimile.Entry{
		{Key: "list", Value: facsimile.ListAt([]facsimile.Value{facsimile.MapAt(entries, o)}, o)},
	}, o)
	if got, _ := v.Lookup(facsimile.Path{"list", "0", "k17"}).Int64(); got != 17 {
		t.Errorf("got %d", got)
	}
	for _, nowhere := range []facsimile.Path{{"no"}, {"list", "1"}, {"list", "-1"}, {"list", "x"}, {"list", "0", "k30"}, {"list", "0", "k1", "deeper"}} {
		if got := v.Lookup(nowhere); !got.IsAbsent() {
			t.Errorf("%s leads to %v", nowhere, got.Kind())
		}
	}
}

func TestValueEqual(t *testing.T) {
	here, there := facsimile.Origin{Line: 1}, facsimile.Origin{Line: 2}
	of := func(o facsimile.Origin, keys ...string) facsimile.Value {
		var entries []facsimile.Entry
		for _, k := range keys {
			entries = append(entries, facsimile.Entry{Key: k, Value: facsimile.ListAt([]facsimile.Value{facsimile.StringAt(k, o)}, o)})
		}
		return facsimile.MapAt(entries, o)
	}
	if !of(here, "a", "b").Equal(of(there, "a", "b")) {
		t.Error("the origin counts")
	}
	if of(here, "a", "b").Equal(of(here, "b", "a")) {
		t.Error("the order of keys does not count")
	}
	if facsimile.IntAt(1, here).Equal(facsimile.FloatAt(1, here)) || facsimile.IntAt(1, here).Equal(facsimile.BoolAt(true, here)) {
		t.Error("kinds do not count")
	}
}

func TestSourcesPosition(t *testing.T) {
	var s facsimile.Sources
	id := s.Add(facsimile.Source{Layer: "prod", File: "define/prod.yaml", Text: []byte("a: 1\r\nb: 2\nc: 3")})
	for line, want := range map[uint32]string{1: "a: 1", 2: "b: 2", 3: "c: 3", 4: "", 0: ""} {
		if got := s.Position(facsimile.Origin{Src: id, Line: line, Col: 1}).Text; got != want {
			t.Errorf("line %d is %q, want %q", line, got, want)
		}
	}
	if got := s.Position(facsimile.Origin{Src: id, Line: 2, Col: 4}).String(); got != "define/prod.yaml:2:4" {
		t.Errorf("got %s", got)
	}
	if got := s.Position(facsimile.Origin{Src: 99, Line: 2}); got.File != "" {
		t.Errorf("an unknown source is %q", got.File)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"prod", "beta", "dev", "dev.me", "staging"}
	for got, want := range map[string]string{"prd": "prod", "Beta": "beta", "stagign": "staging", "xyz": "", "dve": "dev"} {
		near := strings.Join(facsimile.Nearest(got, names), " ")
		if want == "" && near != "" || want != "" && !strings.HasPrefix(near, want) {
			t.Errorf("Nearest(%q) = %q, want %q first", got, near, want)
		}
	}
}

func TestDigestText(t *testing.T) {
	d := facsimile.DigestOf([]byte("x"))
	again, err := facsimile.ParseDigest(d.String())
	if err != nil || again != d {
		t.Errorf("%s came back as %s, %v", d, again, err)
	}
	for _, bad := range []string{"", "sha256:", "sha256:" + strings.Repeat("A", 64), "md5:" + d.Hex(), d.String() + "0", "sha256:" + strings.Repeat("g", 64)} {
		if _, err := facsimile.ParseDigest(bad); err == nil {
			t.Errorf("%q was taken for a digest", bad)
		}
	}
	var zero facsimile.Digest
	if err := zero.UnmarshalText([]byte("none")); err != nil || !zero.IsZero() || zero.String() != "none" {
		t.Errorf("none is %s, %v", zero, err)
	}
}
