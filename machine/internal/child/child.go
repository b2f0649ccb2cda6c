//go:build unix

// Package child runs one program on this machine with pipes, for the transports: its standard
// output is readable after its end, its last words are kept, and it never becomes a zombie.
package child

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// lateWords is how long standard error is read after the end of a program, where something
// that it left behind holds it open.
const lateWords = time.Second

// Child is a running program, the first of a session of its own: it has no terminal to ask on
// and gets no signal from this program's terminal.
type Child struct {
	cmd            *exec.Cmd
	stdin          *os.File // write end
	stdout, stderr *os.File // read ends
	tail           Tail
	ended, done    chan struct{}

	mu    sync.Mutex
	alone bool  // a kill spares the rest of the session
	cause error // why it was killed
}

// Start runs argv[0] with env. When ctx ends before the program, the program's whole session
// is killed, or the program alone after Alone.
func Start(ctx context.Context, argv, env []string) (*Child, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c := &Child{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{}), done: make(chan struct{})}
	theirs, err := c.open()
	if err == nil {
		c.cmd.Env = env
		c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs[0], theirs[1], theirs[2]
		err = c.cmd.Start()
	}
	closeAll(theirs)
	if err != nil {
		closeAll([]*os.File{c.stdin, c.stdout, c.stderr})
		return nil, err
	}
	go c.reap()
	go c.watch(ctx)
	return c, nil
}

// open makes the pipes and gives the child's ends: standard input, output and error.
func (c *Child) open() (theirs []*os.File, err error) {
	theirs = make([]*os.File, 3)
	if theirs[0], c.stdin, err = os.Pipe(); err != nil {
		return theirs, err
	}
	if c.stdout, theirs[1], err = os.Pipe(); err != nil {
		return theirs, err
	}
	c.stderr, theirs[2], err = os.Pipe()
	return theirs, err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// reap waits for the program, and for the rest of what it says.
func (c *Child) reap() {
	words := make(chan struct{})
	go func() {
		_, _ = io.Copy(&c.tail, c.stderr) // it ends with the pipe; nobody is there to tell of an error
		close(words)
	}()
	_ = c.cmd.Wait() // the state says it all
	close(c.ended)
	_ = c.stderr.SetReadDeadline(time.Now().Add(lateWords))
	<-words
	closeAll([]*os.File{c.stderr, c.stdin})
	close(c.done)
}

func (c *Child) watch(ctx context.Context) {
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.Kill(context.Cause(ctx))
	}
}

// Alone says that the rest of the session outlives the program when it is killed.
func (c *Child) Alone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alone = true
}

// Kill ends the program, unless it has ended; Wait and Read then give cause.
func (c *Child) Kill(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.ended:
		return
	default:
	}
	if c.cause == nil {
		c.cause = cause
	}
	if !c.alone {
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // it may have ended just now
	}
	_ = c.cmd.Process.Kill()
	c.stdin.Close()
	// Somebody else may hold the other ends.
	_ = c.stdout.SetReadDeadline(time.Unix(1, 0))
	_ = c.stderr.SetReadDeadline(time.Unix(1, 0))
}

// Killed is why the program was killed; nil if it was not.
func (c *Child) Killed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Session is the number of the program's session and process group.
func (c *Child) Session() int { return c.cmd.Process.Pid }

// Stdin is the program's standard input.
func (c *Child) Stdin() io.WriteCloser { return input{c} }

// input is standard input. It is closed at the latest when the program ends, and closing it
// once more is no error.
type input struct{ c *Child }

func (in input) Write(p []byte) (int, error) {
	n, err := in.c.stdin.Write(p)
	if cause := in.c.Killed(); err != nil && cause != nil {
		err = cause
	}
	return n, err
}

func (in input) Close() error {
	if err := in.c.stdin.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Stderr is the last lines of its standard error.
func (c *Child) Stderr() string { return c.tail.String() }

// Read gives its standard output. The pipe is closed at its end.
func (c *Child) Read(p []byte) (int, error) {
	n, err := c.stdout.Read(p)
	if err == nil {
		return n, nil
	}
	if cause := c.Killed(); cause != nil && (errors.Is(err, os.ErrDeadlineExceeded) || err == io.EOF) {
		err = cause
	}
	if errors.Is(err, os.ErrClosed) {
		err = io.EOF
	}
	c.stdout.Close()
	return n, err
}

// ReadBefore bounds every Read to come; the zero time takes the bound away.
func (c *Child) ReadBefore(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return nil
	}
	return c.stdout.SetReadDeadline(t)
}

// Wait returns when the program has ended, with its status: 128+n where signal n ended it. The
// error is why it was killed.
func (c *Child) Wait() (int, error) {
	<-c.done
	ws, _ := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		if cause := c.Killed(); cause != nil {
			return 128 + int(ws.Signal()), cause
		}
		return 128 + int(ws.Signal()), nil
	}
	return ws.ExitStatus(), nil
}
