package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestDumpNothing(t *testing.T) {
	dumpNothing()
	if got, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || got != 0 {
		t.Errorf("the process can be dumped: %d, %v", got, err)
	}
}

func TestEnvKnowsTheProcess(t *testing.T) {
	e := env()
	if e.Dir == "" || e.Program == "" || e.User == "" || e.Host == "" || e.Version == "" || e.Now == nil || e.Random == nil || len(e.Environ) == 0 {
		t.Errorf("something of the process is missing: %+v", e)
	}
}
