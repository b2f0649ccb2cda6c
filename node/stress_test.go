//go:build stress

package node_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestKilledAtEachSystemCall is TestKilledAtEachStep without our own idea of what a step is: a
// tracer kills the process at the n-th call of each kind that changes something, for every n.
// It takes minutes and needs strace:
//
//	go test -tags stress -run EachSystemCall ./node
func TestKilledAtEachSystemCall(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal(err)
	}
	calls := []string{
		"write", "pwrite64", "copy_file_range", "mkdirat", "symlinkat", "renameat", "renameat2",
		"openat", "unlinkat", "fchmod", "fsync", "syncfs", "ftruncate", "flock",
	}
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			kills := 0
			for _, call := range calls {
				for n := 1; ; n++ {
					home := filepath.Join(memoryDir(t), "home")
					prepareCrash(t, s, home)
					cmd := childCommand(t, s.name, home, "0")
					cmd.Args = []string{strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", "inject=" + call + ":signal=KILL:when=" + itoa(n), cmd.Path}
					cmd.Path = strace
					out, err := cmd.CombinedOutput()
					if err != nil && strings.Contains(string(out), home) {
						t.Fatalf("%s %d: the child failed: %s", call, n, out)
					}
					if err != nil {
						kills++
					}
					afterCrash(t, s, home)
					_ = os.RemoveAll(filepath.Dir(home))
					if t.Failed() {
						t.Fatalf("killed at the %d. %s", n, call)
					}
					if err == nil {
						break
					}
				}
			}
			t.Logf("killed %d times", kills)
			if kills < 50 {
				t.Errorf("only %d kills: do they hit?", kills)
			}
		})
	}
}
