//go:build unix

// Package local is a machine.Conn to this machine: its programs are child processes. It serves
// tests and nodes that are folders, and shows what a Conn does without anything in between.
package local

import (
	"context"
	"errors"
	"os"
	"sync"

	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/internal/child"
)

// errClosed is the cause of the end of what runs when its Conn is closed.
var errClosed = errors.New("the connection was closed")

// Conn runs programs on this machine, in this program's folder and environment.
type Conn struct {
	target machine.Target

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
	cancels map[*process]context.CancelCauseFunc
}

// New gives a Conn to this machine. Of a target its name and Become count.
func New(t machine.Target) *Conn {
	return &Conn{target: t, cancels: map[*process]context.CancelCauseFunc{}}
}

// process is a child, and what errors say of it.
type process struct {
	*child.Child
	conn *Conn
	argv []string
}

// Start implements machine.Conn.
func (c *Conn) Start(ctx context.Context, argv []string) (machine.Process, error) {
	if err := machine.CheckArgv(argv); err != nil {
		return nil, err
	}
	full := argv
	if c.target.Become {
		full = append(machine.Sudo(), argv...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ch, err := child.Start(ctx, full, os.Environ())
	if err != nil {
		cancel(nil)
		return nil, c.notStarted(argv, err)
	}
	p := &process{ch, c, argv}
	c.cancels[p] = cancel
	c.running.Go(func() {
		_, _ = ch.Wait() // the caller's Wait tells
		cancel(nil)
		c.mu.Lock()
		delete(c.cancels, p)
		c.mu.Unlock()
	})
	return p, nil
}

// notStarted says what a shell would: 127 for a program that is not there, 126 for one that
// may not be run. Over SSH it is the shell that says so, when the program is waited for.
func (c *Conn) notStarted(argv []string, err error) error {
	status := 126
	switch {
	case errors.Is(err, os.ErrNotExist):
		status = 127
	case !errors.Is(err, os.ErrPermission):
		return err
	}
	said := err.Error()
	if c.target.Become {
		said = "sudo: not found" // sudo is what could not be run
	}
	return machine.ProgramError(c.target, argv, status, said)
}

// Wait implements machine.Process.
func (p *process) Wait() error {
	status, err := p.Child.Wait()
	if err != nil {
		return err
	}
	return machine.ProgramError(p.conn.target, p.argv, status, p.Stderr())
}

// Close implements machine.Conn.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closed = true
	for _, cancel := range c.cancels {
		cancel(errClosed)
	}
	c.mu.Unlock()
	c.running.Wait()
	return nil
}
