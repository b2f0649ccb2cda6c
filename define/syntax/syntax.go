// Package syntax reads one layer file, in YAML, JSON with comments or TOML, into a value in
// which everything knows its line and column.
//
// The three formats are equal: what can be said in one means the same in another, as far as
// the format goes (TOML has no null). YAML is the core schema of YAML 1.2, not 1.1: yes and on
// are text, 010 is ten. Its merge keys, its further types and more than one document in a file
// are errors. JSON is RFC 8259 with // and /* */ comments and trailing commas. Dates of TOML
// are text. In all of them a key that is written twice is an error, and so are infinities and
// NaN, which JSON cannot say.
//
// Columns count characters from 1. Reading is bounded: in bytes by the caller, in depth, in
// values and in what YAML's aliases may expand to by this package.
package syntax

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"facsimile.dev/facsimile"
)

// Format is how a layer file is written.
type Format uint8

// The formats.
const (
	YAML Format = iota + 1
	JSON
	TOML
)

// FormatOf splits the name of a file into that of a layer and its format. It reports false for
// a file that is no layer file.
func FormatOf(file string) (name string, f Format, ok bool) {
	ext := path.Ext(file)
	switch ext {
	case ".yaml", ".yml":
		f = YAML
	case ".json", ".jsonc":
		f = JSON
	case ".toml":
		f = TOML
	}
	if f == 0 || len(file) == len(ext) {
		return "", 0, false
	}
	return strings.TrimSuffix(file, ext), f, true
}

// The limits of one file. They are far above what people write, and low enough that no file
// takes much memory or a deep stack.
const (
	maxDepth    = 500     // maps and lists inside each other
	maxValues   = 250_000 // marks in a YAML text that can start a value
	maxExpanded = 100_000 // values that aliases may stand for
	maxDigits   = 1000    // of a number
	maxProblems = 50      // of one file
)

// TrimMark removes the byte order mark that some editors put at the start of a file. Positions
// count without it, so it goes before the text becomes a source.
func TrimMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// Parse reads the text of a source. An empty text is an empty map in YAML and TOML. The value
// means nothing where there are problems.
func Parse(sources *facsimile.Sources, id facsimile.SourceID, f Format) (facsimile.Value, facsimile.Problems) {
	r := &reader{sources: sources, id: id, text: sources.Source(id).Text, line: 1}
	if !r.checkText(f) {
		return facsimile.Value{}, r.problems
	}
	var v facsimile.Value
	switch f {
	case YAML:
		v = r.readYAML()
	case JSON:
		v = r.readJSON()
	case TOML:
		v = r.readTOML()
	default:
		r.fail(r.start(), fmt.Sprintf("unknown format %d", f), "")
	}
	if len(r.problems) > 0 {
		return facsimile.Value{}, r.problems
	}
	return v, nil
}

// reader is what the three formats share: positions and problems.
type reader struct {
	sources  *facsimile.Sources
	id       facsimile.SourceID
	text     []byte
	problems facsimile.Problems

	// The cursor of at: an offset with its line and the runes before it on that line. It
	// moves both ways by the distance asked for, so that a long line costs nothing extra.
	offset, line, runes int
}

// start is the first character of the file.
func (r *reader) start() facsimile.Origin { return facsimile.Origin{Src: r.id, Line: 1, Col: 1} }

// at is the place of a byte.
func (r *reader) at(offset int) facsimile.Origin {
	offset = max(0, min(offset, len(r.text)))
	for r.offset < offset {
		if r.text[r.offset] == '\n' {
			r.offset, r.line, r.runes = r.offset+1, r.line+1, 0
			continue
		}
		_, size := utf8.DecodeRune(r.text[r.offset:])
		r.offset, r.runes = r.offset+size, r.runes+1
	}
	for r.offset > offset {
		_, size := utf8.DecodeLastRune(r.text[:r.offset])
		r.offset -= size
		if r.text[r.offset] != '\n' {
			r.runes--
			continue
		}
		r.line--
		start := bytes.LastIndexByte(r.text[:r.offset], '\n') + 1
		r.runes = utf8.RuneCount(r.text[start:r.offset])
	}
	return facsimile.Origin{Src: r.id, Line: uint32(r.line), Col: uint32(r.runes + 1)}
}

// fail notes a problem. also are further places that it concerns.
func (r *reader) fail(at facsimile.Origin, msg, hint string, also ...facsimile.Origin) {
	if len(r.problems) >= maxProblems {
		return
	}
	e := &facsimile.Error{Outcome: facsimile.BadInput, Msg: msg, Hint: hint, At: []facsimile.Position{r.sources.Position(at)}}
	for _, o := range also {
		e.At = append(e.At, r.sources.Position(o))
	}
	r.problems = append(r.problems, e)
}

// full reports whether no further problem would be noted, so that reading on is of no use.
func (r *reader) full() bool { return len(r.problems) >= maxProblems }

// checkText refuses what is not text, before a parser sees it: the parsers differ in what they
// take, and some say no position.
func (r *reader) checkText(f Format) bool {
	for i := 0; i < len(r.text); {
		c, size := utf8.DecodeRune(r.text[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			r.fail(r.at(i), fmt.Sprintf("the byte 0x%02x is not valid UTF-8", r.text[i]), "save the file as UTF-8")
			return false
		case c == '\r' && (i+1 == len(r.text) || r.text[i+1] != '\n'):
			r.fail(r.at(i), "a carriage return without a newline", "end lines with a newline")
			return false
		case isControl(c):
			r.fail(r.at(i), fmt.Sprintf("the control character %U", c), "write it as an escape in double quotes")
			return false
		case f == YAML && isNoYAML(c):
			r.fail(r.at(i), fmt.Sprintf("the character %U may not stand in YAML as it is", c), "write it as an escape in double quotes")
			return false
		}
		i += size
	}
	return true
}

// isControl holds for the control characters of ASCII that belong into no text.
func isControl(c rune) bool {
	return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f
}

// isNoYAML holds for what YAML forbids beyond that, and for what ends a line for YAML and for
// nobody else.
func isNoYAML(c rune) bool {
	return c >= 0x80 && c < 0xa0 || c == '\u2028' || c == '\u2029' || c == '\ufeff'
}

// tooDeep notes that a value stands deeper than any definition needs.
func (r *reader) tooDeep(at facsimile.Origin) {
	r.fail(at, fmt.Sprintf("more than %d maps and lists inside each other", maxDepth), "")
}

// keys finds keys that are written twice in one map.
type keys struct {
	r  *reader
	at map[string]facsimile.Origin
}

func (r *reader) newKeys(size int) keys {
	return keys{r, make(map[string]facsimile.Origin, size)}
}

// add notes a key, and a problem if it is there already.
func (k keys) add(key string, at facsimile.Origin) bool {
	if first, twice := k.at[key]; twice {
		k.r.fail(at, fmt.Sprintf("the key %q is written twice in one map", key), "join the two, or rename one", first)
		return false
	}
	k.at[key] = at
	return true
}

// under is a value as it stands under a key: maps and lists have the place of the key.
func under(v facsimile.Value, key facsimile.Origin) facsimile.Value {
	if v.Kind() == facsimile.Map || v.Kind() == facsimile.List {
		return v.At(key)
	}
	return v
}
