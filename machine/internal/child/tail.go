//go:build unix

package child

import (
	"bytes"
	"strings"
	"sync"
)

// tailSize is how much of the last output a Tail keeps, in bytes.
const tailSize = 4096

// Tail is a writer that keeps the last whole lines of what it is given. The zero value is ready.
type Tail struct {
	mu  sync.Mutex
	buf []byte
	cut bool // buf starts inside a line
}

// Write keeps the end of p. It never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > tailSize {
		p, t.buf, t.cut = p[n-tailSize:], nil, true
	}
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf, t.cut = append([]byte(nil), t.buf[over:]...), true
	}
	return n, nil
}

// String is the last lines, valid UTF-8 without control characters but for line ends and tabs.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	buf := t.buf
	if i := bytes.IndexByte(buf, '\n'); t.cut && i >= 0 {
		buf = buf[i+1:]
	}
	return Printable(string(buf))
}

// Printable replaces what could steer a terminal, and what is not UTF-8.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return -1
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
