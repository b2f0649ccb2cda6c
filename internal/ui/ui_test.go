package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	facsimile "facsimile.dev/facsimile"
)

func newUI(o Options) (u *UI, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	o.Out, o.Err = out, errs
	return New(o), out, errs
}

func position(line, column int, text string) facsimile.Position {
	return facsimile.Position{File: "define/prod.yaml", Line: line, Column: column, Text: text}
}

func TestFail(t *testing.T) {
	count := (&facsimile.Error{Msg: `cannot take "three" for n_instances: want a whole number`, Hint: "write 3"}).
		WithAt(position(12, 18, `    n_instances: "three"`), position(3, 0, ""))
	tabs := (&facsimile.Error{Msg: "cannot read the template"}).WithAt(position(7, 5, "\tx\t{{ a }}"))
	rude := (&facsimile.Error{Msg: "cannot find \x1b[2Jinstance"}).WithAt(position(1, 400, strings.Repeat("a", 399)+"!"+strings.Repeat("b", 300)))
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"with a place and a hint", count, `facs: error: cannot take "three" for n_instances: want a whole number
  define/prod.yaml:12:18
    12 |     n_instances: "three"
       |                  ^
  define/prod.yaml:3
facs: hint: write 3
`},
		{"tabs keep the mark below", tabs, "facs: error: cannot read the template\n  define/prod.yaml:7:5\n    7 | \tx\t{{ a }}\n      | \t \t ^\n"},
		{"a wrapped one", fmt.Errorf("around: %w", tabs), "facs: error: cannot read the template\n  define/prod.yaml:7:5\n    7 | \tx\t{{ a }}\n      | \t \t ^\n"},
		{"a plain one", errors.New("no space left"), "facs: error: no space left\n"},
		{"several", facsimile.Problems{{Msg: "cannot a"}, {Msg: "cannot b"}}, "facs: error: cannot a\nfacs: error: cannot b\nfacs: 2 errors\n"},
		{"nothing steers, long lines are cut", rude, "facs: error: cannot find ␛[2Jinstance\n  define/prod.yaml:1:400\n    1 | …" +
			strings.Repeat("a", 49) + "!" + strings.Repeat("b", 50) + "…\n      | " + strings.Repeat(" ", 50) + "^\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, out, errs := newUI(Options{Format: Text})
			u.Fail(c.err)
			if errs.String() != c.want || out.Len() > 0 {
				t.Errorf("got\n%s\nwant\n%s", errs, c.want)
			}
		})
	}
}

func TestFailForPrograms(t *testing.T) {
	one := (&facsimile.Error{Msg: "cannot a", Hint: "do b"}).WithAt(position(1, 2, "x"))
	u, _, errs := newUI(Options{Format: JSON})
	u.Fail(one)
	want := `{"error":"cannot a","hint":"do b","at":[{"file":"define/prod.yaml","line":1,"column":2}]}` + "\n"
	if errs.String() != want {
		t.Errorf("got %s, want %s", errs, want)
	}
	u, _, errs = newUI(Options{Format: JSON})
	u.Fail(facsimile.Problems{one, {Msg: "cannot <c>"}})
	want = `{"error":"cannot a","hint":"do b","at":[{"file":"define/prod.yaml","line":1,"column":2}],"errors":[` +
		`{"error":"cannot a","hint":"do b","at":[{"file":"define/prod.yaml","line":1,"column":2}]},{"error":"cannot <c>","hint":"","at":[]}]}` + "\n"
	if errs.String() != want {
		t.Errorf("got %s, want %s", errs, want)
	}
}

func TestColor(t *testing.T) {
	for _, c := range []struct {
		name    string
		mode    ColorMode
		environ map[string]string
		want    bool
	}{
		{"a pipe has none", ColorAuto, nil, false},
		{"always", ColorAlways, map[string]string{"NO_COLOR": "1"}, true},
		{"never", ColorNever, map[string]string{"CLICOLOR_FORCE": "1"}, false},
		{"forced", ColorAuto, map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{"not forced by 0", ColorAuto, map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{"NO_COLOR beats CLICOLOR_FORCE", ColorAuto, map[string]string{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, false},
	} {
		u, _, errs := newUI(Options{Color: c.mode, Environ: c.environ, Format: Text})
		u.Fail(errors.New("x"))
		if got := strings.Contains(errs.String(), "\x1b["); got != c.want {
			t.Errorf("%s: coloured is %t, want %t", c.name, got, c.want)
		}
	}
}

func TestTableAligns(t *testing.T) {
	page := &Page{style: true, width: 80}
	page.Table([]string{"NAME", "GONE", "NODES"}, [][]string{{page.Good("ü"), "", "1"}, {"longer", "", "22"}})
	plain := stripped(page.buf.String())
	want := "NAME    NODES\nü       1\nlonger  22\n"
	if plain != want {
		t.Errorf("got\n%s\nwant\n%s", plain, want)
	}
}

func stripped(s string) string {
	for {
		before, rest, found := strings.Cut(s, "\x1b[")
		if !found {
			return s
		}
		_, after, _ := strings.Cut(rest, "m")
		s = before + after
	}
}

func TestWrap(t *testing.T) {
	got := strings.Join(Wrap("one two three\nfour\n\n  as it is   here\nfive", 9), "|")
	if want := "one two|three|four||  as it is   here|five"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSizeAndCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 999_499: "999 kB", 999_500: "1.0 MB", 3_200_000_000: "3.2 GB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
	for _, c := range []struct {
		n          int
		noun, want string
	}{{1, "file", "1 file"}, {0, "file", "0 files"}, {2, "address", "2 addresses"}, {2, "copy", "2 copies"}, {2, "day", "2 days"}} {
		if got := Count(c.n, c.noun); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestProgressElsewhere(t *testing.T) {
	u, out, errs := newUI(Options{Format: Text})
	u.Say("before it is shown")
	end := u.Progress()
	u.Say("checking out api 1.4.2")
	u.Step(Step{Node: "app1", Text: "staging"})
	u.Step(Step{Node: "app1", Text: "staged 3 files", Done: true})
	u.Step(Step{Node: "app1", Text: "asked", Done: true, Mute: true})
	u.Step(Step{Node: "fe1", Text: "switching", Err: errors.New("no space")})
	end()
	end()
	u.Say("after it")
	want := "checking out api 1.4.2\napp1: staged 3 files\nfe1: switching failed: no space\n"
	if errs.String() != want || out.Len() > 0 {
		t.Errorf("got\n%s\nwant\n%s", errs, want)
	}
	for _, o := range []Options{{Format: JSON}, {Format: Text, Quiet: true}} {
		u, out, errs = newUI(o)
		end := u.Progress()
		u.Say("x")
		u.Step(Step{Node: "a", Text: "b", Done: true})
		end()
		if out.Len()+errs.Len() > 0 {
			t.Errorf("%+v: wrote %s%s", o, out, errs)
		}
	}
}

// screen plays what a terminal does with the few orders that redrawn gives.
func screen(t *testing.T, written string) []string {
	t.Helper()
	lines := []string{""}
	row := 0
	for i := 0; i < len(written); i++ {
		switch c := written[i]; {
		case c == '\n':
			row++
			if row == len(lines) {
				lines = append(lines, "")
			}
		case c == '\r':
		case strings.HasPrefix(written[i:], "\x1b[J"):
			lines = append(lines[:row], "")
			i += 2
		case c == 0x1b:
			n := 0
			var order byte
			if _, err := fmt.Sscanf(written[i:], "\x1b[%d%c", &n, &order); err != nil || order != 'A' || n > row {
				t.Fatalf("at row %d: an order that no line needs: %q", row, written[i:min(len(written), i+8)])
			}
			row -= n
			i += len(fmt.Sprintf("\x1b[%dA", n)) - 1
		default:
			lines[row] += written[i : i+1]
		}
	}
	return lines
}

func TestProgressOnTerminal(t *testing.T) {
	var b bytes.Buffer
	r := &redrawn{w: &b, width: 40}
	r.step(Step{Node: "fe1", Text: "staging"})
	r.step(Step{Node: "app1", Text: "staging"})
	r.above("a line that stays")
	r.step(Step{Node: "app1", Text: strings.Repeat("long ", 20), Done: true})
	r.step(Step{Node: "fe1", Text: "switching", Err: errors.New("no\nspace")})
	got := strings.Join(screen(t, b.String()), "\n")
	want := "a line that stays\n✓ app1  long long long long long long …\n✗ fe1   switching failed: no space\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	r.close()
	if got, want := strings.Join(screen(t, b.String()), "\n"), "a line that stays\n"; got != want {
		t.Errorf("after it was closed: got\n%s\nwant\n%s", got, want)
	}
}

func TestProgressOfManyNodes(t *testing.T) {
	var b bytes.Buffer
	r := &redrawn{w: &b, width: 60}
	for i := range 20 {
		r.step(Step{Node: fmt.Sprintf("n%d", i), Text: "staging"})
	}
	r.step(Step{Node: "n3", Text: "staged", Done: true})
	got := strings.Join(screen(t, b.String()), "\n")
	if want := "20 nodes: 19 staging, 1 staged\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAsk(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, " YES \n": true, "n\n": false, "": false, "yep\n": false} {
		u, _, errs := newUI(Options{Format: Text, In: strings.NewReader(answer)})
		got, err := u.Ask(t.Context(), "Go on?")
		if err != nil || got != want {
			t.Errorf("%q means %t, %v; want %t", answer, got, err, want)
		}
		if errs.String() != "Go on? [y/N] " {
			t.Errorf("asked %q", errs)
		}
		if u.CanAsk() {
			t.Error("a buffer is no terminal, but CanAsk")
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	u, _, _ := newUI(Options{Format: Text, In: blocked{}})
	if _, err := u.Ask(ctx, "?"); !errors.Is(err, stop) {
		t.Errorf("an ended context gives %v", err)
	}
}

// blocked is input that never comes.
type blocked struct{}

func (blocked) Read([]byte) (int, error) { select {} }

func TestPrint(t *testing.T) {
	u, out, _ := newUI(Options{Format: Text})
	if err := u.Print(nil, func(p *Page) { p.Para("  ", "a b") }); err != nil || out.String() != "  a b\n" {
		t.Errorf("text: %q, %v", out, err)
	}
	u, out, errs := newUI(Options{Format: JSON})
	u.Notice("a key was made")
	if err := u.Print(map[string]any{"a": "<b>"}, func(*Page) { t.Error("text was asked for") }); err != nil || !json.Valid(out.Bytes()) {
		t.Errorf("JSON: %q, %v", out, err)
	}
	if got, want := errs.String(), `{"notice":"a key was made"}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLog(t *testing.T) {
	u, out, _ := newUI(Options{Format: Text})
	w := u.Log()
	for _, part := range []string{"api.0 | on", "e\napi.1 | \x1b[2Jtwo\nrest"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("wrote %d of %d, %v", n, len(part), err)
		}
	}
	if got, want := out.String(), "api.0 | one\napi.1 | ␛[2Jtwo\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := w.Write(bytes.Repeat([]byte("x"), logLine)); err != nil || out.Len() < logLine {
		t.Errorf("a line without end is kept for ever: %d bytes out, %v", out.Len(), err)
	}
}
