package ui

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Page is an answer for people in the making.
type Page struct {
	buf   bytes.Buffer
	style style
	width int
}

// Line writes one line. Arguments that are strings are made visible; see Visible.
func (p *Page) Line(format string, args ...any) {
	fmt.Fprintf(&p.buf, format, args...)
	p.buf.WriteByte('\n')
}

// Para writes a paragraph, wrapped to the width of the page, each line after indent.
func (p *Page) Para(indent, text string) {
	for _, line := range Wrap(text, min(p.width, 100)-len(indent)) {
		p.Line("%s%s", indent, line)
	}
}

// Bold marks what names a part.
func (p *Page) Bold(text string) string { return p.style.paint(bold, text) }

// Faint marks what is only there for those who look for it.
func (p *Page) Faint(text string) string { return p.style.paint(dim, text) }

// Good marks what is as it should be, or is added.
func (p *Page) Good(text string) string { return p.style.paint(green, text) }

// Bad marks what is wrong, or is removed.
func (p *Page) Bad(text string) string { return p.style.paint(red, text) }

// Warn marks what is changed or needs a look.
func (p *Page) Warn(text string) string { return p.style.paint(yellow, text) }

// Name marks a name.
func (p *Page) Name(text string) string { return p.style.paint(cyan, text) }

// Table writes rows in aligned columns, two blanks apart; head may be nil. Columns that are empty in
// all rows are left out.
func (p *Page) Table(head []string, rows [][]string) { p.table("", head, rows) }

// Indented is Table, each line after indent.
func (p *Page) Indented(indent string, rows [][]string) { p.table(indent, nil, rows) }

func (p *Page) table(indent string, head []string, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	for i := range min(len(head), len(widths)) {
		if widths[i] > 0 {
			widths[i] = max(widths[i], width(head[i]))
		}
	}
	if head != nil {
		painted := make([]string, len(head))
		for i, cell := range head {
			painted[i] = p.Faint(cell)
		}
		p.row(indent, widths, painted)
	}
	for _, row := range rows {
		p.row(indent, widths, row)
	}
}

func (p *Page) row(indent string, widths []int, cells []string) {
	var b strings.Builder
	for i, cell := range cells {
		if i >= len(widths) || widths[i] == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("  ")
		}
		b.WriteString(pad(cell, widths[i]))
	}
	p.Line("%s%s", indent, strings.TrimRight(b.String(), " "))
}

// Wrap breaks text into lines of at most width runes, at blanks. A longer word stands alone. Lines of
// text that start with a blank, and empty ones, are kept as they are.
func Wrap(text string, width int) []string {
	var out []string
	var line string
	flush := func() {
		if line != "" {
			out = append(out, line)
			line = ""
		}
	}
	for source := range strings.SplitSeq(text, "\n") {
		if source == "" || source[0] == ' ' || source[0] == '\t' {
			flush()
			out = append(out, source)
			continue
		}
		for word := range strings.FieldsSeq(source) {
			switch {
			case line == "":
				line = word
			case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
				line += " " + word
			default:
				flush()
				line = word
			}
		}
	}
	flush()
	return out
}

// Size is a number of bytes for people, with decimal prefixes: 1.2 kB.
func Size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1000, 0
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	for value >= 999.5 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, units[unit])
	}
	return fmt.Sprintf("%.0f %s", value, units[unit])
}

// Count is a number with its noun: "1 file", "2 files". A noun that ends in s, x or ch takes "es", and
// one that ends in y after a consonant "ies".
func Count(n int, noun string) string {
	if n != 1 {
		noun = plural(noun)
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func plural(noun string) string {
	switch {
	case strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "x"), strings.HasSuffix(noun, "ch"):
		return noun + "es"
	case strings.HasSuffix(noun, "y") && len(noun) > 1 && !strings.ContainsRune("aeiou", rune(noun[len(noun)-2])):
		return noun[:len(noun)-1] + "ies"
	}
	return noun + "s"
}
