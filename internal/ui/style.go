package ui

import (
	"strings"
	"unicode/utf8"
)

// color is a Select Graphic Rendition code of ECMA-48.
type color string

const (
	bold   color = "1"
	dim    color = "2"
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	cyan   color = "36"
)

// style paints where it is true, and leaves text alone where not.
type style bool

func (s style) paint(c color, text string) string {
	if !s || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func colored(o Options, stream any) bool {
	switch o.Color {
	case ColorAlways:
		return true
	case ColorNever:
		return false
	}
	if o.Environ["NO_COLOR"] != "" {
		return false
	}
	if force := o.Environ["CLICOLOR_FORCE"]; force != "" && force != "0" {
		return true
	}
	return isTerminal(stream) && o.Environ["TERM"] != "dumb"
}

// width is the number of cells that text takes, colours left out. Each rune counts as one.
func width(text string) int {
	n := 0
	for {
		before, rest, found := strings.Cut(text, "\x1b[")
		n += utf8.RuneCountInString(before)
		if !found {
			return n
		}
		_, text, _ = strings.Cut(rest, "m")
	}
}

func pad(text string, to int) string {
	if n := to - width(text); n > 0 {
		return text + strings.Repeat(" ", n)
	}
	return text
}

// Colored reports whether answers are painted.
func (u *UI) Colored() bool { return bool(u.out) }
