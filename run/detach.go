package run

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"facsimile.dev/facsimile"
)

// Detached says how to start a supervisor that outlives this process: a program, as a rule this one
// (os.Executable), and arguments that make it call Supervise.
type Detached struct {
	Program  string
	Args     []string
	Dir      string // the run folder; absolute
	Services []Service
}

// order is what Detach writes to the supervisor's standard input.
type order struct {
	Dir      string    `json:"dir"`
	Services []Service `json:"services"`
}

// report is what the supervisor answers, once: no faults mean that everything is healthy.
type report struct {
	Faults []fault `json:"faults"`
}

// fault carries a facsimile.Error.
type fault struct {
	Outcome facsimile.Outcome `json:"outcome"`
	Msg     string            `json:"msg"`
	Hint    string            `json:"hint,omitempty"`
}

// Detach starts a supervisor process and returns when every replica has been healthy, or with
// what went wrong; then nothing runs. Services travel over a pipe, so their environments reach no
// file and no argument list. If ctx ends first, what was started is stopped.
func Detach(ctx context.Context, d Detached) error {
	if err := supported(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	said, err := os.OpenFile(filepath.Join(d.Dir, "supervisor.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer said.Close()
	text, err := json.Marshal(order{Dir: d.Dir, Services: d.Services})
	if err != nil {
		return err
	}
	cmd := exec.Command(d.Program, d.Args...)
	cmd.Dir, cmd.Stderr = d.Dir, said
	cmd.Env = supervisorEnvironment(os.Environ())
	detach(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting a supervisor: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	_, _ = in.Write(text) // one that ended already says why in its answer, or by having none
	in.Close()
	answer, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = readReport(answer)
	} else {
		err = silent(said.Name())
	}
	if err == nil {
		return cmd.Process.Release()
	}
	_ = cmd.Wait() // how it ended says less than its answer
	return err
}

// supervisorEnvironment keeps what a supervisor needs of the environment of whoever starts it, so that
// no secret of theirs lives on in it.
func supervisorEnvironment(environ []string) []string {
	var kept []string
	for _, e := range environ {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR":
			kept = append(kept, e)
		}
	}
	return kept
}

func readReport(text []byte) error {
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("the supervisor's answer cannot be read: %w", err)
	}
	var problems facsimile.Problems
	for _, f := range r.Faults {
		problems = append(problems, &facsimile.Error{Outcome: f.Outcome, Msg: f.Msg, Hint: f.Hint})
	}
	if len(problems) == 1 {
		return problems[0]
	}
	return problems.OrNil()
}

// silent is the error for a supervisor that ended without an answer.
func silent(file string) error {
	err := facsimile.Errorf(facsimile.RolledBack, "the supervisor ended without an answer")
	text, readErr := os.ReadFile(file)
	if readErr != nil || len(text) == 0 {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return err.WithHint("its last lines, of %s:\n  %s", file, strings.Join(lines[max(0, len(lines)-lastLines):], "\n  "))
}

// Supervise is the other end of Detach: the hidden command calls it with its standard input and
// output, and a ctx that ends with SIGTERM. It closes out when everything is healthy, or with the
// error that it also returns.
func Supervise(ctx context.Context, in io.Reader, out io.WriteCloser) error {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE) // whoever started it may be gone: that must not end it by a signal
	defer signal.Stop(broken)
	answered := false
	answer := func(err error) {
		if answered {
			return
		}
		answered = true
		_ = json.NewEncoder(out).Encode(report{Faults: faults(err)})
		out.Close()
	}
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		err = fmt.Errorf("the services to run cannot be read: %w", err)
		answer(err)
		return err
	}
	err := New(Options{Dir: o.Dir, Ready: func() { answer(nil) }}).Run(ctx, o.Services)
	if err == nil && !answered {
		err = facsimile.Errorf(facsimile.RolledBack, "it was stopped before everything was healthy")
	}
	answer(err)
	return err
}

// faults flattens an error to what can be sent.
func faults(err error) []fault {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []fault
		for _, e := range many.Unwrap() {
			all = append(all, faults(e)...)
		}
		return all
	}
	var e *facsimile.Error
	if errors.As(err, &e) {
		return []fault{{Outcome: e.Outcome, Msg: e.Error(), Hint: e.Hint}}
	}
	return []fault{{Outcome: facsimile.Refused, Msg: err.Error()}}
}
