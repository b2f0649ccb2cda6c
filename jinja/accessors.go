package jinja

import (
	"iter"
	"math"
	"math/big"
)

// AsBool returns the boolean that v holds, and whether v is one.
func (v Value) AsBool() (bool, bool) {
	return v.num != 0 && v.kind == KindBool, v.kind == KindBool
}

// AsInt returns the integer that v holds, and whether v is one. A bool is
// not. The result is the caller's to change.
func (v Value) AsInt() (*big.Int, bool) {
	if v.kind != KindInt {
		return nil, false
	}
	if n, ok := v.ref.(*big.Int); ok {
		return new(big.Int).Set(n), true
	}
	return big.NewInt(int64(v.num)), true
}

// AsInt64 returns the integer that v holds, and whether v is one that fits.
func (v Value) AsInt64() (int64, bool) {
	if v.kind != KindInt || v.ref != nil {
		return 0, false
	}
	return int64(v.num), true
}

// AsFloat returns the floating point number that v holds, and whether v is
// one. An integer is not.
func (v Value) AsFloat() (float64, bool) {
	if v.kind != KindFloat {
		return 0, false
	}
	return math.Float64frombits(v.num), true
}

// AsString returns the text that v holds, and whether v is one.
func (v Value) AsString() (string, bool) {
	if v.kind != KindString {
		return "", false
	}
	return v.text(), true
}

// IsSafe reports whether v is a text marked as not needing an escape.
func (v Value) IsSafe() bool { return v.kind == KindString && v.safe }

// Len returns the number of elements of a list, tuple or dict, and 0 for
// everything else. A caller's Mapping whose keys cannot be read has none.
func (v Value) Len() int {
	switch r := v.ref.(type) {
	case *list:
		return len(r.items)
	case *tuple:
		return len(r.items)
	case *dict:
		return r.len()
	case *sequence:
		return r.s.Len()
	case *mapping:
		keys, err := r.m.Keys()
		if err != nil {
			return 0
		}
		return len(keys)
	}
	return 0
}

// Items yields the elements of a list or tuple. It ends early at an element
// that a caller's [Sequence] cannot give. For every other kind it yields
// nothing.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		switch r := v.ref.(type) {
		case *list:
			for _, item := range r.items {
				if !yield(item) {
					return
				}
			}
		case *tuple:
			for _, item := range r.items {
				if !yield(item) {
					return
				}
			}
		case *sequence:
			for i := range r.s.Len() {
				item, err := r.s.At(i)
				if err != nil || !yield(item) {
					return
				}
			}
		}
	}
}

// Pairs yields the keys and values of a dict, in order. It ends early at a
// key that a caller's [Mapping] cannot give. For every other kind it yields
// nothing.
func (v Value) Pairs() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		switch r := v.ref.(type) {
		case *dict:
			for i := range r.entries {
				if e := &r.entries[i]; !e.deleted && !yield(e.key, e.value) {
					return
				}
			}
		case *mapping:
			keys, err := r.m.Keys()
			if err != nil {
				return
			}
			for _, k := range keys {
				item, ok, err := r.m.Get(k)
				if err != nil {
					return
				}
				if ok && !yield(String(k), item) {
					return
				}
			}
		}
	}
}

// Lookup returns the value of a string key of a dict, and whether it is
// there. The error is that of a caller's [Mapping].
func (v Value) Lookup(key string) (Value, bool, error) {
	switch r := v.ref.(type) {
	case *dict:
		item, ok := r.getString(key)
		return item, ok, nil
	case *mapping:
		return r.m.Get(key)
	}
	return Value{}, false, nil
}

// text returns the string of a KindString value.
func (v Value) text() string {
	switch r := v.ref.(type) {
	case string:
		return r
	case *captured:
		return r.text
	}
	return ""
}

// int64 returns the integer of a bool or a KindInt value that fits.
func (v Value) int64() int64 { return int64(v.num) }

// float returns the number of a KindFloat value.
func (v Value) float() float64 { return math.Float64frombits(v.num) }

// bigInt returns the integer of a KindInt or KindBool value. The result
// must not be changed.
func (v Value) bigInt() *big.Int {
	if n, ok := v.ref.(*big.Int); ok {
		return n
	}
	return big.NewInt(int64(v.num))
}
