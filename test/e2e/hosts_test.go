package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestHosts(t *testing.T) {
	s := newSite(t)
	s.prepare(t, 0)
	s.deploy(t)
	t.Run("login", func(t *testing.T) { testLogin(t, s) })
	t.Run("host key", func(t *testing.T) { testHostKeys(t, s) })
	t.Run("home", func(t *testing.T) { testHome(t, s) })
	t.Run("disk", func(t *testing.T) { testDisk(t, s) })
	t.Run("program", func(t *testing.T) { testProgram(t, s) })
	t.Run("become", func(t *testing.T) { testBecome(t, s) })
	t.Run("silence", func(t *testing.T) { testSilence(t, s) })
	t.Run("interruption", func(t *testing.T) { testInterruption(t, s) })
	s.exact(t)
}

func testLogin(t *testing.T, s *site) {
	s.suffer(t, fault{
		name:  "nothing listens",
		cause: s.script("systemctl stop ssh"), heal: s.undo("systemctl start ssh"),
		says: []string{"cannot be reached", "Connection refused", "nothing was changed"}, hint: []string{"sshd"}, check: "reach",
	})
	s.suffer(t, fault{
		name:  "a user that is not there",
		cause: func(t *testing.T) { s.define(t, "", "ssh: {user: stranger}") },
		heal:  func(t *testing.T, _ complaint) { s.define(t, "", "") },
		says:  []string{"does not let stranger in", s.fleet.SSH.Key + " ED25519 SHA256:", "publickey"}, hint: []string{"nodes.us1.ssh.user"}, check: "reach",
	})
	keys := "/home/deploy/.ssh/authorized_keys"
	s.suffer(t, fault{
		name:  "a key that is not known there",
		cause: s.script("mv " + keys + " " + keys + ".away"), heal: s.undo("mv " + keys + ".away " + keys),
		says: []string{"does not let deploy in", s.fleet.SSH.Key + " ED25519 SHA256:"}, hint: []string{"authorized_keys", "--ssh-key"}, check: "reach",
	})
	s.in(t, "us1", "usermod -s /bin/bash deploy; echo 'echo Welcome to us1; echo Have a nice day >&2' >/home/deploy/.bashrc")
	t.Run("a shell that greets", func(t *testing.T) {
		s.change(t)
		s.prepare(t, 0)
		s.deploy(t)
		s.exact(t)
	})
}

func testHostKeys(t *testing.T, s *site) {
	beside := filepath.Join(s.def, "known_hosts")
	s.suffer(t, fault{
		name: "unknown",
		cause: func(t *testing.T) {
			empty := filepath.Join(filepath.Dir(s.config), "empty")
			write(t, empty, "")
			s.configure(t, "Host us1\n\tUserKnownHostsFile "+empty+"\n")
		},
		heal: func(t *testing.T, told complaint) {
			line := between(t, told.Hint, "accept it with: echo '", "' >>")
			fingerprint := s.in(t, "us1", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2")
			contains(t, "the error", told.Error, fingerprint)
			write(t, beside, line+"\n")
		},
		says: []string{"is not known", "SHA256:"}, hint: []string{"known_hosts beside the definition"}, check: "reach",
	})
	if err := os.Remove(beside); err != nil {
		t.Fatal(err)
	}
	s.configure(t, "")

	var line string
	s.suffer(t, fault{
		name: "changed",
		cause: func(t *testing.T) {
			var err error
			if line, err = s.fleet.ChangeHostKey(t.Context(), "us1"); err != nil {
				t.Fatal(err)
			}
		},
		heal: func(t *testing.T, told complaint) {
			command := between(t, told.Hint, "remove the old key: ", "")
			if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", command, err, out)
			}
			known, err := os.ReadFile(s.known)
			if err != nil {
				t.Fatal(err)
			}
			write(t, s.known, string(known)+line+"\n")
		},
		says: []string{"shows another host key", fmt.Sprintf("%s:%d", s.known, lineOf(t, s.known, "us1")), "nothing was sent"},
		hint: []string{"ssh-keygen -R 'us1' -f '" + s.known + "'"}, check: "reach",
	})
}

func testHome(t *testing.T, s *site) {
	s.suffer(t, fault{
		name:  "of another user",
		cause: s.script("chown -R root " + siteHome), heal: s.undo("chown -R deploy " + siteHome),
		says: []string{siteHome, "belongs to root", "permission denied"}, hint: []string{"let deploy (uid 1000) write"}, check: "home",
	})
	s.suffer(t, fault{ // what is below is ours, but the link to the live release is not
		name:  "that nobody may switch",
		cause: s.script("chown root " + siteHome), heal: s.undo("chown deploy " + siteHome),
		says: []string{siteHome, "permission denied", "nothing was changed"}, hint: []string{"let deploy (uid 1000) write to " + siteHome}, check: "home",
	})
	s.suffer(t, fault{
		name:  "that can only be read",
		cause: s.script("mount --bind " + siteHome + " " + siteHome + " && mount -o remount,ro,bind " + siteHome),
		heal:  s.undo("umount " + siteHome),
		says:  []string{siteHome, "read-only file system"}, hint: []string{"choose another home for node us1"}, check: "home",
	})
	s.suffer(t, fault{
		name:  "with files of somebody",
		cause: s.script("mv /srv/app /srv/away; install -d -o deploy /srv/app; echo mine >/srv/app/notes"),
		heal:  s.undo("[ \"$(cat /srv/app/notes)\" = mine ] && rm -r /srv/app && mv /srv/away /srv/app"),
		says:  []string{siteHome, "is not empty", "notes"}, hint: []string{"choose another home for node us1", "move away"}, check: "home",
	})
	s.suffer(t, fault{
		name:  "that cannot be made",
		cause: func(t *testing.T) { s.define(t, "", "home: /srv/new") },
		heal: func(t *testing.T, _ complaint) {
			s.in(t, "us1", between(t, s.unprepared(t, "home").Do, "as root: ", ""))
			s.prepare(t, 0)
		},
		says: []string{"/srv/new", "/srv belongs to root"}, hint: []string{"let deploy (uid 1000) write to /srv"},
	})
	s.define(t, "", "")
	t.Run("of another instance", func(t *testing.T) {
		before := s.live(t)
		other := filepath.Join(s.def, "define", "other.yaml")
		write(t, other, "deploy: {user: deploy, nodes: {app: [us1]}}\nnodes: {us1: {transport: ssh}}\n")
		told := s.run(t, "deploy", "other", "--yes").want(t, 3, nil).complaints(t)
		if len(told) != 1 {
			t.Fatalf("%+v", told)
		}
		contains(t, "the error", told[0].Error, "us1", "instance prod of tiny")
		contains(t, "the hint", told[0].Hint, "a home of its own")
		s.unswitched(t, before)
		if err := os.Remove(other); err != nil {
			t.Fatal(err)
		}
		s.deploy(t)
	})
}

func testDisk(t *testing.T, s *site) {
	fill := func(leave int64) func(*testing.T) {
		return func(t *testing.T) {
			if err := s.fleet.FillDisk(t.Context(), "us1", siteHome, leave); err != nil {
				t.Fatal(err)
			}
		}
	}
	free := func(t *testing.T, _ complaint) {
		if err := s.fleet.FreeDisk(t.Context(), "us1", siteHome); err != nil {
			t.Fatal(err)
		}
	}
	// The home below a disk of its own; the disk's own file is not to be in it.
	s.in(t, "us1", "mv /srv/app /srv/away; mkdir /srv/app")
	if err := s.fleet.SmallDisk(t.Context(), "us1", siteHome, 8<<20); err != nil {
		t.Fatal(err)
	}
	s.in(t, "us1", "install -d -o deploy "+siteHome+"/home")
	s.define(t, "", "home: "+siteHome+"/home")
	s.suffer(t, fault{
		name: "full at the first deployment", cause: fill(0), heal: free,
		says: []string{"no space left on device"}, check: "room",
	})
	big := filepath.Join(s.def, "tmpl", "_ALL_", "_DEPLOY_", "big")
	write(t, big, strings.Repeat("0123456789", 30000))
	s.suffer(t, fault{
		name: "full at a later one", cause: fill(100_000), heal: free,
		says: []string{"no room", "needs ", " free", "nothing was changed"}, hint: []string{"make room", "deploy.keep"}, check: "room",
	})
	if err := os.Remove(big); err != nil {
		t.Fatal(err)
	}
	s.in(t, "us1", "umount "+siteHome+"; rmdir "+siteHome+" && mv /srv/away "+siteHome)
	s.define(t, "", "")
	s.deploy(t) // the home as it was some releases ago, as from a backup
	s.exact(t)
}

func testProgram(t *testing.T, s *site) {
	s.suffer(t, fault{
		name: "of another version",
		cause: s.script(`for f in /home/deploy/.facsimile/bin/*/facs; do
			printf '#!/bin/sh\necho '"'"'facsimile-wire: {"protocol":99,"version":"v9.9.9"}'"'"'\ncat >/dev/null\n' >$f; done`),
		heal: func(t *testing.T, told complaint) {
			s.in(t, "us1", "rm /home/deploy/"+between(t, told.Hint, "remove ~/", " on the node"))
		},
		says: []string{"facs v9.9.9 (protocol 99)", "this is facs (", "(protocol 1, binary "}, hint: []string{"another facs answers"}, check: "program",
	})
	const place = "/home/deploy/.facsimile"
	s.suffer(t, fault{
		name: "without room",
		cause: func(t *testing.T) {
			s.in(t, "us1", "rm -r "+place+"; install -d -o deploy "+place)
			if err := s.fleet.SmallDisk(t.Context(), "us1", place, 1<<20); err != nil {
				t.Fatal(err)
			}
		},
		heal: s.undo("umount " + place),
		says: []string{".facsimile/bin", "No space left on device"}, hint: []string{"~/.facsimile"},
	})
}

func testBecome(t *testing.T, s *site) {
	// A home belongs to whoever deploys to it first, so that of root is another.
	s.home = "/srv/rooted"
	s.define(t, "become: true", "")
	s.change(t)
	s.in(t, "us1", "rm -r /home/deploy/.facsimile; mkdir -p /root/sudoers")
	s.prepare(t, 0)
	s.deploy(t)
	if owner := s.in(t, "us1", "stat -L -c %U "+s.home+"/current/etc/app.conf"); owner != "root" {
		t.Errorf("what root has deployed belongs to %s", owner)
	}
	s.suffer(t, fault{
		name:  "without a right to",
		cause: s.script("mv /etc/sudoers.d/* /root/sudoers"), heal: s.undo("mv /root/sudoers/* /etc/sudoers.d"),
		says: []string{"sudo does not let deploy", "a password is required"}, hint: []string{"NOPASSWD", "leave out become"}, check: "reach",
	})
	s.exact(t)
	s.home = siteHome
	s.suffer(t, fault{
		name:  "no more",
		cause: func(t *testing.T) { s.define(t, "", "") },
		heal: func(t *testing.T, _ complaint) {
			s.in(t, "us1", between(t, s.unprepared(t, "program").Do, "as root: ", ""))
			s.prepare(t, 0)
		},
		says: []string{".facsimile", "Permission denied"}, hint: []string{"~/.facsimile", "become", "facs node prepare"},
	})
	s.exact(t)
}

// testSilence has one host stop answering in the middle of one deployment and, since both take
// long, before the beginning of another.
func testSilence(t *testing.T, s *site) {
	s.in(t, "us1", "install -d -o deploy /srv/other")
	write(t, filepath.Join(s.def, "define", "other.yaml"),
		"deploy: {user: deploy, nodes: {app: [us1]}}\nnodes: {us1: {transport: ssh, home: /srv/other}}\n")
	thaw := func() {
		if err := s.fleet.Thaw(context.WithoutCancel(t.Context()), "us1"); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(thaw) // also where this fails, for the tests that follow
	before := s.live(t)
	status, said := s.during(t, 200*time.Millisecond, "eu1: has the release", func(*exec.Cmd) {
		if err := s.fleet.Freeze(t.Context(), "us1"); err != nil {
			t.Fatal(err)
		}
		told := s.run(t, "deploy", "other", "--yes").want(t, 3, nil).complaints(t)
		if len(told) != 1 {
			t.Fatalf("%+v", told)
		}
		t.Logf("%s\nhint: %s", told[0].Error, told[0].Hint)
		contains(t, "the error", told[0].Error, "us1", "waited ", "SSH server", "nothing was changed")
		contains(t, "the hint", told[0].Hint, "ssh -v us1")
	})
	thaw()
	if status != 3 {
		t.Errorf("status %d, want 3", status)
	}
	contains(t, "the error", said, "failed on node us1: stage: the connection to node us1 ended", "nothing was changed")
	s.unswitched(t, before)
	s.deployed(t, before)
	s.run(t, "deploy", "other", "--yes").want(t, 0, nil)
}

// during deploys a change to hosts of which us1 is far away, by the time of a round trip, and does
// something once facs has said that another host has come so far. It gives how the deployment
// ended and what it said.
func (s *site) during(t *testing.T, far time.Duration, said string, do func(*exec.Cmd)) (status int, text string) {
	t.Helper()
	s.change(t)
	var content [1 << 20]byte // which takes a while to travel
	_, _ = rand.Read(content[:])
	write(t, filepath.Join(s.def, "tmpl", "_ALL_", "_DEPLOY_", "big"), hex.EncodeToString(content[:]))
	s.delay(t, far/2) // there, and as much back
	defer s.delay(t, 0)
	cmd, stdout, stderr := s.start(t, "deploy", "prod", "--yes")
	progress := &watched{text: stderr, until: said, seen: make(chan struct{})}
	cmd.Stderr = progress
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	began, ended := time.Now(), make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-progress.seen:
	case <-ended:
		t.Fatalf("it ended before it said %q\n%s%s", said, stdout, stderr)
	}
	do(cmd)
	<-ended // the status says how
	t.Logf("status %d, %s\n%s%s", cmd.ProcessState.ExitCode(), time.Since(began).Round(10*time.Millisecond), stdout, stderr)
	return cmd.ProcessState.ExitCode(), stdout.String() + stderr.String()
}

func (s *site) delay(t *testing.T, d time.Duration) {
	t.Helper()
	if err := s.fleet.Delay(t.Context(), "us", d); err != nil {
		t.Fatal(err)
	}
}

func testInterruption(t *testing.T, s *site) {
	send := func(sig os.Signal) func(*exec.Cmd) {
		return func(cmd *exec.Cmd) {
			if err := cmd.Process.Signal(sig); err != nil {
				t.Error(err)
			}
		}
	}
	t.Run("Ctrl-C while it takes the release", func(t *testing.T) {
		before := s.live(t)
		status, said := s.during(t, 200*time.Millisecond, "eu1: has the release", send(os.Interrupt))
		if status != 3 {
			t.Errorf("status %d, want 3", status)
		}
		contains(t, "the error", said, "interrupted", "changed")
		s.unswitched(t, before)
		for deadline := time.Now().Add(patience); len(s.processes(t)) > 0; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("still running: %q", s.processes(t))
			}
		}
		s.deployed(t, before)
	})
	for _, when := range []string{"eu1: has the release", "eu1: switched"} {
		t.Run("killed when "+when, func(t *testing.T) {
			s.during(t, 100*time.Millisecond, when, func(cmd *exec.Cmd) {
				send(syscall.SIGKILL)(cmd)
				if left := s.processes(t); len(left) == 0 {
					t.Error("of what a killed facs leaves, nothing is seen: this test does not know where to look")
				}
			})
			s.deploy(t)
			s.exact(t)
		})
	}
}

// running matches what a deployment starts in a host.
var running = regexp.MustCompile(`facs node serve|facs-put`)

// processes are those of deployments: here facs and ssh, facs in the hosts.
func (s *site) processes(t *testing.T) []string {
	t.Helper()
	cmdlines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range cmdlines {
		text, err := os.ReadFile(path) // one that has ended meanwhile, or is waited for, has none
		if line := strings.ReplaceAll(string(text), "\x00", " "); err == nil && strings.Contains(line, filepath.Dir(s.config)) {
			found = append(found, line)
		}
	}
	for _, host := range siteHosts {
		for line := range strings.Lines(s.in(t, host, "ps axww -o args")) {
			if running.MatchString(line) {
				found = append(found, host+": "+line)
			}
		}
	}
	return found
}
