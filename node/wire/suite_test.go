package wire_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/wire"
)

// The test binary is also the node: with this variable it serves the home that it names on its
// standard input and output, after saying what the second variable holds.
const (
	homeVar   = "FACS_WIRE_HOME"
	bannerVar = "FACS_WIRE_BANNER"
	version   = "1.2.3"
)

func TestMain(m *testing.M) {
	if home, ok := os.LookupEnv(homeVar); ok {
		signal.Ignore(syscall.SIGPIPE)
		if err := serveChild(home); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := flag.Set("rapid.checks", "20"); err != nil { // each is a whole rollout; the command line may say more
		panic(err)
	}
	os.Exit(m.Run())
}

func serveChild(home string) error {
	h, err := node.NewHost(node.HostOptions{Home: home, Name: "app1"})
	if err != nil {
		return err
	}
	fmt.Print(os.Getenv(bannerVar))
	return wire.Serve(context.Background(), os.Stdin, os.Stdout, h, wire.ServeOptions{Version: version})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newHost(t testing.TB, home string) *node.Host {
	t.Helper()
	h, err := node.NewHost(node.HostOptions{Home: home, Name: "app1"})
	must(t, err)
	return h
}

// session is a client with the server that it talks to.
type session struct {
	*wire.Client
	served chan error // what Serve returned
}

// connect serves a node over a link and dials it.
func connect(t testing.TB, l *link, n node.Node) *session {
	t.Helper()
	return connectTo(t, l.operator, l, n)
}

// connectTo does it over another operator's end of the link.
func connectTo(t testing.TB, operator io.ReadWriteCloser, l *link, n node.Node) *session {
	t.Helper()
	s, err := tryConnectTo(operator, l, n)
	must(t, err)
	t.Cleanup(func() { _ = s.end(t) }) // tests that care call it themselves
	return s
}

func tryConnect(l *link, n node.Node) (*session, error) { return tryConnectTo(l.operator, l, n) }

func tryConnectTo(operator io.ReadWriteCloser, l *link, n node.Node) (*session, error) {
	s := &session{served: make(chan error, 1)}
	go func() {
		s.served <- wire.Serve(context.Background(), l.node, l.node, n, wire.ServeOptions{Version: version})
	}()
	c, err := wire.Dial(context.Background(), operator, wire.DialOptions{Name: "app1", Version: version})
	if err != nil {
		<-s.served
		return nil, err
	}
	s.Client = c
	return s, nil
}

// end hangs up and waits for the server. It may be called twice.
func (s *session) end(t testing.TB) error {
	t.Helper()
	must(t, s.Close())
	err := <-s.served
	s.served <- err
	return err
}

func TestClientPassesTheSuite(t *testing.T) {
	leaks(t)
	nodetest.Run(t, func(t *testing.T) nodetest.Subject {
		home := newHome(t)
		return nodetest.Subject{Node: connect(t, newLink(0), newHost(t, home)), Name: "app1", Home: home}
	})
}

func TestClientOfAProcessPassesTheSuite(t *testing.T) {
	leaks(t)
	nodetest.Run(t, func(t *testing.T) nodetest.Subject {
		home := newHome(t)
		return nodetest.Subject{Node: startChild(t, home, "").Client, Name: "app1", Home: home}
	})
}

// child is a process that serves a home.
type child struct {
	*wire.Client
	wait func() error // how the process ended
}

type childPipe struct {
	io.Reader
	io.WriteCloser
}

func startChild(t testing.TB, home, banner string) *child {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), homeVar+"="+home, bannerVar+"="+banner, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	ended := sync.OnceValue(cmd.Wait)
	c := &child{wait: ended}
	c.Client, err = wire.Dial(t.Context(), childPipe{out, in}, wire.DialOptions{Name: "app1", Version: version})
	if err != nil {
		_ = cmd.Process.Kill()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		must(t, c.Close())
		_ = c.wait() // with an error, where something was still asked
	})
	return c
}

// newHome names a home in memory where the system has one: what a power cut leaves is the
// host's to test.
func newHome(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "facs-wire-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() {
		nodetest.Unlock(dir)
		_ = os.RemoveAll(dir)
	})
	return filepath.Join(dir, "srv", "shop")
}

// leaks checks when the test is over that every goroutine of this package has ended.
func leaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		var left []string
		for range 500 {
			if left = ours(); len(left) == 0 {
				return
			}
			runtime.Gosched()
			time.Sleep(10 * time.Millisecond) // goroutines that were told to end do so soon
		}
		t.Errorf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
	})
}

func ours() (left []string) {
	stacks := make([]byte, 1<<20)
	for _, g := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(g, "node/wire.") && !strings.Contains(g, "node/wire_test.ours") {
			left = append(left, g)
		}
	}
	return left
}

func isLost(err error) bool {
	var lost *wire.LostError
	return errors.As(err, &lost)
}
