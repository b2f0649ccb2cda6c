package define

import (
	"fmt"
	"strconv"
	"strings"

	"facsimile.dev/facsimile"
)

// maxNodes is the most nodes of one instance, and of one pattern.
const maxNodes = 100_000

// pattern is a name of nodes in which * is any run of characters and [a:b] a range of numbers
// with both ends, padded with zeros as its first end is. Nothing else is special.
type pattern []token

// token is one piece of a pattern: text, a star, or a range.
type token struct {
	text   string
	star   bool
	lo, hi int
	width  int // of the numbers of a range that starts with a zero
}

func (t token) isRange() bool { return !t.star && t.text == "" }

// parsePattern reads a pattern.
func parsePattern(s string) (pattern, error) {
	if len(s) > 1000 {
		return nil, fmt.Errorf("a pattern of %d bytes is too long", len(s))
	}
	var p pattern
	for rest := s; rest != ""; {
		special := strings.IndexAny(rest, "*[]")
		if special < 0 {
			special = len(rest)
		}
		if special > 0 {
			p, rest = append(p, token{text: rest[:special]}), rest[special:]
			continue
		}
		if rest[0] == '*' {
			p, rest = append(p, token{star: true}), rest[1:]
			continue
		}
		end := strings.IndexByte(rest, ']')
		if rest[0] == ']' || end < 0 {
			return nil, fmt.Errorf("the bracket of %q is not closed or not opened", s)
		}
		t, err := parseRange(rest[1:end])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		p, rest = append(p, t), rest[end+1:]
	}
	return p, nil
}

func parseRange(s string) (token, error) {
	first, last, ok := strings.Cut(s, ":")
	lo, err1 := strconv.ParseUint(first, 10, 31)
	hi, err2 := strconv.ParseUint(last, 10, 31)
	if !ok || err1 != nil || err2 != nil || len(first) > 10 {
		return token{}, fmt.Errorf("[%s] is no range: a range is two numbers, [1:3]", s)
	}
	if lo > hi {
		return token{}, fmt.Errorf("the range [%s] ends before it starts", s)
	}
	t := token{lo: int(lo), hi: int(hi)}
	if len(first) > 1 && first[0] == '0' {
		t.width = len(first)
	}
	return t, nil
}

// number writes a number of a range.
func (t token) number(n int) string { return fmt.Sprintf("%0*d", t.width, n) }

// isExact reports whether the pattern is just a name.
func (p pattern) isExact() bool {
	for _, t := range p {
		if t.star || t.isRange() {
			return false
		}
	}
	return true
}

// matches reports whether a name fits. The time is bounded by the product of the lengths: it
// keeps the set of offsets in the name up to which the pattern can have come.
func (p pattern) matches(name string) bool {
	at, next := make([]bool, len(name)+1), make([]bool, len(name)+1)
	at[0] = true
	for _, t := range p {
		clear(next)
		for i, here := range at {
			if here {
				t.step(name, i, next)
			}
			if here && t.star {
				break // the rest is reached already
			}
		}
		at, next = next, at
	}
	return at[len(name)]
}

// step marks the offsets that a token leads to from one.
func (t token) step(name string, from int, reached []bool) {
	switch {
	case t.star:
		for i := from; i < len(reached); i++ {
			reached[i] = true
		}
	case t.isRange():
		for i := from + 1; i <= len(name) && i-from <= 10 && isDigit(name[i-1]); i++ {
			n, _ := strconv.Atoi(name[from:i])
			reached[i] = reached[i] || n >= t.lo && n <= t.hi && t.number(n) == name[from:i]
		}
	case strings.HasPrefix(name[from:], t.text):
		reached[from+len(t.text)] = true
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// expand gives the nodes that a pattern without a star stands for, in order.
func (p pattern) expand() ([]facsimile.Node, error) {
	names := []string{""}
	for _, t := range p {
		if t.star {
			return nil, fmt.Errorf(`"*" stands for no list of nodes here`)
		}
		if !t.isRange() {
			for i := range names {
				names[i] += t.text
			}
			continue
		}
		count := t.hi - t.lo + 1
		if count > maxNodes/len(names) {
			return nil, fmt.Errorf("it stands for more than %d nodes", maxNodes)
		}
		longer := make([]string, 0, len(names)*count)
		for _, name := range names {
			for n := t.lo; n <= t.hi; n++ {
				longer = append(longer, name+t.number(n))
			}
		}
		names = longer
	}
	nodes := make([]facsimile.Node, len(names))
	for i, name := range names {
		node, err := facsimile.ParseNode(name)
		if err != nil {
			return nil, err
		}
		nodes[i] = node
	}
	return nodes, nil
}
