package jinja

import (
	"strings"
	"unicode/utf8"
)

// wordTitle capitalises the words of a text. Words start behind white space
// and opening brackets, so that "it's" keeps its small s.
func wordTitle(s string) string {
	var b strings.Builder
	start := true
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if isSpace(r) || strings.ContainsRune("-({[<", r) {
			b.WriteString(s[i : i+n])
			start = true
			i += n
			continue
		}
		if start {
			b.WriteString(upper(s[i : i+n]))
			start = false
			i += n
			continue
		}
		end := i
		for end < len(s) {
			r, n := utf8.DecodeRuneInString(s[end:])
			if isSpace(r) || strings.ContainsRune("-({[<", r) {
				break
			}
			end += n
		}
		b.WriteString(lower(s[i:end]))
		i = end
	}
	return b.String()
}

func filterCenter(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "width")
	if err != nil {
		return Value{}, err
	}
	s, safe, err := c.softText(a[0])
	if err != nil {
		return Value{}, err
	}
	if a[1].isMissing() {
		a[1] = Int(80)
	}
	s, err = center(c, s, a[1], Value{})
	return Value{kind: KindString, ref: s, safe: safe}, err
}

func filterReplace(c *Call) (Value, error) {
	a, err := c.bind(3, "s", "old", "new", "count")
	if err != nil {
		return Value{}, err
	}
	count := int64(-1)
	if isGiven(a[3]) {
		if count, err = wantInt(a[3]); err != nil {
			return Value{}, err
		}
	}
	var texts [3]string
	var safe [3]bool
	for i := range texts {
		if texts[i], safe[i], err = c.softText(a[i]); err != nil {
			return Value{}, err
		}
	}
	if !*c.ctx.escape {
		s, err := replace(c.st, texts[0], texts[1], texts[2], count)
		return String(s), err
	}
	if !safe[0] && (safe[1] || safe[2]) {
		texts[0], safe[0] = escapeHTML(texts[0]), true
	}
	if safe[0] {
		for i := 1; i < 3; i++ {
			if !safe[i] {
				texts[i] = escapeHTML(texts[i])
			}
		}
	}
	s, err := replace(c.st, texts[0], texts[1], texts[2], count)
	return Value{kind: KindString, ref: s, safe: safe[0]}, err
}

func filterTrim(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "chars")
	if err != nil {
		return Value{}, err
	}
	s, safe, err := c.softText(a[0])
	if err != nil {
		return Value{}, err
	}
	if safe && a[1].kind == KindString && !a[1].safe {
		a[1] = String(escapeHTML(a[1].text()))
	}
	s, err = strip(s, a[1], true, true)
	return Value{kind: KindString, ref: s, safe: safe}, err
}

func filterIndent(c *Call) (Value, error) {
	a, err := c.bind(1, "s", "width", "first", "blank")
	if err != nil {
		return Value{}, err
	}
	if a[0].kind != KindString {
		if a[0].kind == KindUndefined {
			return Value{}, c.st.useUndefined(a[0])
		}
		return Value{}, operandError(tokAdd, a[0], String(""))
	}
	indent, err := indentText(c, a[0], a[1])
	if err != nil {
		return Value{}, err
	}
	first, err := c.optTruth(a[2], false)
	if err != nil {
		return Value{}, err
	}
	blank, err := c.optTruth(a[3], false)
	if err != nil {
		return Value{}, err
	}
	lines := splitLines(a[0].text()+"\n", false)
	if err := c.st.use(int64(len(lines)*(len(indent)+1) + len(a[0].text()))); err != nil {
		return Value{}, err
	}
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
			if blank || line != "" {
				b.WriteString(indent)
			}
		} else if first {
			b.WriteString(indent)
		}
		b.WriteString(line)
	}
	return Value{kind: KindString, ref: b.String(), safe: a[0].safe}, nil
}

func indentText(c *Call, s, width Value) (string, error) {
	if width.kind == KindString {
		if s.safe && !width.safe {
			return escapeHTML(width.text()), nil
		}
		return width.text(), nil
	}
	n := int64(4)
	if !width.isMissing() {
		if !width.isInt() {
			return "", operandError(tokMul, String(""), width)
		}
		var err error
		if n, err = wantInt(width); err != nil {
			return "", err
		}
	}
	if err := c.st.use(max(n, 0)); err != nil {
		return "", err
	}
	return strings.Repeat(" ", int(max(n, 0))), nil
}

func filterTruncate(c *Call) (Value, error) {
	b := c.bound(1, "s", "length", "killwords", "end", "leeway")
	length, kill, end := b.int(1, 255), b.truth(2, false), b.string(3, "...")
	leeway := int64(5)
	if b.given(4) {
		leeway = b.int(4, 0)
	}
	if b.err != nil {
		return Value{}, b.err
	}
	s, endLen := b.args[0], int64(utf8.RuneCountInString(end))
	if length < endLen {
		return Value{}, failf(ErrValue, "expected length >= %d, got %d", endLen, length)
	}
	if leeway < 0 {
		return Value{}, failf(ErrValue, "expected leeway >= 0, got %d", leeway)
	}
	n, err := c.st.length(s)
	if err != nil || int64(n) <= length+leeway {
		return s, err
	}
	if s.kind != KindString {
		return Value{}, failf(ErrType, "truncate() needs a str, not %s", typeName(s))
	}
	text := substring(s.text(), 0, length-endLen)
	if i := strings.LastIndexByte(text, ' '); i >= 0 && !kill {
		text = text[:i]
	}
	if s.safe && !b.args[3].safe {
		end = escapeHTML(end)
	}
	return Value{kind: KindString, ref: text + end, safe: s.safe}, nil
}

// filterWordcount counts runs of word characters.
func filterWordcount(c *Call) (Value, error) {
	a, err := c.bind(1, "s")
	if err != nil {
		return Value{}, err
	}
	s, err := c.st.strText(a[0])
	if err != nil {
		return Value{}, err
	}
	n, inWord := int64(0), false
	for _, r := range s {
		word := r == '_' || isAlnum(r)
		if word && !inWord {
			n++
		}
		inWord = word
	}
	return Int(n), nil
}

func filterXmlattr(c *Call) (Value, error) {
	a, err := c.bind(1, "d", "autospace")
	if err != nil {
		return Value{}, err
	}
	space, err := c.optTruth(a[1], true)
	if err != nil {
		return Value{}, err
	}
	if a[0].kind == KindUndefined {
		return Value{}, c.st.useUndefined(a[0])
	}
	d, err := c.st.dictOf(a[0])
	if err != nil {
		return Value{}, err
	}
	var parts []string
	for i := range d.entries {
		e := &d.entries[i]
		if e.deleted || e.value.kind == KindNone || e.value.kind == KindUndefined {
			continue
		}
		key, err := wantString(e.key)
		if err != nil {
			return Value{}, err
		}
		if strings.ContainsAny(key, " \t\n\r\f\v/>=") {
			return Value{}, failf(ErrValue, "Invalid character in attribute name: '%s'", key)
		}
		k, err := c.st.escaped(e.key)
		if err != nil {
			return Value{}, err
		}
		v, err := c.st.escaped(e.value)
		if err != nil {
			return Value{}, err
		}
		parts = append(parts, k.text()+`="`+v.text()+`"`)
	}
	s := strings.Join(parts, " ")
	if space && s != "" {
		s = " " + s
	}
	return Value{kind: KindString, ref: s, safe: *c.ctx.escape}, c.st.use(int64(len(s)))
}

// quoteURL percent-encodes a text. In a query string the slash is encoded
// too, and a space becomes a plus sign.
func quoteURL(s string, query bool) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isDecimal(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("_.-~", c) >= 0,
			c == '/' && !query:
			b.WriteByte(c)
		case c == ' ' && query:
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func filterUrlencode(c *Call) (Value, error) {
	b := c.bound(1, "value")
	if b.err != nil {
		return Value{}, b.err
	}
	v := b.args[0]
	switch v.kind {
	case KindDict:
		v = objectValue(&dictView{of: v, what: dictItems})
	case KindList, KindTuple, KindUndefined:
	default:
		if _, ok := v.ref.(iterObject); !ok {
			s, err := c.st.quoted(v, false)
			return String(s), err
		}
	}
	pairs, err := c.st.collect(v)
	if err != nil {
		return Value{}, err
	}
	parts := make([]string, len(pairs))
	size := 0
	for i, pair := range pairs {
		if parts[i], err = c.st.queryPair(pair); err != nil {
			return Value{}, err
		}
		size += len(parts[i]) + 1
	}
	return String(strings.Join(parts, "&")), c.st.use(int64(size))
}

// quoted returns a value as it prints, percent-encoded.
func (st *state) quoted(v Value, query bool) (string, error) {
	s, err := st.strText(v)
	if err != nil {
		return "", err
	}
	return quoteURL(s, query), st.use(3 * int64(len(s)))
}

// queryPair writes a pair as key=value.
func (st *state) queryPair(v Value) (string, error) {
	pair, err := st.unpack(v, 2)
	if err != nil {
		return "", err
	}
	key, err := st.quoted(pair[0], true)
	if err != nil {
		return "", err
	}
	value, err := st.quoted(pair[1], true)
	return key + "=" + value, err
}
