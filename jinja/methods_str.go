package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// stringMethods returns the methods of str.
func stringMethods() map[string]methodFunc {
	m := map[string]methodFunc{
		"center": strCenter, "ljust": strLjust, "rjust": strRjust, "zfill": strZfill,
		"count": strCount, "find": strFind, "index": strIndex, "rfind": strRfind, "rindex": strRindex,
		"startswith": strStartswith, "endswith": strEndswith,
		"strip": strStrip, "lstrip": strLstrip, "rstrip": strRstrip,
		"removeprefix": strRemovePrefix, "removesuffix": strRemoveSuffix,
		"split": strSplit, "rsplit": strRsplit, "splitlines": strSplitlines,
		"partition": strPartition, "rpartition": strRpartition,
		"join": strJoin, "replace": strReplace, "expandtabs": strExpandtabs,
		"format": strFormat, "format_map": strFormatMap,
	}
	for name, f := range map[string]func(string) string{
		"upper": upper, "lower": lower, "title": title, "capitalize": capitalize,
		"swapcase": swapcase, "casefold": casefold,
	} {
		m[name] = func(c *Call, self Value) (Value, error) {
			s := self.text()
			if err := c.st.use(int64(len(s))); err != nil {
				return Value{}, err
			}
			return String(f(s)), noArgs(c)
		}
	}
	for name, f := range stringTests {
		m[name] = func(c *Call, self Value) (Value, error) { return Bool(f(self.text())), noArgs(c) }
	}
	return m
}

// stringTests are the methods that tell what a string is made of.
var stringTests = map[string]func(string) bool{
	"isalpha":      func(s string) bool { return all(s, unicode.IsLetter) },
	"isalnum":      func(s string) bool { return all(s, isAlnum) },
	"isdecimal":    func(s string) bool { return all(s, unicode.IsDigit) },
	"isdigit":      func(s string) bool { return all(s, isDigit) },
	"isnumeric":    func(s string) bool { return all(s, isNumeric) },
	"isspace":      func(s string) bool { return all(s, isSpace) },
	"isprintable":  func(s string) bool { return s == "" || all(s, isPrintable) },
	"isascii":      func(s string) bool { return s == "" || all(s, func(r rune) bool { return r < utf8.RuneSelf }) },
	"isidentifier": isIdentifier,
	"islower":      isLower,
	"isupper":      isUpper,
	"istitle":      isTitle,
}

// padding measures and pays for filling s up to a width.
func padding(c *Call, s string, width, fill Value) (pad int, fillText string, err error) {
	n, err := wantInt(width)
	if err != nil {
		return 0, "", err
	}
	fillText = " "
	if !fill.isMissing() {
		if fill.kind != KindString || utf8.RuneCountInString(fill.text()) != 1 {
			return 0, "", failf(ErrType, "The fill character must be exactly one character long")
		}
		fillText = fill.text()
	}
	have := int64(utf8.RuneCountInString(s))
	if n <= have {
		return 0, fillText, nil
	}
	if n > 1<<40 {
		return 0, "", c.st.use(-1)
	}
	return int(n - have), fillText, c.st.use((n-have)*int64(len(fillText)) + int64(len(s)))
}

func center(c *Call, s string, width, fill Value) (string, error) {
	pad, with, err := padding(c, s, width, fill)
	if err != nil || pad == 0 {
		return s, err
	}
	w := pad + utf8.RuneCountInString(s)
	left := pad/2 + pad&w&1
	return strings.Repeat(with, left) + s + strings.Repeat(with, pad-left), nil
}

func strCenter(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "width", "fillchar")
	if err != nil {
		return Value{}, err
	}
	s, err := center(c, self.text(), a[0], a[1])
	return String(s), err
}

func strLjust(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "width", "fillchar")
	if err != nil {
		return Value{}, err
	}
	pad, with, err := padding(c, self.text(), a[0], a[1])
	if err != nil {
		return Value{}, err
	}
	return String(self.text() + strings.Repeat(with, pad)), nil
}

func strRjust(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "width", "fillchar")
	if err != nil {
		return Value{}, err
	}
	pad, with, err := padding(c, self.text(), a[0], a[1])
	if err != nil {
		return Value{}, err
	}
	return String(strings.Repeat(with, pad) + self.text()), nil
}

func strZfill(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "width")
	if err != nil {
		return Value{}, err
	}
	s := self.text()
	pad, _, err := padding(c, s, a[0], Value{})
	if err != nil {
		return Value{}, err
	}
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[:1], s[1:]
	}
	return String(sign + strings.Repeat("0", pad) + s), nil
}

// window returns the part of s between two rune indexes, and the index at
// which it starts. ok is false if the start lies behind the end of s.
func window(s string, start, end Value) (part string, offset int64, ok bool, err error) {
	n := int64(utf8.RuneCountInString(s))
	clamp := func(v Value, def int64) (int64, error) {
		if v.isMissing() || v.kind == KindNone {
			return def, nil
		}
		i, err := wantInt(v)
		if i < 0 {
			i = max(i+n, 0)
		}
		return i, err
	}
	from, err := clamp(start, 0)
	if err != nil {
		return "", 0, false, err
	}
	to, err := clamp(end, n)
	if err != nil {
		return "", 0, false, err
	}
	to = min(to, n)
	if from > to {
		return "", from, false, nil
	}
	return substring(s, from, to), from, true, nil
}

// substring cuts between two rune indexes, which must lie within s.
func substring(s string, from, to int64) string {
	if int64(len(s)) == int64(utf8.RuneCountInString(s)) {
		return s[from:to]
	}
	return s[byteOffset(s, from):byteOffset(s, to)]
}

func byteOffset(s string, runes int64) int {
	at := 0
	for ; runes > 0; runes-- {
		_, n := utf8.DecodeRuneInString(s[at:])
		at += n
	}
	return at
}

// search finds a text in a part of a string and returns its rune index, or
// -1.
func search(c *Call, self Value, find func(s, sub string) int) (int64, error) {
	a, err := c.bind(1, "sub", "start", "end")
	if err != nil {
		return 0, err
	}
	sub, err := wantString(a[0])
	if err != nil {
		return 0, err
	}
	part, offset, ok, err := window(self.text(), a[1], a[2])
	if err != nil || !ok {
		return -1, err
	}
	i := find(part, sub)
	if i < 0 {
		return -1, nil
	}
	return offset + int64(utf8.RuneCountInString(part[:i])), nil
}

func strFind(c *Call, self Value) (Value, error) {
	i, err := search(c, self, strings.Index)
	return Int(i), err
}

func strRfind(c *Call, self Value) (Value, error) {
	i, err := search(c, self, strings.LastIndex)
	return Int(i), err
}

func strIndex(c *Call, self Value) (Value, error) {
	i, err := search(c, self, strings.Index)
	if err == nil && i < 0 {
		err = failf(ErrValue, "substring not found")
	}
	return Int(i), err
}

func strRindex(c *Call, self Value) (Value, error) {
	i, err := search(c, self, strings.LastIndex)
	if err == nil && i < 0 {
		err = failf(ErrValue, "substring not found")
	}
	return Int(i), err
}

func strCount(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "sub", "start", "end")
	if err != nil {
		return Value{}, err
	}
	sub, err := wantString(a[0])
	if err != nil {
		return Value{}, err
	}
	part, _, ok, err := window(self.text(), a[1], a[2])
	if err != nil || !ok {
		return Int(0), err
	}
	return Int(int64(strings.Count(part, sub))), nil
}

func affix(c *Call, self Value, has func(s, affix string) bool) (Value, error) {
	a, err := c.bind(1, "prefix", "start", "end")
	if err != nil {
		return Value{}, err
	}
	candidates := []Value{a[0]}
	if a[0].kind == KindTuple {
		candidates = a[0].ref.(*tuple).items
	} else if a[0].kind != KindString {
		return Value{}, failf(ErrType, "%s first arg must be str or a tuple of str, not %s", c.name, typeName(a[0]))
	}
	part, _, ok, err := window(self.text(), a[1], a[2])
	if err != nil || !ok {
		return Bool(false), err
	}
	for _, x := range candidates {
		if x.kind != KindString {
			return Value{}, failf(ErrType, "tuple for %s must only contain str, not %s", c.name, typeName(x))
		}
		if has(part, x.text()) {
			return Bool(true), nil
		}
	}
	return Bool(false), nil
}

func strStartswith(c *Call, self Value) (Value, error) { return affix(c, self, strings.HasPrefix) }
func strEndswith(c *Call, self Value) (Value, error)   { return affix(c, self, strings.HasSuffix) }

func strRemovePrefix(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "prefix")
	if err != nil {
		return Value{}, err
	}
	prefix, err := wantString(a[0])
	return String(strings.TrimPrefix(self.text(), prefix)), err
}

func strRemoveSuffix(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "suffix")
	if err != nil {
		return Value{}, err
	}
	suffix, err := wantString(a[0])
	return String(strings.TrimSuffix(self.text(), suffix)), err
}

// strip removes characters, or white space, from the ends of a string.
func strip(s string, chars Value, left, right bool) (string, error) {
	in := isSpace
	if !chars.isMissing() && chars.kind != KindNone {
		set, err := wantString(chars)
		if err != nil {
			return "", failf(ErrType, "strip arg must be None or str")
		}
		in = func(r rune) bool { return strings.ContainsRune(set, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, in)
	}
	if right {
		s = strings.TrimRightFunc(s, in)
	}
	return s, nil
}

func stripMethod(c *Call, self Value, left, right bool) (Value, error) {
	a, err := c.bind(0, "chars")
	if err != nil {
		return Value{}, err
	}
	s, err := strip(self.text(), a[0], left, right)
	return String(s), err
}

func strStrip(c *Call, self Value) (Value, error)  { return stripMethod(c, self, true, true) }
func strLstrip(c *Call, self Value) (Value, error) { return stripMethod(c, self, true, false) }
func strRstrip(c *Call, self Value) (Value, error) { return stripMethod(c, self, false, true) }

func strJoin(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "iterable")
	if err != nil {
		return Value{}, err
	}
	items, err := c.st.collect(a[0])
	if err != nil {
		if e, ok := err.(*Error); ok && e.Kind == ErrType {
			e.Message = "can only join an iterable"
		}
		return Value{}, err
	}
	parts := make([]string, len(items))
	size := int64(len(self.text()) * len(items))
	var tag Tag
	for i, item := range items {
		switch {
		case self.safe:
			s, err := c.st.str(item)
			if err != nil {
				return Value{}, err
			}
			parts[i] = s.text()
			if !item.safe {
				parts[i] = escapeHTML(parts[i])
			}
		case item.kind != KindString:
			return Value{}, failf(ErrType, "sequence item %d: expected str instance, %s found", i, typeName(item))
		default:
			parts[i] = item.text()
		}
		size += int64(len(parts[i]))
		tag = c.st.union(tag, item.tag)
	}
	if err := c.st.use(size); err != nil {
		return Value{}, err
	}
	return Value{kind: KindString, ref: strings.Join(parts, self.text()), safe: self.safe, tag: tag}, nil
}

// replace is str.replace, paid for before it is done.
func replace(st *state, s, old, with string, count int64) (string, error) {
	n := int64(strings.Count(s, old))
	if count >= 0 {
		n = min(n, count)
	}
	if n < 1<<32 {
		if err := st.use(int64(len(s)) + n*int64(len(with))); err != nil {
			return "", err
		}
	}
	return strings.Replace(s, old, with, int(n)), nil
}

func strReplace(c *Call, self Value) (Value, error) {
	a, err := c.bind(2, "old", "new", "count")
	if err != nil {
		return Value{}, err
	}
	old, err := wantString(a[0])
	if err != nil {
		return Value{}, err
	}
	with, err := wantString(a[1])
	if err != nil {
		return Value{}, err
	}
	count, err := optInt(a[2], -1)
	if err != nil {
		return Value{}, err
	}
	s, err := replace(c.st, self.text(), old, with, count)
	return String(s), err
}

func strExpandtabs(c *Call, self Value) (Value, error) {
	a, err := c.bind(0, "tabsize")
	if err != nil {
		return Value{}, err
	}
	size, err := optInt(a[0], 8)
	if err != nil {
		return Value{}, err
	}
	if err := c.st.use(int64(len(self.text())) + max(0, min(size, 1<<40))*int64(strings.Count(self.text(), "\t"))); err != nil {
		return Value{}, err
	}
	var b strings.Builder
	column := int64(0)
	for _, r := range self.text() {
		switch r {
		case '\t':
			if size > 0 {
				n := size - column%size
				column += n
				b.WriteString(strings.Repeat(" ", int(n)))
			}
			continue
		case '\n', '\r':
			column = -1
		}
		column++
		b.WriteRune(r)
	}
	return String(b.String()), nil
}
