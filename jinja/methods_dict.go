package jinja

func dictMethods() map[string]methodFunc {
	view := func(what dictPart) methodFunc {
		return func(c *Call, self Value) (Value, error) {
			return objectValue(&dictView{of: self, what: what}), noArgs(c)
		}
	}
	return map[string]methodFunc{
		"keys": view(dictKeys), "values": view(dictValues), "items": view(dictItems),
		"iterkeys": view(dictKeys), "itervalues": view(dictValues), "iteritems": view(dictItems),
		"get": dictGetMethod, "has_key": dictHasKey, "pop": dictPop, "popitem": dictPopitem,
		"setdefault": dictSetdefault, "update": dictUpdate, "clear": dictClear, "copy": dictCopy,
	}
}

func dictGetMethod(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "key", "default")
	if err != nil {
		return Value{}, err
	}
	v, ok, err := c.st.dictGet(self, a[0])
	switch {
	case err != nil:
		return Value{}, err
	case ok:
		return v, nil
	case a[1].isMissing():
		return None(), nil
	}
	return a[1], nil
}

func dictHasKey(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "key")
	if err != nil {
		return Value{}, err
	}
	_, ok, err := c.st.dictGet(self, a[0])
	return Bool(ok), err
}

func dictPop(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "key", "default")
	if err != nil {
		return Value{}, err
	}
	hash, err := c.st.hash(a[0])
	if err != nil {
		return Value{}, err
	}
	d, err := c.st.ownDict(self)
	if err != nil {
		return Value{}, err
	}
	if v, ok := d.remove(hash); ok {
		return v, nil
	}
	if a[1].isMissing() {
		return Value{}, failf(ErrLookup, "pop(): no such key")
	}
	return a[1], nil
}

func dictPopitem(c *Call, self Value) (Value, error) {
	d, err := c.st.ownDict(self)
	if err != nil {
		return Value{}, err
	}
	for i := len(d.entries) - 1; i >= 0; i-- {
		if e := d.entries[i]; !e.deleted {
			d.remove(e.hash)
			d.entries = d.entries[:i]
			return Tuple(e.key, e.value), noArgs(c)
		}
	}
	return Value{}, failf(ErrLookup, "popitem(): dictionary is empty")
}

func dictSetdefault(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "key", "default")
	if err != nil {
		return Value{}, err
	}
	hash, err := c.st.hash(a[0])
	if err != nil {
		return Value{}, err
	}
	d, err := c.st.ownDict(self)
	if err != nil {
		return Value{}, err
	}
	if v, ok := d.get(hash); ok {
		return v, nil
	}
	if a[1].isMissing() {
		a[1] = None()
	}
	d.set(hash, a[0], a[1])
	return a[1], c.st.useItems(3)
}

func dictUpdate(c *Call, self Value) (Value, error) {
	d, err := c.st.ownDict(self)
	if err != nil {
		return Value{}, err
	}
	if len(c.Args) > 1 {
		return Value{}, failf(ErrType, "update expected at most 1 argument, got %d", len(c.Args))
	}
	if len(c.Args) == 1 {
		if err := c.st.fill(d, c.Args[0]); err != nil {
			return Value{}, err
		}
	}
	for _, kw := range c.Kwargs {
		d.setString(kw.Name, kw.Value)
	}
	return None(), c.st.useItems(3 * len(c.Kwargs))
}

// fill adds to d what from has: a dict, or an iterable of pairs.
func (st *state) fill(d *dict, from Value) error {
	if from.kind == KindDict {
		src, err := st.dictOf(from)
		if err != nil {
			return err
		}
		if err := st.useItems(3 * src.len()); err != nil {
			return err
		}
		for i := range len(src.entries) {
			if e := src.entries[i]; !e.deleted {
				d.set(e.hash, e.key, e.value)
			}
		}
		return nil
	}
	it, err := st.iterate(from)
	if err != nil {
		return err
	}
	for {
		item, ok, err := it.next(st)
		if err != nil || !ok {
			return err
		}
		pair, err := st.unpack(item, 2)
		if err != nil {
			return err
		}
		hash, err := st.hash(pair[0])
		if err != nil {
			return err
		}
		if err := st.useItems(3); err != nil {
			return err
		}
		d.set(hash, pair[0], pair[1])
	}
}

func dictClear(c *Call, self Value) (Value, error) {
	d, err := c.st.ownDict(self)
	if err != nil {
		return Value{}, err
	}
	d.entries, d.index, d.live = nil, nil, 0
	return None(), noArgs(c)
}

func dictCopy(c *Call, self Value) (Value, error) {
	d := newDict(0)
	if err := c.st.fill(d, self); err != nil {
		return Value{}, err
	}
	return newDictValue(d), noArgs(c)
}

// dictView is what the methods keys, values and items return.
type dictView struct {
	of   Value
	what dictPart
}

func (v *dictView) typeName() string {
	return [...]string{"dict_keys", "dict_values", "dict_items"}[v.what]
}

func (v *dictView) length(st *state) (int, error) { return st.length(v.of) }

func (v *dictView) iterate(st *state) (iterator, error) {
	if v.what == dictKeys {
		return st.iterate(v.of)
	}
	if m, ok := v.of.ref.(*mapping); ok && st.own[m] == nil {
		keys, err := st.mappingKeys(m)
		return &mappingIter{m: m, keys: keys, size: len(keys), what: v.what}, err
	}
	d, err := st.dictOf(v.of)
	if err != nil {
		return nil, err
	}
	return &dictIter{v: v.of, size: d.len(), what: v.what}, nil
}

// mappingIter reads the values of a caller's mapping one by one.
type mappingIter struct {
	m    *mapping
	keys []string
	size int
	what dictPart
}

func (it *mappingIter) next(st *state) (Value, bool, error) {
	if err := st.sameSize(it.m, it.size); err != nil {
		return Value{}, false, err
	}
	for len(it.keys) > 0 {
		key := it.keys[0]
		it.keys = it.keys[1:]
		v, ok, err := st.mappingGet(it.m, key)
		if err != nil {
			return Value{}, false, callerError(err, "cannot read '"+key+"'")
		}
		if !ok {
			continue
		}
		if it.what == dictItems {
			v = Tuple(String(key), v)
		}
		return v, true, st.step()
	}
	return Value{}, false, nil
}

func (v *dictView) repr(w *reprWriter) error {
	items, err := w.st.collect(objectValue(v))
	if err != nil {
		return err
	}
	if err := w.text(v.typeName() + "("); err != nil {
		return err
	}
	if err := w.items(v, "[", items, "]"); err != nil {
		return err
	}
	return w.text(")")
}

func viewIsDisjoint(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "other")
	if err != nil {
		return Value{}, err
	}
	items, err := c.st.collect(a[0])
	if err != nil {
		return Value{}, err
	}
	for _, item := range items {
		if in, err := c.st.contains(self, item); err != nil || in {
			return Bool(false), err
		}
	}
	return Bool(true), nil
}
