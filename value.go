package facsimile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Kind says what a Value holds.
type Kind uint8

// The kinds. Absent is that of the zero Value. Secret, Pending and Deferred never come from a
// definition file; they stand for what is only known elsewhere, so that showing a value never
// needs a key and never shows one.
const (
	Absent   Kind = iota
	Null          // a written null
	Bool          // true or false
	Int           // a whole number of any size
	Float         // an IEEE 754 double
	String        // text, valid UTF-8
	List          // values in order
	Map           // values by key, in the order of the text
	Hidden        // a secret, shown as its fingerprint
	Pending       // will be generated at first need
	Deferred      // a reference that differs per node or replica
)

// String names the kind as errors do.
func (k Kind) String() string {
	names := [...]string{"nothing", "null", "a boolean", "a whole number", "a number", "a string", "a list", "a map",
		"a secret", "a value not yet generated", "a reference"}
	if int(k) < len(names) {
		return names[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Value is one immutable value of a definition, with the place where it was written. Copies
// share what they hold. The zero Value is absent.
type Value struct {
	held   any    // string, *big.Int, []Value, *Entries, or nothing
	bits   uint64 // of a Bool, an Int that fits, or a Float
	origin Origin
	kind   Kind
}

// Entry is one key of a map with its value.
type Entry struct {
	Key   string
	KeyAt Origin // where the key was written
	Value Value
}

// Entries are the entries of a map in order, with a way to find one.
type Entries struct {
	list  []Entry
	index map[string]int // only for larger maps
}

// indexFrom is the number of entries from which a map is worth an index.
const indexFrom = 9

// NullAt is a written null.
func NullAt(o Origin) Value { return Value{kind: Null, origin: o} }

// BoolAt is a boolean.
func BoolAt(b bool, o Origin) Value {
	v := Value{kind: Bool, origin: o}
	if b {
		v.bits = 1
	}
	return v
}

// IntAt is a whole number.
func IntAt(i int64, o Origin) Value { return Value{kind: Int, bits: uint64(i), origin: o} }

// BigAt is a whole number of any size. It keeps i, which must not be changed after.
func BigAt(i *big.Int, o Origin) Value {
	if i.IsInt64() {
		return IntAt(i.Int64(), o)
	}
	return Value{kind: Int, held: i, origin: o}
}

// FloatAt is a number.
func FloatAt(f float64, o Origin) Value {
	return Value{kind: Float, bits: math.Float64bits(f), origin: o}
}

// StringAt is text.
func StringAt(s string, o Origin) Value { return Value{kind: String, held: s, origin: o} }

// ListAt is a list. It keeps items, which must not be changed after.
func ListAt(items []Value, o Origin) Value { return Value{kind: List, held: items, origin: o} }

// MapAt is a map in the order of entries, which it keeps. Of two entries with one key the
// later is found by Get: a reader of files refuses duplicates before it comes to this.
func MapAt(entries []Entry, o Origin) Value {
	e := &Entries{list: entries}
	if len(entries) >= indexFrom {
		e.index = make(map[string]int, len(entries))
		for i := range entries {
			e.index[entries[i].Key] = i
		}
	}
	return Value{kind: Map, held: e, origin: o}
}

// HiddenAt is a secret of which only the fingerprint is known here; the fingerprint may be
// empty, for a value derived from secrets.
func HiddenAt(fingerprint string, o Origin) Value {
	return Value{kind: Hidden, held: fingerprint, origin: o}
}

// PendingAt is a value that is generated at first need; key says which.
func PendingAt(key string, o Origin) Value { return Value{kind: Pending, held: key, origin: o} }

// DeferredAt is an expression that has no one value here; per says by what it differs: node
// or replica. The expression is empty for a value without one that differs all the same.
func DeferredAt(per, expression string, o Origin) Value {
	return Value{kind: Deferred, held: [2]string{per, expression}, origin: o}
}

// Kind says what v holds.
func (v Value) Kind() Kind { return v.kind }

// Origin says where v was written. For a map or a list that stands under a key it is the
// place of the key; for all else the place of the value itself.
func (v Value) Origin() Origin { return v.origin }

// At is v, written elsewhere.
func (v Value) At(o Origin) Value { v.origin = o; return v }

// IsAbsent reports whether v is the zero Value.
func (v Value) IsAbsent() bool { return v.kind == Absent }

// Bool is the value of a Bool; false otherwise.
func (v Value) Bool() bool { return v.kind == Bool && v.bits == 1 }

// Int64 is the value of an Int that fits in 64 bits.
func (v Value) Int64() (int64, bool) { return int64(v.bits), v.kind == Int && v.held == nil }

// Big is the value of an Int of any size; nil for any other kind.
func (v Value) Big() *big.Int {
	if v.kind != Int {
		return nil
	}
	if i, ok := v.held.(*big.Int); ok {
		return new(big.Int).Set(i)
	}
	return big.NewInt(int64(v.bits))
}

// Float is the value of a Float; 0 otherwise.
func (v Value) Float() float64 {
	if v.kind != Float {
		return 0
	}
	return math.Float64frombits(v.bits)
}

// Str is the text of a String, the fingerprint of a Hidden, the key of a Pending and the
// expression of a Deferred; "" otherwise.
func (v Value) Str() string {
	switch held := v.held.(type) {
	case string:
		return held
	case [2]string:
		return held[1]
	}
	return ""
}

// Per says by what a Deferred differs: node or replica.
func (v Value) Per() string {
	held, _ := v.held.([2]string)
	return held[0]
}

// Len is the number of elements of a List or a Map; 0 otherwise.
func (v Value) Len() int {
	switch held := v.held.(type) {
	case []Value:
		return len(held)
	case *Entries:
		return len(held.list)
	}
	return 0
}

// Items are the elements of a List. They must not be changed.
func (v Value) Items() []Value {
	items, _ := v.held.([]Value)
	return items
}

// Entries are the entries of a Map in the order of the text. They must not be changed.
func (v Value) Entries() []Entry {
	if e, ok := v.held.(*Entries); ok {
		return e.list
	}
	return nil
}

// All gives the entries of a Map by key, in the order of the text.
func (v Value) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, e := range v.Entries() {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

// Entry finds a key of a Map.
func (v Value) Entry(key string) (Entry, bool) {
	e, ok := v.held.(*Entries)
	if !ok {
		return Entry{}, false
	}
	if e.index != nil {
		i, ok := e.index[key]
		if !ok {
			return Entry{}, false
		}
		return e.list[i], true
	}
	for i := len(e.list) - 1; i >= 0; i-- {
		if e.list[i].Key == key {
			return e.list[i], true
		}
	}
	return Entry{}, false
}

// Get is the value under a key of a Map; absent where there is none.
func (v Value) Get(key string) Value {
	e, _ := v.Entry(key)
	return e.Value
}

// Lookup follows a path through maps and lists; absent where it leads nowhere.
func (v Value) Lookup(p Path) Value {
	for _, part := range p {
		switch v.kind {
		case Map:
			v = v.Get(part)
		case List:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= v.Len() {
				return Value{}
			}
			v = v.Items()[i]
		default:
			return Value{}
		}
	}
	return v
}

// Equal reports whether two values hold the same, wherever they were written. The order of
// keys counts, since templates see it.
func (v Value) Equal(w Value) bool {
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case List:
		return equalBy(v.Items(), w.Items(), Value.Equal)
	case Map:
		return equalBy(v.Entries(), w.Entries(), func(a, b Entry) bool {
			return a.Key == b.Key && a.Value.Equal(b.Value)
		})
	case Int:
		return v.Big().Cmp(w.Big()) == 0
	}
	return v.held == w.held && v.bits == w.bits
}

func equalBy[T any](a, b []T, same func(a, b T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// MarshalJSON writes v as the documented output does: a secret as {"secret": FINGERPRINT}, one
// not yet generated as {"pending": true}, a reference that differs per node as {"per": …}.
func (v Value) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := v.writeJSON(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (v Value) writeJSON(b *bytes.Buffer) error {
	switch v.kind {
	case Absent, Null:
		b.WriteString("null")
	case Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case Int:
		b.WriteString(v.Big().String())
	case Float:
		return writeJSONFloat(b, v.Float())
	case String:
		writeJSONString(b, v.Str())
	case Hidden:
		b.WriteString(`{"secret":`)
		if v.Str() == "" {
			b.WriteString("null")
		} else {
			writeJSONString(b, v.Str())
		}
		b.WriteByte('}')
	case Pending:
		b.WriteString(`{"pending":true}`)
	case Deferred:
		b.WriteString(`{"per":`)
		writeJSONString(b, v.Per())
		if v.Str() != "" {
			b.WriteString(`,"expression":`)
			writeJSONString(b, v.Str())
		}
		b.WriteByte('}')
	case List:
		return v.writeJSONList(b)
	case Map:
		return v.writeJSONMap(b)
	}
	return nil
}

func (v Value) writeJSONList(b *bytes.Buffer) error {
	b.WriteByte('[')
	for i, item := range v.Items() {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := item.writeJSON(b); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func (v Value) writeJSONMap(b *bytes.Buffer) error {
	b.WriteByte('{')
	for i, e := range v.Entries() {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSONString(b, e.Key)
		b.WriteByte(':')
		if err := e.Value.writeJSON(b); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func writeJSONFloat(b *bytes.Buffer, f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%v has no form in JSON", f)
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	b.WriteString(text)
	if !strings.ContainsAny(text, ".e") {
		b.WriteString(".0") // stays a float when it is read again
	}
	return nil
}

func writeJSONString(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)       // a string always encodes, into a buffer that always takes it
	b.Truncate(b.Len() - 1) // the newline that Encode adds
}
