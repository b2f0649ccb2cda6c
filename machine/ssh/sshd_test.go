//go:build unix

package ssh

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/internal/child"
)

// world is a folder with keys, known_hosts and an ssh_config of its own, and OpenSSH servers on
// 127.0.0.1: the user's own ~/.ssh takes no part.
type world struct {
	t      testing.TB
	dir    string
	user   string
	config []string // blocks of ssh_config
}

// server is one sshd.
type server struct {
	name string
	port int
	key  string // its host key, a file
	log  *child.Tail
}

func newWorld(t testing.TB) *world {
	t.Helper()
	for _, p := range []string{"/usr/sbin/sshd", "ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("no %s: install openssh-server and openssh-client", p)
			}
			t.Skipf("no %s: install openssh-server and openssh-client to run this test", p)
		}
	}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "facs-sshd-") // t.TempDir is too long a name for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Geteuid() == 0 { // the folder in which sshd leaves its privileges
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, dir: dir, user: u.Username}
	w.keygen("id")
	w.write("known_hosts", "")
	w.write("authorized_keys", w.read("id.pub"))
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) string {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.path(name)
}

func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) run(name string, args ...string) string {
	w.t.Helper()
	out, err := exec.CommandContext(w.t.Context(), name, args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (w *world) keygen(name string) {
	w.t.Helper()
	w.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", w.path(name))
}

// freePort is a port of 127.0.0.1 that nothing listens on now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// serve starts an sshd named name, known to known_hosts and to ssh_config; settings are further
// lines of its sshd_config, first since the first value counts.
func (w *world) serve(name string, settings ...string) server {
	w.t.Helper()
	s := server{name: name, port: freePort(w.t), key: w.path("host_" + name), log: &child.Tail{}}
	w.keygen("host_" + name)
	conf := strings.Join(settings, "\n") + fmt.Sprintf(`
Port %d
ListenAddress 127.0.0.1
HostKey %s
PidFile none
AuthorizedKeysFile %s
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
MaxStartups 100
MaxSessions 64
LogLevel VERBOSE
SetEnv SHLVL=2
`, s.port, s.key, w.path("authorized_keys"))
	w.listen(s, w.write("sshd_"+name, conf))
	w.know(s, w.read("host_"+name+".pub"))
	w.config = append(w.config, fmt.Sprintf("Host %s\n  HostName 127.0.0.1\n  Port %d\n", name, s.port))
	return s
}

// listen runs sshd in the foreground and returns when it takes connections.
func (w *world) listen(s server, config string) {
	w.t.Helper()
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", config)
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if w.t.Failed() {
			w.t.Logf("sshd %s:\n%s", s.name, s.log.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("sshd %s does not listen: %v", s.name, err)
		}
		time.Sleep(10 * time.Millisecond) // there is no event to wait for
	}
}

// know adds a public key to known_hosts as that of s.
func (w *world) know(s server, pub string) {
	w.t.Helper()
	w.write("known_hosts", w.read("known_hosts")+fmt.Sprintf("[127.0.0.1]:%d %s\n", s.port, keyOnly(pub)))
}

// keyOnly is type and key of a public key file, without its comment.
func keyOnly(pub string) string { return strings.Join(strings.Fields(pub)[:2], " ") }

// options are those of a Dialer in this world.
func (w *world) options() Options {
	w.t.Helper()
	conf := strings.Join(w.config, "") + fmt.Sprintf(`Host *
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  UserKnownHostsFile %s
  GlobalKnownHostsFile /dev/null
`, w.user, w.path("id"), w.path("known_hosts"))
	return Options{Config: w.write("ssh_config", conf), Env: append(os.Environ(), "XDG_RUNTIME_DIR=", "TMPDIR="+w.dir)}
}

func (w *world) dialer() *Dialer { return w.dialerWith(w.options()) }

func (w *world) dialerWith(o Options) *Dialer {
	w.t.Helper()
	d, err := NewDialer(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			w.t.Errorf("closing the dialer: %v", err)
		}
	})
	return d
}

func (w *world) dial(d *Dialer, t machine.Target) *Conn {
	w.t.Helper()
	c, err := d.Dial(w.t.Context(), t)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func named(name string) machine.Target { return machine.Target{Name: facsimile.Node(name)} }
