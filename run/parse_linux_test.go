package run

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"facsimile.dev/facsimile"
	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []string
		err  string
	}{
		{"", nil, ""},
		{" \n\t", nil, ""},
		{"api --listen :80\n  --id 2\n", []string{"api", "--listen", ":80", "--id", "2"}, ""},
		{`a 'b c' "d e"`, []string{"a", "b c", "d e"}, ""},
		{`a''b "" c`, []string{"ab", "", "c"}, ""},
		{`"a\"b\\c\n" 'd\e'`, []string{`a"b\c\n`, `d\e`}, ""},
		{`a\ b \'`, []string{"a b", "'"}, ""},
		{`$HOME *.go ; | ~`, []string{"$HOME", "*.go", ";", "|", "~"}, ""},
		{`a "b`, nil, `quote " that is not closed`},
		{`a 'b`, nil, `quote ' that is not closed`},
		{`a \`, nil, "quotes nothing"},
		{"a\x00b", nil, "NUL"},
		{"'a\x00b'", nil, "NUL"},
	} {
		got, err := Words(test.in)
		if test.err == "" && (err != nil || !slices.Equal(got, test.want)) || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%q gave %q, %v; want %q, %q", test.in, got, err, test.want, test.err)
		}
	}
}

// quote writes a word so that Words reads it back.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func TestWordsReadsBackWhatIsQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[^\x00]*`)).Draw(t, "words")
		var line []string
		for _, w := range words {
			line = append(line, quote(w))
		}
		got, err := Words(strings.Join(line, " "))
		if err != nil || !slices.Equal(got, words) {
			t.Fatalf("%q gave %q, %v", words, got, err)
		}
	})
}

func FuzzWords(f *testing.F) {
	for _, seed := range []string{"", "a b", `"a\"b" 'c'`, `a\`, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, err := Words(s)
		if err != nil {
			return
		}
		var line []string
		for _, w := range words {
			line = append(line, quote(w))
		}
		again, err := Words(strings.Join(line, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Fatalf("%q gave %q, and that %q, %v", s, words, again, err)
		}
	})
}

func TestParseStat(t *testing.T) {
	const rest = " S 10 12 13 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0\n"
	for _, name := range []string{"sleep", "a (b) c", ") R 1 1", "\xff\n("} {
		p, err := parseStat([]byte("7 (" + name + ")" + rest))
		if err != nil || p.PID != 7 || p.parent != 10 || p.session != 13 || p.Start != 4242 || p.zombie {
			t.Errorf("%q: %+v, %v", name, p, err)
		}
	}
	if p, err := parseStat([]byte("7 (x) Z" + rest[2:])); err != nil || !p.zombie {
		t.Errorf("a zombie: %+v, %v", p, err)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (x) S 10 12 13 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0\n"))
	f.Add([]byte(")("))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := parseStat(text); err != nil && p.zombie {
			t.Log("what is not understood is never acted on") // it must not panic
		}
	})
}

func TestPlan(t *testing.T) {
	at := func(name, module string, after ...facsimile.Module) Service {
		return Service{Name: facsimile.Replica(name), Module: facsimile.Module(module), Dir: "/", Argv: []string{"x"}, After: after}
	}
	p, err := newPlan([]Service{at("w.0", "worker", "api", "queue"), at("q.0", "queue"), at("a.0", "api", "queue", "elsewhere"), at("a.1", "api", "queue")})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]facsimile.Module{{"queue"}, {"api"}, {"worker"}}
	if len(p.levels) != 3 || !slices.EqualFunc(p.levels, want, slices.Equal[[]facsimile.Module]) {
		t.Errorf("levels %v, want %v", p.levels, want)
	}

	listening := func(name, address string) Service {
		s := at(name, "m")
		s.Health.Address = address
		return s
	}
	_, err = newPlan([]Service{
		at("a.0", "a", "b"), at("b.0", "b", "c"), at("c.0", "c", "b"), at("b.0", "b"), at("../x", "x"),
		listening("l.0", "127.0.0.1:1"), listening("l.1", "127.0.0.1:1"), listening("l.2", "here"),
		{Name: "n.0", Module: "n", Dir: "relative"},
	})
	var problems facsimile.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("%v", err)
	}
	var all strings.Builder
	for _, p := range problems {
		all.WriteString(p.Msg + "\n")
	}
	for _, want := range []string{
		"in a circle: b → c → b", "two replicas have the name b.0", `"../x" cannot name a replica`,
		"l.0 and l.1 both listen on 127.0.0.1:1", `the address "here" of l.2 is not HOST:PORT`,
		"n.0 has no command", `the folder "relative" of n.0`,
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("nothing says %q:\n%s", want, all.String())
		}
	}
}

func TestLongLinesComeInPieces(t *testing.T) {
	var out lockedBuffer
	l, err := newReplicaLog(t.TempDir(), "a.0", &mux{out: &out, width: 3})
	if err != nil {
		t.Fatal(err)
	}
	l.follow(strings.NewReader("one\n\n" + strings.Repeat("x", maxLine+10) + "\nlast without end"))
	l.close()
	want := "a.0 | one\na.0 | \na.0 | " + strings.Repeat("x", maxLine) + "\na.0 | " + strings.Repeat("x", 10) + "\na.0 | last without end\n"
	if out.String() != want {
		t.Errorf("%.300q", out.String())
	}
	if tail := l.tail(); len(tail) != 5 || tail[4] != "last without end" {
		t.Errorf("the last lines are %.100q", tail)
	}
}
