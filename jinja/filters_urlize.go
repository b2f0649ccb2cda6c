package jinja

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// The patterns of urlize are compiled when they are first needed.
var (
	urlPattern = pattern(`(?i)^((https?://|www\.)(([\pL\pN_%-]+\.)+)?([a-z]{2,63}|xn--[\pL\pN_%]{2,59})|` +
		`([\pL\pN_%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)|` +
		`(https?://)(((\pN{1,3})(\.\pN{1,3}){3})|(\[([\pNa-f]{0,4}:){2}([\pNa-f]{0,4}:?){1,6}])))` +
		`(?::\pN{1,5})?(?:[/?#]\S*)?\n?$`)
	mailPattern = pattern(`^\S+@[\pL\pN_][\pL\pN_.-]*\.[\pL\pN_]+\n?$`)
	headPattern = pattern(`^([(<]|&lt;)+`)
	tailPattern = pattern(`([)>.,\n]|&gt;)+$`)
	schemeForm  = pattern(`^([\pL\pN_.+-]{2,}:(/){0,2})$`)
)

// pattern returns a function that compiles an expression once.
func pattern(s string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(s) })
}

// urlizer holds the options of one run of urlize.
type urlizer struct {
	limit      int64 // -1 for none
	attributes string
	schemes    []string
}

func filterUrlize(c *Call) (Value, error) {
	b := c.bound(1, "value", "trim_url_limit", "nofollow", "target", "rel", "extra_schemes")
	u := urlizer{limit: -1}
	if b.given(1) {
		u.limit = b.int(1, 0)
	}
	rel := []string{"noopener"}
	if b.given(4) {
		rel = append(rel, strings.FieldsFunc(b.string(4, ""), isSpace)...)
	}
	if b.truth(2, false) {
		rel = append(rel, "nofollow")
	}
	if b.err != nil {
		return Value{}, b.err
	}
	slices.Sort(rel)
	u.attributes = ` rel="` + escapeHTML(strings.Join(slices.Compact(rel), " ")) + `"`
	if b.given(3) {
		target, err := c.st.escaped(b.args[3])
		if err != nil {
			return Value{}, err
		}
		if target.text() != "" {
			u.attributes += ` target="` + target.text() + `"`
		}
	}
	if b.given(5) {
		if err := u.addSchemes(c.st, b.args[5]); err != nil {
			return Value{}, err
		}
	}
	text, err := c.st.escaped(b.args[0])
	if err != nil {
		return Value{}, err
	}
	out := u.text(text.text())
	return Value{kind: KindString, ref: out, safe: *c.ctx.escape}, c.st.use(4 * int64(len(out)))
}

func (u *urlizer) addSchemes(st *state, v Value) error {
	schemes, err := st.collect(v)
	if err != nil {
		return err
	}
	for _, s := range schemes {
		if !schemeForm().MatchString(s.text()) {
			return failf(ErrType, "an extra scheme is not a valid URI scheme prefix.")
		}
		u.schemes = append(u.schemes, s.text())
	}
	return nil
}

// text links the addresses among the words of an escaped text.
func (u *urlizer) text(s string) string {
	var b strings.Builder
	for s != "" {
		end := strings.IndexFunc(s, isSpace)
		if end < 0 {
			end = len(s)
		}
		b.WriteString(u.word(s[:end]))
		s = s[end:]
		rest := strings.TrimLeftFunc(s, isSpace)
		b.WriteString(s[:len(s)-len(rest)])
		s = rest
	}
	return b.String()
}

// word links a word if it is an address, leaving brackets and punctuation
// around it outside.
func (u *urlizer) word(word string) string {
	head := headPattern().FindString(word)
	middle, tail := word[len(head):], ""
	if m := tailPattern().FindStringIndex(middle); m != nil {
		middle, tail = middle[:m[0]], middle[m[0]:]
	}
	for _, pair := range [][2]string{{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}} {
		open := strings.Count(middle, pair[0])
		if open <= strings.Count(middle, pair[1]) {
			continue
		}
		for range min(open, strings.Count(tail, pair[1])) {
			end := strings.Index(tail, pair[1]) + len(pair[1])
			middle += tail[:end]
			tail = tail[end:]
		}
	}
	return head + u.link(middle) + tail
}

func (u *urlizer) link(s string) string {
	switch {
	case urlPattern().MatchString(s):
		href := s
		if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
			href = "https://" + s
		}
		return `<a href="` + href + `"` + u.attributes + `>` + u.short(s) + `</a>`
	case strings.HasPrefix(s, "mailto:") && mailPattern().MatchString(s[7:]):
		return `<a href="` + s + `">` + s[7:] + `</a>`
	case strings.Contains(s, "@") && !strings.HasPrefix(s, "www.") && !strings.Contains(s, ":") && mailPattern().MatchString(s):
		return `<a href="mailto:` + s + `">` + s + `</a>`
	}
	for _, scheme := range u.schemes {
		if s != scheme && strings.HasPrefix(s, scheme) {
			s = `<a href="` + s + `"` + u.attributes + `>` + s + `</a>`
		}
	}
	return s
}

// short cuts the shown text of a link.
func (u *urlizer) short(s string) string {
	if u.limit < 0 || int64(utf8.RuneCountInString(s)) <= u.limit {
		return s
	}
	return substring(s, 0, u.limit) + "..."
}
