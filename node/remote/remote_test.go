package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/local"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/remote"
	"facsimile.dev/facsimile/node/wire"
)

const version = "test"

// TestMain makes this binary serve a node when it is started as "node serve".
func TestMain(m *testing.M) {
	if len(os.Args) == 7 && os.Args[1] == "node" && os.Args[2] == "serve" {
		signal.Ignore(syscall.SIGPIPE)
		if err := serve(os.Args[4], facsimile.Node(os.Args[6])); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serve(home string, name facsimile.Node) error {
	host, err := node.NewHost(node.HostOptions{Home: home, Name: name})
	if err != nil {
		return err
	}
	self, err := program()
	if err != nil {
		return err
	}
	return wire.Serve(context.Background(), os.Stdin, os.Stdout, host, wire.ServeOptions{Version: version, Binary: self.Digest})
}

func program() (remote.Program, error) {
	path, err := os.Executable()
	if err != nil {
		return remote.Program{}, err
	}
	b, err := os.ReadFile(path)
	return remote.Program{Path: path, Digest: facsimile.DigestOf(b), Size: int64(len(b))}, err
}

// counted counts the programs that were started.
type counted struct {
	machine.Conn
	starts *[]string
}

func (c counted) Start(ctx context.Context, argv []string) (machine.Process, error) {
	*c.starts = append(*c.starts, argv[0])
	return c.Conn.Start(ctx, argv)
}

// open gives a node on this machine behind child processes, whose login starts in a folder of
// the test.
func open(t *testing.T, home string, name facsimile.Node, starts *[]string) *remote.Node {
	t.Helper()
	self, err := program()
	if err != nil {
		t.Fatal(err)
	}
	n := remote.New(remote.Options{
		Dial: func(context.Context) (machine.Conn, error) {
			return counted{local.New(machine.Target{Name: name}), starts}, nil
		},
		Name: name, Home: home, Version: version, Likely: self,
		Programs: func(string, string) (remote.Program, error) { return self, nil },
	})
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestTheProgramIsPutThereOnce(t *testing.T) {
	login := t.TempDir()
	t.Chdir(login) // where a local connection starts programs
	home := filepath.Join(t.TempDir(), "home")
	var starts []string
	n := open(t, home, "n1", &starts)
	report, err := n.Look(t.Context(), facsimile.Digest{})
	if err != nil || !report.Current.IsZero() {
		t.Fatalf("%+v, %v", report, err)
	}
	first := len(starts)
	if _, err := n.Look(t.Context(), facsimile.Digest{}); err != nil || len(starts) != first {
		t.Errorf("a second question started %q, %v", starts[first:], err)
	}
	starts = nil
	again := open(t, home, "n1", &starts)
	if _, err := again.Look(t.Context(), facsimile.Digest{}); err != nil {
		t.Fatal(err)
	}
	if len(starts) != 1 {
		t.Errorf("a host that has the program cost %q, want one command", starts)
	}
	self, _ := program()
	b, err := os.ReadFile(filepath.Join(login, ".facsimile", "bin", self.Digest.Hex(), "facs"))
	if err != nil || facsimile.DigestOf(b) != self.Digest {
		t.Errorf("what stands there is not the program: %v", err)
	}
}

func TestWhereNothingCanBePutIsSaid(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".facsimile", nil, 0o600); err != nil { // where a folder must be
		t.Fatal(err)
	}
	var starts []string
	_, err := open(t, filepath.Join(t.TempDir(), "home"), "n1", &starts).Look(t.Context(), facsimile.Digest{})
	var told *facsimile.Error
	if !errors.As(err, &told) || told.Outcome != facsimile.Refused || !strings.Contains(told.Hint, "~/.facsimile") {
		t.Errorf("%v, with %+v", err, told)
	}
}

func TestDeployThroughAConnection(t *testing.T) {
	t.Chdir(t.TempDir())
	home := filepath.Join(t.TempDir(), "home")
	var starts []string
	n := open(t, home, "n1", &starts)
	content := nodetest.NewContent()
	tree := nodetest.Sample(t, content)
	if _, err := nodetest.Deploy(t.Context(), n, "n1", 1, tree, content); err != nil {
		t.Fatal(err)
	}
	for d, err := range n.Verify(t.Context(), tree) {
		t.Errorf("%+v, %v", d, err)
	}
	report, err := n.Look(t.Context(), tree)
	if err != nil || !report.Exact {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestAnotherProgramIsRefused(t *testing.T) {
	login := t.TempDir()
	t.Chdir(login)
	self, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(login, ".facsimile", "bin", self.Digest.Hex())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'facsimile-wire: {\"protocol\":99,\"version\":\"old\"}'\nsleep 5\n"
	if err := os.WriteFile(filepath.Join(dir, "facs"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var starts []string
	n := open(t, t.TempDir(), "n1", &starts)
	_, err = n.Look(t.Context(), facsimile.Digest{})
	var told *facsimile.Error
	if !errors.As(err, &told) || told.Outcome != facsimile.Refused || !strings.Contains(told.Msg, "n1") ||
		!strings.Contains(told.Msg, "old") || !strings.Contains(told.Msg, "99") || told.Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestAMissingBuildIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	n := remote.New(remote.Options{
		Dial: func(context.Context) (machine.Conn, error) { return local.New(machine.Target{Name: "n1"}), nil },
		Name: "n1", Home: t.TempDir(), Version: version, Likely: remote.Program{Digest: facsimile.DigestOf([]byte("x"))},
		Programs: func(goos, goarch string) (remote.Program, error) {
			return remote.Program{}, facsimile.Errorf(facsimile.Refused, "no build for %s/%s", goos, goarch)
		},
	})
	defer n.Close()
	if _, err := n.Look(t.Context(), facsimile.Digest{}); err == nil || !strings.Contains(err.Error(), "no build for linux/") {
		t.Errorf("got %v", err)
	}
}

// A connection that broke is made anew by the next call.
func TestReconnects(t *testing.T) {
	t.Chdir(t.TempDir())
	var starts []string
	home := filepath.Join(t.TempDir(), "home")
	n := open(t, home, "n1", &starts)
	if _, err := n.Look(t.Context(), facsimile.Digest{}); err != nil {
		t.Fatal(err)
	}
	killServers(t, home)
	var err error
	for range 2 { // the first call may still find the broken connection
		if _, err = n.Look(t.Context(), facsimile.Digest{}); err == nil {
			break
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// killServers kills what serves the node with a home.
func killServers(t *testing.T, home string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for _, e := range entries {
		cmdline, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || !bytes.Contains(cmdline, []byte("\x00serve\x00--home\x00"+home+"\x00")) {
			continue
		}
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	if killed == 0 {
		t.Fatal("found no server to kill")
	}
}
