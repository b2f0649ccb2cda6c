package jinja

import "strings"

// sortBy returns items in the order of their keys. Equal ones keep their
// order, also when reversed.
func (st *state) sortBy(items, keys []Value, reverse bool) ([]Value, error) {
	if err := st.useItems(2 * len(items)); err != nil {
		return nil, err
	}
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
		if reverse {
			order[i] = len(items) - 1 - i
		}
	}
	sorted, err := st.mergeSort(order, make([]int, len(order)), keys)
	if err != nil {
		return nil, err
	}
	out := make([]Value, len(items))
	for i, at := range sorted {
		if reverse {
			i = len(out) - 1 - i
		}
		out[i] = items[at]
	}
	return out, nil
}

// mergeSort orders indexes by their keys. Unlike the sort of the standard
// library it stops at the first pair of keys that cannot be compared.
func (st *state) mergeSort(order, space []int, keys []Value) ([]int, error) {
	if len(order) < 2 {
		return order, nil
	}
	mid := len(order) / 2
	left, err := st.mergeSort(order[:mid], space[:mid], keys)
	if err != nil {
		return nil, err
	}
	right, err := st.mergeSort(order[mid:], space[mid:], keys)
	if err != nil {
		return nil, err
	}
	out := space[:0]
	for len(left) > 0 && len(right) > 0 {
		if err := st.step(); err != nil {
			return nil, err
		}
		less, err := st.order(opLt, keys[right[0]], keys[left[0]])
		if err != nil {
			return nil, err
		}
		if less {
			out, right = append(out, right[0]), right[1:]
		} else {
			out, left = append(out, left[0]), left[1:]
		}
	}
	out = append(append(out, left...), right...)
	copy(order, out)
	return order, nil
}

func filterSort(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "reverse", "case_sensitive", "attribute")
	if err != nil {
		return Value{}, err
	}
	reverse, err := c.optTruth(a[1], false)
	if err != nil {
		return Value{}, err
	}
	caseMatters, err := c.optTruth(a[2], false)
	if err != nil {
		return Value{}, err
	}
	items, err := c.st.collect(a[0])
	if err != nil {
		return Value{}, err
	}
	paths := []attrPath{path(a[3])}
	if a[3].kind == KindString {
		paths = nil
		for part := range strings.SplitSeq(a[3].text(), ",") {
			paths = append(paths, pathOf(part, a[3].literal))
		}
	}
	keys := make([]Value, len(items))
	var tag Tag
	for i, item := range items {
		parts := make([]Value, len(paths))
		for j, p := range paths {
			v, err := p.get(c.st, item, Value{})
			if err != nil {
				return Value{}, err
			}
			parts[j] = foldCase(v, caseMatters)
			tag = c.st.union(tag, c.st.deepTag(v))
		}
		keys[i] = newList(parts)
	}
	items, err = c.st.sortBy(items, keys, reverse)
	return newList(items).WithTag(tag), err
}

func filterDictsort(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "case_sensitive", "by", "reverse")
	if err != nil {
		return Value{}, err
	}
	caseMatters, err := c.optTruth(a[1], false)
	if err != nil {
		return Value{}, err
	}
	by := "key"
	if !a[2].isMissing() {
		by = a[2].text()
	}
	if by != "key" && by != "value" {
		return Value{}, failf(ErrType, `You can only sort by either "key" or "value"`)
	}
	reverse, err := c.optTruth(a[3], false)
	if err != nil {
		return Value{}, err
	}
	if a[0].kind == KindUndefined {
		return Value{}, c.st.useUndefined(a[0])
	}
	d, err := c.st.dictOf(a[0])
	if err != nil {
		return Value{}, err
	}
	var items, keys []Value
	var tag Tag
	for i := range d.entries {
		e := &d.entries[i]
		if e.deleted {
			continue
		}
		key := e.key
		if by == "value" {
			key = e.value
		}
		tag = c.st.union(tag, c.st.deepTag(key))
		items = append(items, Tuple(e.key, e.value))
		keys = append(keys, foldCase(key, caseMatters))
	}
	items, err = c.st.sortBy(items, keys, reverse)
	return newList(items).WithTag(tag), err
}

func filterGroupby(c *Call) (Value, error) {
	a, err := c.bind(2, "value", "attribute", "default", "case_sensitive")
	if err != nil {
		return Value{}, err
	}
	st := c.st
	caseMatters, err := c.optTruth(a[3], false)
	if err != nil {
		return Value{}, err
	}
	items, err := st.collect(a[0])
	if err != nil {
		return Value{}, err
	}
	p := path(a[1])
	// The key of an item decides both its place and its group.
	pairs := make([]Value, len(items))
	keys := make([]Value, len(items))
	var tag Tag
	for i, item := range items {
		key, err := p.get(st, item, a[2])
		if err != nil {
			return Value{}, err
		}
		tag = st.union(tag, st.deepTag(key))
		keys[i] = foldCase(key, caseMatters)
		pairs[i] = Tuple(keys[i], key, item)
	}
	if pairs, err = st.sortBy(pairs, keys, false); err != nil {
		return Value{}, err
	}
	var groups []Value
	var group *list
	var last Value
	for _, pair := range pairs {
		parts := pair.ref.(*tuple).items
		same := false
		if group != nil {
			if same, err = st.sameOrEqual(last, parts[0], maxRepr); err != nil {
				return Value{}, err
			}
		}
		if !same {
			group = &list{tag: tag}
			last = parts[0]
			groups = append(groups, Value{kind: KindTuple, ref: &tuple{
				items: []Value{parts[1], {kind: KindList, ref: group}}, names: []string{"grouper", "list"}}})
		}
		group.items = append(group.items, parts[2])
	}
	return newList(groups).WithTag(tag), nil
}

func filterMin(c *Call) (Value, error) { return extreme(c, opLt) }
func filterMax(c *Call) (Value, error) { return extreme(c, opGt) }

// extreme returns the first of the elements that no other one beats.
func extreme(c *Call, better compareOp) (Value, error) {
	a, err := c.bind(1, "value", "case_sensitive", "attribute")
	if err != nil {
		return Value{}, err
	}
	caseMatters, err := c.optTruth(a[1], false)
	if err != nil {
		return Value{}, err
	}
	it, err := c.st.iterate(a[0])
	if err != nil {
		return Value{}, err
	}
	p := path(a[2])
	var best, bestKey Value
	var tag Tag
	for found := false; ; found = true {
		item, ok, err := it.next(c.st)
		if err != nil {
			return Value{}, err
		}
		if !ok {
			if !found {
				return c.st.undefinedHint("No aggregated item, sequence was empty."), nil
			}
			return best.WithTag(c.st.union(best.tag, tag)), nil
		}
		key, err := p.get(c.st, item, Value{})
		if err != nil {
			return Value{}, err
		}
		tag = c.st.union(tag, c.st.deepTag(key))
		key = foldCase(key, caseMatters)
		wins := !found
		if found {
			if wins, err = c.st.order(better, key, bestKey); err != nil {
				return Value{}, err
			}
		}
		if wins {
			best, bestKey = item, key
		}
	}
}

func filterSum(c *Call) (Value, error) {
	a, err := c.bind(1, "iterable", "attribute", "start")
	if err != nil {
		return Value{}, err
	}
	it, err := c.st.iterate(a[0])
	if err != nil {
		return Value{}, err
	}
	sum := Int(0)
	if !a[2].isMissing() {
		sum = a[2]
	}
	if sum.kind == KindString {
		return Value{}, failf(ErrType, "sum() can't sum strings [use ''.join(seq) instead]")
	}
	p := path(a[1])
	tag := sum.tag
	for {
		item, ok, err := it.next(c.st)
		if err != nil || !ok {
			return sum.WithTag(tag), err
		}
		if item, err = p.get(c.st, item, Value{}); err != nil {
			return Value{}, err
		}
		tag = c.st.union(tag, c.st.deepTag(item))
		if sum, err = c.st.binary(tokAdd, sum, item); err != nil {
			return Value{}, err
		}
	}
}
