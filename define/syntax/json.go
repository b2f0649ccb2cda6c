package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"facsimile.dev/facsimile"
	"github.com/go-json-experiment/json/jsontext"
)

// readJSON reads JSON with comments and trailing commas.
func (r *reader) readJSON() facsimile.Value {
	plain, ok := r.blankJSON()
	if !ok {
		return facsimile.Value{}
	}
	if len(bytes.TrimSpace(plain)) == 0 {
		r.fail(r.start(), "the file is empty", "write {} for a layer that says nothing")
		return facsimile.Value{}
	}
	j := &jsonReader{reader: r, dec: jsontext.NewDecoder(bytes.NewReader(plain), jsontext.AllowDuplicateNames(true))}
	v, err := j.value(1)
	if end := skipBlank(plain, int(j.dec.InputOffset())); err == nil && end < len(plain) {
		r.fail(r.at(end), "more text behind the end of the value", "")
	}
	if err != nil && !errors.Is(err, errNoted) {
		j.fault(err)
	}
	return v
}

// blankJSON is the text with comments and trailing commas made blank, so that every byte that
// is left keeps its place.
func (r *reader) blankJSON() ([]byte, bool) {
	b := bytes.Clone(r.text)
	last, comma := byte(0), -1 // the last byte that counts, and where it is if it is a comma behind a value
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case isJSONComment(b[i:]):
			end := commentEnd(b, i)
			if end < 0 {
				r.fail(r.at(i), "a comment that is not closed", "close it with */")
				return nil, false
			}
			blank(b[i:end])
			i = end - 1
			continue
		case isBlank(c):
			continue
		case c == '"':
			i = stringEnd(b, i)
		case (c == ']' || c == '}') && comma >= 0:
			b[comma] = ' '
		}
		if comma = -1; c == ',' && last != 0 && strings.IndexByte("[{,:", last) < 0 {
			comma = i
		}
		last = c
	}
	return b, true
}

// stringEnd is the offset of the quote that ends the string that starts at i.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

func isJSONComment(b []byte) bool {
	return len(b) > 1 && b[0] == '/' && (b[1] == '/' || b[1] == '*')
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// commentEnd is the offset behind the comment that starts at i; negative where it does not end.
func commentEnd(b []byte, i int) int {
	if b[i+1] == '/' {
		if end := bytes.IndexByte(b[i:], '\n'); end >= 0 {
			return i + end
		}
		return len(b)
	}
	end := bytes.Index(b[i+2:], []byte("*/"))
	if end < 0 {
		return -1
	}
	return i + 2 + end + 2
}

func blank(b []byte) {
	for i, c := range b {
		if c != '\n' && c != '\r' {
			b[i] = ' '
		}
	}
}

func skipBlank(b []byte, i int) int {
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return i
}

// errNoted stops the reader where the problem was noted already.
var errNoted = errors.New("noted")

type jsonReader struct {
	*reader
	dec *jsontext.Decoder
}

// next reads a token, or a whole scalar, and says where it starts.
func (j *jsonReader) next() (raw []byte, at facsimile.Origin, err error) {
	if k := j.dec.PeekKind(); k == '{' || k == '[' || k == '}' || k == ']' {
		if _, err := j.dec.ReadToken(); err != nil {
			return nil, facsimile.Origin{}, err
		}
		return []byte{byte(k)}, j.at(int(j.dec.InputOffset()) - 1), nil
	}
	raw, err = j.dec.ReadValue()
	if err != nil {
		return nil, facsimile.Origin{}, err
	}
	return raw, j.at(int(j.dec.InputOffset()) - len(raw)), nil
}

func (j *jsonReader) value(depth int) (facsimile.Value, error) {
	raw, at, err := j.next()
	if err != nil {
		return facsimile.Value{}, err
	}
	if depth > maxDepth {
		j.tooDeep(at)
		return facsimile.Value{}, errNoted
	}
	switch raw[0] {
	case '{':
		return j.object(at, depth)
	case '[':
		return j.array(at, depth)
	case 'n':
		return facsimile.NullAt(at), nil
	case 't', 'f':
		return facsimile.BoolAt(raw[0] == 't', at), nil
	case '"':
		text, err := jsontext.AppendUnquote(nil, raw)
		return facsimile.StringAt(string(text), at), err
	}
	if number := string(raw); strings.ContainsAny(number, ".eE") {
		return j.float(number, at), nil
	}
	sign, digits := cutSign(string(raw))
	return j.integer(sign, digits, 10, at), nil
}

func (j *jsonReader) array(at facsimile.Origin, depth int) (facsimile.Value, error) {
	var items []facsimile.Value
	for j.dec.PeekKind() != ']' {
		v, err := j.value(depth + 1)
		if err != nil {
			return facsimile.Value{}, err
		}
		items = append(items, v)
	}
	_, _, err := j.next()
	return facsimile.ListAt(items, at), err
}

func (j *jsonReader) object(at facsimile.Origin, depth int) (facsimile.Value, error) {
	var entries []facsimile.Entry
	seen := j.newKeys(0)
	for j.dec.PeekKind() != '}' {
		raw, keyAt, err := j.next()
		if err != nil {
			return facsimile.Value{}, err
		}
		key, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return facsimile.Value{}, err
		}
		v, err := j.value(depth + 1)
		if err != nil {
			return facsimile.Value{}, err
		}
		if seen.add(string(key), keyAt) {
			entries = append(entries, facsimile.Entry{Key: string(key), KeyAt: keyAt, Value: under(v, keyAt)})
		}
	}
	_, _, err := j.next()
	return facsimile.MapAt(entries, at), err
}

// fault notes an error of the library.
func (j *jsonReader) fault(err error) {
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		j.fail(j.at(len(j.text)), fmt.Sprintf("the file ends in the middle of a value (%v)", err), "")
		return
	}
	msg, hint := e.Err.Error(), ""
	switch {
	case strings.Contains(msg, "max depth"):
		j.tooDeep(j.at(int(e.ByteOffset)))
		return
	case strings.Contains(msg, "unexpected EOF"):
		msg = "the file ends in the middle of a value"
	case strings.Contains(msg, "in literal") || strings.Contains(msg, "at start of value"):
		hint = "text and keys need double quotes"
	}
	j.fail(j.at(int(e.ByteOffset)), msg, hint)
}
