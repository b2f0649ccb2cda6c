package jinja

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isSpace tells white space as Python's str.isspace and \s do.
func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0x1c, 0x1d, 0x1e, 0x1f, 0x85, 0xa0:
		return true
	}
	return r >= 0x1680 && unicode.IsSpace(r)
}

// isWordRune tells the characters that Python's \w matches, and the other
// ones that may continue an identifier.
func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r) ||
		unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Other_ID_Continue))
}

// isIdentifier tells whether s is a Python identifier.
func isIdentifier(s string) bool {
	for i, r := range s {
		start := r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) ||
			unicode.Is(unicode.Other_ID_Start, r)
		if !start && (i == 0 || !unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Other_ID_Continue)) {
			return false
		}
	}
	return s != ""
}

// digitsLen returns the length of a run of digits with single underscores
// between them.
func digitsLen(s string, isDigit func(byte) bool) int {
	n := 0
	for n < len(s) {
		if isDigit(s[n]) {
			n++
		} else if s[n] == '_' && n > 0 && n+1 < len(s) && isDigit(s[n+1]) {
			n += 2
		} else {
			break
		}
	}
	return n
}

func isDecimal(c byte) bool { return c >= '0' && c <= '9' }
func isBinary(c byte) bool  { return c == '0' || c == '1' }
func isOctal(c byte) bool   { return c >= '0' && c <= '7' }
func isZero(c byte) bool    { return c == '0' }
func isHex(c byte) bool {
	return isDecimal(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// integerLen returns the length of the integer literal at the start of s,
// which starts with a digit.
func integerLen(s string) int {
	if s[0] != '0' {
		return digitsLen(s, isDecimal)
	}
	if len(s) > 2 {
		var isDigit func(byte) bool
		switch s[1] {
		case 'b', 'B':
			isDigit = isBinary
		case 'o', 'O':
			isDigit = isOctal
		case 'x', 'X':
			isDigit = isHex
		}
		if isDigit != nil {
			rest := strings.TrimPrefix(s[2:], "_")
			if n := digitsLen(rest, isDigit); n > 0 {
				return len(s) - len(rest) + n
			}
		}
	}
	return digitsLen(s, isZero)
}

// floatLen returns the length of the float literal at the start of s, or 0.
func floatLen(s string) int {
	n := digitsLen(s, isDecimal)
	whole := n
	if n < len(s) && s[n] == '.' {
		if d := digitsLen(s[n+1:], isDecimal); d > 0 {
			n += 1 + d
		}
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		exp := n + 1
		if exp < len(s) && (s[exp] == '+' || s[exp] == '-') {
			exp++
		}
		if d := digitsLen(s[exp:], isDecimal); d > 0 {
			return exp + d
		}
	}
	if n == whole {
		return 0
	}
	return n
}

// unescape decodes the inside of a string literal as Python's
// unicode-escape codec does. It returns a message if an escape is wrong.
func unescape(s string) (text, message string) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, ""
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		n, message := unescapeOne(&b, s[i:])
		if message != "" {
			return "", message
		}
		s = s[i+n:]
	}
	return b.String(), ""
}

// unescapeOne decodes the escape at the start of s and returns its length.
func unescapeOne(b *strings.Builder, s string) (int, string) {
	const simple = "\\'\"abfnrtv"
	const values = "\\'\"\a\b\f\n\r\t\v"
	c := s[1]
	if i := strings.IndexByte(simple, c); i >= 0 {
		b.WriteByte(values[i])
		return 2, ""
	}
	switch {
	case c == '\n':
		return 2, ""
	case isOctal(c):
		n := 2
		for n < 4 && n < len(s) && isOctal(s[n]) {
			n++
		}
		v, _ := strconv.ParseUint(s[1:n], 8, 32)
		b.WriteRune(rune(v))
		return n, ""
	case c == 'x':
		return hexEscape(b, s, 2)
	case c == 'u':
		return hexEscape(b, s, 4)
	case c == 'U':
		return hexEscape(b, s, 8)
	case c == 'N':
		return 0, "\\N{…} escapes are not supported, use \\u"
	case c >= utf8.RuneSelf:
		// The codec sees the escaped form of the character, whose own
		// backslash is taken by the one in front.
		r, n := utf8.DecodeRuneInString(s[1:])
		switch {
		case r < 0x100:
			fmt.Fprintf(b, "\\x%02x", r)
		case r < 0x10000:
			fmt.Fprintf(b, "\\u%04x", r)
		default:
			fmt.Fprintf(b, "\\U%08x", r)
		}
		return 1 + n, ""
	}
	b.WriteString(s[:2])
	return 2, ""
}

// hexEscape decodes an escape with a fixed number of hexadecimal digits.
func hexEscape(b *strings.Builder, s string, digits int) (int, string) {
	name := "\\" + s[1:2] + strings.Repeat("X", digits)
	if len(s) < 2+digits {
		return 0, "truncated " + name + " escape"
	}
	v, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	if err != nil {
		return 0, "truncated " + name + " escape"
	}
	if v > unicode.MaxRune {
		return 0, "illegal Unicode character"
	}
	if v >= 0xd800 && v < 0xe000 {
		return 0, "a surrogate is not a character"
	}
	b.WriteRune(rune(v))
	return 2 + digits, ""
}
