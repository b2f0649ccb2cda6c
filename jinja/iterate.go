package jinja

import "unicode/utf8"

// iterator yields values one by one.
type iterator interface {
	// next returns false at the end, and again whenever it is called later.
	next(st *state) (Value, bool, error)
}

// iterate returns an iterator over v as Python's iter does.
func (st *state) iterate(v Value) (iterator, error) {
	switch v.kind {
	case KindList, KindTuple:
		if s, ok := v.ref.(*sequence); ok && st.own[s] == nil {
			return &sequenceIter{s: s.s}, nil
		}
		return &listIter{v: v}, nil
	case KindDict:
		return st.iterateKeys(v)
	case KindString:
		return &stringIter{s: v.text()}, nil
	case KindUndefined:
		if strict(v) {
			return nil, st.useUndefined(v)
		}
		return &listIter{v: Value{kind: KindTuple, ref: &tuple{}}}, nil
	}
	if o, ok := v.ref.(iterObject); ok {
		return o.iterate(st)
	}
	return nil, failf(ErrType, "'%s' object is not iterable", typeName(v))
}

func (st *state) iterateKeys(v Value) (iterator, error) {
	if m, ok := v.ref.(*mapping); ok && st.own[m] == nil {
		keys, err := st.mappingKeys(m)
		if err != nil {
			return nil, err
		}
		return &keyIter{m: m, keys: keys, size: len(keys)}, nil
	}
	d, err := st.dictOf(v)
	if err != nil {
		return nil, err
	}
	return &dictIter{v: v, size: d.len(), what: dictKeys}, nil
}

// listIter reads a list by index, so that it sees elements added meanwhile.
type listIter struct {
	v Value
	i int
}

func (it *listIter) next(st *state) (Value, bool, error) {
	items, err := st.listItems(it.v)
	if err != nil || it.i >= len(items) {
		return Value{}, false, err
	}
	it.i++
	return items[it.i-1], true, st.step()
}

type sequenceIter struct {
	s Sequence
	i int
}

func (it *sequenceIter) next(st *state) (Value, bool, error) {
	if it.i >= it.s.Len() {
		return Value{}, false, nil
	}
	it.i++
	v, err := it.s.At(it.i - 1)
	if err != nil {
		return Value{}, false, callerError(err, "cannot read an element of a list")
	}
	return v, true, st.step()
}

// keyIter yields the keys of a caller's mapping.
type keyIter struct {
	m    *mapping
	keys []string
	i    int
	size int
}

// sameSize refuses to go on with a mapping that got other keys meanwhile.
func (st *state) sameSize(m *mapping, size int) error {
	if own, ok := st.own[m].(*dict); ok && own.len() != size {
		return failf(ErrRuntime, "dictionary changed size during iteration")
	}
	return nil
}

func (it *keyIter) next(st *state) (Value, bool, error) {
	if err := st.sameSize(it.m, it.size); err != nil {
		return Value{}, false, err
	}
	if it.i >= len(it.keys) {
		return Value{}, false, nil
	}
	it.i++
	return String(it.keys[it.i-1]), true, st.step()
}

type stringIter struct{ s string }

func (it *stringIter) next(st *state) (Value, bool, error) {
	if it.s == "" {
		return Value{}, false, nil
	}
	_, n := utf8.DecodeRuneInString(it.s)
	v := String(it.s[:n])
	it.s = it.s[n:]
	return v, true, st.step()
}

// dictPart is what an iteration over a dict yields.
type dictPart uint8

const (
	dictKeys dictPart = iota
	dictValues
	dictItems
)

func (p dictPart) of(e *entry) Value {
	switch p {
	case dictValues:
		return e.value
	case dictItems:
		return Tuple(e.key, e.value)
	}
	return e.key
}

type dictIter struct {
	v       Value
	i, size int
	what    dictPart
}

func (it *dictIter) next(st *state) (Value, bool, error) {
	d, err := st.dictOf(it.v)
	if err != nil {
		return Value{}, false, err
	}
	if d.len() != it.size {
		return Value{}, false, failf(ErrRuntime, "dictionary changed size during iteration")
	}
	for it.i < len(d.entries) {
		it.i++
		if e := &d.entries[it.i-1]; !e.deleted {
			return it.what.of(e), true, st.step()
		}
	}
	return Value{}, false, nil
}

// generator is an iterator that a filter returned. It can be read once.
type generator struct {
	name string // of the Python function, for printing
	kind string // its type, if it is not "generator"
	from func(st *state) (Value, bool, error)
	done bool
	// tag covers which elements there are, as far as it has been read.
	tag Tag
}

func newGenerator(name string, from func(st *state) (Value, bool, error)) Value {
	return objectValue(&generator{name: name, from: from})
}

func (g *generator) typeName() string {
	if g.kind != "" {
		return g.kind
	}
	return "generator"
}

func (g *generator) iterate(*state) (iterator, error) { return g, nil }

func (g *generator) next(st *state) (Value, bool, error) {
	if g.done {
		return Value{}, false, nil
	}
	if err := st.step(); err != nil {
		return Value{}, false, err
	}
	v, ok, err := g.from(st)
	if err != nil || !ok {
		g.done = true
	}
	return v, ok, err
}

func (g *generator) repr(w *reprWriter) error {
	if g.kind != "" {
		return w.text("<" + g.kind + " object>")
	}
	return w.text("<generator object " + g.name + ">")
}

// collect reads all elements of v.
func (st *state) collect(v Value) ([]Value, error) {
	switch v.kind {
	case KindList, KindTuple:
		items, err := st.listItems(v)
		if err != nil {
			return nil, err
		}
		if err := st.useItems(len(items)); err != nil {
			return nil, err
		}
		return append([]Value(nil), items...), nil
	}
	it, err := st.iterate(v)
	if err != nil {
		return nil, err
	}
	var out []Value
	for {
		item, ok, err := it.next(st)
		if err != nil {
			return nil, err
		}
		if !ok {
			return out, nil
		}
		if err := st.useItems(1); err != nil {
			return nil, err
		}
		out = append(out, item)
	}
}

// newList returns a list that the template may change.
func newList(items []Value) Value {
	return Value{kind: KindList, ref: &list{items: items}}
}

// newDictValue returns a dict that the template may change.
func newDictValue(d *dict) Value { return Value{kind: KindDict, ref: d} }

// deepTag returns the union of the tags of v and of everything inside it.
func (st *state) deepTag(v Value) Tag {
	if st.tr == nil {
		return 0
	}
	return st.deep(v, maxRepr)
}

func (st *state) deep(v Value, depth int) Tag {
	tag := st.shapeTag(v)
	if depth == 0 || st.step() != nil {
		return tag // the next step of the rendering reports the limit
	}
	switch r := v.ref.(type) {
	case *list, *tuple, *sequence:
		items, err := st.listItems(v)
		if err != nil {
			return tag
		}
		for _, item := range items {
			tag = st.union(tag, st.deep(item, depth-1))
		}
	case *dict, *mapping:
		d, err := st.dictOf(v)
		if err != nil {
			return tag
		}
		tag = st.deepDict(tag, d, depth)
	case *namespace:
		tag = st.deepDict(tag, r.attrs, depth)
	case *dictView:
		tag = st.union(tag, st.deep(r.of, depth))
	}
	return tag
}

func (st *state) deepDict(tag Tag, d *dict, depth int) Tag {
	for i := range d.entries {
		if e := &d.entries[i]; !e.deleted {
			tag = st.union(tag, st.union(e.key.tag, st.deep(e.value, depth-1)))
		}
	}
	return tag
}
