package jinja

import "math/big"

// builtinTests returns Jinja2's tests by name.
func builtinTests() map[string]*builtin {
	m := make(map[string]*builtin, 48)
	add := func(how flow, fns map[string]Func) {
		for name, fn := range fns {
			m[name] = &builtin{name: name, fn: fn, flow: how}
		}
	}
	compare := func(op compareOp) Func {
		return func(c *Call) (Value, error) {
			a, err := c.bind(2, "a", "b")
			if err != nil {
				return Value{}, err
			}
			ok, err := c.st.compare(op, a[0], a[1])
			return Bool(ok), err
		}
	}
	add(flowDeep, map[string]Func{
		"odd": testParity(1), "even": testParity(0), "divisibleby": testDivisible,
		"lower": testText(isLower), "upper": testText(isUpper), "in": compare(opIn),
		"==": compare(opEq), "eq": compare(opEq), "equalto": compare(opEq),
		"!=": compare(opNe), "ne": compare(opNe),
		">": compare(opGt), "gt": compare(opGt), "greaterthan": compare(opGt),
		">=": compare(opGe), "ge": compare(opGe),
		"<": compare(opLt), "lt": compare(opLt), "lessthan": compare(opLt),
		"<=": compare(opLe), "le": compare(opLe),
	})
	is := func(f func(v Value) bool) Func {
		return func(c *Call) (Value, error) {
			a, err := c.bind(1, "value")
			if err != nil {
				return Value{}, err
			}
			return Bool(f(a[0])), nil
		}
	}
	kind := func(k Kind) Func { return is(func(v Value) bool { return v.kind == k }) }
	add(flowShape, map[string]Func{
		"defined":   is(func(v Value) bool { return v.kind != KindUndefined }),
		"undefined": kind(KindUndefined), "none": kind(KindNone), "boolean": kind(KindBool),
		"true":    is(func(v Value) bool { return v.kind == KindBool && v.num != 0 }),
		"false":   is(func(v Value) bool { return v.kind == KindBool && v.num == 0 }),
		"integer": kind(KindInt), "float": kind(KindFloat), "number": is(Value.isNumber),
		"string": kind(KindString), "mapping": kind(KindDict),
		"sequence": testSequence, "iterable": testIterable, "callable": is(isCallable),
		"escaped": is(func(v Value) bool {
			return v.kind == KindString && v.safe || isModule(v) ||
				v.kind == KindUndefined && UndefinedMode(v.num) == UndefinedChainable
		}),
		"sameas": testSameas, "filter": testFilterName, "test": testTestName,
	})
	return m
}

func testParity(want int64) Func {
	return func(c *Call) (Value, error) {
		a, err := c.bind(1, "value")
		if err != nil {
			return Value{}, err
		}
		rest, err := c.st.binary(tokMod, a[0], Int(2))
		if err != nil {
			return Value{}, err
		}
		ok, err := c.st.equal(rest, Int(want))
		return Bool(ok), err
	}
}

func testDivisible(c *Call) (Value, error) {
	a, err := c.bind(2, "value", "num")
	if err != nil {
		return Value{}, err
	}
	rest, err := c.st.binary(tokMod, a[0], a[1])
	if err != nil {
		return Value{}, err
	}
	ok, err := c.st.equal(rest, Int(0))
	return Bool(ok), err
}

func testText(f func(string) bool) Func {
	return func(c *Call) (Value, error) {
		a, err := c.bind(1, "value")
		if err != nil {
			return Value{}, err
		}
		s, err := c.st.strText(a[0])
		return Bool(f(s)), err
	}
}

func testSequence(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	v := a[0]
	switch v.kind {
	case KindString, KindList, KindTuple, KindDict:
		return Bool(true), nil
	case KindUndefined:
		return Bool(!strict(v)), nil
	}
	_, isRange := v.ref.(*rangeObject)
	return Bool(isRange), nil
}

func testIterable(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	v := a[0]
	switch v.kind {
	case KindString, KindList, KindTuple, KindDict:
		return Bool(true), nil
	case KindUndefined:
		if strict(v) {
			return Value{}, c.st.useUndefined(v)
		}
		return Bool(true), nil
	}
	_, ok := v.ref.(iterObject)
	return Bool(ok), nil
}

func isCallable(v Value) bool {
	if v.kind == KindFunc || v.kind == KindUndefined {
		return true
	}
	_, ok := v.ref.(callObject)
	return ok
}

func testSameas(c *Call) (Value, error) {
	a, err := c.bind(2, "value", "other")
	if err != nil {
		return Value{}, err
	}
	if x, ok := a[0].ref.(*big.Int); ok {
		y, ok := a[1].ref.(*big.Int)
		return Bool(ok && x == y), nil
	}
	return Bool(identical(a[0], a[1])), nil
}

func testFilterName(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	return Bool(a[0].kind == KindString && c.st.env.filters[a[0].text()] != nil), nil
}

func testTestName(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	return Bool(a[0].kind == KindString && c.st.env.tests[a[0].text()] != nil), nil
}
