package jinja

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// addSeeds gives the fuzzer the templates that the oracle sees, and some
// random ones.
func addSeeds(f *testing.F) {
	raw, err := os.ReadFile("testdata/oracle.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		f.Add(strings.ReplaceAll(line, "⏎", "\n"), uint8(0))
	}
	for seed := range uint64(100) {
		f.Add(newGen(seed).request().Templates["main"], uint8(seed))
	}
}

// fuzzOptions turns the bits of a number into options.
func fuzzOptions(bits uint8) Options {
	o := Options{TrimBlocks: bits&1 != 0, LstripBlocks: bits&2 != 0, KeepTrailingNewline: bits&4 != 0,
		Autoescape: bits&8 != 0, Undefined: UndefinedMode(bits >> 4 % 5),
		Limits: Limits{Steps: 100_000, Output: 1 << 20, Memory: 4 << 20, Depth: 30}}
	if bits&128 != 0 {
		o.LineStatementPrefix, o.LineCommentPrefix = ".", ";."
	}
	return o
}

// checkFuzzError fails for an error that is not of this package.
func checkFuzzError(t *testing.T, err error) {
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("not an *Error: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, source string, bits uint8) {
		env, err := New(fuzzOptions(bits))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = env.Parse("main", source)
		checkFuzzError(t, err)
		if took := time.Since(start); took > time.Minute {
			t.Fatalf("parsing %d bytes took %v", len(source), took)
		}
	})
}

func FuzzRender(f *testing.F) {
	addSeeds(f)
	vars, err := jsonValue(generatorContext)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string, bits uint8) {
		o := fuzzOptions(bits)
		o.Loader = MapLoader(map[string]string{"main": source, "inc": "{{ s }}{% set n = 1 %}", "lib": "{% macro f(a) %}{{ a }}{{ varargs }}{% endmacro %}",
			"base": "{% block a %}{{ self.b() }}{% endblock %}{% block b %}{% endblock %}"})
		env, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		tmpl, err := env.Load("main")
		checkFuzzError(t, err)
		if err != nil {
			return
		}
		var pairs []Pair
		for k, v := range vars.Pairs() {
			pairs = append(pairs, Pair{k, v.WithTag(Tag(1 + len(pairs)%4))})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		out, err := tmpl.Render(ctx, Vars(pairs...), nil)
		checkFuzzError(t, err)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("rendering goes on for more than 10 s in spite of its limits")
		}
		if len(out) > o.Limits.Output {
			t.Fatalf("%d bytes of output", len(out))
		}
		again, againErr := tmpl.Render(ctx, Vars(pairs...), nil)
		if string(again) != string(out) || (err == nil) != (againErr == nil) {
			t.Fatalf("renders differently the second time: %q and %q", out, again)
		}
		var tr setTracker
		tracked, err := tmpl.Render(ctx, Vars(pairs...), &tr)
		checkFuzzError(t, err)
		if err == nil && againErr == nil && string(tracked) == string(out) {
			checkCover(t, source, tracked, tr.spans)
		}
	})
}
