package jinja

import (
	"strings"
	"unicode"
)

// wrapper breaks lines as Python's textwrap does.
type wrapper struct {
	width     int
	breakLong bool
	hyphens   bool
}

func filterWordwrap(c *Call) (Value, error) {
	a, err := c.bind(1, "s", "width", "break_long_words", "wrapstring", "break_on_hyphens")
	if err != nil {
		return Value{}, err
	}
	width, err := optInt(a[1], 79)
	if err != nil {
		return Value{}, err
	}
	w := wrapper{width: int(width)}
	if w.breakLong, err = c.optTruth(a[2], true); err != nil {
		return Value{}, err
	}
	if w.hyphens, err = c.optTruth(a[4], true); err != nil {
		return Value{}, err
	}
	sep := c.st.env.syntax.newline
	if isGiven(a[3]) {
		if sep, err = wantString(a[3]); err != nil {
			return Value{}, err
		}
	}
	if a[0].kind != KindString {
		if a[0].kind == KindUndefined {
			return Value{}, c.st.useUndefined(a[0])
		}
		return Value{}, failf(ErrType, "wordwrap() needs a str, not %s", typeName(a[0]))
	}
	lines := splitLines(a[0].text(), false)
	if width <= 0 && len(lines) > 0 {
		return Value{}, failf(ErrValue, "invalid width %d (must be > 0)", width)
	}
	if err := c.st.use(8 * int64(len(a[0].text()))); err != nil {
		return Value{}, err
	}
	out := make([]string, len(lines))
	size := 0
	for i, line := range lines {
		parts := w.wrap(line)
		size += len(line) + len(parts)*len(sep)
		if err := c.st.use(int64(len(parts)+1) * int64(len(sep))); err != nil {
			return Value{}, err
		}
		out[i] = strings.Join(parts, sep)
	}
	return String(strings.Join(out, sep)), c.st.use(int64(size))
}

// isBreak tells the white space at which lines may be broken.
func isBreak(r rune) bool { return r < 0x80 && strings.ContainsRune("\t\n\v\f\r ", r) }

// chunks cuts a line into white space and the parts of words that stay
// together.
func (w *wrapper) chunks(line []rune) [][]rune {
	var out [][]rune
	for i := 0; i < len(line); {
		n := 1
		switch {
		case isBreak(line[i]):
			for i+n < len(line) && isBreak(line[i+n]) {
				n++
			}
		case w.hyphens:
			n = hyphenChunk(line, i)
		default:
			for i+n < len(line) && !isBreak(line[i+n]) {
				n++
			}
		}
		out = append(out, line[i:i+n])
		i += n
	}
	return out
}

func isWord(r rune) bool    { return r == '_' || isAlnum(r) }
func isLetter(r rune) bool  { return isWord(r) && !unicode.IsDigit(r) }
func wordPunct(r rune) bool { return isWord(r) || strings.ContainsRune(`!"'&.,?`, r) }
func dashes(s []rune) (n int) {
	for n < len(s) && s[n] == '-' {
		n++
	}
	return n
}

// emDash returns the length of a dash between words at i, or 0.
func emDash(line []rune, i int) int {
	n := dashes(line[i:])
	if n >= 2 && i > 0 && wordPunct(line[i-1]) && i+n < len(line) && isWord(line[i+n]) {
		return n
	}
	return 0
}

// hyphenChunk returns the length of the part of a word that starts at i: up
// to a hyphen between letters, a dash between words, or the end of the word.
func hyphenChunk(line []rune, i int) int {
	if n := emDash(line, i); n > 0 {
		return n
	}
	for k := i + 1; ; k++ {
		switch {
		case k == len(line) || isBreak(line[k]):
			return k - i
		case line[k] != '-':
		case hyphenated(line, k):
			return k + 1 - i
		case emDash(line, k) > 0:
			return k - i
		}
	}
}

// hyphenated tells whether the hyphen at k stands between words of two or
// more letters, or of one letter next to another hyphen.
func hyphenated(line []rune, k int) bool {
	letter := func(k int) bool { return k >= 0 && k < len(line) && isLetter(line[k]) }
	hyphen := func(k int) bool { return k >= 0 && k < len(line) && line[k] == '-' }
	if !letter(k-1) || !letter(k+1) {
		return false
	}
	before := letter(k-2) || hyphen(k-2) && letter(k-3)
	return before && (letter(k+2) || hyphen(k+2) && letter(k+3))
}

func blank(s []rune) bool { return all(string(s), isSpace) || len(s) == 0 }

// wrap breaks one line.
func (w *wrapper) wrap(s string) []string {
	chunks := w.chunks([]rune(s))
	var lines []string
	for len(chunks) > 0 {
		if len(lines) > 0 && blank(chunks[0]) {
			chunks = chunks[1:]
		}
		var line [][]rune
		length := 0
		for len(chunks) > 0 && length+len(chunks[0]) <= w.width {
			length += len(chunks[0])
			line = append(line, chunks[0])
			chunks = chunks[1:]
		}
		if len(chunks) > 0 && len(chunks[0]) > w.width {
			line, chunks = w.longWord(line, chunks, length)
		}
		if len(line) > 0 && blank(line[len(line)-1]) {
			line = line[:len(line)-1]
		}
		if len(line) > 0 {
			var b strings.Builder
			for _, part := range line {
				b.WriteString(string(part))
			}
			lines = append(lines, b.String())
		}
	}
	return lines
}

// longWord deals with a word that does not fit into any line.
func (w *wrapper) longWord(line, chunks [][]rune, length int) ([][]rune, [][]rune) {
	word := chunks[0]
	if !w.breakLong {
		if len(line) == 0 {
			return append(line, word), chunks[1:]
		}
		return line, chunks
	}
	end := w.width - length
	if w.hyphens && len(word) > end {
		for k := end - 1; k > 0; k-- {
			if word[k] != '-' {
				continue
			}
			if dashes(word[:k]) < k {
				end = k + 1
			}
			break
		}
	}
	rest := append([][]rune{word[end:]}, chunks[1:]...)
	return append(line, word[:end]), rest
}
