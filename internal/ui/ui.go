// Package ui is the one place that writes to the terminal.
//
// Its rules:
//
//   - Standard output holds the answer and nothing else: text for people, or, with the format
//     json, exactly one document.
//   - Standard error holds everything else: progress, notices, questions, errors. With the
//     format json it holds one document per line, and no progress.
//   - Colour and redrawn lines are for terminals. NO_COLOR turns colour off, CLICOLOR_FORCE turns
//     it on, and an explicit choice beats both.
//   - Nothing that is shown can steer the terminal: control characters that come from a file or a
//     service are made visible.
//   - An answer is written at once, when it is complete: a failure leaves no half of one.
package ui

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/term"
)

// Format is how an answer is written.
type Format string

// The formats.
const (
	Text Format = "text" // for people
	JSON Format = "json" // for programs: one document
)

// ColorMode says when to use colour.
type ColorMode string

// The modes.
const (
	ColorAuto   ColorMode = "auto" // on a terminal, unless the environment says otherwise
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// Options say where to write and how.
type Options struct {
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Format  Format
	Color   ColorMode
	Quiet   bool              // no progress, no notes
	Environ map[string]string // NO_COLOR, CLICOLOR_FORCE, TERM
}

// UI writes for one command. Its methods may be called by several goroutines.
type UI struct {
	opt      Options
	mu       sync.Mutex // one writer at a time
	out, err style
	progress progress // the one that owns the last lines of the terminal; may be nil
}

// New makes a UI.
func New(o Options) *UI {
	return &UI{opt: o, out: style(colored(o, o.Out)), err: style(colored(o, o.Err))}
}

// Format is the one that was asked for.
func (u *UI) Format() Format { return u.opt.Format }

// Print writes the answer: doc as one JSON document, or what text writes.
func (u *UI) Print(doc any, text func(*Page)) error {
	if u.opt.Format == JSON {
		return u.printJSON(u.opt.Out, doc)
	}
	page := &Page{style: u.out, width: u.width()}
	text(page)
	u.mu.Lock()
	defer u.mu.Unlock()
	_, err := u.opt.Out.Write(page.buf.Bytes())
	return err
}

func (u *UI) printJSON(w io.Writer, doc any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if w == u.opt.Out {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(doc); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	_, err := io.WriteString(w, b.String())
	return err
}

// Notice tells something that the user must know whatever else happens; Quiet does not hide it.
func (u *UI) Notice(text string) {
	if u.opt.Format == JSON {
		_ = u.printJSON(u.opt.Err, map[string]string{"notice": text})
		return
	}
	u.line(u.err.paint(yellow, "facs: note: ") + indentRest(Visible(text)))
}

// Remark tells something that is good to know, unless Quiet hides it or the answer is for a program.
func (u *UI) Remark(text string) {
	if u.opt.Format == Text && !u.opt.Quiet {
		u.line(u.err.paint(dim, "facs: ") + Visible(text))
	}
}

// line writes one line to standard error, above whatever progress is being redrawn there.
func (u *UI) line(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.progress != nil {
		u.progress.above(text)
		return
	}
	_, _ = io.WriteString(u.opt.Err, text+"\n")
}

func (u *UI) width() int {
	if w, ok := terminalWidth(u.opt.Out); ok {
		return w
	}
	return defaultWidth
}

// defaultWidth is that of text which goes to a file or a pipe.
const defaultWidth = 80

// descriptor is what an *os.File has.
type descriptor interface{ Fd() uintptr }

func isTerminal(stream any) bool {
	f, ok := stream.(descriptor)
	return ok && term.IsTerminal(int(f.Fd()))
}

func terminalWidth(stream any) (int, bool) {
	f, ok := stream.(descriptor)
	if !ok {
		return 0, false
	}
	w, _, err := term.GetSize(int(f.Fd()))
	return w, err == nil && w > 0
}

// Visible makes every control character in text visible, but for the ends of lines and tabs.
func Visible(text string) string {
	if strings.IndexFunc(text, steers) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !steers(r):
			b.WriteRune(r)
		case r < 0x20:
			b.WriteRune('␀' + r) // the picture of the control character
		default:
			b.WriteRune(unicode.ReplacementChar)
		}
	}
	return b.String()
}

// steers reports whether a terminal may take r for an order: control characters of both sets,
// and the marks that turn the direction of writing.
func steers(r rune) bool {
	return r != '\n' && r != '\t' && unicode.IsControl(r) ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
