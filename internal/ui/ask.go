package ui

import (
	"bufio"
	"context"
	"io"
	"strings"
)

// CanAsk reports whether somebody is there to answer: standard input and standard error are
// terminals, and the answer is not for a program.
func (u *UI) CanAsk() bool {
	return u.opt.Format == Text && isTerminal(u.opt.In) && isTerminal(u.opt.Err)
}

// Ask asks a question that is answered with yes or no; anything but "y" and "yes" is no, also the end
// of input. It returns the cause when ctx ends first; the read that it then leaves behind
// ends with the process.
func (u *UI) Ask(ctx context.Context, question string) (bool, error) {
	u.mu.Lock()
	_, err := io.WriteString(u.opt.Err, u.err.paint(bold, Visible(question))+" [y/N] ")
	u.mu.Unlock()
	if err != nil {
		return false, err
	}
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(u.opt.In).ReadString('\n') // no line is the answer no
		answer <- line
	}()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true, nil
		}
		return false, nil
	}
}
