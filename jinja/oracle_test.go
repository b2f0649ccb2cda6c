package jinja

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var (
	oracleCases = flag.Int("jinja.cases", 2000, "number of random templates to compare with Python's Jinja2")
	oracleSeed  = flag.Uint64("jinja.seed", 1, "seed of the first random template")
)

// request is one rendering, in the form that testdata/oracle.py reads.
type request struct {
	Templates map[string]string `json:"templates"`
	Context   json.RawMessage   `json:"context"`
	Options   oracleOptions     `json:"options"`
}

type oracleOptions struct {
	Trim       bool   `json:"trim_blocks"`
	Lstrip     bool   `json:"lstrip_blocks"`
	Keep       bool   `json:"keep_trailing_newline"`
	Autoescape bool   `json:"autoescape"`
	Undefined  string `json:"undefined,omitempty"`
	Newline    string `json:"newline_sequence,omitempty"`
	LinePrefix string `json:"line_statement_prefix,omitempty"`
	LineNote   string `json:"line_comment_prefix,omitempty"`

	BlockStart    string `json:"block_start_string,omitempty"`
	BlockEnd      string `json:"block_end_string,omitempty"`
	VariableStart string `json:"variable_start_string,omitempty"`
	VariableEnd   string `json:"variable_end_string,omitempty"`
	CommentStart  string `json:"comment_start_string,omitempty"`
	CommentEnd    string `json:"comment_end_string,omitempty"`
}

func (o oracleOptions) options() Options {
	modes := map[string]UndefinedMode{"": UndefinedLenient, "lenient": UndefinedLenient,
		"strict": UndefinedStrict, "chainable": UndefinedChainable, "debug": UndefinedDebug}
	return Options{TrimBlocks: o.Trim, LstripBlocks: o.Lstrip, KeepTrailingNewline: o.Keep,
		Autoescape: o.Autoescape, Undefined: modes[o.Undefined], NewlineSequence: o.Newline,
		LineStatementPrefix: o.LinePrefix, LineCommentPrefix: o.LineNote,
		BlockStart: o.BlockStart, BlockEnd: o.BlockEnd, VariableStart: o.VariableStart,
		VariableEnd: o.VariableEnd, CommentStart: o.CommentStart, CommentEnd: o.CommentEnd}
}

type answer struct {
	Output  *string
	Error   string
	Message string
	Line    int
}

// oracle is a running Python.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startOracle(t testing.TB) *oracle {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import jinja2").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s has no jinja2 to compare with: %v", python, err)
		}
		t.Skipf("%s has no jinja2 to compare with: %v", python, err)
	}
	cmd := exec.Command(python, "testdata/oracle.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("oracle: %v", err)
		}
	})
	return &oracle{in, bufio.NewReaderSize(out, 1<<20)}
}

func (o *oracle) ask(t testing.TB, r request) answer {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.in.Write(append(raw, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

var (
	address   = regexp.MustCompile(` at 0x[0-9a-f]+`)
	anonymous = regexp.MustCompile(`<(built-in method \w+ of \w+ object|generator object \w+|[\w.]+ object)[^>]*>`)
)

// withoutAddresses makes outputs comparable that name objects.
func withoutAddresses(s string) string {
	return anonymous.ReplaceAllString(address.ReplaceAllString(s, ""), "<$1>")
}

// compare renders with both engines and describes the difference, or
// returns "".
func (o *oracle) compare(t testing.TB, r request) string {
	t.Helper()
	diff, _ := o.compareOutput(t, r)
	return diff
}

// compareOutput is compare, and tells whether there was an output to compare.
func (o *oracle) compareOutput(t testing.TB, r request) (diff string, output bool) {
	t.Helper()
	want := o.ask(t, r)
	return differs(t, r, want), want.Output != nil
}

func differs(t testing.TB, r request, want answer) string {
	t.Helper()
	opts := r.Options.options()
	opts.Loader = MapLoader(r.Templates)
	var out []byte
	tmpl, err := mustNew(t, opts).Load("main")
	if err == nil {
		out, err = tmpl.Render(t.Context(), varsOf(t, r.Context), nil)
	}
	switch {
	case want.Output == nil && err == nil:
		return fmt.Sprintf("got  %q\nwant error %s: %s", out, want.Error, want.Message)
	case want.Output == nil:
		return ""
	case err != nil:
		return fmt.Sprintf("got error %v\nwant %q", err, *want.Output)
	case withoutAddresses(string(out)) != withoutAddresses(*want.Output):
		return fmt.Sprintf("got  %q\nwant %q", out, *want.Output)
	}
	return ""
}

// TestOracleExpressions compares the templates of testdata/oracle.txt, one
// in each line, under several options.
func TestOracleExpressions(t *testing.T) {
	o := startOracle(t)
	raw, err := os.ReadFile("testdata/oracle.txt")
	if err != nil {
		t.Fatal(err)
	}
	context, err := os.ReadFile("testdata/oracle-context.json")
	if err != nil {
		t.Fatal(err)
	}
	settings := []oracleOptions{{}, {Autoescape: true}, {Undefined: "strict"}, {Undefined: "chainable"}, {Undefined: "debug"}}
	for line := range strings.SplitSeq(string(bytes.TrimSpace(raw)), "\n") {
		if line == "" || strings.HasPrefix(line, "##") {
			continue
		}
		line = strings.ReplaceAll(line, "⏎", "\n")
		for _, s := range settings {
			if diff := o.compare(t, request{templatesOf(line), context, s}); diff != "" {
				t.Errorf("%s  %+v\n%s", line, s, diff)
				break
			}
		}
	}
}

// templatesOf splits a line into templates: "main ¦ name: source ¦ …".
func templatesOf(line string) map[string]string {
	parts := strings.Split(line, " ¦ ")
	m := map[string]string{"main": parts[0]}
	for _, p := range parts[1:] {
		name, source, _ := strings.Cut(p, ": ")
		m[name] = source
	}
	return m
}

// TestOracleRandom compares random templates.
func TestOracleRandom(t *testing.T) {
	o := startOracle(t)
	differences, outputs := 0, 0
	for i := range *oracleCases {
		seed := *oracleSeed + uint64(i)
		r := newGen(seed).request()
		diff, output := o.compareOutput(t, r)
		if output {
			outputs++
		}
		if diff != "" {
			raw, _ := json.Marshal(r.Templates)
			t.Errorf("-jinja.seed=%d\n%s\n%+v\n%s", seed, raw, r.Options, diff)
			if differences++; differences == 10 {
				t.Fatal("too many differences")
			}
		}
	}
	t.Logf("%d of %d templates render, the others fail in both engines", outputs, *oracleCases)
}
