package jinja

import (
	"math"
	"math/big"
)

// Kind is the type of a [Value] as a template sees it.
type Kind uint8

const (
	// KindUndefined is the kind of the zero Value: nothing there.
	KindUndefined Kind = iota
	// KindNone is Python's None.
	KindNone
	// KindBool is true or false.
	KindBool
	// KindInt is an integer of any size.
	KindInt
	// KindFloat is a 64-bit floating point number.
	KindFloat
	// KindString is a text.
	KindString
	// KindList is a list, or a caller's [Sequence].
	KindList
	// KindTuple is a fixed sequence.
	KindTuple
	// KindDict is a dict, or a caller's [Mapping].
	KindDict
	// KindFunc is anything that can be called and has no other use.
	KindFunc
	// KindObject is any other object that templates can hold: an iterator,
	// a range, a namespace, a loop, an imported template.
	KindObject

	// kindUnresolved marks a variable slot whose name has not been looked
	// up yet. No Value outside of a slot has it.
	kindUnresolved
)

// String names the kind as Python names the type.
func (k Kind) String() string {
	names := [...]string{"Undefined", "NoneType", "bool", "int", "float", "str",
		"list", "tuple", "dict", "function", "object"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unresolved"
}

// Value is what a template computes with. It is small, copied by value, and
// carries the [Tag] of its origin. The zero Value is undefined.
//
// Templates can change lists and dicts that they made themselves. A change
// to one that the caller made stays within the rendering: the caller's value
// is never changed.
type Value struct {
	// ref holds what does not fit into num: string, *captured, *big.Int,
	// *list, *tuple, *dict, *sequence, *mapping, *undefined, or an object.
	ref any
	// num holds a bool, an int64, the bits of a float64, or the
	// UndefinedMode of an undefined value.
	num  uint64
	tag  Tag
	kind Kind
	// safe marks a string that needs no escaping.
	safe bool
	// literal marks what is written in the template, which messages may
	// show.
	literal bool
}

// Pair is a key and its value.
type Pair struct{ Key, Value Value }

// Mapping is a caller's own map, evaluated as far as templates ask for it.
// Within one rendering Get is called at most once for a key that holds a
// container, so that changes a template makes to it are seen again.
type Mapping interface {
	// Get returns the value of key, or false if there is none. An error ends
	// the rendering; it is wrapped in an [*Error] with the place of the
	// expression.
	Get(key string) (Value, bool, error)
	// Keys returns all keys in the caller's order.
	Keys() ([]string, error)
}

// Sequence is a caller's own list.
type Sequence interface {
	Len() int
	// At returns the element at i, which is at least 0 and less than Len.
	At(i int) (Value, error)
}

// Func is a function that templates can call. An error ends the rendering;
// it is wrapped in an [*Error] with the place of the call.
type Func func(c *Call) (Value, error)

// None returns Python's None.
func None() Value { return Value{kind: KindNone} }

// Bool returns a boolean.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Int returns an integer.
func Int(n int64) Value { return Value{kind: KindInt, num: uint64(n)} }

// BigInt returns an integer of any size. It keeps n, which must not change
// afterwards.
func BigInt(n *big.Int) Value {
	if n.IsInt64() {
		return Int(n.Int64())
	}
	return Value{kind: KindInt, ref: n}
}

// Float returns a floating point number.
func Float(f float64) Value { return Value{kind: KindFloat, num: math.Float64bits(f)} }

// String returns a text, which should be UTF-8.
func String(s string) Value { return Value{kind: KindString, ref: s} }

// SafeString returns a text that autoescape prints as it is.
func SafeString(s string) Value { return Value{kind: KindString, ref: s, safe: true} }

// List returns a list. It keeps items, which must not change afterwards.
func List(items ...Value) Value {
	return Value{kind: KindList, ref: &list{items: items, frozen: true}}
}

// Tuple returns a tuple. It keeps items, which must not change afterwards.
func Tuple(items ...Value) Value {
	return Value{kind: KindTuple, ref: &tuple{items: items}}
}

// Dict returns a dict that keeps the order of pairs; of equal keys the last
// value wins. Keys that Python could not hash (lists and dicts) are left out.
func Dict(pairs ...Pair) Value {
	d := newDict(len(pairs))
	for _, p := range pairs {
		if key, err := hashKey(p.Key); err == nil {
			d.set(key, p.Key, p.Value)
		}
	}
	d.frozen = true
	return Value{kind: KindDict, ref: d}
}

// FromMapping returns a dict with string keys that is read through m.
func FromMapping(m Mapping) Value {
	return Value{kind: KindDict, ref: &mapping{m: m}}
}

// FromSequence returns a list that is read through s.
func FromSequence(s Sequence) Value {
	return Value{kind: KindList, ref: &sequence{s: s}}
}

// FromFunc returns a function that templates can call. The name is for
// printing and for messages.
func FromFunc(name string, f Func) Value {
	return Value{kind: KindFunc, ref: &function{name: name, fn: f, foreign: true}}
}

// WithTag returns v with tag t in place of its own. Elements of a container
// keep theirs.
func (v Value) WithTag(t Tag) Value {
	v.tag = t
	return v
}

// Tag returns the tag of v itself, without those of its elements.
func (v Value) Tag() Tag { return v.tag }

// Kind returns the type of v.
func (v Value) Kind() Kind { return v.kind }

// shown is how messages may call a key: "" if it was computed and could be a
// secret.
func (v Value) shown() string {
	if !v.literal {
		return ""
	}
	if v.kind == KindInt {
		s, _ := intText(v)
		return s
	}
	return v.text()
}

// isMissing tells the zero Value, which stands for "nothing there yet", from
// an undefined value that knows its name.
func (v Value) isMissing() bool { return v.kind == KindUndefined && v.ref == nil }
