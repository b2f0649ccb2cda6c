package jinja

import (
	"math"
	"math/big"
	"strconv"
)

// list is the storage of a list. A frozen one belongs to the caller: the
// state keeps a private copy as soon as a template changes it.
type list struct {
	items  []Value
	frozen bool
	// tag covers changes of the shape that happened under a condition.
	tag Tag
}

// tuple is the storage of a tuple. names, if set, are the attributes of a
// named tuple, such as the grouper and list of the groupby filter.
type tuple struct {
	items []Value
	names []string
}

// captured is a string that a macro, block or block set produced while a
// Tracker was listening: printing it unchanged gives back its spans, whose
// offsets start at 0 for the start of text.
type captured struct {
	text  string
	spans []Span
}

// mapping and sequence give a caller's own containers an identity, by which
// a rendering finds what it has read of them.
type mapping struct{ m Mapping }
type sequence struct{ s Sequence }

// function is a callable. A foreign one is the caller's: its errors are
// wrapped, and its result takes the tags of everything inside its arguments.
type function struct {
	name    string
	fn      Func
	foreign bool
	// repr is what printing it gives; "<function NAME>" if empty.
	repr string
}

// dictKey is a comparable form of a hashable value: values that are equal in
// Python have the same key.
type dictKey struct {
	kind byte
	num  uint64
	str  string
	ref  any
}

// entry is one key of a dict. Deleted entries stay as gaps until the dict is
// compacted, so that order and running iterations keep their places.
type entry struct {
	hash    dictKey
	key     Value
	value   Value
	deleted bool
}

// dict is the storage of a dict in insertion order.
type dict struct {
	entries []entry
	index   map[dictKey]int // nil while the dict is small
	live    int
	frozen  bool
	// tag covers changes of the key set that happened under a condition.
	tag Tag
}

// smallDict is the size up to which searching the entries beats a map.
const smallDict = 8

func newDict(capacity int) *dict {
	return &dict{entries: make([]entry, 0, capacity)}
}

func (d *dict) len() int { return d.live }

// find returns the place of the key among the entries, or -1.
func (d *dict) find(key dictKey) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range d.entries {
		if e := &d.entries[i]; !e.deleted && e.hash == key {
			return i
		}
	}
	return -1
}

func (d *dict) get(key dictKey) (Value, bool) {
	if i := d.find(key); i >= 0 {
		return d.entries[i].value, true
	}
	return Value{}, false
}

func (d *dict) getString(key string) (Value, bool) {
	return d.get(dictKey{kind: 's', str: key})
}

// set adds or replaces a key. A key that is there keeps its place and its
// own form, as in Python: {1: 'a'} with True set still prints 1.
func (d *dict) set(hash dictKey, key, value Value) {
	if i := d.find(hash); i >= 0 {
		d.entries[i].value = value
		return
	}
	d.entries = append(d.entries, entry{hash: hash, key: key, value: value})
	d.live++
	if d.index != nil {
		d.index[hash] = len(d.entries) - 1
	} else if len(d.entries) > smallDict {
		d.reindex()
	}
}

func (d *dict) setString(key string, value Value) {
	d.set(dictKey{kind: 's', str: key}, String(key), value)
}

// remove takes a key out and reports whether it was there.
func (d *dict) remove(hash dictKey) (Value, bool) {
	i := d.find(hash)
	if i < 0 {
		return Value{}, false
	}
	v := d.entries[i].value
	d.entries[i] = entry{deleted: true}
	d.live--
	if d.index != nil {
		delete(d.index, hash)
	}
	return v, true
}

func (d *dict) reindex() {
	d.index = make(map[dictKey]int, 2*len(d.entries))
	for i := range d.entries {
		if !d.entries[i].deleted {
			d.index[d.entries[i].hash] = i
		}
	}
}

func (d *dict) clone() *dict {
	c := newDict(d.live)
	for i := range d.entries {
		if e := &d.entries[i]; !e.deleted {
			c.set(e.hash, e.key, e.value)
		}
	}
	c.tag = d.tag
	return c
}

// hashKey returns the key under which a dict or set holds v. Lists and dicts
// cannot be keys.
func hashKey(v Value) (dictKey, error) {
	switch v.kind {
	case KindString:
		return dictKey{kind: 's', str: v.text()}, nil
	case KindBool:
		return dictKey{kind: 'i', num: v.num}, nil
	case KindInt:
		if n, ok := v.ref.(*big.Int); ok {
			return dictKey{kind: 'I', str: n.Text(62)}, nil
		}
		return dictKey{kind: 'i', num: v.num}, nil
	case KindFloat:
		return floatKey(v.float()), nil
	case KindNone:
		return dictKey{kind: 'n'}, nil
	case KindTuple:
		return tupleKey(v.ref.(*tuple))
	case KindUndefined:
		return dictKey{kind: 'u', num: v.num}, nil
	case KindFunc, KindObject:
		return dictKey{kind: 'o', ref: v.ref}, nil
	}
	return dictKey{}, failf(ErrType, "unhashable type: '%s'", typeName(v))
}

// floatKey gives a whole number the key of the equal integer.
func floatKey(f float64) dictKey {
	if f == math.Trunc(f) && !math.IsInf(f, 0) {
		if f >= -1<<63 && f < 1<<63 {
			return dictKey{kind: 'i', num: uint64(int64(f))}
		}
		n, _ := big.NewFloat(f).Int(nil)
		return dictKey{kind: 'I', str: n.Text(62)}
	}
	return dictKey{kind: 'f', num: math.Float64bits(f)}
}

// maxKey bounds the text of a tuple that is used as a key, and maxKeyDepth
// how deep it nests.
const (
	maxKey      = 64 << 10
	maxKeyDepth = 100
)

// tupleKey writes the keys of the items, each with its length, into one
// string. Items without a text form make the key refer to the tuple itself.
func tupleKey(t *tuple) (dictKey, error) {
	b, ok, err := appendTupleKey(nil, t, maxKeyDepth)
	switch {
	case err != nil:
		return dictKey{}, err
	case !ok:
		return dictKey{kind: 'o', ref: t}, nil
	}
	return dictKey{kind: 't', str: string(b)}, nil
}

func appendTupleKey(b []byte, t *tuple, depth int) (out []byte, ok bool, err error) {
	if depth == 0 || len(b) > maxKey {
		return nil, false, failf(ErrLimit, "a tuple is too large to be a key")
	}
	b = append(b, '(')
	for _, item := range t.items {
		if inner, isTuple := item.ref.(*tuple); isTuple {
			if b, ok, err = appendTupleKey(b, inner, depth-1); err != nil || !ok {
				return nil, false, err
			}
			continue
		}
		k, err := hashKey(item)
		if err != nil {
			return nil, false, err
		}
		if k.ref != nil {
			return nil, false, nil
		}
		if len(b)+len(k.str) > maxKey {
			return nil, false, failf(ErrLimit, "a tuple is too large to be a key")
		}
		b = append(b, k.kind)
		b = strconv.AppendUint(b, k.num, 36)
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(len(k.str)), 36)
		b = append(b, ':')
		b = append(b, k.str...)
	}
	return append(b, ')'), true, nil
}

// hash is hashKey for values of a template: a strictly undefined one cannot
// be a key.
func (st *state) hash(v Value) (dictKey, error) {
	if v.kind == KindUndefined && strict(v) {
		return dictKey{}, st.useUndefined(v)
	}
	return hashKey(v)
}
