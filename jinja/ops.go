package jinja

import (
	"math"
	"math/big"
	"strings"
)

// maxBits is the size up to which integers are computed.
const maxBits = 1 << 20

var operatorSigns = map[tokenKind]string{tokAdd: "+", tokSub: "-", tokMul: "*", tokDiv: "/",
	tokFloorDiv: "//", tokMod: "%", tokPow: "** or pow()"}

// binary computes one of Python's arithmetic operators.
func (st *state) binary(op tokenKind, a, b Value) (Value, error) {
	if op == tokMod && a.kind == KindString {
		return st.formatPercent(a, b)
	}
	for _, v := range [...]Value{a, b} {
		if v.kind == KindUndefined {
			return Value{}, st.useUndefined(v)
		}
	}
	switch {
	case a.isInt() && b.isInt():
		return st.intBinary(op, a, b)
	case a.isNumber() && b.isNumber():
		return floatBinary(op, a, b)
	case op == tokAdd && a.isSequence() && a.kind == b.kind:
		return st.join(a, b)
	case op == tokMul:
		return st.multiplySequence(a, b)
	}
	return Value{}, operandError(op, a, b)
}

// multiplySequence is * where one side is a sequence.
func (st *state) multiplySequence(a, b Value) (Value, error) {
	switch {
	case a.isSequence() && b.isInt():
		return st.repeat(a, b)
	case b.isSequence() && a.isInt():
		return st.repeat(b, a)
	}
	return Value{}, operandError(tokMul, a, b)
}

// isSequence tells the kinds that can be joined and repeated.
func (v Value) isSequence() bool {
	return v.kind == KindString || v.kind == KindList || v.kind == KindTuple
}

// operandError is the error for operands that an operator does not take.
func operandError(op tokenKind, a, b Value) error {
	switch {
	case op == tokAdd && a.isSequence() && !a.safe:
		name := typeName(a)
		return failf(ErrType, `can only concatenate %s (not "%s") to %s`, name, typeName(b), name)
	case op == tokMul && a.isSequence():
		return failf(ErrType, "can't multiply sequence by non-int of type '%s'", typeName(b))
	case op == tokMul && b.isSequence():
		return failf(ErrType, "can't multiply sequence by non-int of type '%s'", typeName(a))
	}
	return failf(ErrType, "unsupported operand type(s) for %s: '%s' and '%s'", operatorSigns[op], typeName(a), typeName(b))
}

// join is + on two strings, lists or tuples.
func (st *state) join(a, b Value) (Value, error) {
	if a.kind == KindString {
		return st.joinStrings(a, b)
	}
	x, err := st.listItems(a)
	if err != nil {
		return Value{}, err
	}
	y, err := st.listItems(b)
	if err != nil {
		return Value{}, err
	}
	if err := st.useItems(len(x) + len(y)); err != nil {
		return Value{}, err
	}
	items := append(append(make([]Value, 0, len(x)+len(y)), x...), y...)
	if a.kind == KindTuple {
		return Tuple(items...), nil
	}
	return newList(items), nil
}

// joinStrings escapes one side if only the other is safe.
func (st *state) joinStrings(a, b Value) (Value, error) {
	x, y := a.text(), b.text()
	if b.safe && !a.safe {
		x = escapeHTML(x)
	}
	if a.safe && !b.safe {
		y = escapeHTML(y)
	}
	if err := st.use(int64(len(x) + len(y))); err != nil {
		return Value{}, err
	}
	return Value{kind: KindString, ref: x + y, safe: a.safe || b.safe}, nil
}

// repeat is * on a string, list or tuple and an integer.
func (st *state) repeat(a, n Value) (Value, error) {
	if a.kind == KindString {
		count, err := st.times(n, len(a.text()))
		if err != nil {
			return Value{}, err
		}
		return Value{kind: KindString, ref: strings.Repeat(a.text(), count), safe: a.safe}, nil
	}
	items, err := st.listItems(a)
	if err != nil {
		return Value{}, err
	}
	count, err := st.times(n, len(items)*valueSize)
	if err != nil {
		return Value{}, err
	}
	out := make([]Value, 0, count*len(items))
	for range count {
		out = append(out, items...)
	}
	if a.kind == KindTuple {
		return Tuple(out...), nil
	}
	return newList(out), nil
}

// times returns how often to repeat something of a size, and pays for it.
func (st *state) times(n Value, size int) (int, error) {
	if n.bigInt().Sign() <= 0 || size == 0 {
		return 0, nil
	}
	if n.ref != nil || n.int64() > math.MaxInt64/int64(size) {
		return 0, st.use(-1)
	}
	return int(n.int64()), st.use(n.int64() * int64(size))
}

// toFloat converts a number, as Python's float does.
func toFloat(v Value) (float64, error) {
	if v.kind == KindFloat {
		return v.float(), nil
	}
	if v.ref == nil {
		return float64(v.int64()), nil
	}
	f, _ := new(big.Float).SetInt(v.bigInt()).Float64()
	if math.IsInf(f, 0) {
		return 0, failf(ErrOverflow, "int too large to convert to float")
	}
	return f, nil
}

func floatBinary(op tokenKind, a, b Value) (Value, error) {
	x, err := toFloat(a)
	if err != nil {
		return Value{}, err
	}
	y, err := toFloat(b)
	if err != nil {
		return Value{}, err
	}
	switch op {
	case tokAdd:
		return Float(x + y), nil
	case tokSub:
		return Float(x - y), nil
	case tokMul:
		return Float(x * y), nil
	case tokPow:
		return floatPow(x, y)
	}
	if y == 0 {
		names := map[tokenKind]string{tokDiv: "float division by zero", tokFloorDiv: "float floor division by zero", tokMod: "float modulo"}
		return Value{}, failf(ErrZeroDivision, "%s", names[op])
	}
	if op == tokDiv {
		return Float(x / y), nil
	}
	div, mod := floatDivMod(x, y)
	if op == tokMod {
		return Float(mod), nil
	}
	return Float(div), nil
}

// floatDivMod divides so that the remainder has the sign of the divisor.
func floatDivMod(x, y float64) (div, mod float64) {
	mod = math.Mod(x, y)
	div = (x - mod) / y
	if mod != 0 {
		if (y < 0) != (mod < 0) {
			mod += y
			div--
		}
	} else {
		mod = math.Copysign(0, y)
	}
	if div == 0 {
		return math.Copysign(0, x/y), mod
	}
	floor := math.Floor(div)
	if div-floor > 0.5 {
		floor++
	}
	return floor, mod
}

func floatPow(x, y float64) (Value, error) {
	if x == 0 && y < 0 {
		return Value{}, failf(ErrZeroDivision, "0.0 cannot be raised to a negative power")
	}
	if x < 0 && !math.IsInf(x, 0) && y != math.Trunc(y) && !math.IsNaN(y) {
		return Value{}, failf(ErrValue, "a negative number raised to a fraction is not a real number")
	}
	f := math.Pow(x, y)
	if x != 0 && f != 0 && !math.IsInf(x, 0) && !math.IsInf(y, 0) && !math.IsNaN(f) {
		f = math.Copysign(pow(math.Abs(x), y), f)
	}
	if math.IsInf(f, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return Value{}, failf(ErrOverflow, "(34, 'Numerical result out of range')")
	}
	return Float(f), nil
}

func (st *state) intBinary(op tokenKind, a, b Value) (Value, error) {
	if a.ref == nil && b.ref == nil {
		if v, ok := smallBinary(op, a.int64(), b.int64()); ok {
			return v, nil
		}
	}
	x, y := a.bigInt(), b.bigInt()
	// Big numbers cost time as well as space.
	if err := st.use(int64(x.BitLen()+y.BitLen()) * 4); err != nil {
		return Value{}, err
	}
	switch op {
	case tokAdd:
		return BigInt(new(big.Int).Add(x, y)), nil
	case tokSub:
		return BigInt(new(big.Int).Sub(x, y)), nil
	case tokMul:
		if x.BitLen()+y.BitLen() > maxBits {
			return Value{}, failf(ErrLimit, "an integer is larger than %d bits", maxBits)
		}
		return BigInt(new(big.Int).Mul(x, y)), nil
	case tokPow:
		return intPow(x, y)
	}
	return bigDivide(op, x, y)
}

// bigDivide is /, // and % on integers.
func bigDivide(op tokenKind, x, y *big.Int) (Value, error) {
	switch {
	case y.Sign() == 0 && op == tokDiv:
		return Value{}, failf(ErrZeroDivision, "division by zero")
	case y.Sign() == 0:
		return Value{}, failf(ErrZeroDivision, "integer division or modulo by zero")
	case op == tokDiv:
		return divideInts(x, y)
	}
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	if r.Sign() != 0 && r.Sign() != y.Sign() {
		q.Sub(q, big.NewInt(1))
		r.Add(r, y)
	}
	if op == tokMod {
		return BigInt(r), nil
	}
	return BigInt(q), nil
}

// smallBinary computes with machine integers, if that cannot overflow.
func smallBinary(op tokenKind, x, y int64) (Value, bool) {
	const half, exact = 1 << 31, 1 << 53
	switch op {
	case tokAdd:
		z := x + y
		return Int(z), (z > x) == (y > 0)
	case tokSub:
		z := x - y
		return Int(z), (z < x) == (y > 0)
	case tokMul:
		return Int(x * y), within(x, half) && within(y, half)
	case tokDiv:
		return Float(float64(x) / float64(y)), y != 0 && within(x, exact) && within(y, exact)
	case tokFloorDiv, tokMod:
		if y == 0 || y == -1 {
			return Value{}, false
		}
		q, r := x/y, x%y
		if r != 0 && (r < 0) != (y < 0) {
			q--
			r += y
		}
		if op == tokMod {
			q = r
		}
		return Int(q), true
	}
	return Value{}, false
}

func within(x, bound int64) bool { return x > -bound && x < bound }

// divideInts is true division, rounded once.
func divideInts(x, y *big.Int) (Value, error) {
	f, _ := new(big.Rat).SetFrac(x, y).Float64()
	if math.IsInf(f, 0) {
		return Value{}, failf(ErrOverflow, "integer division result too large for a float")
	}
	return Float(f), nil
}

func intPow(x, y *big.Int) (Value, error) {
	if y.Sign() < 0 {
		if x.Sign() == 0 {
			return Value{}, failf(ErrZeroDivision, "0.0 cannot be raised to a negative power")
		}
		fx, err := toFloat(BigInt(x))
		if err != nil {
			return Value{}, err
		}
		fy, err := toFloat(BigInt(y))
		if err != nil {
			return Value{}, err
		}
		return floatPow(fx, fy)
	}
	if bits := int64(x.BitLen()); bits > 1 && (!y.IsInt64() || y.Int64() > maxBits/(bits-1)) {
		return Value{}, failf(ErrLimit, "an integer is larger than %d bits", maxBits)
	}
	if x.BitLen() <= 1 { // 0, 1 and -1, whatever the exponent
		switch {
		case y.Sign() == 0 || x.Sign() > 0:
			return Int(1), nil
		case x.Sign() == 0:
			return Int(0), nil
		case y.Bit(0) == 0:
			return Int(1), nil
		}
		return Int(-1), nil
	}
	return BigInt(new(big.Int).Exp(x, y, nil)), nil
}

// negate and plus are the signs.
func (st *state) negate(op tokenKind, v Value) (Value, error) {
	switch v.kind {
	case KindUndefined:
		return Value{}, st.useUndefined(v)
	case KindBool, KindInt:
		if op == tokAdd {
			v.kind = KindInt
			return v, nil
		}
		return BigInt(new(big.Int).Neg(v.bigInt())), nil
	case KindFloat:
		if op == tokSub {
			return Float(-v.float()), nil
		}
		return v, nil
	}
	return Value{}, failf(ErrType, "bad operand type for unary %s: '%s'", operatorSigns[op], typeName(v))
}
