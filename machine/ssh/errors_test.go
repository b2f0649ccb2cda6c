//go:build unix

package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
)

// try starts a program that must not start, and gives the error as the type that is wanted.
func try[E error](t *testing.T, c *Conn) E {
	t.Helper()
	_, err := c.Start(t.Context(), []string{"true"})
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("got %T: %v; want %T", err, err, e)
	}
	told, ok := errors.AsType[*facsimile.Error](err)
	if !ok || told.Outcome != facsimile.Refused || told.Hint == "" {
		t.Errorf("%T does not unwrap to a refusal with a hint: %+v", e, told)
	}
	t.Logf("%v\nhint: %s", err, told.Hint)
	return e
}

func TestHostKeyUnknown(t *testing.T) {
	w := newWorld(t)
	s := w.serve("h1")
	w.write("known_hosts", "# nobody\n")
	target := named("h1")
	target.KnownHosts = []string{w.path("with a blank")}
	e := try[*machine.HostKeyUnknown](t, w.dial(w.dialer(), target))
	host := fmt.Sprintf("[127.0.0.1]:%d", s.port)
	if want := host + " " + keyOnly(w.read("host_h1.pub")); e.Line != want {
		t.Errorf("the line is %q; want %q", e.Line, want)
	}
	if want := strings.Fields(w.run("ssh-keygen", "-lf", s.key))[1]; e.Fingerprint != want || !strings.Contains(e.Error(), want) {
		t.Errorf("the fingerprint is %q; want %q", e.Fingerprint, want)
	}
	if e.Host != host || len(e.Files) != 2 || e.Files[0] != w.path("known_hosts") || e.Files[1] != w.path("with a blank") {
		t.Errorf("host %q, files %q", e.Host, e.Files)
	}
	// The line accepts the key, in the other file.
	w.write("with a blank", e.Line+"\n")
	mustRun(t, w.dial(w.dialer(), target))
	if got := w.read("known_hosts"); got != "# nobody\n" {
		t.Errorf("the user's known_hosts was written: %q", got)
	}
}

func mustRun(t *testing.T, c *Conn) {
	t.Helper()
	p, err := c.Start(t.Context(), []string{"echo", "hello"})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(p); string(out) != "hello\n" || errors.Join(err, p.Wait()) != nil {
		t.Fatalf("%q, %v, %v", out, err, p.Wait())
	}
}

func TestHostKeyChanged(t *testing.T) {
	w := newWorld(t)
	s := w.serve("h1")
	w.keygen("other")
	w.write("known_hosts", "# a comment\n")
	w.know(s, w.read("other.pub"))
	e := try[*machine.HostKeyChanged](t, w.dial(w.dialer(), named("h1")))
	if e.Known.File != w.path("known_hosts") || e.Known.Line != 2 || e.Revoked {
		t.Errorf("the old key is at %v, revoked %t; want line 2", e.Known, e.Revoked)
	}
	if !strings.Contains(e.Known.Text, keyOnly(w.read("other.pub"))) {
		t.Errorf("the line is %q", e.Known.Text)
	}
	for _, want := range []string{fmt.Sprintf("[127.0.0.1]:%d", s.port), w.path("known_hosts") + ":2", e.Fingerprint, "h1"} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q does not say %q", e.Error(), want)
		}
	}
}

func TestHostKeyRevoked(t *testing.T) {
	w := newWorld(t)
	s := w.serve("h1")
	w.write("known_hosts", fmt.Sprintf("@revoked [127.0.0.1]:%d %s\n", s.port, keyOnly(w.read("host_h1.pub"))))
	if e := try[*machine.HostKeyChanged](t, w.dial(w.dialer(), named("h1"))); !e.Revoked {
		t.Errorf("%v does not say that the key is revoked", e)
	}
}

func TestAuthFailed(t *testing.T) {
	w := newWorld(t)
	w.serve("h1")
	w.write("authorized_keys", "")
	target := named("h1")
	target.User = "nobody-here"
	e := try[*machine.AuthFailed](t, w.dial(w.dialer(), target))
	if e.User != "nobody-here" || len(e.Tried) != 1 || !strings.HasPrefix(e.Tried[0], w.path("id")+" ED25519 SHA256:") {
		t.Errorf("user %q, tried %q", e.User, e.Tried)
	}
	target.Identity = []string{w.path("missing")}
	if _, err := w.dialer().Dial(t.Context(), target); err == nil || !strings.Contains(err.Error(), w.path("missing")) {
		t.Errorf("a key that is not there: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	w.config = append(w.config, fmt.Sprintf("Host closed\n HostName 127.0.0.1\n Port %d\nHost nowhere\n HostName nowhere.invalid\n", freePort(t)))
	d := w.dialer()
	for name, want := range map[string]machine.Reason{"closed": machine.RefusedPort, "nowhere": machine.Unresolvable} {
		if e := try[*machine.Unreachable](t, w.dial(d, named(name))); e.Reason != want || string(e.Node) != name {
			t.Errorf("%s: reason %q", name, e.Reason)
		}
	}
}

// listen takes connections and does nothing, or closes them.
func listen(t *testing.T, then func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			then(conn)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func TestHung(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Connect = time.Second
	target := named("silent")
	target.Address, target.Port = "127.0.0.1", listen(t, func(net.Conn) {})
	e := try[*machine.Hung](t, w.dial(w.dialerWith(o), target))
	if e.For != stageConnected.next() {
		t.Errorf("waited for %q", e.For)
	}
	// Our own deadline, where ssh has none.
	o.Connect, o.Start = time.Minute, 500*time.Millisecond
	if e := try[*machine.Hung](t, w.dial(w.dialerWith(o), target)); e.For != stageConnected.next() {
		t.Errorf("waited for %q", e.For)
	}
}

func TestDropped(t *testing.T) {
	w := newWorld(t)
	var count atomic.Int32
	target := named("full")
	target.Address, target.Port = "127.0.0.1", listen(t, func(c net.Conn) { count.Add(1); c.Close() })
	if e := try[*machine.Unreachable](t, w.dial(w.dialer(), target)); e.Reason != machine.Dropped {
		t.Errorf("reason %q", e.Reason)
	}
	if n := count.Load(); n != attempts {
		t.Errorf("connected %d times; want %d", n, attempts)
	}
}

func TestShellThatHangs(t *testing.T) {
	w := newWorld(t)
	w.serve("h1", "ForceCommand cat >/dev/null")
	o := w.options()
	o.Start = 3 * time.Second
	e := try[*machine.Hung](t, w.dial(w.dialerWith(o), named("h1")))
	if e.For != stageAuthenticated.next() {
		t.Errorf("waited for %q", e.For)
	}
}

func TestShellThatRefuses(t *testing.T) {
	w := newWorld(t)
	w.serve("h1", "ForceCommand echo This account is not available; exit 1")
	if e := try[*machine.NoShell](t, w.dial(w.dialer(), named("h1"))); !strings.Contains(e.Error(), "This account is not available") {
		t.Errorf("%v does not say what the shell said", e)
	}
}

func TestNoSudo(t *testing.T) {
	w := newWorld(t)
	// A sudo of our own: the one of this machine may let root do all.
	if err := os.Mkdir(w.path("bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.write("bin/sudo", "#!/bin/sh\n[ \"$1 $2\" = '-n --' ] || exit 99\nshift 2\n[ \"$1\" = whoami ] && { echo 'sudo: a password is required' >&2; exit 1; }\n[ \"$1\" = missing ] && { echo 'sudo: missing: command not found' >&2; exit 1; }\nexec \"$@\"\n")
	if err := os.Chmod(w.path("bin/sudo"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.serve("h1", "SetEnv PATH="+w.path("bin")+":/usr/bin:/bin")
	target := named("h1")
	target.Become = true
	c := w.dial(w.dialer(), target)
	mustRun(t, c)
	p, err := c.Start(t.Context(), []string{"whoami"})
	if err != nil {
		t.Fatal(err)
	}
	e, ok := errors.AsType[*machine.NoSudo](p.Wait())
	if !ok || e.Said != "sudo: a password is required" {
		t.Errorf("got %v", p.Wait())
	}
	p, err = c.Start(t.Context(), []string{"missing"})
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := errors.AsType[*machine.ExitError](p.Wait()); !ok || e.Status != 127 {
		t.Errorf("got %v", p.Wait())
	}
}

func TestCancelWhileConnecting(t *testing.T) {
	w := newWorld(t)
	target := named("silent")
	reached := make(chan struct{}, 8)
	target.Address, target.Port = "127.0.0.1", listen(t, func(net.Conn) { reached <- struct{}{} })
	c := w.dial(w.dialer(), target)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-reached; cancel(cause) }()
	if _, err := c.Start(ctx, []string{"true"}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	go func() { <-reached; c.Close() }()
	if _, err := c.Start(t.Context(), []string{"true"}); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

func TestLost(t *testing.T) {
	w := newWorld(t)
	w.serve("h1")
	c := w.dial(w.dialer(), named("h1"))
	p, err := c.Start(t.Context(), []string{"cat"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := dialMaster(c.socket())
	if err != nil {
		t.Fatal(err)
	}
	pid, err := m.pid()
	m.Close()
	if err != nil {
		t.Fatal(err)
	}
	w.run("kill", "-9", fmt.Sprint(pid))
	if e, ok := errors.AsType[*machine.Lost](p.Wait()); !ok {
		t.Errorf("got %v", p.Wait())
	} else {
		t.Log(e)
	}
	mustRun(t, c) // connects anew
}
