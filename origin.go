package facsimile

import (
	"bytes"
	"fmt"
	"sync"
)

// SourceID is a number for one source of values: a layer file, or the part of one. Zero is
// "no source". It is resolved by the Sources that gave it out.
type SourceID uint32

// Origin is where a value was written. It is small, since every value has one.
type Origin struct {
	Src  SourceID
	Line uint32 // from 1; 0 where a source has no lines
	Col  uint32 // from 1, in runes
}

// IsZero reports whether the value was written nowhere: it is a default or was computed.
func (o Origin) IsZero() bool { return o == Origin{} }

// Source is one layer's text.
type Source struct {
	Layer Layer
	File  string // slash-separated; relative to the definition's folder where it is inside it
	Text  []byte // kept to show lines in errors; never holds a secret
}

// Position is an Origin resolved for people.
type Position struct {
	Layer  Layer  `json:"layer,omitempty"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"-"` // the line itself, without its end
}

// String is file:line:column, shorter where parts are unknown.
func (p Position) String() string {
	switch {
	case p.File == "":
		return string(p.Layer)
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Sources resolves origins. The zero value is empty and ready; it may be used by several
// goroutines at once.
type Sources struct {
	mu   sync.RWMutex
	list []Source
}

// Add registers a source and gives its number.
func (s *Sources) Add(src Source) SourceID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, src)
	return SourceID(len(s.list))
}

// Source gives back what was added; the zero Source for a number never given out.
func (s *Sources) Source(id SourceID) Source {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if id == 0 || int(id) > len(s.list) {
		return Source{}
	}
	return s.list[id-1]
}

// Position resolves an origin, with the text of its line.
func (s *Sources) Position(o Origin) Position {
	src := s.Source(o.Src)
	return Position{
		Layer:  src.Layer,
		File:   src.File,
		Line:   int(o.Line),
		Column: int(o.Col),
		Text:   lineOf(src.Text, int(o.Line)),
	}
}

func lineOf(text []byte, line int) string {
	if line <= 0 {
		return ""
	}
	for ; line > 1; line-- {
		_, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			return ""
		}
		text = rest
	}
	text, _, _ = bytes.Cut(text, []byte("\n"))
	return string(bytes.TrimSuffix(text, []byte("\r")))
}
