package run

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"facsimile.dev/facsimile"
)

func TestStartsInOrderAndStopsInReverse(t *testing.T) {
	order := filepath.Join(t.TempDir(), "order")
	one, two := server(t, "apid.0", "api", order), server(t, "apid.1", "api", order)
	door := server(t, "gatewayd.0", "gateway", order)
	door.After = []facsimile.Module{"api", "not-here"}
	r := begin(t, door, one, two)

	for name, s := range states(t, r.dir) {
		if s.State != Healthy || s.PID == 0 || s.Restarts != 0 {
			t.Errorf("%s is %+v", name, s)
		}
	}
	eventually(t, "the log has the line of each replica", func() bool {
		return strings.Contains(r.log.String(), "apid.0     | serving\n") && strings.Contains(r.log.String(), "gatewayd.0 | serving\n")
	})
	if text, err := os.ReadFile(logFile(r.dir, "apid.1")); err != nil || string(text) != "serving\n" {
		t.Errorf("the log file of apid.1 has %q, %v", text, err)
	}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(order)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 6 || lines[2] != "start gatewayd.0" || lines[3] != "stop gatewayd.0" {
		t.Errorf("the gateway comes after the api and goes before it; it was %q", lines)
	}
	for name, s := range states(t, r.dir) {
		if s.State != Exited || s.PID != 0 {
			t.Errorf("after the stop %s is %+v", name, s)
		}
	}
}

func TestNobodySurvives(t *testing.T) {
	dir := t.TempDir()
	deafFile, keptFile, wipedFile := filepath.Join(dir, "deaf"), filepath.Join(dir, "kept"), filepath.Join(dir, "wiped")
	deaf := service(t, "deaf.0", "deaf", "stubborn", deafFile)
	deaf.Grace = 50 * time.Millisecond
	kept := service(t, "kept.0", "kept", "daemon", keptFile, "keep")
	wiped := service(t, "wiped.0", "wiped", "daemon", wipedFile, "wipe")
	r := begin(t, deaf, kept, wiped)
	ids := []ident{pidIn(t, deafFile), pidIn(t, keptFile), pidIn(t, wipedFile)}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if id.alive() {
			t.Errorf("process %d survived", id.PID)
		}
	}
	if !strings.Contains(r.log.String(), "deaf.0: it did not end within 50ms and is killed") {
		t.Errorf("the log does not say that deaf.0 was killed:\n%s", r.log)
	}
}

func TestACrashEndsTheWholeReplicaAndItStartsAgain(t *testing.T) {
	s := server(t, "apid.0", "api")
	r := begin(t, s)
	before := states(t, r.dir)["apid.0"]
	if _, err := http.Get("http://" + s.Health.Address + "/crash"); err == nil {
		t.Error("the crash was answered")
	}
	var after ReplicaStatus
	eventually(t, "it is healthy again", func() bool {
		after = states(t, r.dir)["apid.0"]
		return after.Restarts == 1 && after.State == Healthy
	})
	if after.PID == before.PID || after.PID == 0 {
		t.Errorf("process %d before, %d after", before.PID, after.PID)
	}
	if !strings.Contains(r.log.String(), "apid.0: exit status 3; it is started again in 1ms") {
		t.Errorf("the log does not say it:\n%s", r.log)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

func TestACrashLoopGoesOnUntilItIsStopped(t *testing.T) {
	lost := filepath.Join(t.TempDir(), "lost")
	s := service(t, "faild.0", "fail", "fail-when", lost)
	other := server(t, "apid.0", "api")
	r := begin(t, other, s)
	touch(t, lost) // once all is healthy
	eventually(t, "five restarts", func() bool { return states(t, r.dir)["faild.0"].Restarts >= 5 })
	if got := states(t, r.dir)["apid.0"]; got.State != Healthy || got.Restarts != 0 {
		t.Errorf("the other replica is %+v", got)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

func TestOrphansAreReaped(t *testing.T) {
	file, ends := filepath.Join(t.TempDir(), "orphan"), filepath.Join(t.TempDir(), "ends")
	r := begin(t, server(t, "apid.0", "api"), service(t, "orphand.0", "orphan", "orphan", file, ends))
	id := pidIn(t, file)
	touch(t, ends)
	eventually(t, "the orphan is gone, also as a zombie", func() bool {
		p, err := inspect(id.PID)
		return err != nil || p.ident != id
	})
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	silent := service(t, "silent.0", "silent", "environment")
	silent.Health = Health{Address: freeAddress(t), Timeout: 30 * time.Millisecond}
	failing := service(t, "faild.0", "fail", "fail")
	failing.Health.Address = freeAddress(t)
	mute := service(t, "mute.0", "mute", "fail")
	missing := service(t, "missing.0", "missing", "x")
	missing.Argv = []string{"no-such-program"}
	missing.Health.Address = freeAddress(t)
	busy := service(t, "busy.0", "busy", "x")
	busy.Health.Address = taken.Addr().String()
	for _, test := range []struct {
		name          string
		service       Service
		outcome       facsimile.Outcome
		message, hint string
	}{
		{"it ends again and again", failing, facsimile.RolledBack, "faild.0 did not start: exit status 1", "I cannot find my hat\n  giving up"},
		{"it ends, and nobody asks for its health", mute, facsimile.RolledBack, "mute.0 did not start: exit status 1", "I cannot find my hat\n  giving up"},
		{"it is never healthy", silent, facsimile.RolledBack, "it was not healthy within 30ms: dial tcp", "its "},
		{"there is no such program", missing, facsimile.RolledBack, `there is no program "no-such-program" in its PATH`, "no-such-program"},
		{"a stranger has its port", busy, facsimile.Refused, "busy.0 cannot listen on " + taken.Addr().String() + ": another process does", "another port"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "other")
			r := beginSettling(t, time.Hour, service(t, "other.0", "other", "daemon", file, "keep"), test.service)
			err := r.end()
			var told *facsimile.Error
			if !errors.As(err, &told) {
				t.Fatalf("error %v", err)
			}
			if told.Outcome != test.outcome || !strings.Contains(told.Msg, test.message) || !strings.Contains(told.Hint, test.hint) {
				t.Errorf("outcome %d, %q, hint %q", told.Outcome, told.Msg, told.Hint)
			}
			me, err := self()
			if err != nil {
				t.Fatal(err)
			}
			left, err := (&family{me: me}).idents()
			if err != nil || len(left) > 0 {
				t.Errorf("still running: %v, %v", left, err)
			}
		})
	}
}

func TestAReplicaThatFallsSilentIsUnhealthy(t *testing.T) {
	s := server(t, "apid.0", "api")
	r := begin(t, s)
	pid := states(t, r.dir)["apid.0"].PID
	p, err := inspect(pid)
	if err != nil {
		t.Fatal(err)
	}
	signalGroup(pid, 19) // SIGSTOP
	eventually(t, "it is unhealthy", func() bool { return states(t, r.dir)["apid.0"].State == Unhealthy })
	if !p.alive() {
		t.Error("it was ended for being silent")
	}
	if err := r.end(); err != nil { // a halted process hears the request to end
		t.Error(err)
	}
}

func TestTheEnvironmentIsClean(t *testing.T) {
	t.Setenv("SECRET_OF_THE_OPERATOR", "hunter2")
	s := service(t, "envd.0", "env", "environment")
	s.Env = []string{"LANG=de_DE.UTF-8", "COLOUR=red"}
	r := begin(t, s)
	want := []string{"COLOUR=red", "FACS_REPLICA=envd.0", "HOME=" + s.Dir, "LANG=de_DE.UTF-8", "PATH=" + cleanPath}
	var got []string
	eventually(t, "it prints its environment", func() bool {
		_, line, found := strings.Cut(strings.TrimSpace(r.log.String()), "| ")
		got = strings.Fields(line)
		return found
	})
	got = slices.DeleteFunc(got, func(e string) bool { return strings.HasPrefix(e, runVariable+"=") })
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the environment is %q, want %q", got, want)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	record, err := os.ReadFile(recordFile(r.dir))
	if err != nil || strings.Contains(string(record), "red") {
		t.Errorf("status.json holds an environment, or is missing: %v", err)
	}
}

func BenchmarkUpAndDown(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		s := Service{Name: "sleepd.0", Module: "sleep", Dir: dir, Argv: []string{"sleep", "1000"}}
		ready := make(chan struct{})
		sup := New(Options{Dir: filepath.Join(dir, "run"), Ready: func() { close(ready) }})
		sup.pace.settling = 0
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		go func() { done <- sup.Run(ctx, []Service{s}) }()
		<-ready
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
