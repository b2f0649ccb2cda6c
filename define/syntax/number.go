package syntax

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"facsimile.dev/facsimile"
)

// integer reads digits of a base into a value; sign may be "", "+" or "-".
func (r *reader) integer(sign, digits string, base int, at facsimile.Origin) facsimile.Value {
	if len(digits) > maxDigits {
		r.fail(at, fmt.Sprintf("a number of %d digits; the most is %d", len(digits), maxDigits), "quote it, if it is text")
		return facsimile.Value{}
	}
	if i, err := strconv.ParseInt(sign+digits, base, 64); err == nil {
		return facsimile.IntAt(i, at)
	}
	i, ok := new(big.Int).SetString(sign+digits, base)
	if !ok {
		r.fail(at, fmt.Sprintf("%q is not a number", sign+digits), "")
		return facsimile.Value{}
	}
	return facsimile.BigAt(i, at)
}

// float reads a number with a fraction or an exponent.
func (r *reader) float(text string, at facsimile.Origin) facsimile.Value {
	if len(text) > maxDigits {
		r.fail(at, fmt.Sprintf("a number of %d characters; the most is %d", len(text), maxDigits), "quote it, if it is text")
		return facsimile.Value{}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		r.fail(at, fmt.Sprintf("the number %s is too large", text), "quote it, if it is text")
		return facsimile.Value{}
	}
	return facsimile.FloatAt(f, at)
}

// notFinite notes an infinity or NaN.
func (r *reader) notFinite(text string, at facsimile.Origin) facsimile.Value {
	r.fail(at, fmt.Sprintf("%s is not a number that a definition can hold", text), "quote it, if it is text")
	return facsimile.Value{}
}

// cutSign splits a sign off a number.
func cutSign(s string) (sign, rest string) {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return s[:1], s[1:]
	}
	return "", s
}

// only reports whether s is not empty and holds nothing but characters of set.
func only(s, set string) bool {
	return s != "" && strings.Trim(s, set) == ""
}

const (
	octal   = "01234567"
	decimal = octal + "89"
	hex     = decimal + "abcdefABCDEF"
)

// isFloat reports whether s, without a sign, is a number of the YAML core schema that is not
// a whole one: [.digits | digits[.digits*]] with an optional exponent.
func isFloat(s string) bool {
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
		if _, digits := cutSign(exponent); !only(digits, decimal) {
			return false
		}
	}
	whole, fraction, dot := strings.Cut(mantissa, ".")
	if whole == "" {
		return dot && only(fraction, decimal)
	}
	return only(whole, decimal) && (fraction == "" || only(fraction, decimal))
}
