package facsimile

import (
	"fmt"
	"strconv"
	"strings"
)

// Path leads to a value: the keys of maps and the positions in lists from the top. Its text
// form joins the parts with dots; a part that holds a dot, a quote or white space, or is
// empty, is quoted as in Go: nodes."fe1.eu.example.net".region.
type Path []string

// ParsePath reads the text form. An empty text is the empty path, the whole value.
func ParsePath(s string) (Path, error) {
	var p Path
	for rest := s; rest != ""; {
		var part string
		if rest[0] == '"' {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("path %q: a quote is not closed", s)
			}
			part, _ = strconv.Unquote(quoted) // a quoted prefix always unquotes
			rest = rest[len(quoted):]
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			part, rest = rest[:end], rest[end:]
			if part == "" {
				return nil, fmt.Errorf("path %q has an empty part", s)
			}
		}
		p = append(p, part)
		if rest == "" {
			break
		}
		if rest[0] != '.' || len(rest) == 1 {
			return nil, fmt.Errorf("path %q: expected a dot and a name at %q", s, rest)
		}
		rest = rest[1:]
	}
	return p, nil
}

// String is the text form that ParsePath reads.
func (p Path) String() string {
	var b strings.Builder
	for i, part := range p {
		if i > 0 {
			b.WriteByte('.')
		}
		if part == "" || strings.ContainsAny(part, ".\"\\ \t\n\r") || strconv.Quote(part) != `"`+part+`"` {
			b.WriteString(strconv.Quote(part))
		} else {
			b.WriteString(part)
		}
	}
	return b.String()
}

// Child is p with one more part. It never shares memory that a second Child could overwrite.
func (p Path) Child(part string) Path {
	child := make(Path, len(p)+1)
	copy(child, p)
	child[len(p)] = part
	return child
}

// Index is p with a list position as its last part.
func (p Path) Index(i int) Path { return p.Child(strconv.Itoa(i)) }

// MarshalText makes a Path its text form in JSON.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
