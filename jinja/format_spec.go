package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

func isNegative(f float64) bool { return math.Signbit(f) && !math.IsNaN(f) }

// floatDigits formats the absolute value of f with one of the verbs eEfFgG.
func floatDigits(f float64, verb byte, precision int, alt bool) string {
	upper := verb < 'a'
	if upper {
		verb += 'a' - 'A'
	}
	f = math.Abs(f)
	var s string
	switch {
	case math.IsInf(f, 0):
		s = "inf"
	case math.IsNaN(f):
		s = "nan"
	case verb == 'g':
		s = generalDigits(f, max(precision, 1), alt)
	default:
		s = strconv.FormatFloat(f, verb, precision, 64)
		if alt && precision == 0 {
			s = addPoint(s)
		}
	}
	if upper {
		s = strings.ToUpper(s)
	}
	return s
}

// generalDigits is %g: as many significant digits as precision says, without
// an exponent if it is small.
func generalDigits(f float64, precision int, alt bool) string {
	s := strconv.FormatFloat(f, 'e', precision-1, 64)
	mantissa, exp, _ := strings.Cut(s, "e")
	n, _ := strconv.Atoi(exp)
	if n >= -4 && n < precision {
		s = strconv.FormatFloat(f, 'f', precision-1-n, 64)
		if alt {
			return addPoint(s)
		}
		return trimZeros(s)
	}
	if alt {
		return addPoint(mantissa) + "e" + exp
	}
	return trimZeros(mantissa) + "e" + exp
}

func trimZeros(s string) string {
	if strings.IndexByte(s, '.') < 0 {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// addPoint makes sure that a number has a decimal point.
func addPoint(s string) string {
	if strings.IndexByte(s, '.') >= 0 {
		return s
	}
	if i := strings.IndexByte(s, 'e'); i >= 0 {
		return s[:i] + "." + s[i:]
	}
	return s + "."
}

// formatSpec is a parsed format specification.
type formatSpec struct {
	fill  string
	align byte // 0 if not given
	sign  byte
	alt   bool
	zeroNegative,
	zero bool
	width     int64
	group     byte
	precision int64 // -1 if not given
	verb      byte  // 0 if not given
}

// parseSpec reads "[[fill]align][sign][z][#][0][width][group][.precision][verb]".
func parseSpec(s string) (formatSpec, error) {
	f := formatSpec{precision: -1}
	s = f.parseFlags(s)
	var err error
	if f.width, s, err = leadingInt(s); err != nil {
		return f, err
	}
	if s != "" && (s[0] == ',' || s[0] == '_') {
		f.group, s = s[0], s[1:]
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		if rest == "" || !isDecimal(rest[0]) {
			return f, failf(ErrValue, "Format specifier missing precision")
		}
		if f.precision, s, err = leadingInt(rest); err != nil {
			return f, err
		}
	}
	if utf8.RuneCountInString(s) > 1 {
		return f, failf(ErrValue, "Invalid format specifier")
	}
	if s != "" {
		f.verb = s[0]
	}
	return f, nil
}

// parseFlags reads everything in front of the width.
func (f *formatSpec) parseFlags(s string) string {
	if s != "" {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r != utf8.RuneError && len(s) > n && isAlign(s[n]):
			f.fill, f.align, s = s[:n], s[n], s[n+1:]
		case isAlign(s[0]):
			f.align, s = s[0], s[1:]
		}
	}
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		f.sign, s = s[0], s[1:]
	}
	s, f.zeroNegative = strings.CutPrefix(s, "z")
	s, f.alt = strings.CutPrefix(s, "#")
	if s, f.zero = strings.CutPrefix(s, "0"); f.zero {
		if f.fill == "" {
			f.fill = "0"
		}
		if f.align == 0 {
			f.align = '='
		}
	}
	if f.fill == "" {
		f.fill = " "
	}
	return s
}

func isAlign(c byte) bool { return strings.IndexByte("<>=^", c) >= 0 }

// formatValue is Python's format(v, spec).
func (st *state) formatValue(v Value, spec string) (string, error) {
	if spec == "" || !v.isNumber() && v.kind != KindString {
		if spec == "" {
			return st.strText(v)
		}
		return "", failf(ErrType, "unsupported format string passed to %s.__format__", typeName(v))
	}
	f, err := parseSpec(spec)
	if err != nil {
		return "", err
	}
	if err := st.use(f.width + max(f.precision, 0)); err != nil {
		return "", err
	}
	switch {
	case v.kind == KindString:
		return f.formatString(v.text())
	case v.isInt() && (f.verb == 0 || strings.IndexByte("bcdoxXn", f.verb) >= 0):
		return f.formatInt(v)
	case f.verb == 0 || strings.IndexByte("eEfFgGn%", f.verb) >= 0:
		x, err := toFloat(v)
		if err != nil {
			return "", err
		}
		return f.formatFloat(x), nil
	}
	return "", failf(ErrValue, "Unknown format code '%c' for object of type '%s'", f.verb, typeName(v))
}

func (f *formatSpec) formatString(s string) (string, error) {
	switch {
	case f.verb != 0 && f.verb != 's':
		return "", failf(ErrValue, "Unknown format code '%c' for object of type 'str'", f.verb)
	case f.sign != 0:
		return "", failf(ErrValue, "Sign not allowed in string format specifier")
	case f.alt:
		return "", failf(ErrValue, "Alternate form (#) not allowed in string format specifier")
	case f.group != 0:
		return "", failf(ErrValue, "Cannot specify '%c' with 's'.", f.group)
	case f.align == '=' && !f.zero:
		return "", failf(ErrValue, "'=' alignment not allowed in string format specifier")
	}
	if f.precision >= 0 {
		s = firstRunes(s, f.precision)
	}
	if f.align == 0 || f.align == '=' {
		f.align = '<'
	}
	return f.pad("", s), nil
}

func (f *formatSpec) formatInt(v Value) (string, error) {
	if f.precision >= 0 {
		return "", failf(ErrValue, "Precision not allowed in integer format specifier")
	}
	if f.verb == 'c' {
		if f.sign != 0 {
			return "", failf(ErrValue, "Sign not allowed with integer format specifier 'c'")
		}
		s, err := formatChar(v)
		if f.align == 0 {
			f.align = '<'
		}
		return f.pad("", s), err
	}
	digits, prefix, err := intDigits(v.bigInt(), f.verb)
	if err != nil {
		return "", err
	}
	group := 3
	if prefix != "" {
		group = 4
		if f.group == ',' {
			return "", failf(ErrValue, "Cannot specify ',' with '%c'.", f.verb)
		}
	}
	if !f.alt {
		prefix = ""
	}
	sign := f.signOf(v.bigInt().Sign() < 0) + prefix
	return f.pad(sign, f.grouped(digits, "", group, len(sign))), nil
}

func (f *formatSpec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '+':
		return "+"
	case f.sign == ' ':
		return " "
	}
	return ""
}

func (f *formatSpec) formatFloat(x float64) string {
	precision, suffix := int(f.precision), ""
	verb := f.verb
	switch {
	case verb == '%':
		x, verb, suffix = x*100, 'f', "%"
	case verb == 'n':
		verb = 'g'
	}
	var s string
	switch {
	case verb != 0:
		if precision < 0 {
			precision = 6
		}
		s = floatDigits(x, verb, precision, f.alt)
	case precision < 0:
		s = floatRepr(math.Abs(x))
	default:
		s = shortDigits(math.Abs(x), precision)
	}
	negative := isNegative(x)
	if f.zeroNegative && strings.Trim(s, "0.") == "" {
		negative = false
	}
	sign := f.signOf(negative)
	whole, rest := s, ""
	if i := strings.IndexAny(s, ".einEIN"); i >= 0 {
		whole, rest = s[:i], s[i:]
	}
	return f.pad(sign, f.grouped(whole, rest+suffix, 3, len(sign)))
}

// shortDigits is %g, but with a digit behind the point.
func shortDigits(x float64, precision int) string {
	precision = max(precision, 1)
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return floatDigits(x, 'g', precision, false)
	}
	_, exp, _ := strings.Cut(strconv.FormatFloat(x, 'e', precision-1, 64), "e")
	if n, _ := strconv.Atoi(exp); n == precision-1 && precision > 1 || n >= precision || n < -4 {
		if n == precision-1 {
			s := generalDigits(x, precision, false)
			m, e, _ := strings.Cut(strconv.FormatFloat(x, 'e', precision-1, 64), "e")
			if strings.IndexByte(s, '.') < 0 {
				return trimZeros(m) + "e" + e
			}
			return s
		}
		return generalDigits(x, precision, false)
	}
	s := generalDigits(x, precision, false)
	if strings.IndexByte(s, '.') < 0 && strings.IndexByte(s, 'e') < 0 {
		s += ".0"
	}
	return s
}

// grouped puts separators into the digits in front of the point, and zeros
// in front of them if the width is to be filled with zeros.
func (f *formatSpec) grouped(digits, rest string, size, signLen int) string {
	zeros := f.fill == "0" && f.align == '='
	if f.group == 0 || digits == "" {
		return digits + rest
	}
	want := int(f.width) - signLen - len(rest)
	var b []byte
	for i, n := len(digits)-1, 0; i >= 0 || zeros && len(b) < want; i-- {
		if n == size {
			b = append(b, f.group)
			n = 0
		}
		c := byte('0')
		if i >= 0 {
			c = digits[i]
		}
		b = append(b, c)
		n++
	}
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b) + rest
}

// pad fills up to the width. Numbers stand to the right by default.
func (f *formatSpec) pad(sign, s string) string {
	n := int(f.width) - utf8.RuneCountInString(sign) - utf8.RuneCountInString(s)
	if n <= 0 {
		return sign + s
	}
	switch f.align {
	case '<':
		return sign + s + strings.Repeat(f.fill, n)
	case '^':
		return strings.Repeat(f.fill, n/2) + sign + s + strings.Repeat(f.fill, n-n/2)
	case '=':
		return sign + strings.Repeat(f.fill, n) + s
	}
	return strings.Repeat(f.fill, n) + sign + s
}
