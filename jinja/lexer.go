package jinja

import (
	"strings"
	"unicode/utf8"
)

// syntax is the part of the options that the lexer needs, with the defaults
// filled in.
type syntax struct {
	blockStart, blockEnd, variableStart, variableEnd, commentStart, commentEnd string

	linePrefix, lineComment   string
	newline                   string
	trim, lstrip, keepNewline bool
	// rules are the openers in the order in which they are tried at one
	// place: longer ones first.
	rules []openRule
}

// openKind says what an opener starts.
type openKind uint8

const (
	openNone openKind = iota
	openVariable
	openBlock
	openComment
	openLineStatement
	openLineComment
	openRaw
)

type openRule struct {
	kind openKind
	text string
}

// lexer turns a source into tokens. An error becomes a tokError token, after
// which the lexer goes on behind the end of the tag.
type lexer struct {
	*syntax
	src    string
	pos    int
	tokens []token
	// next caches, for every rule, where it matches next: start of the
	// match and end of the opener. A start before pos is out of date.
	next []match
	// lineStarting tells that what was read last ended with a newline.
	lineStarting bool
}

type match struct{ start, end int }

// normalize gives all line ends one form and drops a single final one.
func (s *syntax) normalize(src string) string {
	if strings.IndexByte(src, '\r') >= 0 {
		src = strings.ReplaceAll(src, "\r\n", "\n")
		src = strings.ReplaceAll(src, "\r", "\n")
	}
	if !s.keepNewline {
		src = strings.TrimSuffix(src, "\n")
	}
	return src
}

// tokenize returns the tokens of a normalised source. The last one is
// tokEOF.
func (s *syntax) tokenize(src string) []token {
	l := &lexer{syntax: s, src: src, lineStarting: true, next: make([]match, len(s.rules))}
	for i := range l.next {
		l.next[i].start = -1
	}
	for l.pos < len(l.src) {
		l.root()
	}
	l.emit(tokEOF, len(src), len(src), "")
	return l.tokens
}

func (l *lexer) emit(kind tokenKind, start, end int, text string) {
	l.tokens = append(l.tokens, token{kind: kind, start: start, end: end, text: text})
}

// root reads text up to the next opener, and what that opens.
func (l *lexer) root() {
	rule, at, open := l.findOpener()
	if rule == openNone {
		l.data(l.pos, len(l.src))
		l.pos = len(l.src)
		return
	}
	start := l.pos
	text := l.src[start:at]
	sign, after := l.sign(open)
	rawEnd := -1
	if rule == openBlock {
		if rawEnd = l.rawBegin(after); rawEnd >= 0 {
			rule = openRaw
		}
	}
	text = l.stripBefore(text, sign, rule == openVariable)
	l.data(start, start+len(text))
	l.pos, l.lineStarting = after, false
	switch rule {
	case openRaw:
		l.finish(rawEnd)
		l.raw(at)
	case openComment:
		l.comment(at)
	case openLineComment:
		l.skipLine()
	case openLineStatement:
		l.emit(tokBlockBegin, at, after, "")
		l.tag(openLineStatement)
	default:
		kind := tokVariableBegin
		if rule == openBlock {
			kind = tokBlockBegin
		}
		l.emit(kind, at, after, "")
		l.tag(rule)
	}
}

// data emits the text between two offsets unless it is empty.
func (l *lexer) data(start, end int) {
	if start < end {
		l.emit(tokData, start, end, l.newlines(l.src[start:end]))
	}
}

func (l *lexer) newlines(s string) string {
	if l.newline == "\n" {
		return s
	}
	return strings.ReplaceAll(s, "\n", l.newline)
}

// sign reads the whitespace control character behind an opener.
func (l *lexer) sign(at int) (sign byte, after int) {
	if at < len(l.src) && (l.src[at] == '-' || l.src[at] == '+') {
		return l.src[at], at + 1
	}
	return 0, at
}

// stripBefore removes from the end of text what whitespace control takes
// away in front of a tag.
func (l *lexer) stripBefore(text string, sign byte, variable bool) string {
	if sign == '-' {
		return strings.TrimRightFunc(text, isSpace)
	}
	if sign == '+' || !l.lstrip || variable {
		return text
	}
	lineStart := strings.LastIndexByte(text, '\n') + 1
	if (lineStart > 0 || l.lineStarting) && strings.TrimLeftFunc(text[lineStart:], isSpace) == "" {
		return text[:lineStart]
	}
	return text
}

// findOpener returns the rule that matches first from pos on, where its
// match starts and where its opener ends.
func (l *lexer) findOpener() (kind openKind, at, after int) {
	best := -1
	for i, rule := range l.rules {
		if l.next[i].start < l.pos {
			l.next[i] = l.search(rule)
		}
		if best < 0 || l.next[i].start < l.next[best].start {
			best = i
		}
	}
	if m := l.next[best]; m.start < len(l.src) {
		return l.rules[best].kind, m.start, m.end
	}
	return openNone, 0, 0
}

// search finds the next match of one rule. A start at the end of the source
// means none.
func (l *lexer) search(rule openRule) match {
	from := l.pos
	for {
		i := strings.Index(l.src[from:], rule.text)
		if i < 0 {
			return match{len(l.src), len(l.src)}
		}
		at := from + i
		end := at + len(rule.text)
		switch rule.kind {
		case openLineStatement:
			start := at
			for start > l.pos && strings.IndexByte(" \t\v", l.src[start-1]) >= 0 {
				start--
			}
			if start == 0 || l.src[start-1] == '\n' {
				return match{start, end}
			}
		case openLineComment:
			if start, ok := l.lineCommentStart(at); ok {
				return match{start, end}
			}
		default:
			return match{at, end}
		}
		from = at + 1
	}
}

// lineCommentStart goes back over the blanks before a comment prefix. They
// must follow a line start or something that is not white space.
func (l *lexer) lineCommentStart(at int) (int, bool) {
	start := at
	for start > 0 {
		r, n := utf8.DecodeLastRuneInString(l.src[:start])
		if r == '\n' || !isSpace(r) {
			break
		}
		start -= n
	}
	return start, start >= l.pos
}

// rawBegin returns the end of a raw tag whose inside starts at, or -1.
func (l *lexer) rawBegin(at int) int {
	rest := strings.TrimLeftFunc(l.src[at:], isSpace)
	rest, ok := strings.CutPrefix(rest, "raw")
	if !ok {
		return -1
	}
	rest = strings.TrimLeftFunc(rest, isSpace)
	if r, ok := strings.CutPrefix(rest, "-"+l.blockEnd); ok {
		return len(l.src) - len(strings.TrimLeftFunc(r, isSpace))
	}
	if r, ok := strings.CutPrefix(rest, l.blockEnd); ok {
		return len(l.src) - len(r)
	}
	return -1
}

// raw reads up to and including the endraw tag.
func (l *lexer) raw(begin int) {
	from := l.pos
	for {
		i := strings.Index(l.src[from:], l.blockStart)
		if i < 0 {
			l.unclosed(begin, "Missing end of raw directive")
			return
		}
		at := from + i
		sign, after := l.sign(at + len(l.blockStart))
		rest := strings.TrimLeftFunc(l.src[after:], isSpace)
		if rest, ok := strings.CutPrefix(rest, "endraw"); ok {
			rest = strings.TrimLeftFunc(rest, isSpace)
			if end := l.closer(len(l.src)-len(rest), l.blockEnd, true); end >= 0 {
				text := l.stripBefore(l.src[l.pos:at], sign, false)
				l.data(l.pos, l.pos+len(text))
				l.finish(end)
				return
			}
		}
		from = at + 1
	}
}

// comment skips to behind the end of a comment.
func (l *lexer) comment(begin int) {
	i := strings.Index(l.src[l.pos:], l.commentEnd)
	if i < 0 {
		l.unclosed(begin, "Missing end of comment tag")
		return
	}
	at := l.pos + i
	if at > l.pos && (l.src[at-1] == '-' || l.src[at-1] == '+') {
		at--
	}
	l.finish(l.closer(at, l.commentEnd, true))
}

func (l *lexer) skipLine() {
	if i := strings.IndexByte(l.src[l.pos:], '\n'); i >= 0 {
		l.pos += i
	} else {
		l.pos = len(l.src)
	}
}

// closer returns the end of a closing delimiter at the given offset, with
// the white space that it takes along, or -1. Only tags that can be trimmed
// know the plus sign.
func (l *lexer) closer(at int, end string, trimmable bool) int {
	rest := l.src[at:]
	if r, ok := strings.CutPrefix(rest, "-"+end); ok {
		return len(l.src) - len(strings.TrimLeftFunc(r, isSpace))
	}
	if trimmable {
		if r, ok := strings.CutPrefix(rest, "+"+end); ok {
			return len(l.src) - len(r)
		}
	}
	r, ok := strings.CutPrefix(rest, end)
	if !ok {
		return -1
	}
	if trimmable && l.trim {
		r = strings.TrimPrefix(r, "\n")
	}
	return len(l.src) - len(r)
}

// finish moves behind a tag that was read completely.
func (l *lexer) finish(end int) {
	l.lineStarting = end > l.pos && l.src[end-1] == '\n'
	l.pos = end
}

// fail records an error. The caller moves on.
func (l *lexer) fail(at int, message string) {
	l.emit(tokError, at, at, message)
}
