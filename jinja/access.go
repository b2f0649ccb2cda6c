package jinja

import "unicode/utf8"

// listItems returns the elements of a list value as the template sees them. The
// result must not be changed and is valid until the list changes.
func (st *state) listItems(v Value) ([]Value, error) {
	switch r := v.ref.(type) {
	case *tuple:
		return r.items, nil
	case *list:
		if st.own != nil && r.frozen {
			if own, ok := st.own[r].(*list); ok {
				return own.items, nil
			}
		}
		return r.items, nil
	case *sequence:
		own, err := st.ownList(v)
		if err != nil {
			return nil, err
		}
		return own.items, nil
	}
	return nil, failf(ErrType, "'%s' object is not a list", typeName(v))
}

// ownList returns the list behind v in a form that may be changed.
func (st *state) ownList(v Value) (*list, error) {
	switch r := v.ref.(type) {
	case *list:
		if !r.frozen {
			return r, nil
		}
		if own, ok := st.own[r].(*list); ok {
			return own, nil
		}
		if err := st.useItems(len(r.items)); err != nil {
			return nil, err
		}
		own := &list{items: append([]Value(nil), r.items...), tag: r.tag}
		st.keepOwn(r, own)
		return own, nil
	case *sequence:
		if own, ok := st.own[r].(*list); ok {
			return own, nil
		}
		n := r.s.Len()
		if err := st.useItems(n); err != nil {
			return nil, err
		}
		own := &list{items: make([]Value, n)}
		for i := range n {
			item, err := r.s.At(i)
			if err != nil {
				return nil, callerError(err, "cannot read an element of a list")
			}
			own.items[i] = item
		}
		st.keepOwn(r, own)
		return own, nil
	}
	return nil, failf(ErrType, "'%s' object is not a list", typeName(v))
}

func (st *state) keepOwn(original, own any) {
	if st.own == nil {
		st.own = map[any]any{}
	}
	st.own[original] = own
}

// dictOf returns the dict behind v for reading. A caller's mapping is read
// completely.
func (st *state) dictOf(v Value) (*dict, error) {
	switch r := v.ref.(type) {
	case *dict:
		if st.own != nil && r.frozen {
			if own, ok := st.own[r].(*dict); ok {
				return own, nil
			}
		}
		return r, nil
	case *mapping:
		return st.ownDict(v)
	}
	return nil, failf(ErrType, "'%s' object is not a mapping", typeName(v))
}

// ownDict returns the dict behind v in a form that may be changed.
func (st *state) ownDict(v Value) (*dict, error) {
	switch r := v.ref.(type) {
	case *dict:
		if !r.frozen {
			return r, nil
		}
		if own, ok := st.own[r].(*dict); ok {
			return own, nil
		}
		if err := st.useItems(3 * r.len()); err != nil {
			return nil, err
		}
		own := r.clone()
		st.keepOwn(r, own)
		return own, nil
	case *mapping:
		if own, ok := st.own[r].(*dict); ok {
			return own, nil
		}
		keys, err := st.mappingKeys(r)
		if err != nil {
			return nil, err
		}
		own := newDict(len(keys))
		for _, k := range keys {
			item, ok, err := st.mappingGet(r, k)
			if err != nil {
				return nil, callerError(err, "cannot read '"+k+"'")
			}
			if ok {
				own.setString(k, item)
			}
		}
		st.keepOwn(r, own)
		return own, nil
	}
	return nil, failf(ErrType, "'%s' object is not a mapping", typeName(v))
}

// mappingGet reads a key of a caller's mapping. Containers are remembered.
func (st *state) mappingGet(m *mapping, key string) (Value, bool, error) {
	if st.reads != nil {
		if v, ok := st.reads[readKey{m, key}]; ok {
			return v, true, nil
		}
	}
	v, ok, err := m.m.Get(key)
	if err != nil || !ok {
		return Value{}, false, err
	}
	switch v.kind {
	case KindList, KindDict:
		if st.reads == nil {
			st.reads = map[readKey]Value{}
		}
		st.reads[readKey{m, key}] = v
	case KindUndefined:
		if v.isMissing() {
			tag := v.tag
			v = st.undefinedHint("'" + key + "' is undefined")
			v.tag = tag
		}
	}
	return v, true, nil
}

func (st *state) mappingKeys(m *mapping) ([]string, error) {
	keys, err := m.m.Keys()
	if err != nil {
		return nil, callerError(err, "cannot read the keys of a mapping")
	}
	return keys, st.useItems(2 * len(keys))
}

// dictGet reads a key of a dict.
func (st *state) dictGet(v, key Value) (Value, bool, error) {
	if err := st.workOn(key); err != nil {
		return Value{}, false, err
	}
	if m, ok := v.ref.(*mapping); ok && st.own[m] == nil {
		if key.kind != KindString {
			_, err := st.hash(key)
			return Value{}, false, err
		}
		item, ok, err := st.mappingGet(m, key.text())
		if err != nil {
			return Value{}, false, callerError(err, "cannot read a key of a mapping")
		}
		return item, ok, nil
	}
	d, err := st.dictOf(v)
	if err != nil {
		return Value{}, false, err
	}
	hash, err := st.hash(key)
	if err != nil {
		return Value{}, false, err
	}
	item, ok := d.get(hash)
	return item, ok, nil
}

// shapeTag returns the tag of a container itself, with what was done to its
// shape under conditions.
func (st *state) shapeTag(v Value) Tag {
	if st.tr == nil {
		return 0
	}
	tag := v.tag
	switch r := v.ref.(type) {
	case *list:
		own := r
		if o, ok := st.own[r].(*list); ok {
			own = o
		}
		tag = st.union(tag, own.tag)
	case *dict:
		own := r
		if o, ok := st.own[r].(*dict); ok {
			own = o
		}
		tag = st.union(tag, own.tag)
	case *mapping:
		if o, ok := st.own[r].(*dict); ok {
			tag = st.union(tag, o.tag)
		}
	case *sequence:
		if o, ok := st.own[r].(*list); ok {
			tag = st.union(tag, o.tag)
		}
	case *generator:
		tag = st.union(tag, r.tag)
	}
	return tag
}

// found adds the tags of a container and a key to what was found with them.
func (st *state) found(item, holder, key Value) Value {
	if st.tr != nil {
		item.tag = st.union(item.tag, st.union(st.shapeTag(holder), key.tag))
	}
	return item
}

// getAttr is the dot: an attribute or method, or else an item.
func (st *state) getAttr(v Value, name string) (Value, error) {
	if v.kind == KindUndefined {
		if UndefinedMode(v.num) == UndefinedChainable {
			return v, nil
		}
		return Value{}, st.useUndefined(v)
	}
	item, ok, err := st.attribute(v, name)
	if err != nil {
		return Value{}, err
	}
	key := String(name)
	if !ok {
		item, ok, err = st.itemOf(v, key)
		if err != nil && !forgivable(err) {
			return Value{}, err
		}
	}
	if !ok {
		return st.undefinedIn(v, key, name), nil
	}
	return st.found(item, v, Value{}), nil
}

// attribute looks for what Python's getattr finds.
func (st *state) attribute(v Value, name string) (Value, bool, error) {
	if o, ok := v.ref.(attrObject); ok {
		return o.attr(st, name)
	}
	if t, ok := v.ref.(*tuple); ok {
		for i, n := range t.names {
			if n == name {
				return t.items[i], true, nil
			}
		}
	}
	if m, ok := st.env.methods.find(v, name); ok {
		return objectValue(&method{self: v, name: name, fn: m}), true, nil
	}
	return numberAttr(v, name)
}

// getItem is the subscript: an item, or else an attribute. shown is how
// messages may call the key.
func (st *state) getItem(v, key Value, shown string) (Value, error) {
	if v.kind == KindUndefined {
		if UndefinedMode(v.num) == UndefinedChainable {
			return v, nil
		}
		return Value{}, st.useUndefined(v)
	}
	item, ok, err := st.itemOf(v, key)
	if err != nil && !forgivable(err) {
		return Value{}, err
	}
	if !ok && key.kind == KindString {
		item, ok, err = st.attribute(v, key.text())
		if err != nil {
			return Value{}, err
		}
	}
	if !ok {
		return st.undefinedIn(v, key, shown), nil
	}
	return st.found(item, v, key), nil
}

// forgivable tells the errors that make a subscript undefined instead of
// ending the rendering.
func forgivable(err error) bool {
	e, ok := err.(*Error)
	return ok && (e.Kind == ErrType || e.Kind == ErrLookup)
}

// itemOf looks for what Python's subscript finds.
func (st *state) itemOf(v, key Value) (Value, bool, error) {
	switch v.kind {
	case KindDict:
		return st.dictGet(v, key)
	case KindList, KindTuple:
		i, ok := indexOf(key)
		if !ok {
			return Value{}, false, nil
		}
		if s, isSeq := v.ref.(*sequence); isSeq && st.own[s] == nil {
			return st.sequenceAt(s, i)
		}
		items, err := st.listItems(v)
		if err != nil {
			return Value{}, false, err
		}
		if i < 0 {
			i += int64(len(items))
		}
		if i < 0 || i >= int64(len(items)) {
			return Value{}, false, nil
		}
		return items[i], true, nil
	case KindString:
		i, ok := indexOf(key)
		if !ok {
			return Value{}, false, nil
		}
		s, ok := runeAt(v.text(), i)
		return Value{kind: KindString, ref: s, safe: v.safe}, ok, st.workOn(v)
	}
	if o, ok := v.ref.(itemObject); ok {
		return o.item(st, key)
	}
	return Value{}, false, nil
}

func (st *state) sequenceAt(s *sequence, i int64) (Value, bool, error) {
	n := int64(s.s.Len())
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return Value{}, false, nil
	}
	item, err := s.s.At(int(i))
	if err != nil {
		return Value{}, false, callerError(err, "cannot read an element of a list")
	}
	return item, true, nil
}

// indexOf returns the integer that key is, if it can be an index.
func indexOf(key Value) (int64, bool) {
	if (key.kind == KindInt && key.ref == nil) || key.kind == KindBool {
		return key.int64(), true
	}
	return 0, false
}

// runeAt returns the character at index i, which counts from the end if it
// is negative.
func runeAt(s string, i int64) (string, bool) {
	n := int64(utf8.RuneCountInString(s))
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return "", false
	}
	if n == int64(len(s)) {
		return s[i : i+1], true
	}
	for range i {
		_, w := utf8.DecodeRuneInString(s)
		s = s[w:]
	}
	_, w := utf8.DecodeRuneInString(s)
	return s[:w], true
}

// length is Python's len.
func (st *state) length(v Value) (int, error) {
	switch v.kind {
	case KindString:
		return utf8.RuneCountInString(v.text()), st.workOn(v)
	case KindUndefined:
		if strict(v) {
			return 0, st.useUndefined(v)
		}
		return 0, nil
	case KindDict:
		if m, ok := v.ref.(*mapping); ok && st.own[m] == nil {
			keys, err := st.mappingKeys(m)
			return len(keys), err
		}
		d, err := st.dictOf(v)
		if err != nil {
			return 0, err
		}
		return d.len(), nil
	case KindList, KindTuple:
		if s, ok := v.ref.(*sequence); ok && st.own[s] == nil {
			return s.s.Len(), nil
		}
		items, err := st.listItems(v)
		return len(items), err
	}
	if o, ok := v.ref.(lenObject); ok {
		return o.length(st)
	}
	return 0, failf(ErrType, "object of type '%s' has no len()", typeName(v))
}

// truth is Python's bool.
func (st *state) truth(v Value) (bool, error) {
	switch v.kind {
	case KindUndefined:
		if UndefinedMode(v.num) == UndefinedStrict {
			return false, st.useUndefined(v)
		}
		return false, nil
	case KindDict, KindList, KindTuple:
		n, err := st.length(v)
		return n > 0, err
	case KindObject:
		if o, ok := v.ref.(lenObject); ok {
			n, err := o.length(st)
			return n > 0, err
		}
	}
	return truthOf(v), nil
}

// truthOf is truth for values that are not containers.
func truthOf(v Value) bool {
	switch v.kind {
	case KindUndefined, KindNone:
		return false
	case KindBool:
		return v.num != 0
	case KindInt:
		return v.ref != nil || v.num != 0
	case KindFloat:
		return v.float() != 0
	case KindString:
		return v.text() != ""
	}
	return true
}
