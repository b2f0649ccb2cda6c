package ui

import (
	"bytes"
	"io"
)

// Log is where the lines of running services go: standard output, line by line and without what could
// steer the terminal but for colours, which services use. Writes may come from one goroutine at a time.
func (u *UI) Log() io.Writer { return &log{u: u} }

type log struct {
	u    *UI
	rest []byte // a line that has not ended yet
}

// logLine is the most bytes of a line that are kept waiting for its end.
const logLine = 64 << 10

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	end := bytes.LastIndexByte(l.rest, '\n') + 1
	if end == 0 && len(l.rest) > logLine {
		end = len(l.rest)
	}
	if end == 0 {
		return len(p), nil
	}
	text := Visible(string(l.rest[:end]))
	l.rest = append(l.rest[:0], l.rest[end:]...)
	l.u.mu.Lock()
	defer l.u.mu.Unlock()
	if _, err := io.WriteString(l.u.opt.Out, text); err != nil {
		return 0, err
	}
	return len(p), nil
}
