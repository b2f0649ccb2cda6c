// Package bench measures what a deployment costs over SSH, side by side with what people would
// use in its place: ssh and rsync. README.md has the figures and says what they mean.
package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// limit bounds every program that is run.
const limit = 3 * time.Minute

// world is an operator and hosts on one machine: each host is an OpenSSH server of its own on
// 127.0.0.1 with a folder of its own in which logins start. The user's ~/.ssh takes no part.
type world struct {
	b     *testing.B
	dir   string
	facs  string   // the program
	hosts []string // their names
	ssh   string   // the configuration of ssh
	env   []string // of facs
	held  int64    // the most memory that a facs deploy held, in bytes
}

// newWorld starts n hosts. FACS_BENCH_DIR says where; without it that is the folder for
// temporary files.
func newWorld(b *testing.B, n int) *world {
	b.Helper()
	for _, p := range []string{"/usr/sbin/sshd", "ssh", "ssh-keygen", "rsync"} {
		if _, err := exec.LookPath(p); err != nil {
			b.Fatalf("no %s: install openssh-server, openssh-client and rsync", p)
		}
	}
	dir, err := os.MkdirTemp(os.Getenv("FACS_BENCH_DIR"), "facs-bench-") // sockets need a short name
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{b: b, dir: dir, facs: filepath.Join(dir, "facs"), ssh: filepath.Join(dir, "ssh_config")}
	w.env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir+"/config", "XDG_RUNTIME_DIR=", "TMPDIR="+dir,
		"NO_COLOR=1", "CI=", "FACS_SSH_CONFIG="+w.ssh)
	build := exec.Command("go", "build", "-trimpath", "-o", w.facs, "../../cmd/facs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	w.must(build)
	w.keygen("id")
	w.serveAll(n)
	return w
}

func (w *world) path(names ...string) string {
	return filepath.Join(append([]string{w.dir}, names...)...)
}

func (w *world) write(name, text string) string {
	w.b.Helper()
	path := w.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.b.Fatal(err)
	}
	return path
}

func (w *world) must(cmd *exec.Cmd) {
	w.b.Helper()
	if err := output(cmd); err != nil {
		w.b.Fatal(err)
	}
}

// output runs a program; the error has what it said.
func output(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%q: %w\n%s", cmd.Args, err, out)
	}
	return nil
}

// keygen gives the public key of a new pair.
func (w *world) keygen(name string) string {
	w.b.Helper()
	w.must(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", w.path(name)))
	public, err := os.ReadFile(w.path(name + ".pub"))
	if err != nil {
		w.b.Fatal(err)
	}
	return strings.Join(strings.Fields(string(public))[:2], " ")
}

func (w *world) serveAll(n int) {
	w.b.Helper()
	if os.Geteuid() == 0 { // the folder in which sshd leaves its privileges
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			w.b.Fatal(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		w.b.Fatal(err)
	}
	var config, known strings.Builder
	for i := range n {
		name := "h" + strconv.Itoa(i)
		port, key := w.serve(name)
		fmt.Fprintf(&config, "Host %s\n  HostName 127.0.0.1\n  Port %d\n", name, port)
		fmt.Fprintf(&known, "[127.0.0.1]:%d %s\n", port, key)
		w.hosts = append(w.hosts, name)
	}
	fmt.Fprintf(&config, "Host *\n  User %s\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n  GlobalKnownHostsFile /dev/null\n",
		me.Username, w.path("id"), w.write("known_hosts", known.String()))
	w.write("ssh_config", config.String())
}

// serve starts the server of one host and gives its port and its public key.
func (w *world) serve(name string) (port int, key string) {
	w.b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.b.Fatal(err)
	}
	port = listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	key = w.keygen("key-" + name)
	login := filepath.Dir(w.write(name+"/.hushlogin", ""))
	// All hosts have one user here, and so one home in the user database: the forced command gives
	// each host its own. It costs every program below one more sh.
	config := w.write("sshd-"+name, fmt.Sprintf(`Port %d
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
ForceCommand cd '%s' && exec sh -c "$SSH_ORIGINAL_COMMAND"
`, port, w.path("key-"+name), w.path("id.pub"), login))
	server := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", config)
	if err := server.Start(); err != nil {
		w.b.Fatal(err)
	}
	w.b.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			conn.Close()
			return port, key
		}
		if time.Now().After(deadline) {
			w.b.Fatalf("sshd of %s does not listen: %v", name, err)
		}
		time.Sleep(10 * time.Millisecond) // there is no event to wait for
	}
}

// cheap are the options of ssh that cost the least: what facs prefers too.
func cheap() []string {
	return []string{"-o", "KexAlgorithms=curve25519-sha256", "-o", "Ciphers=aes128-gcm@openssh.com"}
}

// each does something for every host at once.
func each(hosts []string, do func(host string) error) error {
	var all errgroup.Group
	for _, host := range hosts {
		all.Go(func() error { return do(host) })
	}
	return all.Wait()
}

// sshAll runs a command on every host at once.
func (w *world) sshAll(hosts, options []string, command func(host string) string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return each(hosts, func(host string) error {
		args := slices.Concat([]string{"-F", w.ssh}, options, []string{host, command(host)})
		return output(exec.CommandContext(ctx, "ssh", args...))
	})
}

// home is the folder of an instance on a host.
func (w *world) home(host, instance string) string { return w.path(host, "srv-"+instance) }

// define writes a definition without files: name → the number of hosts of each of its instances.
func (w *world) define(name string, instances map[string]int) {
	w.b.Helper()
	w.write(name+"/facsimile.yaml", "name: "+name+"\nhome: /nowhere\ndeploy: {keep: 2}\n")
	for instance, n := range instances {
		var b strings.Builder
		fmt.Fprintf(&b, "deploy: {nodes: {app: [%s]}}\nnodes:\n", strings.Join(w.hosts[:n], ", "))
		for _, host := range w.hosts[:n] {
			fmt.Fprintf(&b, "  %s: {home: '%s'}\n", host, w.home(host, instance))
		}
		w.write(name+"/define/"+instance+".yaml", b.String())
	}
}

// run is facs in the folder of a definition.
func (w *world) run(definition string, args ...string) (*exec.Cmd, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.facs, append(args, "--yes", "-o", "json")...)
	cmd.Dir, cmd.Env = w.path(definition), w.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return cmd, nil, fmt.Errorf("facs %q: %w\n%s%s", args, err, stdout.Bytes(), stderr.Bytes())
	}
	return cmd, stdout.Bytes(), nil
}
