package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"

	facsimile "facsimile.dev/facsimile"
)

// Place is a position as JSON output has it.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// ErrorDocument is one error as JSON output has it.
type ErrorDocument struct {
	Error string  `json:"error"`
	Hint  string  `json:"hint"`
	At    []Place `json:"at"`
}

// NewErrorDocument makes the document of one error.
func NewErrorDocument(e *facsimile.Error) ErrorDocument {
	doc := ErrorDocument{Error: e.Msg, Hint: e.Hint, At: []Place{}}
	for _, at := range e.At {
		doc.At = append(doc.At, Place{File: at.File, Line: at.Line, Column: at.Column})
	}
	return doc
}

// errorsDocument is several errors: the first at the top level, where a reader of one looks, and all of them.
type errorsDocument struct {
	ErrorDocument
	Errors []ErrorDocument `json:"errors,omitempty"`
}

// Problems takes an error apart into what people should read: the problems in it, or itself.
func Problems(err error) facsimile.Problems {
	if several, ok := errors.AsType[facsimile.Problems](err); ok && len(several) > 0 {
		return several
	}
	if one, ok := errors.AsType[*facsimile.Error](err); ok {
		return facsimile.Problems{one}
	}
	return facsimile.Problems{{Msg: err.Error()}}
}

// Fail tells an error: all problems that it holds, and their number where there are several.
func (u *UI) Fail(err error) {
	problems := Problems(err)
	if u.opt.Format == JSON {
		doc := errorsDocument{ErrorDocument: NewErrorDocument(problems[0])}
		for _, e := range problems {
			if len(problems) > 1 {
				doc.Errors = append(doc.Errors, NewErrorDocument(e))
			}
		}
		_ = u.printJSON(u.opt.Err, doc)
		return
	}
	page := &Page{style: u.err, width: defaultWidth}
	for _, e := range problems {
		page.Problem("facs: error: ", "facs: hint: ", e, false)
	}
	if len(problems) > 1 {
		page.Line("%s%s", page.Bad("facs: "), Count(len(problems), "error"))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	_, _ = io.WriteString(u.opt.Err, page.buf.String())
}

// Problem writes one error or warning: a label and the message, each place with its line, and the hint.
func (p *Page) Problem(label, hint string, e *facsimile.Error, warning bool) {
	mark := p.Bad
	if warning {
		mark = p.Warn
	}
	p.Line("%s%s", mark(label), indentRest(Visible(e.Msg)))
	for _, at := range e.At {
		p.place(at, mark)
	}
	if e.Hint != "" {
		p.Line("%s%s", p.Name(hint), indentRest(Visible(e.Hint)))
	}
}

// indentRest sets the lines after the first one under it.
func indentRest(text string) string { return strings.ReplaceAll(text, "\n", "\n  ") }

// place writes where something stands and, where it is known, the line with a mark under the column.
func (p *Page) place(at facsimile.Position, mark func(string) string) {
	p.Line("  %s", p.Name(Visible(at.String())))
	if at.Text == "" || at.Line == 0 {
		return
	}
	text, column := excerpt(at.Text, at.Column)
	number := fmt.Sprint(at.Line)
	p.Line("    %s %s", p.Faint(number+" |"), text)
	if column > 0 {
		p.Line("    %s %s%s", p.Faint(strings.Repeat(" ", len(number))+" |"), under(text, column), mark("^"))
	}
}

// excerptWidth is the most runes of a line that are shown.
const excerptWidth = 100

// excerpt is the part of a line around a column (from 1, in runes; 0: none), and where the column is in it.
func excerpt(line string, column int) (string, int) {
	runes := []rune(Visible(line))
	if column > len(runes)+1 {
		column = 0
	}
	if len(runes) <= excerptWidth {
		return string(runes), column
	}
	start := max(0, min(column-excerptWidth/2, len(runes)-excerptWidth))
	end := min(len(runes), start+excerptWidth)
	text := string(runes[start:end])
	if start > 0 {
		text, column = "…"+text, column+1
	}
	if end < len(runes) {
		text += "…"
	}
	return text, max(0, column-start)
}

// under is blank as far as the column, with the tabs of the line above, so that the mark stands below it.
func under(text string, column int) string {
	var b strings.Builder
	for i, r := range []rune(text) {
		if i >= column-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String() + strings.Repeat(" ", max(0, column-1-len([]rune(text))))
}
