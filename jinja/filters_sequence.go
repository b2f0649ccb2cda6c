package jinja

import "strings"

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
	a, err := c.bind(1, "value", "d", "attribute")
	if err != nil {
		return Value{}, err
	}
	st := c.st
	sep := String("")
	if !a[1].isMissing() {
		sep = a[1]
	}
	items, err := st.collect(a[0])
	if err != nil {
		return Value{}, err
	}
	if isGiven(a[2]) {
		p := path(a[2])
		for i := range items {
			if items[i], err = p.get(st, items[i], Value{}); err != nil {
				return Value{}, err
			}
		}
	}
	parts := make([]string, len(items))
	safe := make([]bool, len(items))
	var tag Tag
	anySafe := false
	for i, item := range items {
		s, err := st.str(item)
		if err != nil {
			return Value{}, err
		}
		parts[i], safe[i] = s.text(), item.kind == KindString && item.safe || isModule(item)
		anySafe = anySafe || safe[i]
		tag = st.union(tag, s.tag)
	}
	sepText, err := st.strText(sep)
	if err != nil {
		return Value{}, err
	}
	result := *c.ctx.escape && (sep.safe || anySafe)
	if result {
		if !sep.safe {
			sepText = escapeHTML(sepText)
		}
		for i := range parts {
			if !safe[i] {
				parts[i] = escapeHTML(parts[i])
			}
		}
	}
	size := int64(len(sepText)) * int64(len(parts))
	for _, p := range parts {
		size += int64(len(p))
	}
	if err := st.use(size); err != nil {
		return Value{}, err
	}
	return Value{kind: KindString, ref: strings.Join(parts, sepText), safe: result, tag: tag}, nil
}

func filterBatch(c *Call) (Value, error) {
	a, err := c.bind(2, "value", "linecount", "fill_with")
	if err != nil {
		return Value{}, err
	}
	var it iterator
	var pending []Value
	done := false
	return newGenerator("do_batch", func(st *state) (Value, bool, error) {
		if it == nil && !done {
			if it, err = st.iterate(a[0]); err != nil {
				return Value{}, false, err
			}
		}
		for !done {
			item, ok, err := it.next(st)
			if err != nil {
				return Value{}, false, err
			}
			if !ok {
				done = true
				break
			}
			full, err := st.equal(Int(int64(len(pending))), a[1])
			if err != nil {
				return Value{}, false, err
			}
			if err := st.useItems(1); err != nil {
				return Value{}, false, err
			}
			if full {
				batch := pending
				pending = []Value{item}
				return newList(batch), true, nil
			}
			pending = append(pending, item)
		}
		if len(pending) == 0 {
			return Value{}, false, nil
		}
		batch := pending
		pending = nil
		if isGiven(a[2]) {
			missing, err := st.binary(tokSub, a[1], Int(int64(len(batch))))
			if err != nil {
				return Value{}, false, err
			}
			fill, _, err := st.repeat(newList([]Value{a[2]}), missing)
			if err != nil {
				return Value{}, false, err
			}
			if l, ok := fill.ref.(*list); ok {
				batch = append(batch, l.items...)
			}
		}
		return newList(batch), true, nil
	}), nil
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
			hash, err := hashKey(foldCase(key, caseMatters))
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
