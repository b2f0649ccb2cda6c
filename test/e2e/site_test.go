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
	"strings"
	"testing"
	"time"

	"facsimile.dev/facsimile/test/fleet/fleettest"
)

// The hosts of a site are its nodes, under the same names.
var siteHosts = []string{"eu1", "us1", "ap1"}

// siteHome is where the nodes of a site live, but for a test that says otherwise.
const siteHome = "/srv/app"

// patience is how long something may take before it counts as hanging. It is no measure: the
// machine may be busy with other things.
const patience = 2 * time.Minute

// site is a fleet of three hosts, with a definition of one project and one template.
type site struct {
	fleet   *fleettest.Fleet
	facs    string // the program
	def     string // the folder of the definition
	config  string // the SSH configuration
	known   string // the known_hosts that it names
	home    string // of every node
	env     []string
	changes int
}

func newSite(t *testing.T) *site {
	t.Helper()
	fleettest.Require(t)
	dir := t.TempDir()
	s := &site{
		facs: filepath.Join(dir, "facs"), def: filepath.Join(dir, "tiny"),
		config: filepath.Join(dir, "ssh_config"), known: filepath.Join(dir, "users_known_hosts"),
		home: siteHome,
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", s.facs, "../../cmd/facs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.fleet = fleettest.Up(t, len(siteHosts), "eu", "us", "ap")
	s.env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir+"/config", "NO_COLOR=1", "CI=", "FACS_SSH_CONFIG="+s.config, "TMPDIR="+dir, "XDG_RUNTIME_DIR=")
	known, err := os.ReadFile(s.fleet.SSH.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.known, string(known))
	s.configure(t, "")
	write(t, filepath.Join(s.def, "tmpl", "_ALL_", "_DEPLOY_", "etc", "app.conf"), "# {{ instance.greeting }} from {{ node.name }}\n")
	s.define(t, "", "")
	s.change(t)
	for _, host := range siteHosts {
		s.in(t, host, "install -d -o deploy -g deploy "+siteHome)
	}
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// configure writes the SSH configuration, with first before what all tests have: the first value
// of a setting counts.
func (s *site) configure(t *testing.T, first string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(first)
	hosts, err := s.fleet.Hosts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		fmt.Fprintf(&b, "Host %s\n\tHostName %s\n\tHostKeyAlias %s\n", h.Name, h.IP, h.Name)
	}
	fmt.Fprintf(&b, "Host *\n\tIdentityFile %s\n\tIdentitiesOnly yes\n\tUserKnownHostsFile %s\n", s.fleet.SSH.Key, s.known)
	write(t, s.config, b.String())
}

// define writes the instance prod: what is said of deploy besides its nodes, and of the node us1.
func (s *site) define(t *testing.T, deploy, us1 string) {
	t.Helper()
	write(t, filepath.Join(s.def, "define", "prod.yaml"), fmt.Sprintf(`deploy:
  nodes: {app: [eu1, us1, ap1]}
  user: deploy
  %s
nodes:
  eu1: {transport: ssh}
  us1: {transport: ssh, %s}
  ap1: {transport: ssh}
`, deploy, us1))
}

// change makes the next release another than the last.
func (s *site) change(t *testing.T) {
	t.Helper()
	s.changes++
	write(t, filepath.Join(s.def, "facsimile.yaml"), fmt.Sprintf(`name: tiny
home: %s
greeting: Hello %d
install:
  groups:
    - {type: tmpl, dir: tmpl}
`, s.home, s.changes))
}

// in runs a shell program in a host as root, past the network.
func (s *site) in(t *testing.T, host, script string) string {
	t.Helper()
	out, err := s.fleet.In(t.Context(), host, "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %s: %v\n%s", host, script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// live gives what is current in every home on each host, read from its disk, past facs.
func (s *site) live(t *testing.T) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, host := range siteHosts {
		root, err := s.fleet.Root(host)
		if err != nil {
			t.Fatal(err)
		}
		for _, pattern := range []string{"/srv/*/current", "/srv/*/*/current"} {
			links, err := filepath.Glob(root + pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, link := range links {
				tree, err := os.Readlink(link)
				if err != nil {
					t.Fatal(err)
				}
				got[host] += strings.TrimPrefix(link, root) + " is " + tree + "\n"
			}
		}
	}
	return got
}

// unswitched fails the test where a host has switched since.
func (s *site) unswitched(t *testing.T, before map[string]string) {
	t.Helper()
	for host, now := range s.live(t) {
		if now != before[host] {
			t.Errorf("%s switched: it was %q, and is %q", host, before[host], now)
		}
	}
}

// deployed deploys a change, after which every host has switched.
func (s *site) deployed(t *testing.T, before map[string]string) {
	t.Helper()
	s.deploy(t)
	for host, now := range s.live(t) {
		if now == before[host] {
			t.Errorf("%s has not switched: it is %q", host, now)
		}
	}
}

// start makes a run of facs, in the network of the fleet.
func (s *site) start(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := s.fleet.Command(ctx, s.env, s.facs, args...)
	cmd.Dir = s.def
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	return cmd, &stdout, &stderr
}

func (s *site) run(t *testing.T, args ...string) answer {
	t.Helper()
	cmd, stdout, stderr := s.start(t, append(args, "-o", "json")...)
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("facs %s: status %d, %s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), time.Since(began).Round(10*time.Millisecond))
	return answer{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// deploy deploys prod, which must succeed.
func (s *site) deploy(t *testing.T) {
	t.Helper()
	s.run(t, "deploy", "prod", "--yes").want(t, 0, nil)
}

// exact fails the test unless every host has an exact copy of what is defined now.
func (s *site) exact(t *testing.T) {
	t.Helper()
	var p proof
	s.run(t, "verify", "prod").want(t, 0, &p)
	if p.Exact != len(siteHosts) || p.Total != len(siteHosts) {
		t.Fatalf("%d of %d exact copies", p.Exact, p.Total)
	}
}

// complaint is an error as facs tells it in JSON.
type complaint struct {
	Error, Hint string
	Errors      []complaint
}

// complaints gives the errors that facs told, one for each thing that is wrong.
func (a answer) complaints(t *testing.T) []complaint {
	t.Helper()
	var all []complaint
	for line := range strings.Lines(a.err) {
		var c complaint
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("this is no document: %q", line)
		}
		switch {
		case len(c.Errors) > 0:
			all = append(all, c.Errors...)
		case c.Error != "":
			all = append(all, c)
		}
	}
	return all
}

// fault is something that is wrong with the host us1, or with what is said of it.
type fault struct {
	name  string
	cause func(t *testing.T)
	heal  func(t *testing.T, told complaint) // may do what the hint says
	says  []string                           // in the error, besides the host
	hint  []string
	check string // which check of `facs node prepare` is not met; "": none is
}

// suffer lets a fault happen: what is told of it says what to do, no host switches, and once the
// cause is gone the same command works.
func (s *site) suffer(t *testing.T, f fault) {
	t.Helper()
	t.Run(f.name, func(t *testing.T) {
		s.change(t)
		before := s.live(t)
		f.cause(t)
		var r rollout
		a := s.run(t, "deploy", "prod", "--yes").want(t, 3, &r)
		told := a.complaints(t)
		if len(told) != 1 {
			t.Fatalf("%d errors, want one\n%s", len(told), a.err)
		}
		t.Logf("%s\nhint: %s", told[0].Error, told[0].Hint)
		contains(t, "the error", told[0].Error, append(f.says, "us1")...)
		contains(t, "the hint", told[0].Hint, f.hint...)
		if told[0].Hint == "" {
			t.Error("there is no hint")
		}
		for _, n := range r.Nodes {
			if n.Node != "us1" && (n.Error != "" || n.Result == "failed" || strings.Contains(told[0].Error, n.Node)) {
				t.Errorf("%s is blamed: %+v", n.Node, n)
			}
		}
		if f.check != "" {
			s.unprepared(t, f.check)
		}
		f.heal(t, told[0])
		s.unswitched(t, before)
		s.deployed(t, before)
	})
}

func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not say %q:\n%s", what, part, text)
		}
	}
}

// check is one line of `facs node prepare`.
type check struct {
	What      string
	OK        bool
	Found, Do string
}

// prepare looks at us1; status is 0 where it is ready.
func (s *site) prepare(t *testing.T, status int) []check {
	t.Helper()
	var nodes []struct {
		Node   string
		Ready  bool
		Checks []check
	}
	s.run(t, "node", "prepare", "prod/us1").want(t, status, &nodes)
	if len(nodes) != 1 || nodes[0].Node != "us1" || nodes[0].Ready != (status == 0) {
		t.Fatalf("status %d: %+v", status, nodes)
	}
	return nodes[0].Checks
}

// unprepared fails the test unless one check of us1 is not met, and says what to do.
func (s *site) unprepared(t *testing.T, what string) check {
	t.Helper()
	var bad []check
	for _, c := range s.prepare(t, 1) {
		if !c.OK {
			bad = append(bad, c)
		}
	}
	if len(bad) != 1 || bad[0].What != what || bad[0].Do == "" {
		t.Fatalf("what is not met is %+v, want %s with what to do", bad, what)
	}
	return bad[0]
}

// script is a cause that a shell program makes in us1.
func (s *site) script(text string) func(*testing.T) {
	return func(t *testing.T) { s.in(t, "us1", text) }
}

// undo is the shell program in us1 that removes a cause.
func (s *site) undo(text string) func(*testing.T, complaint) {
	return func(t *testing.T, _ complaint) { s.in(t, "us1", text) }
}

// between is the part of a text after one string and before another; "" is the end.
func between(t *testing.T, text, after, before string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, after)
	part, _, end := strings.Cut(rest, before)
	if before == "" {
		part, end = rest, true
	}
	if !found || !end {
		t.Fatalf("%q is not between %q and %q", text, after, before)
	}
	return part
}

func lineOf(t *testing.T, path, start string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, start) {
			return i + 1
		}
	}
	t.Fatalf("%s has no line of %s", path, start)
	return 0
}
