package jinja

import "math/big"

// sliceBounds turns the parts of a subscript into a start, a step and a
// number of elements, for a sequence of n elements.
func sliceBounds(parts [3]Value, n int64) (start, step, count int64, err error) {
	for _, p := range parts {
		if p.kind != KindNone && !p.isInt() {
			return 0, 0, 0, failf(ErrType, "slice indices must be integers or None or have an __index__ method")
		}
	}
	const far = 1 << 62
	clip := func(v Value) int64 {
		if b, ok := v.ref.(*big.Int); ok {
			return int64(b.Sign()) * far
		}
		return max(min(v.int64(), far), -far)
	}
	step = 1
	if parts[2].kind != KindNone {
		step = clip(parts[2])
	}
	if step == 0 {
		return 0, 0, 0, failf(ErrValue, "slice step cannot be zero")
	}
	low, high := int64(0), n // the range that bounds are clipped to
	if step < 0 {
		low, high = -1, n-1
	}
	bound := func(v Value, def int64) int64 {
		if v.kind == KindNone {
			return def
		}
		i := clip(v)
		if i < 0 {
			i += n
		}
		return max(min(i, high), low)
	}
	var stop int64
	if step > 0 {
		start, stop = bound(parts[0], low), bound(parts[1], high)
		if start < stop {
			count = (stop-start-1)/step + 1
		}
	} else {
		start, stop = bound(parts[0], high), bound(parts[1], low)
		if start > stop {
			count = (start-stop-1)/-step + 1
		}
	}
	return start, step, count, nil
}

// slice is x[start:stop:step]; parts that are left out are None.
func (st *state) slice(x Value, parts [3]Value) (Value, error) {
	if err := st.step(); err != nil {
		return Value{}, err
	}
	switch x.kind {
	case KindUndefined:
		if UndefinedMode(x.num) == UndefinedChainable {
			return x, nil
		}
		return Value{}, st.useUndefined(x)
	case KindString:
		return st.sliceString(x, parts)
	case KindList, KindTuple:
		return st.sliceItems(x, parts)
	case KindDict:
		return Value{}, failf(ErrType, "unhashable type: 'slice'")
	}
	if r, ok := x.ref.(*rangeObject); ok {
		return r.slice(parts)
	}
	return Value{}, failf(ErrType, "'%s' object is not subscriptable", typeName(x))
}

func (st *state) sliceItems(x Value, parts [3]Value) (Value, error) {
	items, err := st.listItems(x)
	if err != nil {
		return Value{}, err
	}
	start, step, count, err := sliceBounds(parts, int64(len(items)))
	if err != nil {
		return Value{}, err
	}
	if err := st.use(count * valueSize); err != nil {
		return Value{}, err
	}
	out := make([]Value, 0, count)
	for i := range count {
		out = append(out, items[start+i*step])
	}
	if x.kind == KindTuple {
		return Tuple(out...), nil
	}
	return newList(out), nil
}

func (r *rangeObject) slice(parts [3]Value) (Value, error) {
	start, step, count, err := sliceBounds(parts, r.count())
	if err != nil {
		return Value{}, err
	}
	if step > maxRange/2 || step < -maxRange/2 {
		step = 1 // there is one element at most
	}
	from := r.start + start*r.step
	return objectValue(&rangeObject{from, from + count*step*r.step, step * r.step}), nil
}

func (st *state) sliceString(x Value, parts [3]Value) (Value, error) {
	s := x.text()
	if err := st.use(int64(len(s))); err != nil {
		return Value{}, err
	}
	if isASCII(s) {
		start, step, count, err := sliceBounds(parts, int64(len(s)))
		if err != nil {
			return Value{}, err
		}
		if step == 1 {
			return Value{kind: KindString, ref: s[start : start+count], safe: x.safe}, nil
		}
		out := make([]byte, 0, count)
		for i := range count {
			out = append(out, s[start+i*step])
		}
		return Value{kind: KindString, ref: string(out), safe: x.safe}, nil
	}
	runes := []rune(s)
	start, step, count, err := sliceBounds(parts, int64(len(runes)))
	if err != nil {
		return Value{}, err
	}
	out := make([]rune, 0, count)
	for i := range count {
		out = append(out, runes[start+i*step])
	}
	return Value{kind: KindString, ref: string(out), safe: x.safe}, nil
}
