package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRepr is how deep values nest that can be printed and compared.
const maxRepr = 400

// str returns v as a text, as Python's str does, with the tags of all that
// is in it.
func (st *state) str(v Value) (Value, error) {
	switch v.kind {
	case KindString:
		return v, nil
	case KindNone:
		return String("None").WithTag(v.tag), nil
	case KindBool:
		if v.num != 0 {
			return String("True").WithTag(v.tag), nil
		}
		return String("False").WithTag(v.tag), nil
	case KindFloat:
		return String(floatRepr(v.float())).WithTag(v.tag), nil
	case KindInt:
		s, err := intText(v)
		return String(s).WithTag(v.tag), err
	case KindUndefined:
		s, err := st.undefinedText(v)
		return String(s).WithTag(v.tag), err
	}
	if o, ok := v.ref.(strObject); ok {
		return o.str(st)
	}
	w := &reprWriter{st: st}
	if err := w.value(v); err != nil {
		return Value{}, err
	}
	return String(w.b.String()).WithTag(st.deepTag(v)), nil
}

// strText is str without the tag.
func (st *state) strText(v Value) (string, error) {
	s, err := st.str(v)
	return s.text(), err
}

// reprText returns v as Python's repr does.
func (st *state) reprText(v Value) (string, error) {
	w := &reprWriter{st: st}
	err := w.value(v)
	return w.b.String(), err
}

// intText prints an integer, up to the length that Python prints.
func intText(v Value) (string, error) {
	n, ok := v.ref.(*big.Int)
	if !ok {
		return strconv.FormatInt(v.int64(), 10), nil
	}
	const bitsPerDigit = 3.3219280948873623
	if float64(n.BitLen()) > (maxDigits+1)*bitsPerDigit {
		return "", failf(ErrValue, "Exceeds the limit (%d digits) for integer string conversion", maxDigits)
	}
	s := n.String()
	if len(strings.TrimPrefix(s, "-")) > maxDigits {
		return "", failf(ErrValue, "Exceeds the limit (%d digits) for integer string conversion", maxDigits)
	}
	return s, nil
}

// undefinedText is what an undefined value prints as.
func (st *state) undefinedText(v Value) (string, error) {
	if strict(v) {
		return "", st.useUndefined(v)
	}
	u, _ := v.ref.(*undefined)
	if u == nil || UndefinedMode(v.num) != UndefinedDebug {
		return "", nil
	}
	switch {
	case u.hint != "":
		return "{{ undefined value printed: " + u.hint + " }}", nil
	case !u.inside:
		return "{{ " + u.name.text() + " }}", nil
	}
	name, err := st.reprText(u.name)
	return "{{ no such element: " + objectTypeName(u.holder) + "[" + name + "] }}", err
}

// floatRepr prints a float as Python does: the shortest text that reads back
// as the same number.
func floatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exp, _ := strings.Cut(s, "e")
	n, _ := strconv.Atoi(exp)
	if n < -4 || n >= 16 {
		return mantissa + "e" + exp
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if strings.IndexByte(s, '.') < 0 {
		s += ".0"
	}
	return s
}

// isPrintable tells the characters that repr shows as they are.
func isPrintable(r rune) bool {
	return r == ' ' || unicode.IsPrint(r)
}

// appendRepr writes a string literal as Python's repr does.
func appendRepr(b *strings.Builder, s string) {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	b.WriteByte(quote)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError && n == 1:
			writeHex(b, 'x', 2, rune(s[i]))
		case isPrintable(r):
			b.WriteString(s[i : i+n])
		case r < 0x100:
			writeHex(b, 'x', 2, r)
		case r < 0x10000:
			writeHex(b, 'u', 4, r)
		default:
			writeHex(b, 'U', 8, r)
		}
		i += n
	}
	b.WriteByte(quote)
}

func writeHex(b *strings.Builder, letter byte, digits int, r rune) {
	s := strconv.FormatInt(int64(r), 16)
	b.WriteByte('\\')
	b.WriteByte(letter)
	b.WriteString(strings.Repeat("0", digits-len(s)))
	b.WriteString(s)
}

// reprWriter prints nested values.
type reprWriter struct {
	st   *state
	b    strings.Builder
	path []any // the containers that are being printed
}

// text writes a part and counts it.
func (w *reprWriter) text(s string) error {
	if err := w.st.use(int64(len(s))); err != nil {
		return err
	}
	w.b.WriteString(s)
	return nil
}

// enter tells whether a container is already being printed further out.
func (w *reprWriter) enter(ref any) (cycle bool, err error) {
	for _, p := range w.path {
		if p == ref {
			return true, nil
		}
	}
	if len(w.path) >= maxRepr {
		return false, failf(ErrLimit, "a value nests too deeply to be printed")
	}
	w.path = append(w.path, ref)
	return false, w.st.step()
}

func (w *reprWriter) leave() { w.path = w.path[:len(w.path)-1] }

func (w *reprWriter) value(v Value) error {
	switch v.kind {
	case KindString:
		return w.literal(v)
	case KindList:
		items, err := w.st.listItems(v)
		if err != nil {
			return err
		}
		return w.items(v.ref, "[", items, "]")
	case KindTuple:
		items := v.ref.(*tuple).items
		if len(items) == 1 {
			return w.items(v.ref, "(", items, ",)")
		}
		return w.items(v.ref, "(", items, ")")
	case KindDict:
		d, err := w.st.dictOf(v)
		if err != nil {
			return err
		}
		return w.dict(v.ref, d)
	case KindUndefined:
		if UndefinedMode(v.num) == UndefinedStrictPrint {
			return w.st.useUndefined(v)
		}
		return w.text("Undefined")
	}
	if o, ok := v.ref.(object); ok {
		return w.object(o)
	}
	s, err := w.st.str(v)
	if err != nil {
		return err
	}
	return w.text(s.text())
}

// literal prints a string in quotes.
func (w *reprWriter) literal(v Value) error {
	if err := w.st.use(int64(len(v.text()))); err != nil {
		return err
	}
	if v.safe {
		w.b.WriteString("Markup(")
		defer w.b.WriteByte(')')
	}
	appendRepr(&w.b, v.text())
	return nil
}

func (w *reprWriter) object(o object) error {
	switch o := o.(type) {
	case *function:
		return w.text(o.reprText())
	case reprObject:
		return o.repr(w)
	}
	return w.text("<" + o.typeName() + " object>")
}

func (w *reprWriter) items(ref any, open string, items []Value, end string) error {
	cycle, err := w.enter(ref)
	if err != nil {
		return err
	}
	if cycle {
		return w.text(open + "..." + end[len(end)-1:])
	}
	defer w.leave()
	if err := w.text(open); err != nil {
		return err
	}
	for i, item := range items {
		if i > 0 {
			if err := w.text(", "); err != nil {
				return err
			}
		}
		if err := w.value(item); err != nil {
			return err
		}
	}
	return w.text(end)
}

func (w *reprWriter) dict(ref any, d *dict) error {
	cycle, err := w.enter(ref)
	if err != nil {
		return err
	}
	if cycle {
		return w.text("{...}")
	}
	defer w.leave()
	sep := "{"
	for i := range d.entries {
		e := &d.entries[i]
		if e.deleted {
			continue
		}
		if err := w.text(sep); err != nil {
			return err
		}
		sep = ", "
		if err := w.value(e.key); err != nil {
			return err
		}
		if err := w.text(": "); err != nil {
			return err
		}
		if err := w.value(e.value); err != nil {
			return err
		}
	}
	if sep == "{" {
		return w.text("{}")
	}
	return w.text("}")
}
