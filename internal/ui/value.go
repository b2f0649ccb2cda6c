package ui

import (
	"fmt"
	"strconv"
	"strings"

	facsimile "facsimile.dev/facsimile"
)

// ValueOptions say how to write a value.
type ValueOptions struct {
	// Origin gives where a value was written, as in define/prod.yaml:12, for a comment behind it; nil:
	// no comments, and "" for no comment on one value.
	Origin func(facsimile.Value) string
}

// Value writes a value for people, as YAML: a definition file with the same content would be read
// as the same value, but for what only stands for something: (secret 3f2a…), (new) and
// (per node: EXPRESSION). A string alone is written as it is.
func (p *Page) Value(v facsimile.Value, o ValueOptions) {
	w := valueWriter{origin: o.Origin}
	switch {
	case v.Kind() == facsimile.String && Visible(v.Str()) == v.Str():
		w.add(v.Str(), v)
	case v.Len() == 0 || v.Kind() != facsimile.Map && v.Kind() != facsimile.List:
		w.add(scalar(v), v)
	default:
		w.block("", "", v)
	}
	w.write(p)
}

// Inline is a value in one line, for tables: what is long is cut.
func Inline(v facsimile.Value, most int) string {
	var text string
	switch v.Kind() {
	case facsimile.Absent:
		text = "(nothing)"
	case facsimile.List:
		parts := make([]string, v.Len())
		for i, item := range v.Items() {
			parts[i] = Inline(item, most)
		}
		text = "[" + strings.Join(parts, ", ") + "]"
	case facsimile.Map:
		var parts []string
		for key, item := range v.All() {
			parts = append(parts, quoted(key)+": "+Inline(item, most))
		}
		text = "{" + strings.Join(parts, ", ") + "}"
	case facsimile.String:
		text = v.Str()
		if Visible(text) != text || strings.ContainsAny(text, "\n\t") || text == "" {
			text = strconv.Quote(text)
		}
	default:
		text = scalar(v)
	}
	return cut(text, most)
}

type valueLine struct{ text, comment string }

type valueWriter struct {
	lines  []valueLine
	origin func(facsimile.Value) string
}

func (w *valueWriter) add(text string, v facsimile.Value) {
	line := valueLine{text: text}
	if w.origin != nil && !v.IsAbsent() {
		line.comment = w.origin(v)
	}
	w.lines = append(w.lines, line)
}

// block writes the elements of a map or a list that has some. The first line goes after first, all
// others after indent.
func (w *valueWriter) block(first, indent string, v facsimile.Value) {
	if v.Kind() == facsimile.List {
		for _, item := range v.Items() {
			w.element(first+"-", first+"- ", indent+"  ", item)
			first = indent
		}
		return
	}
	for key, item := range v.All() {
		w.element(first+quoted(key)+":", "", indent+"  ", item)
		first = indent
	}
}

// element writes one element. head is all before the value; join, where not empty, is what the first line of a
// block in it starts with, so that a map in a list begins behind its dash.
func (w *valueWriter) element(head, join, indent string, v facsimile.Value) {
	switch {
	case v.Len() > 0 && join != "":
		w.block(join, indent, v)
	case v.Len() > 0:
		w.add(head, v)
		w.block(indent, indent, v)
	case v.Kind() == facsimile.String && asLiteral(v.Str()):
		w.literal(head, indent, v)
	default:
		w.add(head+" "+scalar(v), v)
	}
}

// literal writes text of several lines as a block scalar; the sign keeps the end as it is.
func (w *valueWriter) literal(head, indent string, v facsimile.Value) {
	text, ended := strings.CutSuffix(v.Str(), "\n")
	sign := " |-"
	if ended {
		sign = " |"
	}
	w.add(head+sign, v)
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			line = indent + line
		}
		w.lines = append(w.lines, valueLine{text: line})
	}
}

// asLiteral reports whether text reads best as a block and can be written as one.
func asLiteral(text string) bool {
	body := strings.TrimSuffix(text, "\n")
	return strings.Contains(body, "\n") && !strings.Contains(text, "\t") && strings.IndexFunc(text, unprintable) < 0 &&
		!strings.HasPrefix(body, " ") && !strings.HasPrefix(body, "\n") && !strings.HasSuffix(body, "\n")
}

// commentColumn is where comments start at the latest, if the text leaves room.
const commentColumn = 48

func (w *valueWriter) write(p *Page) {
	column := 0
	for _, line := range w.lines {
		if n := width(line.text); line.comment != "" && n <= commentColumn {
			column = max(column, n)
		}
	}
	for _, line := range w.lines {
		if line.comment == "" {
			p.Line("%s", line.text)
			continue
		}
		p.Line("%s  %s", pad(line.text, column), p.Faint("# "+Visible(line.comment)))
	}
}

// scalar is a value without elements, in one line.
func scalar(v facsimile.Value) string {
	switch v.Kind() {
	case facsimile.Bool:
		return strconv.FormatBool(v.Bool())
	case facsimile.Int:
		return v.Big().String()
	case facsimile.Float:
		return float(v.Float())
	case facsimile.String:
		return quoted(v.Str())
	case facsimile.List:
		return "[]"
	case facsimile.Map:
		return "{}"
	case facsimile.Hidden:
		return secret(v.Str())
	case facsimile.Pending:
		return "(new)"
	case facsimile.Deferred:
		if v.Str() == "" {
			return "(per " + v.Per() + ")"
		}
		return fmt.Sprintf("(per %s: %s)", v.Per(), Visible(strings.ReplaceAll(v.Str(), "\n", " ")))
	}
	return "null"
}

// fingerprintShown is how much of a fingerprint people are shown.
const fingerprintShown = 8

func secret(fingerprint string) string {
	switch {
	case fingerprint == "":
		return "(secret)"
	case len(fingerprint) > fingerprintShown:
		return "(secret " + fingerprint[:fingerprintShown] + "…)"
	}
	return "(secret " + fingerprint + ")"
}

// float is a number that YAML reads as one and never as a whole number.
func float(f float64) string {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	switch text {
	case "+Inf":
		return ".inf"
	case "-Inf":
		return "-.inf"
	case "NaN":
		return ".nan"
	}
	if mantissa, exponent, has := strings.Cut(text, "e"); has && !strings.Contains(mantissa, ".") {
		return mantissa + ".0e" + exponent
	}
	if !strings.ContainsAny(text, ".e") {
		return text + ".0"
	}
	return text
}

// quoted is text as a plain scalar where every reader of YAML takes it for the same text, and in
// double quotes where not.
func quoted(text string) string {
	if plainScalar(text) {
		return text
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unprintable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unprintable reports whether a reader of YAML refuses r, or takes it for the end of a line or for nothing.
func unprintable(r rune) bool {
	switch r {
	case 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff:
		return true
	}
	return steers(r)
}

func plainScalar(text string) bool {
	if text == "" || strings.TrimSpace(text) != text || strings.ContainsAny(text, "\n\t") || strings.IndexFunc(text, unprintable) >= 0 {
		return false
	}
	if strings.ContainsRune("!&*-?:[]{},#|>@`\"'%=~<.+", rune(text[0])) && !plainStart(text) {
		return false
	}
	if strings.Contains(text, ": ") || strings.HasSuffix(text, ":") || strings.Contains(text, " #") {
		return false
	}
	switch strings.ToLower(text) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return false
	}
	return !(text[0] >= '0' && text[0] <= '9') || !numberLike(text)
}

// plainStart allows what often starts a plain text and can start nothing else: "./run", "-x" no.
func plainStart(text string) bool {
	return strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../")
}

// numberLike reports whether some reader could take text for a number, a time or a base 60 number.
func numberLike(text string) bool {
	if strings.Count(text, ".") > 1 && !strings.Contains(text, ":") {
		return false // a version or an address
	}
	return strings.Trim(text, "0123456789abcdefABCDEFxXoO_+-.:TZtz ") == ""
}
