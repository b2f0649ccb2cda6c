package jinja

import (
	"slices"
	"strings"
)

func filterList(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	items, err := c.st.collect(a[0])
	return newList(items).WithTag(c.st.shapeTag(a[0])), err
}

func filterFirst(c *Call) (Value, error) {
	a, err := c.bind(1, "seq")
	if err != nil {
		return Value{}, err
	}
	it, err := c.st.iterate(a[0])
	if err != nil {
		return Value{}, err
	}
	v, ok, err := it.next(c.st)
	if err == nil && !ok {
		v = c.st.undefinedHint("No first item, sequence was empty.")
	}
	return v, err
}

func filterLast(c *Call) (Value, error) {
	a, err := c.bind(1, "seq")
	if err != nil {
		return Value{}, err
	}
	items, err := c.st.reversible(a[0])
	if err != nil {
		return Value{}, err
	}
	if len(items) == 0 {
		return c.st.undefinedHint("No last item, sequence was empty."), nil
	}
	return items[len(items)-1], nil
}

// reversible returns the elements of what Python's reversed accepts.
func (st *state) reversible(v Value) ([]Value, error) {
	switch v.kind {
	case KindList, KindTuple, KindDict:
		return st.collect(v)
	case KindString:
		items, err := st.collect(v)
		for i := range items {
			items[i].safe = v.safe
		}
		return items, err
	case KindUndefined:
		if strict(v) {
			return nil, st.useUndefined(v)
		}
		return nil, nil
	}
	switch v.ref.(type) {
	case *rangeObject, *dictView:
		return st.collect(v)
	}
	return nil, failf(ErrType, "'%s' object is not reversible", typeName(v))
}

func filterReverse(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	if a[0].kind == KindString {
		runes := []rune(a[0].text())
		for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
			runes[i], runes[j] = runes[j], runes[i]
		}
		return Value{kind: KindString, ref: string(runes), safe: a[0].safe}, c.st.use(4 * int64(len(runes)))
	}
	items, err := c.st.reversible(a[0])
	if err != nil {
		// What cannot be read backwards is read first and then turned.
		if items, err = c.st.collect(a[0]); err != nil {
			return Value{}, err
		}
		for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
			items[i], items[j] = items[j], items[i]
		}
		return newList(items), nil
	}
	i := len(items)
	kinds := map[Kind]string{KindList: "list_reverseiterator", KindTuple: "reversed", KindDict: "dict_reversekeyiterator", KindUndefined: "reversed"}
	kind := kinds[a[0].kind]
	if kind == "" {
		kind = "range_iterator"
	}
	return objectValue(&generator{kind: kind, tag: c.st.shapeTag(a[0]), from: func(*state) (Value, bool, error) {
		if i == 0 {
			return Value{}, false, nil
		}
		i--
		return items[i], true, nil
	}}), nil
}

func filterRandom(c *Call) (Value, error) {
	a, err := c.bind(1, "seq")
	if err != nil {
		return Value{}, err
	}
	n, err := c.st.length(a[0])
	if err != nil {
		return Value{}, err
	}
	if n == 0 {
		return c.st.undefinedHint("No random item, sequence was empty."), nil
	}
	v, ok, err := c.st.itemOf(a[0], Int(int64(c.st.rng().IntN(n))))
	if err == nil && !ok {
		err = failf(ErrType, "'%s' object is not a sequence", typeName(a[0]))
	}
	return v, err
}

func filterItems(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	v := a[0]
	var it iterator
	g := &generator{name: "do_items", tag: c.st.shapeTag(v)}
	g.from = func(st *state) (Value, bool, error) {
		if v.kind == KindUndefined {
			return Value{}, false, nil
		}
		if v.kind != KindDict {
			return Value{}, false, failf(ErrType, "Can only get item pairs from a mapping.")
		}
		if it == nil {
			var err error
			if it, err = (&dictView{of: v, what: dictItems}).iterate(st); err != nil {
				return Value{}, false, err
			}
		}
		return it.next(st)
	}
	return objectValue(g), nil
}

func filterJoin(c *Call) (Value, error) {
	b := c.bound(1, "value", "d", "attribute")
	if b.args[1].isMissing() {
		b.args[1] = String("")
	}
	sep, sepSafe := b.text(1)
	if b.err != nil {
		return Value{}, b.err
	}
	st := c.st
	texts, tag, err := st.texts(b.args[0], path(b.args[2]))
	if err != nil {
		return Value{}, err
	}
	safe := *c.ctx.escape && (sepSafe || slices.ContainsFunc(texts, Value.IsSafe))
	if safe && !sepSafe {
		sep = escapeHTML(sep)
	}
	parts := make([]string, len(texts))
	size := int64(len(sep)) * int64(len(parts))
	for i, t := range texts {
		parts[i] = t.text()
		if safe && !t.safe {
			parts[i] = escapeHTML(parts[i])
		}
		size += int64(len(parts[i]))
	}
	if err := st.use(size); err != nil {
		return Value{}, err
	}
	return Value{kind: KindString, ref: strings.Join(parts, sep), safe: safe, tag: tag}, nil
}

// texts returns the elements of v, or what p leads to from them, as they
// print, and the union of their tags.
func (st *state) texts(v Value, p attrPath) ([]Value, Tag, error) {
	items, err := st.collect(v)
	if err != nil {
		return nil, 0, err
	}
	var tag Tag
	for i, item := range items {
		if item, err = p.get(st, item, Value{}); err != nil {
			return nil, 0, err
		}
		s, err := st.str(item)
		if err != nil {
			return nil, 0, err
		}
		s.safe = s.safe || isModule(item)
		items[i] = s
		tag = st.union(tag, s.tag)
	}
	return items, tag, nil
}

func filterBatch(c *Call) (Value, error) {
	b := c.bound(2, "value", "linecount", "fill_with")
	if b.err != nil {
		return Value{}, b.err
	}
	t := &batches{source: b.args[0], size: b.args[1], fill: b.args[2]}
	return newGenerator("do_batch", t.next), nil
}

// batches cuts an iterable into lists of one size. The size is compared with
// the number of elements as a value, since Jinja2 does not insist on an
// integer.
type batches struct {
	source, size, fill Value

	it   iterator
	rest []Value
}

func (b *batches) next(st *state) (Value, bool, error) {
	if b.it == nil {
		it, err := st.iterate(b.source)
		if err != nil {
			return Value{}, false, err
		}
		b.it = it
	}
	for {
		item, ok, err := b.it.next(st)
		if err != nil {
			return Value{}, false, err
		}
		if !ok {
			return b.last(st)
		}
		full, err := st.equal(Int(int64(len(b.rest))), b.size)
		if err != nil {
			return Value{}, false, err
		}
		if err := st.useItems(1); err != nil {
			return Value{}, false, err
		}
		if full {
			batch := b.rest
			b.rest = []Value{item}
			return newList(batch), true, nil
		}
		b.rest = append(b.rest, item)
	}
}

// last returns what is left over, filled up to the size.
func (b *batches) last(st *state) (Value, bool, error) {
	batch := b.rest
	b.rest = nil
	if len(batch) == 0 || !isGiven(b.fill) {
		return newList(batch), len(batch) > 0, nil
	}
	missing, err := st.binary(tokSub, b.size, Int(int64(len(batch))))
	if err != nil {
		return Value{}, false, err
	}
	fill, err := st.binary(tokMul, newList([]Value{b.fill}), missing)
	if err != nil {
		return Value{}, false, err
	}
	if l, ok := fill.ref.(*list); ok {
		batch = append(batch, l.items...)
	}
	return newList(batch), true, nil
}

func filterSlice(c *Call) (Value, error) {
	a, err := c.bind(2, "value", "slices", "fill_with")
	if err != nil {
		return Value{}, err
	}
	var items []Value
	var slices, number, offset int64
	started := false
	return newGenerator("sync_do_slice", func(st *state) (Value, bool, error) {
		if !started {
			started = true
			if items, err = st.collect(a[0]); err != nil {
				return Value{}, false, err
			}
			if slices, err = wantInt(a[1]); err != nil {
				return Value{}, false, err
			}
			if slices == 0 {
				return Value{}, false, failf(ErrZeroDivision, "integer division or modulo by zero")
			}
		}
		if number >= slices {
			return Value{}, false, nil
		}
		size, extra := int64(len(items))/slices, int64(len(items))%slices
		start := offset + number*size
		if number < extra {
			offset++
		}
		end := offset + (number+1)*size
		if err := st.use((end - start + 1) * valueSize); err != nil {
			return Value{}, false, err
		}
		part := append([]Value(nil), items[start:end]...)
		if isGiven(a[2]) && number >= extra {
			part = append(part, a[2])
		}
		number++
		return newList(part), true, nil
	}), nil
}

func filterUnique(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "case_sensitive", "attribute")
	if err != nil {
		return Value{}, err
	}
	p := path(a[2])
	var it iterator
	seen := map[dictKey]bool{}
	g := &generator{name: "do_unique"}
	g.from = func(st *state) (Value, bool, error) {
		if it == nil {
			if it, err = st.iterate(a[0]); err != nil {
				return Value{}, false, err
			}
		}
		caseMatters, err := c.optTruth(a[1], false)
		if err != nil {
			return Value{}, false, err
		}
		for {
			item, ok, err := it.next(st)
			if err != nil || !ok {
				return Value{}, false, err
			}
			key, err := p.get(st, item, Value{})
			if err != nil {
				return Value{}, false, err
			}
			if key.kind == KindUndefined && strict(key) {
				return Value{}, false, st.useUndefined(key)
			}
			hash, err := st.hash(foldCase(key, caseMatters))
			if err != nil {
				return Value{}, false, err
			}
			g.tag = st.union(g.tag, st.deepTag(key))
			if seen[hash] {
				continue
			}
			seen[hash] = true
			return item, true, st.useItems(2)
		}
	}
	return objectValue(g), nil
}
