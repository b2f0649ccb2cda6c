package jinja

import "slices"

func listMethods() map[string]methodFunc {
	return map[string]methodFunc{
		"append": listAppend, "extend": listExtend, "insert": listInsert, "pop": listPop,
		"remove": listRemove, "clear": listClear, "copy": listCopy, "reverse": listReverse,
		"sort": listSort, "index": listIndex, "count": listCount,
	}
}

func tupleMethods() map[string]methodFunc {
	return map[string]methodFunc{"index": listIndex, "count": listCount}
}

func listAppend(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "object")
	if err != nil {
		return Value{}, err
	}
	l, err := c.st.ownList(self)
	if err != nil {
		return Value{}, err
	}
	l.items = append(l.items, a[0])
	return None(), c.st.useItems(1)
}

func listExtend(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "iterable")
	if err != nil {
		return Value{}, err
	}
	items, err := c.st.collect(a[0])
	if err != nil {
		return Value{}, err
	}
	l, err := c.st.ownList(self)
	if err != nil {
		return Value{}, err
	}
	l.items = append(l.items, items...)
	return None(), nil
}

func listInsert(c *Call, self Value) (Value, error) {
	a, err := c.bind(2, "index", "object")
	if err != nil {
		return Value{}, err
	}
	i, err := wantInt(a[0])
	if err != nil {
		return Value{}, err
	}
	l, err := c.st.ownList(self)
	if err != nil {
		return Value{}, err
	}
	n := int64(len(l.items))
	if i < 0 {
		i = max(i+n, 0)
	}
	l.items = slices.Insert(l.items, int(min(i, n)), a[1])
	return None(), c.st.use(valueSize + n)
}

func listPop(c *Call, self Value) (Value, error) {
	a, err := c.bind(0, "index")
	if err != nil {
		return Value{}, err
	}
	i, err := optInt(a[0], -1)
	if err != nil {
		return Value{}, err
	}
	l, err := c.st.ownList(self)
	if err != nil {
		return Value{}, err
	}
	n := int64(len(l.items))
	if n == 0 {
		return Value{}, failf(ErrLookup, "pop from empty list")
	}
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return Value{}, failf(ErrLookup, "pop index out of range")
	}
	v := l.items[i]
	l.items = slices.Delete(l.items, int(i), int(i)+1)
	return v, c.st.use(n)
}

func listRemove(c *Call, self Value) (Value, error) {
	i, err := find(c, self)
	if err != nil {
		return Value{}, err
	}
	if i < 0 {
		return Value{}, failf(ErrValue, "list.remove(x): x not in list")
	}
	l, err := c.st.ownList(self)
	if err != nil {
		return Value{}, err
	}
	l.items = slices.Delete(l.items, i, i+1)
	return None(), nil
}

// find returns the index of the first argument in a list, or -1.
func find(c *Call, self Value) (int, error) {
	if len(c.Args) == 0 {
		return 0, failf(ErrType, "%s expected at least 1 argument, got 0", c.name)
	}
	items, err := c.st.listItems(self)
	if err != nil {
		return 0, err
	}
	for i, item := range items {
		same, err := c.st.sameOrEqual(item, c.Args[0], maxRepr)
		if err != nil {
			return 0, err
		}
		if same {
			return i, c.st.use(int64(i) * 8)
		}
	}
	return -1, c.st.use(int64(len(items)) * 8)
}

func listIndex(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "value", "start", "stop")
	if err != nil {
		return Value{}, err
	}
	items, err := c.st.listItems(self)
	if err != nil {
		return Value{}, err
	}
	n := int64(len(items))
	from, err := optInt(a[1], 0)
	if err != nil {
		return Value{}, err
	}
	to, err := optInt(a[2], n)
	if err != nil {
		return Value{}, err
	}
	if from < 0 {
		from = max(from+n, 0)
	}
	if to < 0 {
		to += n
	}
	for i := from; i < min(to, n); i++ {
		same, err := c.st.sameOrEqual(items[i], a[0], maxRepr)
		if err != nil {
			return Value{}, err
		}
		if same {
			return Int(i).WithTag(c.st.deepTag(self)), nil
		}
	}
	return Value{}, failf(ErrValue, "the value is not in %s", typeName(self))
}

func listCount(c *Call, self Value) (Value, error) {
	if _, err := c.bind(1, "value"); err != nil {
		return Value{}, err
	}
	items, err := c.st.listItems(self)
	if err != nil {
		return Value{}, err
	}
	n := int64(0)
	for _, item := range items {
		same, err := c.st.sameOrEqual(item, c.Args[0], maxRepr)
		if err != nil {
			return Value{}, err
		}
		if same {
			n++
		}
	}
	return Int(n).WithTag(c.st.deepTag(self)), c.st.use(int64(len(items)) * 8)
}

func listClear(c *Call, self Value) (Value, error) {
	l, err := c.st.ownList(self)
	if err != nil {
		return Value{}, err
	}
	l.items = nil
	return None(), noArgs(c)
}

func listCopy(c *Call, self Value) (Value, error) {
	items, err := c.st.collect(self)
	if err != nil {
		return Value{}, err
	}
	return newList(items), noArgs(c)
}

func listReverse(c *Call, self Value) (Value, error) {
	l, err := c.st.ownList(self)
	if err != nil {
		return Value{}, err
	}
	slices.Reverse(l.items)
	return None(), noArgs(c)
}

func listSort(c *Call, self Value) (Value, error) {
	if len(c.Args) > 0 {
		return Value{}, failf(ErrType, "sort() takes no positional arguments")
	}
	a, err := c.bind(0, "key", "reverse")
	if err != nil {
		return Value{}, err
	}
	reverse := false
	if !a[1].isMissing() {
		if reverse, err = c.st.truth(a[1]); err != nil {
			return Value{}, err
		}
	}
	l, err := c.st.ownList(self)
	if err != nil {
		return Value{}, err
	}
	keys := l.items
	if !a[0].isMissing() && a[0].kind != KindNone {
		keys = make([]Value, len(l.items))
		for i, item := range l.items {
			if keys[i], err = c.st.call(a[0], &Call{Args: []Value{item}, st: c.st, ctx: c.ctx, name: c.name}); err != nil {
				return Value{}, err
			}
		}
	}
	tag := c.st.deepTag(self)
	items, err := c.st.sortBy(l.items, keys, reverse)
	if err != nil {
		return Value{}, err
	}
	l.items = items
	l.tag = c.st.union(l.tag, tag)
	return None(), nil
}
