//go:build unix

package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"facsimile.dev/facsimile/machine"
)

func TestJump(t *testing.T) {
	w := newWorld(t)
	first, second := w.serve("first"), w.serve("second")
	behind := w.serve("behind")
	w.config = append(w.config, fmt.Sprintf(`Host node
  HostName 127.0.0.1
  Port %d
  ProxyJump first,%s@127.0.0.1:%d
Host closed
  HostName 127.0.0.1
  Port %d
  ProxyJump first
`, behind.port, w.user, second.port, freePort(t)))
	d := w.dialer()
	c := w.dial(d, named("node"))
	mustRun(t, c)
	mustRun(t, c)
	if got, want := c.route.first(), fmt.Sprintf("127.0.0.1 %d", first.port); got != want {
		t.Errorf("the first hop is %q; want %q", got, want)
	}
	e := try[*machine.Unreachable](t, w.dial(d, named("closed")))
	if e.Reason != machine.RefusedPort || e.Jump {
		t.Errorf("behind a jump host: %+v", e)
	}

	// Each hop is strict, and is named when it is the one.
	known := w.read("known_hosts")
	var without []string
	for line := range strings.Lines(known) {
		if !strings.Contains(line, fmt.Sprintf(":%d ", second.port)) {
			without = append(without, line)
		}
	}
	w.write("known_hosts", strings.Join(without, ""))
	u := try[*machine.HostKeyUnknown](t, w.dial(d, named("node")))
	if want := fmt.Sprintf("[127.0.0.1]:%d %s", second.port, keyOnly(w.read("host_second.pub"))); !u.Jump || u.Line != want {
		t.Errorf("jump host %t, line %q; want %q", u.Jump, u.Line, want)
	}
	w.write("known_hosts", strings.Join(without, "")+u.Line+"\n")
	mustRun(t, w.dial(d, named("node")))
}

func TestJumpInCircle(t *testing.T) {
	w := newWorld(t)
	w.config = append(w.config, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
	if _, err := w.dialer().Dial(t.Context(), named("a")); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("got %v", err)
	}
}

func TestCertificate(t *testing.T) {
	w := newWorld(t)
	w.keygen("ca")
	w.keygen("user")
	w.run("ssh-keygen", "-q", "-s", w.path("ca"), "-I", "someone", "-n", w.user, w.path("user.pub"))
	w.serve("h1", "TrustedUserCAKeys "+w.path("ca.pub"))
	w.write("authorized_keys", "")
	target := named("h1")
	target.Identity = []string{w.path("user")}
	mustRun(t, w.dial(w.dialer(), target))
}

func TestAgent(t *testing.T) {
	w := newWorld(t)
	w.serve("h1")
	key, err := gossh.ParseRawPrivateKey([]byte(w.read("id")))
	if err != nil {
		t.Fatal(err)
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", w.path("agent"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var asked atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			go agent.ServeAgent(keys, conn) // until ssh hangs up
		}
	}()
	if err := os.Rename(w.path("id"), w.path("only-in-the-agent")); err != nil {
		t.Fatal(err)
	}
	o := w.options()
	o.Env = append(o.Env, "SSH_AUTH_SOCK="+w.path("agent"))
	mustRun(t, w.dial(w.dialerWith(o), named("h1")))
	if asked.Load() == 0 {
		t.Error("the agent was not asked")
	}
}

// A login shell that prints on both outputs is no trouble: Start skips what stands before the program.
func TestBanner(t *testing.T) {
	w := newWorld(t)
	w.serve("h1", "Banner "+w.write("banner", "KEEP OUT\n"),
		`ForceCommand echo Welcome; printf 'no line end'; echo noise >&2; head -c 300000 /dev/zero; exec sh -c "$SSH_ORIGINAL_COMMAND"`)
	mustRun(t, w.dial(w.dialer(), named("h1")))
}

// Every common login shell hands on the words as they are.
func TestLoginShells(t *testing.T) {
	found := 0
	for _, shell := range []string{"sh", "bash", "dash", "zsh", "ksh", "tcsh", "fish", "busybox"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed here", shell)
			continue
		}
		found++
		for _, words := range [][]string{trickyWords(), {"plain", "two words", "*", "$HOME", "`id`", "-n", "{a,b}", "~", "%s", "#", ""}} {
			argv := []string{path, "-c", remoteCommand("facs-MARK", append([]string{"printf", `%s\0`}, words...))}
			if shell == "busybox" {
				argv = append([]string{path, "sh"}, argv[1:]...)
			}
			cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
			cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if want := "facs-MARK\n" + strings.Join(words, "\x00") + "\x00"; err != nil || string(out) != want {
				t.Errorf("%s: %v, %q\nwant %q", shell, err, out, want)
			}
		}
	}
	if found < 2 {
		t.Errorf("only %d shells were tried", found)
	}
}

func trickyWords() []string {
	return []string{"", "it's", `\`, `\\`, `a\'b`, "!", "!!", "a!b", "a\nb", "\n", "\r", "\x01", "ä日", "\xff\xfe", `\0101`, `\c`, "%b", "$(id)", "'", "''"}
}

func TestOptionsAreRefused(t *testing.T) {
	w := newWorld(t)
	d := w.dialer()
	for name, target := range map[string]machine.Target{
		"name":           named("-oProxyCommand=touch x"),
		"name with user": named("a@b"),
		"address":        {Name: "n", Address: "-oProxyCommand=touch x"},
		"address token":  {Name: "n", Address: "%h"},
		"address zone":   {Name: "n", Address: "fe80::1%eth0"},
		"address line":   {Name: "n", Address: "a\nProxyCommand=x"},
		"address blank":  {Name: "n", Address: "a b"},
		"user":           {Name: "n", User: "-oProxyCommand=x"},
		"user shell":     {Name: "n", User: "$(id)"},
		"user blank":     {Name: "n", User: "a b"},
		"port":           {Name: "n", Port: 65536},
		"negative port":  {Name: "n", Port: -1},
		"known hosts":    {Name: "n", KnownHosts: []string{"a\" /b"}},
		"known hosts $":  {Name: "n", KnownHosts: []string{"${X}"}},
		"identity":       {Name: "n", Identity: []string{"a\nb"}},
	} {
		if _, err := d.Dial(t.Context(), target); err == nil {
			t.Errorf("%s: %+v was taken", name, target)
		}
	}
}

// A server that drops logins at 10 under way, as many connect at once.
func TestMaxStartups(t *testing.T) {
	if testing.Short() {
		t.Skip("40 logins")
	}
	w := newWorld(t)
	w.serve("h1", "MaxStartups 10:30:60")
	d := w.dialer()
	var dialing sync.WaitGroup
	for range 40 {
		c := w.dial(d, named("h1"))
		dialing.Go(func() {
			p, err := c.Start(t.Context(), []string{"true"})
			if err != nil {
				t.Error(err)
				return
			}
			if err := p.Wait(); err != nil {
				t.Error(err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	dialing.Wait()
}

// What a killed program leaves is removed by the next, masters included; what lives stays.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	w.serve("h1")
	alive := w.dialer()
	mustRun(t, w.dial(alive, named("h1")))
	dead, err := NewDialer(w.options())
	if err != nil {
		t.Fatal(err)
	}
	c := w.dial(dead, named("h1"))
	mustRun(t, c)
	m, err := dialMaster(c.socket())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	pid, err := m.pid()
	if err != nil {
		t.Fatal(err)
	}
	dead.folder.lock.Close() // as the end of its process does
	w.dialer()
	if _, err := os.Stat(dead.folder.path); !os.IsNotExist(err) {
		t.Errorf("the folder of the dead is there: %v", err)
	}
	if err := syscall.Kill(pid, 0); err == nil && !zombie(t, pid) {
		t.Errorf("the master %d of the dead lives", pid)
	}
	for c := range alive.conns {
		if !c.live() {
			t.Error("the connection of the living was cut")
		}
	}
}

// Close leaves no process and no file.
func TestNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	jump := w.serve("jump")
	w.serve("h1", "")
	w.config[1] += "  ProxyJump jump\n"
	_ = jump
	d, err := NewDialer(w.options())
	if err != nil {
		t.Fatal(err)
	}
	c := w.dial(d, named("h1"))
	p, err := c.Start(t.Context(), []string{"cat"})
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, c)
	if len(processesWith(t, d.folder.path)) == 0 {
		t.Error("no ssh process was found while it runs: this test sees nothing")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if p.Wait() == nil {
		t.Error("the program ended well")
	}
	if left := processesWith(t, d.folder.path); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if left, _ := filepath.Glob(w.path("facs-*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// processesWith are the command lines of running processes that hold a text. A master has the
// name of its socket as its command line.
func processesWith(t *testing.T, text string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-eo", "stat=,pid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, text) && !strings.HasPrefix(line, "Z") {
			found = append(found, line)
		}
	}
	return found
}

func zombie(t *testing.T, pid int) bool {
	t.Helper()
	out, _ := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output()
	return len(out) == 0 || strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// However many programs start at once on a new Conn, there is one connection; and when it
// cannot be made, one attempt tells all of them.
func TestOneConnection(t *testing.T) {
	w := newWorld(t)
	s := w.serve("h1")
	d := w.dialer()
	c := w.dial(d, named("h1"))
	var starting sync.WaitGroup
	for range 5 {
		starting.Go(func() {
			p, err := c.Start(t.Context(), []string{"true"})
			if err != nil {
				t.Error(err)
				return
			}
			if err := p.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	if got := strings.Count(s.log.String(), "Accepted publickey"); got != 1 {
		t.Errorf("%d logins; want 1", got)
	}

	var connected atomic.Int32
	reached, held := make(chan struct{}), make(chan struct{})
	target := named("silent")
	target.Address, target.Port = "127.0.0.1", listen(t, func(conn net.Conn) {
		if connected.Add(1) == 1 {
			close(reached)
			<-held
		}
		fmt.Fprint(conn, "This is no SSH server\r\nSSH-1.0-old\r\n")
	})
	c = w.dial(d, target)
	failures := make([]error, 5)
	starting.Go(func() { _, failures[0] = c.Start(t.Context(), []string{"true"}) })
	<-reached
	for i := 1; i < len(failures); i++ {
		starting.Go(func() { _, failures[i] = c.Start(t.Context(), []string{"true"}) })
	}
	close(held)
	starting.Wait()
	for _, err := range failures {
		if _, ok := errors.AsType[*machine.Unreachable](err); !ok {
			t.Errorf("got %v", err)
		}
	}
}

// No more connections are opening at once than the options say.
func TestBoundedOpening(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.PerHop, o.Opening = 2, 3
	d := w.dialerWith(o)
	var now, most atomic.Int32
	admit := func(hop string) func() {
		release, err := d.admit(t.Context(), hop)
		if err != nil {
			t.Error(err)
			return func() {}
		}
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return func() { now.Add(-1); release() }
	}
	a1, a2 := admit("a"), admit("a")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.admit(ended, "a"); err == nil {
		t.Error("a third connection by way of a was let in")
	}
	b1 := admit("b")
	if _, err := d.admit(ended, "c"); err == nil {
		t.Error("a fourth connection was let in")
	}
	for _, release := range []func(){a1, a2, b1} {
		release()
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { admit(fmt.Sprint(i % 5))() })
	}
	all.Wait()
	if most.Load() > 3 {
		t.Errorf("%d at once", most.Load())
	}
}
