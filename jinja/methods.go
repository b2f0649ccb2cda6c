package jinja

import (
	"math"
	"math/big"
)

// methodFunc is a method of a built-in type.
type methodFunc func(c *Call, self Value) (Value, error)

// method is a method bound to its object.
type method struct {
	self Value
	name string
	fn   methodFunc
}

func (m *method) typeName() string { return "builtin_function_or_method" }

func (m *method) repr(w *reprWriter) error {
	return w.text("<built-in method " + m.name + " of " + typeName(m.self) + " object>")
}

// methodTables are the methods of the built-in types, by name.
type methodTables struct {
	str, markup, list, tuple, dict, int, float, view, rang map[string]methodFunc
}

func newMethodTables(strictJinja bool) methodTables {
	t := methodTables{
		str: stringMethods(), markup: map[string]methodFunc{"striptags": strStriptags, "unescape": strUnescape}, list: listMethods(), tuple: tupleMethods(), dict: dictMethods(),
		int: intMethods(), float: floatMethods(), rang: rangeMethods(),
		view: map[string]methodFunc{"isdisjoint": viewIsDisjoint},
	}
	if strictJinja {
		for _, name := range []string{"iteritems", "iterkeys", "itervalues", "has_key"} {
			delete(t.dict, name)
		}
	}
	return t
}

// find returns the method of v with the given name.
func (t *methodTables) find(v Value, name string) (methodFunc, bool) {
	var table map[string]methodFunc
	switch v.kind {
	case KindString:
		table = t.str
		if m, ok := t.markup[name]; ok && v.safe {
			return m, true
		}
	case KindList:
		table = t.list
	case KindTuple:
		table = t.tuple
	case KindDict:
		table = t.dict
	case KindInt, KindBool:
		table = t.int
	case KindFloat:
		table = t.float
	case KindObject:
		switch v.ref.(type) {
		case *dictView:
			table = t.view
		case *rangeObject:
			table = t.rang
		}
	}
	m, ok := table[name]
	return m, ok
}

// callMethod calls a bound method. The tags of the object and of the
// arguments go into the result.
func (st *state) callMethod(m *method, c *Call) (Value, error) {
	if err := st.workOn(m.self); err != nil {
		return Value{}, err
	}
	markup := m.self.kind == KindString && m.self.safe && markupMethods[m.name]
	if markup {
		c.Args = escapeArgs(c.Args)
	}
	v, err := m.fn(c, m.self)
	if err != nil {
		return Value{}, err
	}
	if markup {
		v = markSafe(v)
	}
	if st.tr != nil {
		v = st.flow(v, c, flowDeep)
		v.tag = st.union(v.tag, st.shapeTag(m.self))
		if (m.self.kind == KindList || m.self.kind == KindDict) && changingMethods[m.name] {
			tag := st.controls()
			for _, a := range c.Args {
				tag = st.union(tag, st.shapeTag(a))
			}
			if tag != 0 {
				st.taintShape(m.self, tag)
			}
		}
	}
	return v, nil
}

// markupMethods are the methods of safe strings that escape their arguments
// and yield safe strings.
var markupMethods = map[string]bool{
	"capitalize": true, "title": true, "lower": true, "upper": true, "replace": true, "ljust": true,
	"rjust": true, "lstrip": true, "rstrip": true, "center": true, "strip": true, "translate": true,
	"expandtabs": true, "swapcase": true, "zfill": true, "partition": true, "rpartition": true,
	"split": true, "rsplit": true, "splitlines": true,
}

func escapeArgs(args []Value) []Value {
	out := make([]Value, len(args))
	for i, a := range args {
		if a.kind == KindString && !a.safe {
			a = Value{kind: KindString, ref: escapeHTML(a.text()), safe: true, tag: a.tag}
		}
		out[i] = a
	}
	return out
}

// markSafe marks a string, or the strings in a list or tuple, as safe.
func markSafe(v Value) Value {
	switch r := v.ref.(type) {
	case *list:
		for i := range r.items {
			r.items[i].safe = r.items[i].kind == KindString
		}
	case *tuple:
		for i := range r.items {
			r.items[i].safe = r.items[i].kind == KindString
		}
	}
	v.safe = v.kind == KindString
	return v
}

// optInt returns an integer argument, or def if it was not given.
func optInt(v Value, def int64) (int64, error) {
	if v.isMissing() {
		return def, nil
	}
	return wantInt(v)
}

// wantInt returns the integer that v is.
func wantInt(v Value) (int64, error) {
	if !v.isInt() {
		return 0, failf(ErrType, "'%s' object cannot be interpreted as an integer", typeName(v))
	}
	if v.ref != nil {
		return 0, failf(ErrOverflow, "Python int too large to convert to C ssize_t")
	}
	return v.int64(), nil
}

// wantString returns the text that v is.
func wantString(v Value) (string, error) {
	if v.kind != KindString {
		return "", failf(ErrType, "must be str, not %s", typeName(v))
	}
	return v.text(), nil
}

func noArgs(c *Call) error {
	if len(c.Args) > 0 || len(c.Kwargs) > 0 {
		return failf(ErrType, "%s() takes no arguments (%d given)", c.name, len(c.Args)+len(c.Kwargs))
	}
	return nil
}

// numberAttr reads the attributes of numbers.
func numberAttr(v Value, name string) (Value, bool, error) {
	if !v.isNumber() {
		return Value{}, false, nil
	}
	number := v
	if v.kind == KindBool {
		number.kind = KindInt
	}
	switch {
	case name == "real", name == "numerator" && v.isInt():
		return number, true, nil
	case name == "imag" && v.isInt():
		return Int(0), true, nil
	case name == "imag":
		return Float(0), true, nil
	case name == "denominator" && v.isInt():
		return Int(1), true, nil
	}
	return Value{}, false, nil
}

func intMethods() map[string]methodFunc {
	return map[string]methodFunc{
		"bit_length": func(c *Call, self Value) (Value, error) {
			return Int(int64(self.bigInt().BitLen())), noArgs(c)
		},
		"bit_count": func(c *Call, self Value) (Value, error) {
			n := 0
			for _, w := range new(big.Int).Abs(self.bigInt()).Bits() {
				for ; w != 0; w &= w - 1 {
					n++
				}
			}
			return Int(int64(n)), noArgs(c)
		},
		"conjugate": func(c *Call, self Value) (Value, error) {
			return BigInt(self.bigInt()), noArgs(c)
		},
		"as_integer_ratio": func(c *Call, self Value) (Value, error) {
			return Tuple(BigInt(self.bigInt()), Int(1)), noArgs(c)
		},
	}
}

func floatMethods() map[string]methodFunc {
	return map[string]methodFunc{
		"is_integer": func(c *Call, self Value) (Value, error) {
			f := self.float()
			return Bool(f == math.Trunc(f) && !math.IsInf(f, 0)), noArgs(c)
		},
		"conjugate": func(c *Call, self Value) (Value, error) { return self, noArgs(c) },
		"as_integer_ratio": func(c *Call, self Value) (Value, error) {
			r := new(big.Rat).SetFloat64(self.float())
			if r == nil {
				return Value{}, failf(ErrValue, "cannot convert NaN or Infinity to integer ratio")
			}
			return Tuple(BigInt(new(big.Int).Set(r.Num())), BigInt(new(big.Int).Set(r.Denom()))), noArgs(c)
		},
	}
}
