package run

import (
	"context"
	"errors"
	"io"
)

// Detached says how to start a supervisor that outlives this process: a program, as a rule this one
// (os.Executable), and arguments that make it call Supervise.
type Detached struct {
	Program  string
	Args     []string
	Dir      string // the run folder
	Services []Service
}

// Detach starts a supervisor process and returns when every replica has been healthy, or with
// what went wrong. Services travel over a pipe, so their environments reach no
// file and no argument list.
func Detach(ctx context.Context, d Detached) error { return errors.New("not yet") }

// Supervise is the other end of Detach: the hidden command calls it with its standard input and
// output, and a ctx that ends with SIGTERM.
func Supervise(ctx context.Context, in io.Reader, out io.WriteCloser) error {
	return errors.New("not yet")
}
