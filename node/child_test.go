package node_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// The test binary is also the process that is killed, that competes, and that is nobody: with
// this variable it does what the variable says and nothing else.
const childVar = "FACS_NODE_CHILD"

func TestMain(m *testing.M) {
	if what, ok := os.LookupEnv(childVar); ok {
		if err := child(strings.Fields(what)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child does: SCENARIO HOME KILL-AT, promise HOME TOKEN EPOCH,
// deploy HOME EPOCH, or verify HOME TREE.
func child(args []string) error {
	h, err := node.NewHost(node.HostOptions{Home: args[1], Name: "app1", Workers: 1})
	if err != nil {
		return err
	}
	if args[0] == "promise" {
		epoch, err := strconv.ParseUint(args[3], 10, 64)
		if err != nil {
			return err
		}
		_, err = h.Promise(context.Background(), node.Ballot{Epoch: epoch, Token: args[2]}, nodetest.Owner("app1"), time.Hour)
		return err
	}
	if args[0] == "deploy" {
		epoch, err := strconv.ParseUint(args[2], 10, 64)
		if err != nil {
			return err
		}
		c := nodetest.NewContent()
		_, tree := crashTrees(c)
		_, err = nodetest.Deploy(context.Background(), h, "app1", epoch, tree, c)
		return err
	}
	if args[0] == "verify" {
		tree, err := facsimile.ParseDigest(args[2])
		if err != nil {
			return err
		}
		for d, err := range h.Verify(context.Background(), tree) {
			if err != nil {
				fmt.Println(err)
				continue
			}
			fmt.Printf("%s: %s\n", d.Path, d.Kind)
		}
		return nil
	}
	killAt, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	var steps atomic.Int64
	h.OnStep(func(op, path string) {
		if steps.Add(1) == killAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it arrives
		}
	})
	for _, s := range scenarios() {
		if s.name == args[0] {
			return s.do(h)
		}
	}
	return fmt.Errorf("no scenario %q", args[0])
}

// runChild runs the test binary as a child. How it ended is in the state.
func runChild(t testing.TB, args ...string) (*os.ProcessState, string) {
	t.Helper()
	cmd := childCommand(t, args...)
	out, _ := cmd.CombinedOutput() // told by the state
	if cmd.ProcessState == nil {
		t.Fatalf("the child did not start: %s", out)
	}
	return cmd.ProcessState, string(out)
}

func childCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childVar+"="+strings.Join(args, " "), "GORACE=atexit_sleep_ms=0")
	return cmd
}

// crashTrees are the same in the parent and in the child.
func crashTrees(c *nodetest.Content) (old, next facsimile.Digest) {
	add := func(files ...facsimile.File) facsimile.Digest {
		tree, err := facsimile.NewTree(files)
		if err != nil {
			panic(err) // they never change
		}
		return c.AddRaw(tree.Encode())
	}
	old = add(c.File("bin/api", "version one", 0o755), c.File("same", "the same in both", 0o644), c.Secret("secret", "for one"))
	next = add(c.File("bin/api", "version two", 0o755), c.File("same", "the same in both", 0o644), c.Secret("secret", "for two"),
		nodetest.Link("log", facsimile.SharedLink("log")), nodetest.Folder("readonly", 0o555))
	return old, next
}
