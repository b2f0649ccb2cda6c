package jinja

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tag reads the inside of a tag and its end.
func (l *lexer) tag(kind openKind) {
	var open []byte // the brackets that are still open
	for {
		if len(open) == 0 && l.tagEnd(kind) {
			return
		}
		for l.pos < len(l.src) {
			r, n := utf8.DecodeRuneInString(l.src[l.pos:])
			if !isSpace(r) || (kind == openLineStatement && len(open) == 0 && r == '\n') {
				break
			}
			l.pos += n
		}
		if l.pos >= len(l.src) {
			if len(open) == 0 && kind == openLineStatement {
				l.emit(tokBlockEnd, l.pos, l.pos, "")
			}
			return
		}
		if len(open) == 0 && l.tagEnd(kind) {
			return
		}
		message, at := l.lexeme(&open), l.pos
		if message != "" {
			l.fail(at, message)
			l.recover(kind)
			return
		}
	}
}

// tagEnd reads the end of a tag if it is here.
func (l *lexer) tagEnd(kind openKind) bool {
	start := l.pos
	switch kind {
	case openLineStatement:
		rest := strings.TrimLeftFunc(l.src[l.pos:], isSpace)
		end := len(l.src)
		if rest != "" {
			blank := l.src[l.pos : len(l.src)-len(rest)]
			last := strings.LastIndexByte(blank, '\n')
			if last < 0 {
				return false
			}
			end = l.pos + last + 1
		}
		l.emit(tokBlockEnd, start, end, "")
		l.finish(end)
	case openVariable:
		end := l.closer(l.pos, l.variableEnd, false)
		if end < 0 {
			return false
		}
		l.emit(tokVariableEnd, start, end, "")
		l.finish(end)
	default:
		end := l.closer(l.pos, l.blockEnd, true)
		if end < 0 {
			return false
		}
		l.emit(tokBlockEnd, start, end, "")
		l.finish(end)
	}
	return true
}

// unclosed records that a comment or raw block does not end. Jinja2 does not
// mind if nothing follows its start.
func (l *lexer) unclosed(begin int, message string) {
	if l.pos < len(l.src) {
		l.fail(begin, message)
	}
	l.pos = len(l.src)
}

// recover skips to the end of a tag that holds an error.
func (l *lexer) recover(kind openKind) {
	end, tok := l.blockEnd, tokBlockEnd
	switch kind {
	case openVariable:
		end, tok = l.variableEnd, tokVariableEnd
	case openLineStatement:
		end = "\n"
	}
	i := strings.Index(l.src[l.pos:], end)
	if i < 0 {
		l.pos = len(l.src)
		return
	}
	start := l.pos + i
	l.emit(tok, start, start+len(end), "")
	l.finish(start + len(end))
}

// lexeme reads one number, name, string or operator. It returns a message if
// there is none.
func (l *lexer) lexeme(open *[]byte) string {
	c := l.src[l.pos]
	if c >= '0' && c <= '9' {
		return l.number()
	}
	if c == '"' || c == '\'' {
		if end := l.stringEnd(c); end >= 0 {
			return l.string(end)
		}
		return "unexpected char " + strconv.QuoteRune(rune(c)) + ": the string does not end"
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.pos:])
	if isWordRune(r) {
		return l.name()
	}
	for _, op := range operators {
		if strings.HasPrefix(l.src[l.pos:], op.text) {
			if message := balance(open, c); message != "" {
				return message
			}
			l.emit(op.kind, l.pos, l.pos+len(op.text), "")
			l.pos += len(op.text)
			return ""
		}
	}
	return "unexpected char " + strconv.QuoteRune(r)
}

// balance keeps the stack of open brackets.
func balance(open *[]byte, c byte) string {
	switch c {
	case '(':
		*open = append(*open, ')')
	case '[':
		*open = append(*open, ']')
	case '{':
		*open = append(*open, '}')
	case ')', ']', '}':
		if len(*open) == 0 {
			return "unexpected '" + string(c) + "'"
		}
		last := (*open)[len(*open)-1]
		*open = (*open)[:len(*open)-1]
		if last != c {
			return "unexpected '" + string(c) + "', expected '" + string(last) + "'"
		}
	}
	return ""
}

func (l *lexer) name() string {
	start := l.pos
	for l.pos < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if !isWordRune(r) {
			break
		}
		l.pos += n
	}
	text := l.src[start:l.pos]
	if !isIdentifier(text) {
		l.pos = start
		return "Invalid character in identifier"
	}
	l.emit(tokName, start, l.pos, text)
	return ""
}

// stringEnd returns the offset of the closing quote, or -1.
func (l *lexer) stringEnd(quote byte) int {
	for i := l.pos + 1; i < len(l.src); i++ {
		switch l.src[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return -1
}

func (l *lexer) string(end int) string {
	text, message := unescape(l.newlines(l.src[l.pos+1 : end]))
	if message != "" {
		return message
	}
	l.emit(tokString, l.pos, end+1, text)
	l.pos = end + 1
	return ""
}

// maxDigits is the length up to which Python reads and prints integers.
const maxDigits = 4300

func (l *lexer) number() string {
	src := l.src[l.pos:]
	dotBefore := l.pos > 0 && l.src[l.pos-1] == '.'
	if n := floatLen(src); n > 0 && !dotBefore {
		f, _ := strconv.ParseFloat(strings.ReplaceAll(src[:n], "_", ""), 64)
		l.emit(tokFloat, l.pos, l.pos+n, "")
		l.tokens[len(l.tokens)-1].float = f
		l.pos += n
		return ""
	}
	n := integerLen(src)
	if n > maxDigits {
		return "integer too long"
	}
	value, ok := new(big.Int).SetString(strings.ReplaceAll(src[:n], "_", ""), 0)
	if !ok {
		return "invalid integer"
	}
	l.emit(tokInteger, l.pos, l.pos+n, "")
	l.tokens[len(l.tokens)-1].big = value
	l.pos += n
	return ""
}
