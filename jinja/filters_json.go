package jinja

import (
	"math"
	"slices"
	"strings"
)

// jsonWriter writes JSON as Python's json.dumps does with sorted keys.
type jsonWriter struct {
	st     *state
	b      strings.Builder
	indent string
	pretty bool
	path   []any
}

func filterTojson(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "indent")
	if err != nil {
		return Value{}, err
	}
	w := &jsonWriter{st: c.st}
	if isGiven(a[1]) {
		w.pretty = true
		if a[1].kind == KindString {
			w.indent = a[1].text()
		} else {
			n, err := wantInt(a[1])
			if err != nil {
				return Value{}, err
			}
			if err := c.st.use(max(n, 0)); err != nil {
				return Value{}, err
			}
			w.indent = strings.Repeat(" ", int(max(n, 0)))
		}
	}
	if err := w.value(a[0]); err != nil {
		return Value{}, err
	}
	return SafeString(w.b.String()), nil
}

func (w *jsonWriter) text(s string) error {
	w.b.WriteString(s)
	return w.st.use(int64(len(s)))
}

func (w *jsonWriter) value(v Value) error {
	switch v.kind {
	case KindNone:
		return w.text("null")
	case KindBool:
		if v.num != 0 {
			return w.text("true")
		}
		return w.text("false")
	case KindInt:
		s, err := intText(v)
		if err != nil {
			return err
		}
		return w.text(s)
	case KindFloat:
		return w.text(jsonFloat(v.float()))
	case KindString:
		return w.text(jsonString(v.text()))
	case KindList, KindTuple:
		items, err := w.st.listItems(v)
		if err != nil {
			return err
		}
		return w.nested(v.ref, "[", "]", len(items), func(i int) error { return w.value(items[i]) })
	case KindDict:
		return w.dict(v)
	}
	return failf(ErrType, "Object of type %s is not JSON serializable", typeName(v))
}

func (w *jsonWriter) dict(v Value) error {
	d, err := w.st.dictOf(v)
	if err != nil {
		return err
	}
	var items, keys []Value
	for i := range d.entries {
		if e := &d.entries[i]; !e.deleted {
			items = append(items, Tuple(e.key, e.value))
			keys = append(keys, e.key)
		}
	}
	if items, err = w.st.sortBy(items, keys, false); err != nil {
		return err
	}
	return w.nested(v.ref, "{", "}", len(items), func(i int) error {
		pair := items[i].ref.(*tuple).items
		key, err := jsonKey(pair[0])
		if err != nil {
			return err
		}
		if err := w.text(jsonString(key) + ": "); err != nil {
			return err
		}
		return w.value(pair[1])
	})
}

// jsonKey is the text of a key of an object.
func jsonKey(v Value) (string, error) {
	switch v.kind {
	case KindString:
		return v.text(), nil
	case KindNone:
		return "null", nil
	case KindBool:
		if v.num != 0 {
			return "true", nil
		}
		return "false", nil
	case KindInt:
		return intText(v)
	case KindFloat:
		return jsonFloat(v.float()), nil
	}
	return "", failf(ErrType, "keys must be str, int, float, bool or None, not %s", typeName(v))
}

// nested writes the elements of a container.
func (w *jsonWriter) nested(ref any, open, end string, n int, element func(i int) error) error {
	if slices.Contains(w.path, ref) {
		return failf(ErrValue, "Circular reference detected")
	}
	if len(w.path) >= maxRepr {
		return failf(ErrLimit, "a value nests too deeply to be printed")
	}
	if n == 0 {
		return w.text(open + end)
	}
	w.path = append(w.path, ref)
	sep := ", "
	if w.pretty {
		sep = ",\n" + strings.Repeat(w.indent, len(w.path))
		open += sep[1:]
	}
	if err := w.text(open); err != nil {
		return err
	}
	for i := range n {
		if i > 0 {
			if err := w.text(sep); err != nil {
				return err
			}
		}
		if err := w.st.step(); err != nil {
			return err
		}
		if err := element(i); err != nil {
			return err
		}
	}
	w.path = w.path[:len(w.path)-1]
	if w.pretty {
		end = "\n" + strings.Repeat(w.indent, len(w.path)) + end
	}
	return w.text(end)
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return floatRepr(f)
}

// jsonString writes a string literal in ASCII, without the characters that
// mean something in HTML.
func jsonString(s string) string {
	const special, letters = "\"\\\n\r\t\b\f", `"\nrtbf`
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case strings.ContainsRune(special, r):
			b.WriteByte('\\')
			b.WriteByte(letters[strings.IndexRune(special, r)])
		case r >= 0x10000:
			r -= 0x10000
			writeHex(&b, 'u', 4, 0xd800+r>>10)
			writeHex(&b, 'u', 4, 0xdc00+r&0x3ff)
		case r < 0x20 || r >= 0x7f || strings.ContainsRune("<>&'", r):
			writeHex(&b, 'u', 4, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
