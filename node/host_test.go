package node_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

func newHost(t testing.TB, home string) *node.Host {
	t.Helper()
	h, err := node.NewHost(node.HostOptions{Home: home, Name: "app1"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHostPassesTheSuite(t *testing.T) {
	nodetest.Run(t, func(t *testing.T) nodetest.Subject {
		home := filepath.Join(t.TempDir(), "srv", "shop")
		return nodetest.Subject{Node: newHost(t, home), Name: "app1", Home: home}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// memoryDir is a folder in memory where the system has one: for tests that make many homes and
// do not ask what a power cut leaves.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "facs-node-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() {
		nodetest.Unlock(dir)
		_ = os.RemoveAll(dir)
	})
	return dir
}
