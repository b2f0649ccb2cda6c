//go:build unix

package ssh

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
)

// What OpenSSH says, version by version and system by system. The logs of the version installed
// here come from real servers, in the other tests.
func TestRules(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{"ssh: connect to host 192.0.2.7 port 22: Connection refused", "refused"},
		{"ssh: connect to host 192.0.2.7 port 22: No route to host", "no route"},
		{"ssh: connect to host 192.0.2.7 port 22: Network is unreachable", "no route"},
		{"ssh: connect to host 192.0.2.7 port 22: Connection timed out", "timeout"},
		{"ssh: connect to host 192.0.2.7 port 22: Operation timed out", "timeout"}, // macOS
		{"ssh: connect to host 192.0.2.7 port 22: Cannot assign requested address", "other"},
		{"ssh: Could not resolve hostname fe9: Name or service not known", "unresolvable"},
		{"ssh: Could not resolve hostname fe9: nodename nor servname provided, or not known", "unresolvable"}, // macOS
		{"ssh: Could not resolve hostname fe9: Temporary failure in name resolution", "unresolvable"},
		{"kex_exchange_identification: read: Connection reset by peer\nConnection reset by 192.0.2.7 port 22", "dropped"},
		{"kex_exchange_identification: Connection closed by remote host\nConnection closed by 192.0.2.7 port 22", "dropped"},
		{"ssh_exchange_identification: Connection closed by remote host", "dropped"}, // 7.x
		{"kex_exchange_identification: banner line contains invalid characters\nbanner exchange: Connection to 192.0.2.7 port 80: invalid format", "dropped"},
		{"kex_exchange_identification: banner line 0: Not allowed at this time\nkex_exchange_identification: Connection closed by remote host", "dropped"}, // 9.6
		{"Connection closed by 192.0.2.7 port 22", "dropped"},
		{"Received disconnect from 192.0.2.7 port 22:2: Too many authentication failures\nDisconnected from 192.0.2.7 port 22", "auth"},
		{"Unable to negotiate with 192.0.2.7 port 22: no matching host key type found. Their offer: ssh-rsa", "other"},
		{"deploy@192.0.2.7: Permission denied (publickey,password).", "auth"},
		{"Permission denied (publickey).", "auth"}, // 7.x
		{"Connection timed out during banner exchange\nConnection to 192.0.2.7 port 22 timed out", "hung"},
		{"Connection timed out during banner exchange", "hung"},
		{"/home/me/.ssh/config: line 3: Bad configuration option: foo\n/home/me/.ssh/config: terminating, 1 bad configuration options", "other"},
		{"Bad owner or permissions on /home/me/.ssh/config", "other"},
		{"@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@\nOffending ECDSA key in /k:7\nHost key for h has changed and you have requested strict checking.\nHost key verification failed.", "changed /k:7"},
		{"Host key verification failed.", "other"},
		{"something new", "nothing"},
		{"", "nothing"},
	} {
		f := failure{at: attempt{route: route{{conf: map[string][]string{"user": {"me"}}}}}, hop: machine.Hop{Node: "fe1", Host: "192.0.2.7"}, log: sshLog("debug1: Connection refused\n" + c.said + "\n")}
		err := f.explain(t.Context())
		if got := kindOf(err); got != c.want {
			t.Errorf("%q is %q (%v); want %q", c.said, got, err, c.want)
		}
	}
}

func kindOf(err error) string {
	var away *machine.Unreachable
	var auth *machine.AuthFailed
	var hung *machine.Hung
	var changed *machine.HostKeyChanged
	switch {
	case err == nil:
		return "nothing"
	case errors.As(err, &away):
		return string(away.Reason)
	case errors.As(err, &auth):
		return "auth"
	case errors.As(err, &hung):
		return "hung"
	case errors.As(err, &changed):
		return fmt.Sprintf("changed %s:%d", changed.Known.File, changed.Known.Line)
	}
	return fmt.Sprintf("%T", err)
}

func TestStages(t *testing.T) {
	for s := stageNone; s <= stageAuthenticated; s++ {
		if s.next() == "" {
			t.Errorf("stage %d does not say what comes next", s)
		}
	}
	l := sshLog("debug1: auto-mux: Trying existing master\ndebug1: Control socket \"x\" does not exist\ndebug1: Connecting to h [1.2.3.4] port 22.\ndebug1: Connection established.\ndebug1: Local version string x\ndebug1: Remote protocol version 2.0\n")
	if l.stage() != stageGreeted {
		t.Errorf("stage %d", l.stage())
	}
	if s := sshLog("debug1: auto-mux: Trying existing master\n").stage(); s != stageShared {
		t.Errorf("stage %d", s)
	}
}

func TestPrefer(t *testing.T) {
	for _, c := range []struct{ list, want string }{
		{"", ""},
		{"a,b", "a,b"},
		{"a,curve25519-sha256,b", "curve25519-sha256,a,b"},
		{"a,curve25519-sha256,b,mlkem768x25519-sha256", "mlkem768x25519-sha256,curve25519-sha256,a,b"},
	} {
		if got := prefer(c.list, cheapKex); got != c.want {
			t.Errorf("prefer(%q) is %q; want %q", c.list, got, c.want)
		}
	}
}

func TestPreferencesAreUsed(t *testing.T) {
	w := newWorld(t)
	w.serve("h1")
	w.config = append(w.config, "Host strict\n  Ciphers aes256-ctr\n")
	d := w.dialer()
	c := w.dial(d, named("h1"))
	mustRun(t, c)
	log := readLog(c.log)
	for _, want := range []string{"cipher: aes128-gcm@openssh.com", "kex: algorithm: "} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if strings.Contains(string(log), "algorithm: sntrup") {
		t.Error("the expensive key exchange was taken")
	}
	// What the user's configuration leaves out stays out.
	at := attempt{opts: d.opts, target: named("strict"), route: w.dial(d, named("strict")).route}
	if args := at.args("true"); !slices.Contains(args, "Ciphers=aes256-ctr") {
		t.Errorf("%q", args)
	}
}

func FuzzJumpArgs(f *testing.F) {
	for _, s := range []string{"h", "u@h", "u@h:22", "ssh://u@h:22/", "[::1]:22", "u@[::1]", "-x", "@", ":", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, host, err := jumpArgs(s)
		if err == nil && (host == "" || host[0] == '-') {
			t.Errorf("%q gave the host %q", s, host)
		}
	})
}

func FuzzLog(f *testing.F) {
	f.Add("Offending ED25519 key in /k:99999999999999999999\nREMOTE HOST IDENTIFICATION HAS CHANGED")
	f.Add("No ED25519 host certificate is known for h and")
	f.Fuzz(func(t *testing.T, s string) {
		// A route that leads nowhere: no host is asked for its key.
		at := attempt{opts: Options{Program: "/nonexistent", Env: []string{}}, route: route{{}}, logs: "/nonexistent/log"}
		fail := failure{at: at, hop: machine.Hop{Node: "n"}, log: sshLog(s)}
		if err := fail.explain(t.Context()); err != nil {
			var told *facsimile.Error
			if !errors.As(err, &told) || told.Outcome != facsimile.Refused || told.Hint == "" {
				t.Errorf("%#v", err)
			}
		}
	})
}

func TestOddMaster(t *testing.T) {
	w := newWorld(t)
	if masterLives(w.path("none")) || endMaster(w.path("none")) != nil {
		t.Error("a master that is not there")
	}
	if err := os.WriteFile(w.path("plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if masterLives(w.path("plain")) {
		t.Error("a plain file is a master")
	}
}
