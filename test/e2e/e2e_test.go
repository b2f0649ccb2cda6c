// Package e2e runs the program as people do, against real hosts: systemd, OpenSSH, a network
// with regions that are 40 ms apart.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	shop "facsimile.dev/facsimile/example/shop"
	"facsimile.dev/facsimile/test/fleet/fleettest"
)

// nodes says which host of the fleet is which node of the example's prod.
func nodes() map[string]string {
	return map[string]string{
		"fe1.eu.example.net": "eu1", "app1.eu.example.net": "eu2",
		"fe1.us.example.net": "us1", "app1.us.example.net": "us2",
		"fe1.ap.example.net": "ap1", "app1.ap.example.net": "ap2",
	}
}

const home = "/srv/shop"

// world is a fleet with the example beside it.
type world struct {
	t     *testing.T
	fleet *fleettest.Fleet
	facs  string // the program
	shop  string // the folder of the definition
	env   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	fleettest.Require(t)
	dir := t.TempDir()
	w := &world{t: t, facs: filepath.Join(dir, "facs"), shop: filepath.Join(dir, "example", "shop")}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", w.facs, "../../cmd/facs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := errors.Join(shop.LayOut(filepath.Dir(w.shop)), shop.Init(t.Context(), filepath.Dir(w.shop))); err != nil {
		t.Fatal(err)
	}
	w.fleet = fleettest.Up(t, 6, "eu", "us", "ap")
	w.env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir+"/config", "NO_COLOR=1", "CI=",
		"FACS_SSH_CONFIG="+w.sshConfig(dir), "GOCACHE="+goCache(t), "GOMODCACHE="+goModCache(t))
	for _, region := range []string{"eu", "us", "ap"} {
		if err := w.fleet.Delay(t.Context(), region, 20*time.Millisecond); err != nil { // 40 ms there and back
			t.Fatal(err)
		}
	}
	for _, host := range nodes() {
		w.in(host, "install", "-d", "-o", "deploy", "-g", "deploy", home)
	}
	return w
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func goCache(t *testing.T) string    { return goEnv(t, "GOCACHE") }
func goModCache(t *testing.T) string { return goEnv(t, "GOMODCACHE") }

// sshConfig writes what a person would have in ~/.ssh/config: names, keys, known hosts.
func (w *world) sshConfig(dir string) string {
	w.t.Helper()
	var b strings.Builder
	for node, name := range nodes() {
		host, err := w.fleet.Host(w.t.Context(), name)
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&b, "Host %s\n\tHostName %s\n\tHostKeyAlias %s\n", node, host.IP, name)
	}
	fmt.Fprintf(&b, "Host *\n\tIdentityFile %s\n\tIdentitiesOnly yes\n\tUserKnownHostsFile %s\n", w.fleet.SSH.Key, w.fleet.SSH.KnownHosts)
	path := filepath.Join(dir, "ssh_config")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// in runs a program in a host, past the network.
func (w *world) in(host string, argv ...string) string {
	w.t.Helper()
	out, err := w.fleet.In(w.t.Context(), host, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v: %v\n%s", host, argv, err, out)
	}
	return strings.TrimSpace(string(out))
}

// answer is how a run of facs ended.
type answer struct {
	status int
	out    string
	err    string
}

func (w *world) start(args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	w.t.Cleanup(cancel)
	if !slices.Contains(args, "-o") {
		args = append(args, "-o", "json")
	}
	cmd := w.fleet.Command(ctx, w.env, w.facs, args...)
	cmd.Dir = w.shop
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	return cmd, &stdout, &stderr
}

func (w *world) run(args ...string) answer {
	w.t.Helper()
	cmd, stdout, stderr := w.start(args...)
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	w.t.Logf("facs %s: status %d, %s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), time.Since(began).Round(10*time.Millisecond))
	return answer{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// want fails the test unless facs ended with a status, and reads its document into doc.
func (a answer) want(t *testing.T, status int, doc any) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d\n%s\n%s", a.status, status, a.out, a.err)
	}
	if doc != nil {
		if err := json.Unmarshal([]byte(a.out), doc); err != nil {
			t.Fatalf("%v\n%s", err, a.out)
		}
	}
	return a
}

// The documents, as far as this test reads them.
type (
	rollout struct {
		Digest string
		Epoch  uint64
		Result string
		Nodes  []struct{ Node, Phase, Result, Error string }
	}
	proof struct {
		Digest string
		Nodes  []struct {
			Node, Answer string
			Differences  []struct{ Path, Kind string }
		}
		Exact, Total int
	}
)

// live gives the tree that is current on each host, read from its disk, past facs.
func (w *world) live() map[string]string {
	w.t.Helper()
	got := map[string]string{}
	for node, host := range nodes() {
		got[node] = w.in(host, "readlink", home+"/current")
	}
	return got
}

func (w *world) exact(digest string) {
	w.t.Helper()
	var p proof
	w.run("verify", "prod").want(w.t, 0, &p)
	if p.Exact != 6 || p.Total != 6 || p.Digest != digest {
		w.t.Fatalf("%d of %d exact copies of %s, want 6 of 6 of %s", p.Exact, p.Total, p.Digest, digest)
	}
}

func TestProdOnSixHosts(t *testing.T) {
	w := newWorld(t)
	// What is built is built before: there is no way out of the fleet's network.
	build := exec.CommandContext(t.Context(), w.facs, "build", "prod")
	build.Dir, build.Env = w.shop, w.env
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	var first rollout
	w.run("deploy", "prod", "--yes").want(t, 0, &first)
	if first.Result != "done" || len(first.Nodes) != 6 {
		t.Fatalf("%+v", first)
	}
	w.exact(first.Digest)
	before := w.live()

	t.Run("unchanged", func(t *testing.T) {
		var again rollout
		w.run("deploy", "prod", "--yes").want(t, 0, &again)
		if again.Result != "unchanged" || again.Digest != first.Digest {
			t.Errorf("%+v", again)
		}
	})

	t.Run("damage and repair", func(t *testing.T) {
		w.in("us1", "sh", "-c", "printf ' ' >>"+home+"/current/etc/gateway.conf")
		w.in("ap2", "rm", home+"/current/etc/api.conf")
		var p proof
		w.run("verify", "prod").want(t, 1, &p)
		var found []string
		for _, n := range p.Nodes {
			for _, d := range n.Differences {
				found = append(found, n.Node+" "+d.Path+" "+d.Kind)
			}
		}
		slices.Sort(found)
		if want := []string{"app1.ap.example.net etc/api.conf missing", "fe1.us.example.net etc/gateway.conf content"}; !slices.Equal(found, want) {
			t.Fatalf("found %q, want %q", found, want)
		}
		w.run("deploy", "prod", "--yes").want(t, 0, nil)
		w.exact(first.Digest)
	})

	var second rollout
	t.Run("a change of one file", func(t *testing.T) {
		motd := filepath.Join(w.shop, "tmpl", "prod", "_DEPLOY_", "etc", "motd")
		if err := os.WriteFile(motd, []byte("A new day on {{ node.name }}.\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		w.run("deploy", "prod", "--yes").want(t, 0, &second)
		if second.Result != "done" || second.Digest == first.Digest {
			t.Fatalf("%+v", second)
		}
		if got := w.in("eu1", "cat", home+"/current/etc/motd"); got != "A new day on fe1.eu.example.net." {
			t.Errorf("motd is %q", got)
		}
		w.exact(second.Digest)
	})

	t.Run("rollback", func(t *testing.T) {
		var back rollout
		w.run("rollback", "prod", "--yes").want(t, 0, &back)
		if back.Digest != first.Digest {
			t.Fatalf("%+v", back)
		}
		for node, tree := range w.live() {
			if tree != before[node] {
				t.Errorf("%s runs %s, want %s", node, tree, before[node])
			}
		}
		w.exact(first.Digest)
	})

	t.Run("a node that is cut before", func(t *testing.T) {
		if err := w.fleet.Cut(t.Context(), "ap1", ""); err != nil {
			t.Fatal(err)
		}
		refused := w.run("deploy", "prod", "--yes").want(t, 3, nil)
		if !strings.Contains(refused.err, "fe1.ap.example.net") {
			t.Errorf("the error does not name the node:\n%s", refused.err)
		}
		for node, tree := range w.live() {
			if tree != before[node] {
				t.Errorf("%s changed to %s", node, tree)
			}
		}
		if err := w.fleet.Heal(t.Context(), "ap1", ""); err != nil {
			t.Fatal(err)
		}
		w.run("deploy", "prod", "--yes").want(t, 0, nil)
		w.exact(second.Digest)
	})

	t.Run("a node that is killed in the middle", func(t *testing.T) {
		for i, when := range []string{"app1.us.example.net: ", ": has the release", ": switched"} {
			w.killWhen(t, fmt.Sprintf("Round %d.\n", i), when)
		}
	})
}

// killWhen pulls the plug of a host while a change is deployed, as soon as the progress says
// something: what is reported is what is on the hosts, and the same command again ends clean.
func (w *world) killWhen(t *testing.T, change, said string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.shop, "extra", "_ALL_", "notice"), []byte(change), 0o644); err != nil {
		t.Fatal(err)
	}
	before := w.live()
	cmd, stdout, stderr := w.start("deploy", "prod", "--yes", "-o", "text")
	progress := &watched{text: stderr, until: said, seen: make(chan struct{})}
	cmd.Stderr = progress
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-progress.seen:
	case <-ended:
		t.Fatalf("it ended before it said %q\n%s%s", said, stdout, stderr)
	}
	if err := w.fleet.Kill(t.Context(), "us2"); err != nil {
		t.Fatal(err)
	}
	<-ended // any status may be right; it is compared with the hosts below
	status := cmd.ProcessState.ExitCode()
	t.Logf("killed when it said %q: status %d", said, status)
	if err := w.fleet.Start(t.Context(), "us2"); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for node, tree := range w.live() {
		if tree != before[node] {
			changed++
		}
	}
	switch {
	case status == 0 && changed != 6, (status == 3 || status == 4) && changed != 0:
		t.Errorf("status %d, and %d of 6 nodes changed\n%s\n%s", status, changed, stdout, stderr)
	case status != 0 && status != 3 && status != 4 && status != 5:
		t.Errorf("status %d\n%s\n%s", status, stdout, stderr)
	}
	var again rollout
	w.run("deploy", "prod", "--yes").want(t, 0, &again)
	w.exact(again.Digest)
}

// watched is what a program says, with a channel that closes once it has said something.
type watched struct {
	text  *bytes.Buffer
	until string
	seen  chan struct{}
	once  sync.Once
}

// Write implements io.Writer; only the one goroutine that copies the program's output calls it.
func (w *watched) Write(b []byte) (int, error) {
	w.text.Write(b)
	if strings.Contains(w.text.String(), w.until) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(b), nil
}
