package jinja

import (
	"math"
	"math/big"
	"strings"
)

// isNumber tells the kinds that count as numbers, booleans among them.
func (v Value) isNumber() bool {
	return v.kind == KindInt || v.kind == KindFloat || v.kind == KindBool
}

// isInt tells integers and booleans.
func (v Value) isInt() bool { return v.kind == KindInt || v.kind == KindBool }

// compareNumbers orders two numbers exactly. ok is false if one is not a
// number at all.
func compareNumbers(a, b Value) (order int, ok bool) {
	if a.isInt() && b.isInt() {
		if a.ref == nil && b.ref == nil {
			x, y := a.int64(), b.int64()
			switch {
			case x < y:
				return -1, true
			case x > y:
				return 1, true
			}
			return 0, true
		}
		return a.bigInt().Cmp(b.bigInt()), true
	}
	if a.kind == KindFloat && b.kind == KindFloat {
		return compareFloats(a.float(), b.float())
	}
	if a.kind == KindFloat {
		order, ok = compareIntFloat(b, a.float())
		return -order, ok
	}
	return compareIntFloat(a, b.float())
}

func compareFloats(x, y float64) (int, bool) {
	switch {
	case x < y:
		return -1, true
	case x > y:
		return 1, true
	}
	return 0, x == y
}

func compareIntFloat(n Value, f float64) (int, bool) {
	switch {
	case math.IsNaN(f):
		return 0, false
	case math.IsInf(f, 1):
		return -1, true
	case math.IsInf(f, -1):
		return 1, true
	}
	if n.ref == nil && n.int64() > -1<<53 && n.int64() < 1<<53 {
		return compareFloats(float64(n.int64()), f)
	}
	return new(big.Float).SetInt(n.bigInt()).Cmp(big.NewFloat(f)), true
}

// equal is Python's ==.
func (st *state) equal(a, b Value) (bool, error) { return st.equalAt(a, b, maxRepr) }

func (st *state) equalAt(a, b Value, depth int) (bool, error) {
	if depth == 0 {
		return false, failf(ErrLimit, "values nest too deeply to be compared")
	}
	switch {
	case a.kind == KindUndefined || b.kind == KindUndefined:
		return st.equalUndefined(a, b)
	case a.isNumber() && b.isNumber():
		order, ok := compareNumbers(a, b)
		return ok && order == 0, nil
	case a.kind != b.kind:
		return false, nil
	}
	switch a.kind {
	case KindNone:
		return true, nil
	case KindString:
		return a.text() == b.text(), st.workOn(a)
	case KindList, KindTuple:
		return st.equalItems(a, b, depth)
	case KindDict:
		return st.equalDicts(a, b, depth)
	}
	return st.equalObjects(a, b)
}

// equalObjects compares ranges and views by what is in them, and everything
// else by identity.
func (st *state) equalObjects(a, b Value) (bool, error) {
	switch x := a.ref.(type) {
	case *rangeObject:
		if y, ok := b.ref.(*rangeObject); ok {
			return x.equal(y), nil
		}
	case *dictView:
		if y, ok := b.ref.(*dictView); ok && x.what != dictValues {
			return st.equalViews(x, y)
		}
	}
	return a.ref == b.ref, nil
}

func (st *state) equalUndefined(a, b Value) (bool, error) {
	for _, v := range [...]Value{a, b} {
		if v.kind == KindUndefined && strict(v) {
			return false, st.useUndefined(v)
		}
	}
	return a.kind == b.kind && a.num == b.num, nil
}

func (st *state) equalItems(a, b Value, depth int) (bool, error) {
	x, err := st.listItems(a)
	if err != nil {
		return false, err
	}
	y, err := st.listItems(b)
	if err != nil || len(x) != len(y) {
		return false, err
	}
	for i := range x {
		if err := st.step(); err != nil {
			return false, err
		}
		if i >= len(y) {
			return false, nil
		}
		if same, err := st.sameOrEqual(x[i], y[i], depth-1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// sameOrEqual compares two elements: an object always equals itself.
func (st *state) sameOrEqual(a, b Value, depth int) (bool, error) {
	if a.ref != nil && a.kind == b.kind && identical(a, b) {
		return true, nil
	}
	return st.equalAt(a, b, depth)
}

func (st *state) equalDicts(a, b Value, depth int) (bool, error) {
	x, err := st.dictOf(a)
	if err != nil {
		return false, err
	}
	y, err := st.dictOf(b)
	if err != nil || x.len() != y.len() {
		return false, err
	}
	for i := range x.entries {
		e := &x.entries[i]
		if e.deleted {
			continue
		}
		if err := st.step(); err != nil {
			return false, err
		}
		other, ok := y.get(e.hash)
		if !ok {
			return false, nil
		}
		if same, err := st.sameOrEqual(e.value, other, depth-1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (st *state) equalViews(x, y *dictView) (bool, error) {
	a, err := st.dictOf(x.of)
	if err != nil {
		return false, err
	}
	b, err := st.dictOf(y.of)
	if err != nil || a.len() != b.len() || x.what != y.what {
		return false, err
	}
	for i := range a.entries {
		e := &a.entries[i]
		if e.deleted {
			continue
		}
		other, ok := b.get(e.hash)
		if !ok {
			return false, nil
		}
		if x.what == dictItems {
			if same, err := st.equal(e.value, other); err != nil || !same {
				return false, err
			}
		}
	}
	return true, nil
}

// identical is Python's "is", as far as it can be told here: values without
// an identity of their own are the same if they are equal and of one type.
func identical(a, b Value) bool {
	if a.kind != b.kind || a.safe != b.safe {
		return false
	}
	switch a.kind {
	case KindString:
		return a.text() == b.text()
	case KindInt:
		order, _ := compareNumbers(a, b)
		return order == 0
	case KindUndefined:
		return a.ref == b.ref
	}
	return a.ref == b.ref && a.num == b.num
}

var compareSigns = [...]string{"==", "!=", "<", "<=", ">", ">=", "in", "not in"}

// order is Python's <, <=, > and >=.
func (st *state) order(op compareOp, a, b Value) (bool, error) {
	return st.orderAt(op, a, b, maxRepr)
}

func (st *state) orderAt(op compareOp, a, b Value, depth int) (bool, error) {
	if depth == 0 {
		return false, failf(ErrLimit, "values nest too deeply to be compared")
	}
	for _, v := range [...]Value{a, b} {
		if v.kind == KindUndefined {
			return false, st.useUndefined(v)
		}
	}
	switch {
	case a.isNumber() && b.isNumber():
		n, ok := compareNumbers(a, b)
		return ok && op.holds(n), nil
	case a.kind == KindString && b.kind == KindString:
		return op.holds(strings.Compare(a.text(), b.text())), st.workOn(a)
	case a.kind == b.kind && (a.kind == KindList || a.kind == KindTuple):
		return st.orderItems(op, a, b, depth)
	}
	return false, failf(ErrType, "'%s' not supported between instances of '%s' and '%s'",
		compareSigns[op], typeName(a), typeName(b))
}

func (op compareOp) holds(order int) bool {
	switch op {
	case opLt:
		return order < 0
	case opLe:
		return order <= 0
	case opGt:
		return order > 0
	case opGe:
		return order >= 0
	}
	return false
}

func (st *state) orderItems(op compareOp, a, b Value, depth int) (bool, error) {
	x, err := st.listItems(a)
	if err != nil {
		return false, err
	}
	y, err := st.listItems(b)
	if err != nil {
		return false, err
	}
	for i := 0; i < len(x) && i < len(y); i++ {
		if err := st.step(); err != nil {
			return false, err
		}
		same, err := st.sameOrEqual(x[i], y[i], depth-1)
		if err != nil {
			return false, err
		}
		if !same {
			return st.orderAt(op, x[i], y[i], depth-1)
		}
	}
	return op.holds(len(x) - len(y)), nil
}

// contains is Python's "item in v".
func (st *state) contains(v, item Value) (bool, error) {
	switch v.kind {
	case KindString, KindDict:
		return st.containsKey(v, item)
	}
	switch r := v.ref.(type) {
	case *rangeObject:
		if item.isInt() {
			return r.contains(item.bigInt()), nil
		}
	case *dictView:
		if r.what == dictKeys {
			return st.contains(r.of, item)
		}
	}
	it, err := st.iterate(v)
	if err != nil {
		if e, ok := err.(*Error); ok && e.Kind == ErrType {
			e.Message = "argument of type '" + typeName(v) + "' is not iterable"
		}
		return false, err
	}
	for {
		x, ok, err := it.next(st)
		if err != nil || !ok {
			return false, err
		}
		if same, err := st.sameOrEqual(x, item, maxRepr); err != nil || same {
			return same, err
		}
	}
}

// containsKey looks for a part of a string or a key of a dict.
func (st *state) containsKey(v, item Value) (bool, error) {
	if item.kind == KindUndefined && strict(item) {
		return false, st.useUndefined(item)
	}
	if v.kind == KindDict {
		_, ok, err := st.dictGet(v, item)
		return ok, err
	}
	if item.kind != KindString {
		return false, failf(ErrType, "'in <string>' requires string as left operand, not %s", typeName(item))
	}
	return strings.Contains(v.text(), item.text()), st.workOn(v)
}
