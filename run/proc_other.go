//go:build !linux

package run

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"

	"facsimile.dev/facsimile"
)

// Elsewhere than on Linux nothing here is ever reached but supported.

type ident struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

type process struct {
	ident
	parent, session int
	zombie          bool
}

var errNotLinux = errors.New("not on this system")

func supported() error {
	return facsimile.Errorf(facsimile.Refused, "an instance cannot run on %s: it needs Linux", runtime.GOOS).
		WithHint("run it in a Linux machine or container; deploying from here works")
}

func processes() ([]process, error)       { return nil, errNotLinux }
func marked(int) (run, replica string)    { return "", "" }
func (ident) alive() bool                 { return false }
func (ident) signal(syscall.Signal) error { return errNotLinux }
func self() (process, error)              { return process{}, errNotLinux }
func bootID() string                      { return "" }
func setSubreaper(bool) error             { return errNotLinux }
func lead(*exec.Cmd)                      {}
func detach(*exec.Cmd)                    {}
func awaitExit(int)                       {}
func signalGroup(int, syscall.Signal)     {}
func reap(int)                            {}

const (
	childEnded = syscall.Signal(20)
	goOn       = syscall.Signal(19)
)
