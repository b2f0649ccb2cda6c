package jinja

import (
	"html"
	"strings"
)

// escapeHTML replaces the five characters that mean something in HTML.
func escapeHTML(s string) string {
	if !strings.ContainsAny(s, `&<>'"`) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '\'':
			b.WriteString("&#39;")
		case '"':
			b.WriteString("&#34;")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// escaped returns v as a safe text.
func (st *state) escaped(v Value) (Value, error) {
	s, err := st.str(v)
	if err != nil {
		return Value{}, err
	}
	if (v.kind == KindString && v.safe) || isModule(v) {
		s.safe = true
		return s, nil
	}
	text := escapeHTML(s.text())
	if err := st.use(int64(len(text))); err != nil {
		return Value{}, err
	}
	return Value{kind: KindString, ref: text, safe: true, tag: s.tag}, nil
}

// stripTags removes comments and tags, and makes white space single spaces.
func stripTags(s string) string {
	s = cutBetween(s, "<!--", "-->")
	s = cutBetween(s, "<", ">")
	return html.UnescapeString(strings.Join(strings.FieldsFunc(s, isSpace), " "))
}

// cutBetween removes everything from an opening text to the next closing
// one.
func cutBetween(s, open, end string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, open)
		if i < 0 {
			break
		}
		j := strings.Index(s[i+len(open):], end)
		if j < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i+len(open)+j+len(end):]
	}
	b.WriteString(s)
	return b.String()
}

func strStriptags(c *Call, self Value) (Value, error) {
	return String(stripTags(self.text())), noArgs(c)
}

func strUnescape(c *Call, self Value) (Value, error) {
	return String(html.UnescapeString(self.text())), noArgs(c)
}
