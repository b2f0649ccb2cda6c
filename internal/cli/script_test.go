package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"facsimile.dev/facsimile/example/shop"
)

// TestScript runs testdata/script: each command as people use it, with what it prints. -update writes the
// goldens anew. Every script begins in a copy of testdata/tiny.
func TestScript(t *testing.T) {
	runScripts(t, "testdata/script")
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setUp,
		Condition: func(condition string) (bool, error) {
			if condition == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("no condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   exitStatus,
			"eventual": eventual,
			"append":   appendTo,
			"replace":  replaceIn,
			"layout":   layOut,
			"readme":   readme,
		},
	})
}

func setUp(env *testscript.Env) error {
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
	env.Setenv("TMPDIR", env.WorkDir)
	env.Setenv("TZ", "UTC")
	env.Setenv("LC_ALL", "C")
	env.Setenv("TEST_NOW", "2026-01-02T03:04:05Z")
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} { // of the user, so that the standard library is compiled once
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return err
		}
		env.Setenv(name, strings.TrimSpace(string(value)))
	}
	env.Setenv("TEST_STEADY", env.WorkDir)
	env.Cd = filepath.Join(env.WorkDir, "tiny")
	return os.CopyFS(env.Cd, os.DirFS("testdata/tiny"))
}

// exitStatus is "status N facs …": the command ends with N. What it printed can be compared after.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit, ok := err.(*exec.ExitError); ok {
		got = strings.TrimPrefix(exit.String(), "exit status ")
	} else if err != nil {
		ts.Fatalf("%v: %v", args[1:], err)
	}
	if got != args[0] {
		ts.Logf("[stdout]\n%s[stderr]\n%s", ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		ts.Fatalf("%s ended with %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// eventual is "eventual COMMAND …": it runs a command until it succeeds, for up to a minute.
func eventual(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := ts.Exec(args[0], args[1:]...); (err == nil) != neg {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("it never came to be: %s", strings.Join(args, " "))
		case <-tick.C:
		}
	}
}

// appendTo is "append FILE TEXT": it writes TEXT to the end of FILE.
func appendTo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append FILE TEXT")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	ts.Check(err)
	_, err = f.WriteString(args[1])
	ts.Check(err)
	ts.Check(f.Close())
}

// replaceIn is "replace FILE OLD NEW": it replaces text in a file and keeps its size and times where
// they stay the same, as damage does that is meant to hide.
func replaceIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	file := ts.MkAbs(args[0])
	info, err := os.Stat(file)
	ts.Check(err)
	text, err := os.ReadFile(file)
	ts.Check(err)
	if !bytes.Contains(text, []byte(args[1])) {
		ts.Fatalf("%s holds no %q", args[0], args[1])
	}
	text = bytes.ReplaceAll(text, []byte(args[1]), []byte(args[2]))
	ts.Check(os.Chmod(file, 0o600))
	ts.Check(os.WriteFile(file, text, 0))
	ts.Check(os.Chmod(file, info.Mode().Perm()))
	ts.Check(os.Chtimes(file, info.ModTime(), info.ModTime()))
}

// layOut is "layout DIR": it writes the example, with its repositories.
func layOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: layout DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(shop.LayOut(dir))
	ts.Check(shop.Init(context.Background(), dir))
}
