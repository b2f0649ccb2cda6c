package jinja

import (
	"math/big"
	"strings"
	"unicode/utf8"
)

// percent is one run of the % operator on a text.
type percent struct {
	st      *state
	safe    bool // the text is safe, so that arguments are escaped
	literal bool // the text is written in the template
	arg     Value
	// args are the arguments by position, and next the first unused one.
	args []Value
	next int
	out  strings.Builder
}

// conversion is one conversion specifier.
type conversion struct {
	left, plus, space, alt, zero bool

	width, precision int64 // precision is -1 if there is none
	verb             byte
}

// formatPercent is Python's % on strings.
func (st *state) formatPercent(format, arg Value) (Value, error) {
	p := &percent{st: st, safe: format.safe, literal: format.literal, arg: arg, args: []Value{arg}}
	if t, ok := arg.ref.(*tuple); ok {
		p.args = t.items
	}
	s := format.text()
	usedKey := false
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			break
		}
		if err := p.text(s[:i]); err != nil {
			return Value{}, err
		}
		rest, keyed, err := p.convert(s[i+1:])
		if err != nil {
			return Value{}, err
		}
		usedKey = usedKey || keyed
		s = rest
	}
	if err := p.text(s); err != nil {
		return Value{}, err
	}
	if p.next < len(p.args) && !usedKey && !indexable(arg) {
		return Value{}, failf(ErrType, "not all arguments converted during string formatting")
	}
	return Value{kind: KindString, ref: p.out.String(), safe: format.safe}, nil
}

// indexable tells the single arguments that may stay unused because they
// could have been read by key.
func indexable(v Value) bool {
	switch v.kind {
	case KindList, KindDict, KindUndefined:
		return true
	}
	_, ok := v.ref.(itemObject)
	return ok
}

func (p *percent) text(s string) error {
	p.out.WriteString(s)
	return p.st.use(int64(len(s)))
}

// named calls a key by its name if messages may show it.
func (p *percent) named(what, key string) string {
	if p.literal {
		return what + " '" + key + "'"
	}
	return what
}

// take returns the next argument.
func (p *percent) take() (Value, error) {
	if p.next >= len(p.args) {
		return Value{}, failf(ErrType, "not enough arguments for format string")
	}
	p.next++
	return p.args[p.next-1], nil
}

// convert formats one argument. s is what follows the percent sign.
func (p *percent) convert(s string) (rest string, keyed bool, err error) {
	if rest, ok := strings.CutPrefix(s, "%"); ok {
		return rest, false, p.text("%")
	}
	var value Value
	if strings.HasPrefix(s, "(") {
		key, tail, ok := cutParens(s)
		if !ok {
			return "", false, failf(ErrValue, "incomplete format key")
		}
		if !indexable(p.arg) {
			return "", false, failf(ErrType, "format requires a mapping")
		}
		item, found, err := p.st.itemOf(p.arg, String(key))
		if err != nil {
			return "", false, err
		}
		if !found {
			return "", false, failf(ErrLookup, "%s is missing", p.named("the format key", key))
		}
		value, keyed, s = item, true, tail
	}
	c, s, err := p.specifier(s)
	if err != nil {
		return "", false, err
	}
	if !keyed {
		if value, err = p.take(); err != nil {
			return "", false, err
		}
	}
	text, err := p.format(c, value)
	if err != nil {
		return "", false, err
	}
	return s, keyed, p.text(text)
}

// cutParens splits "(key)rest", where the key may hold balanced parentheses.
func cutParens(s string) (key, rest string, ok bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[1:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}

// specifier reads flags, width, precision and verb.
func (p *percent) specifier(s string) (conversion, string, error) {
	c := conversion{precision: -1}
flags:
	for s != "" {
		switch s[0] {
		case '-':
			c.left = true
		case '+':
			c.plus = true
		case ' ':
			c.space = true
		case '#':
			c.alt = true
		case '0':
			c.zero = true
		default:
			break flags
		}
		s = s[1:]
	}
	var err error
	if c.width, s, err = p.number(s); err != nil {
		return c, "", err
	}
	if c.width < 0 {
		c.left, c.width = true, -c.width
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		if c.precision, s, err = p.number(rest); err != nil {
			return c, "", err
		}
		c.precision = max(c.precision, 0)
	}
	if s != "" && strings.IndexByte("hlL", s[0]) >= 0 {
		s = s[1:]
	}
	if s == "" {
		return c, "", failf(ErrValue, "incomplete format")
	}
	if strings.IndexByte("diouxXeEfFgGcrsa", s[0]) < 0 {
		return c, "", failf(ErrValue, "unsupported format character")
	}
	c.verb = s[0]
	return c, s[1:], p.st.use(c.width)
}

// number reads digits or a star, which takes the number from the arguments.
func (p *percent) number(s string) (int64, string, error) {
	if strings.HasPrefix(s, "*") {
		v, err := p.take()
		if err != nil {
			return 0, "", err
		}
		if !v.isInt() || v.ref != nil {
			return 0, "", failf(ErrType, "* wants int")
		}
		return v.int64(), s[1:], nil
	}
	return leadingInt(s)
}

// leadingInt reads the digits at the start of s.
func leadingInt(s string) (int64, string, error) {
	n := int64(0)
	for s != "" && isDecimal(s[0]) {
		n = n*10 + int64(s[0]-'0')
		if n > 1<<40 {
			return 0, "", failf(ErrLimit, "a format asks for too many characters")
		}
		s = s[1:]
	}
	return n, s, nil
}

// format converts one value.
func (p *percent) format(c conversion, v Value) (string, error) {
	switch c.verb {
	case 's', 'r', 'a':
		s, err := p.formatText(c.verb, v)
		if err != nil {
			return "", err
		}
		if c.precision >= 0 {
			s = firstRunes(s, c.precision)
		}
		return padText(s, c.width, c.left), nil
	case 'c':
		s, err := formatChar(v)
		return padText(s, c.width, c.left), err
	}
	if err := p.wantNumber(c.verb, v); err != nil {
		return "", err
	}
	digits, negative, prefix, err := p.formatNumber(c, v)
	if err != nil {
		return "", err
	}
	sign := prefix
	switch {
	case negative:
		sign = "-" + prefix
	case c.plus:
		sign = "+" + prefix
	case c.space:
		sign = " " + prefix
	}
	if pad := c.width - int64(len(sign)+len(digits)); pad > 0 && c.zero && !c.left {
		digits = strings.Repeat("0", int(pad)) + digits
	}
	return padText(sign+digits, c.width, c.left), nil
}

// wantNumber refuses what a verb for numbers cannot convert.
func (p *percent) wantNumber(verb byte, v Value) error {
	switch {
	case v.kind == KindUndefined:
		return p.st.useUndefined(v)
	case isFloatVerb(verb) && !v.isNumber():
		return failf(ErrType, "must be real number, not %s", typeName(v))
	case (verb == 'x' || verb == 'X' || verb == 'o') && !v.isInt():
		return failf(ErrType, "%%%c format: an integer is required, not %s", verb, typeName(v))
	case !v.isNumber():
		return failf(ErrType, "%%%c format: a real number is required, not %s", verb, typeName(v))
	}
	return nil
}

func isFloatVerb(verb byte) bool { return strings.IndexByte("eEfFgG", verb) >= 0 }

func (p *percent) formatText(verb byte, v Value) (string, error) {
	if verb == 's' {
		s, err := p.st.strText(v)
		if p.safe && !(v.kind == KindString && v.safe) && !isModule(v) {
			s = escapeHTML(s)
		}
		return s, err
	}
	s, err := p.st.reprText(v)
	if verb == 'a' {
		s = asciiOnly(s)
	}
	if p.safe {
		s = escapeHTML(s)
	}
	return s, err
}

// asciiOnly escapes all characters outside of ASCII.
func asciiOnly(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r < 0x100:
			writeHex(&b, 'x', 2, r)
		case r < 0x10000:
			writeHex(&b, 'u', 4, r)
		default:
			writeHex(&b, 'U', 8, r)
		}
	}
	return b.String()
}

func formatChar(v Value) (string, error) {
	if v.kind == KindString && utf8.RuneCountInString(v.text()) == 1 {
		return v.text(), nil
	}
	if !v.isInt() {
		return "", failf(ErrType, "%%c requires int or char")
	}
	n := v.bigInt()
	if !n.IsInt64() || n.Int64() < 0 || n.Int64() > utf8.MaxRune {
		return "", failf(ErrOverflow, "%%c arg not in range(0x110000)")
	}
	return string(rune(n.Int64())), nil
}

// formatNumber returns the digits of a number without its sign, and the
// prefix of its base.
func (p *percent) formatNumber(c conversion, v Value) (digits string, negative bool, prefix string, err error) {
	if isFloatVerb(c.verb) {
		f, err := toFloat(v)
		if err != nil {
			return "", false, "", err
		}
		precision := int64(6)
		if c.precision >= 0 {
			precision = c.precision
		}
		if err := p.st.use(precision); err != nil {
			return "", false, "", err
		}
		return floatDigits(f, c.verb, int(precision), c.alt), isNegative(f), "", nil
	}
	if v.kind == KindFloat {
		if v, err = truncated(v.float()); err != nil {
			return "", false, "", err
		}
	}
	if digits, prefix, err = intDigits(v.bigInt(), c.verb); err != nil {
		return "", false, "", err
	}
	if !c.alt {
		prefix = ""
	}
	if pad := c.precision - int64(len(digits)); pad > 0 {
		if err := p.st.use(pad); err != nil {
			return "", false, "", err
		}
		digits = strings.Repeat("0", int(pad)) + digits
	}
	return digits, v.bigInt().Sign() < 0, prefix, nil
}

// intDigits writes the absolute value of n in the base of a verb.
func intDigits(n *big.Int, verb byte) (digits, prefix string, err error) {
	n = new(big.Int).Abs(n)
	switch verb {
	case 'b':
		return n.Text(2), "0b", nil
	case 'o':
		return n.Text(8), "0o", nil
	case 'x':
		return n.Text(16), "0x", nil
	case 'X':
		return strings.ToUpper(n.Text(16)), "0X", nil
	}
	digits, err = intText(BigInt(n))
	return digits, "", err
}

func padText(s string, width int64, left bool) string {
	pad := width - int64(utf8.RuneCountInString(s))
	if pad <= 0 {
		return s
	}
	if left {
		return s + strings.Repeat(" ", int(pad))
	}
	return strings.Repeat(" ", int(pad)) + s
}

func firstRunes(s string, n int64) string {
	if int64(len(s)) <= n || int64(utf8.RuneCountInString(s)) <= n {
		return s
	}
	return s[:byteOffset(s, n)]
}
