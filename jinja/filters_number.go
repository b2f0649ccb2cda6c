package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

func filterAbs(c *Call) (Value, error) {
	a, err := c.bind(1, "x")
	if err != nil {
		return Value{}, err
	}
	switch v := a[0]; v.kind {
	case KindFloat:
		return Float(math.Abs(v.float())), nil
	case KindInt, KindBool:
		return BigInt(new(big.Int).Abs(v.bigInt())), nil
	case KindUndefined:
		return Value{}, c.st.useUndefined(v)
	}
	return Value{}, failf(ErrType, "bad operand type for abs(): '%s'", typeName(a[0]))
}

// parseInt reads a text as Python's int does. base is 0 or from 2 to 36.
func parseInt(s string, base int) (*big.Int, bool) {
	s = strings.TrimFunc(s, isSpace)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	s, base, prefixed := cutBase(s, base)
	if base == 0 {
		if strings.HasPrefix(s, "0") && strings.Trim(s, "0_") != "" {
			return nil, false
		}
		base = 10
	}
	if !prefixed && strings.HasPrefix(s, "_") || !plainDigits(s) {
		return nil, false
	}
	digits := strings.Map(asciiDigit, strings.ReplaceAll(s, "_", ""))
	if base&(base-1) != 0 && len(digits) > maxDigits {
		return nil, false
	}
	n, ok := new(big.Int).SetString(digits, base)
	if ok && negative {
		n.Neg(n)
	}
	return n, ok
}

// plainDigits tells whether a number has no second sign, and underscores
// only between digits.
func plainDigits(s string) bool {
	return s != "" && !strings.HasSuffix(s, "_") && !strings.Contains(s, "__") && !strings.ContainsAny(s, "+-")
}

// cutBase takes the prefix of a base from a number, if that may be there.
func cutBase(s string, base int) (digits string, newBase int, prefixed bool) {
	prefixes := map[string]int{"0b": 2, "0o": 8, "0x": 16}
	if len(s) > 1 {
		if b, ok := prefixes[strings.ToLower(s[:2])]; ok && (base == 0 || base == b) {
			return strings.TrimPrefix(s[2:], "_"), b, true
		}
	}
	return s, base, false
}

// asciiDigit maps the decimal digits of all scripts to those of ASCII.
func asciiDigit(r rune) rune {
	if r < 0x80 || !unicode.IsDigit(r) {
		return r
	}
	zero := r
	for n := 0; n < 9 && unicode.IsDigit(zero-1); n++ {
		zero--
	}
	return '0' + r - zero
}

// parseFloat reads a text as Python's float does.
func parseFloat(s string) (float64, bool) {
	s = strings.Map(asciiDigit, strings.TrimFunc(s, isSpace))
	plain := strings.ToLower(strings.TrimLeft(s, "+-"))
	switch plain {
	case "inf", "infinity", "nan":
	default:
		if plain == "" || strings.ContainsAny(plain, "xpin") {
			return 0, false
		}
		for i := 0; i < len(s); i++ {
			if s[i] == '_' && (i == 0 || i+1 == len(s) || !isDecimal(s[i-1]) || !isDecimal(s[i+1])) {
				return 0, false
			}
		}
		s = strings.ReplaceAll(s, "_", "")
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// truncated returns the whole part of a float.
func truncated(f float64) (Value, error) {
	if math.IsInf(f, 0) {
		return Value{}, failf(ErrOverflow, "cannot convert float infinity to integer")
	}
	if math.IsNaN(f) {
		return Value{}, failf(ErrValue, "cannot convert float NaN to integer")
	}
	n, _ := big.NewFloat(f).Int(nil)
	return BigInt(n), nil
}

func filterInt(c *Call) (Value, error) {
	b := c.bound(1, "value", "default", "base")
	base := b.int(2, 10)
	v := b.defined(0)
	if b.err != nil {
		return Value{}, b.err
	}
	def := Int(0)
	if !b.args[1].isMissing() {
		def = b.args[1]
	}
	switch v.kind {
	case KindInt, KindBool:
		return BigInt(v.bigInt()), nil
	case KindFloat:
		return wholeOr(v.float(), def)
	case KindString:
		if base == 0 || base >= 2 && base <= 36 {
			if n, ok := parseInt(v.text(), int(base)); ok {
				return BigInt(n), nil
			}
		}
		if f, ok := parseFloat(v.text()); ok {
			return wholeOr(f, def)
		}
	}
	return def, nil
}

// wholeOr returns the whole part of f, or def if f is not a number.
func wholeOr(f float64, def Value) (Value, error) {
	if math.IsNaN(f) {
		return def, nil
	}
	return truncated(f)
}

func filterFloat(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "default")
	if err != nil {
		return Value{}, err
	}
	def := Float(0)
	if !a[1].isMissing() {
		def = a[1]
	}
	switch v := a[0]; v.kind {
	case KindUndefined:
		return Value{}, c.st.useUndefined(v)
	case KindInt, KindBool, KindFloat:
		f, err := toFloat(v)
		return Float(f), err
	case KindString:
		if f, ok := parseFloat(v.text()); ok {
			return Float(f), nil
		}
	}
	return def, nil
}

func filterRound(c *Call) (Value, error) {
	b := c.bound(1, "value", "precision", "method")
	precision, method := b.int(1, 0), b.string(2, "common")
	v := b.defined(0)
	if b.err != nil {
		return Value{}, b.err
	}
	if method != "common" && method != "ceil" && method != "floor" {
		return Value{}, failf(ErrType, "method must be common, ceil or floor")
	}
	if !v.isNumber() {
		return Value{}, failf(ErrType, "type %s doesn't define __round__ method", typeName(v))
	}
	switch {
	case method != "common":
		return c.st.roundTowards(v, precision, method == "ceil")
	case v.isInt():
		return c.st.roundInt(v, precision)
	}
	return roundFloat(v.float(), precision)
}

// roundTowards rounds up or down at a number of decimals.
func (st *state) roundTowards(v Value, precision int64, up bool) (Value, error) {
	var scale Value
	var err error
	if precision >= 0 {
		scale, err = st.intBinary(tokPow, Int(10), Int(precision))
	} else if scale = Float(math.Pow(10, float64(precision))); scale.float() == 0 {
		err = failf(ErrZeroDivision, "float division by zero")
	}
	if err != nil {
		return Value{}, err
	}
	scaled, err := st.binary(tokMul, v, scale)
	if err != nil {
		return Value{}, err
	}
	if scaled.kind == KindFloat {
		f := math.Floor(scaled.float())
		if up {
			f = math.Ceil(scaled.float())
		}
		if scaled, err = truncated(f); err != nil {
			return Value{}, err
		}
	}
	return st.binary(tokDiv, scaled, scale)
}

// roundInt rounds an integer to a power of ten, halves to the even side.
func (st *state) roundInt(v Value, precision int64) (Value, error) {
	if precision >= 0 {
		return BigInt(v.bigInt()), nil
	}
	if -precision > maxDigits {
		return Int(0), nil
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-precision), nil)
	q, r := new(big.Int).DivMod(v.bigInt(), unit, new(big.Int))
	if c := new(big.Int).Lsh(r, 1).Cmp(unit); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return BigInt(q.Mul(q, unit)), nil
}

// roundFloat rounds the exact value of f to a number of decimals, halves to
// the even side.
func roundFloat(f float64, precision int64) (Value, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0) || precision > 323:
		return Float(f), nil
	case precision < -309:
		return Float(math.Copysign(0, f)), nil
	case precision >= 0:
		r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(precision), 64), 64)
		return Float(r), nil
	}
	exact, _ := new(big.Float).SetFloat64(f).Rat(nil)
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-precision), nil)
	exact.Quo(exact, new(big.Rat).SetInt(unit))
	q, r := new(big.Int).DivMod(exact.Num(), exact.Denom(), new(big.Int))
	if c := new(big.Int).Lsh(r, 1).Cmp(exact.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	r2, _ := new(big.Float).SetInt(q.Mul(q, unit)).Float64()
	if math.IsInf(r2, 0) {
		return Value{}, failf(ErrOverflow, "rounded value too large to represent")
	}
	return Float(math.Copysign(r2, f)), nil
}

func filterFilesize(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "binary")
	if err != nil {
		return Value{}, err
	}
	binary, err := c.optTruth(a[1], false)
	if err != nil {
		return Value{}, err
	}
	var bytes float64
	switch v := a[0]; {
	case v.kind == KindUndefined:
		return Value{}, c.st.useUndefined(v)
	case v.isNumber():
		if bytes, err = toFloat(v); err != nil {
			return Value{}, err
		}
	case v.kind == KindString:
		f, ok := parseFloat(v.text())
		if !ok {
			return Value{}, failf(ErrValue, "could not convert str to float")
		}
		bytes = f
	default:
		return Value{}, failf(ErrType, "float() argument must be a string or a real number, not '%s'", typeName(v))
	}
	return fileSize(bytes, binary)
}

func fileSize(bytes float64, binary bool) (Value, error) {
	base, suffix := 1000.0, "B"
	if binary {
		base, suffix = 1024, "iB"
	}
	if bytes == 1 {
		return String("1 Byte"), nil
	}
	if bytes < base {
		n, err := truncated(bytes)
		if err != nil {
			return Value{}, err
		}
		s, err := intText(n)
		return String(s + " Bytes"), err
	}
	const units = "kMGTPEZY"
	unit := base
	for i := range units {
		unit *= base
		if bytes < unit || i == len(units)-1 {
			letter := units[i : i+1]
			if binary {
				letter = strings.ToUpper(letter)
			}
			return String(strconv.FormatFloat(base*bytes/unit, 'f', 1, 64) + " " + letter + suffix), nil
		}
	}
	return Value{}, nil
}
