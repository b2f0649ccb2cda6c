package run

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"facsimile.dev/facsimile"
)

func detached(t *testing.T, services ...Service) Detached {
	t.Helper()
	d := Detached{Program: exe(t), Args: []string{"supervise"}, Dir: filepath.Join(t.TempDir(), "run"), Services: services}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := Down(ctx, d.Dir); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestDetachPsDown(t *testing.T) {
	d := detached(t, server(t, "apid.0", "api"), server(t, "apid.1", "api"))
	if err := Detach(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	status, err := Ps(d.Dir)
	if err != nil || !status.Running || len(status.Replicas) != 2 {
		t.Fatalf("status %+v, %v", status, err)
	}
	var ids []ident
	for _, r := range status.Replicas {
		p, err := inspect(r.PID)
		if r.State != Healthy || err != nil {
			t.Errorf("%+v, %v", r, err)
		}
		ids = append(ids, p.ident)
	}
	var told *facsimile.Error
	if err := Detach(t.Context(), d); !errors.As(err, &told) || told.Outcome != facsimile.Refused || !strings.Contains(told.Msg, "runs already") {
		t.Errorf("a second one: %v", err)
	}
	stopped, err := Down(t.Context(), d.Dir)
	if err != nil || !stopped.WasRunning || len(stopped.Replicas) != 2 || stopped.Killed != 0 {
		t.Errorf("down: %+v, %v", stopped, err)
	}
	for _, id := range ids {
		if id.alive() {
			t.Errorf("process %d survived", id.PID)
		}
	}
	if status, err := Ps(d.Dir); err != nil || status.Running {
		t.Errorf("after down: %+v, %v", status, err)
	}
	if again, err := Down(t.Context(), d.Dir); err != nil || again.WasRunning {
		t.Errorf("down again: %+v, %v", again, err)
	}
}

func TestDetachSaysWhatWentWrong(t *testing.T) {
	s := service(t, "faild.0", "fail", "fail")
	s.Health.Address = freeAddress(t)
	d := detached(t, s)
	var told *facsimile.Error
	if err := Detach(t.Context(), d); !errors.As(err, &told) || told.Outcome != facsimile.RolledBack || !strings.Contains(told.Hint, "my hat") {
		t.Errorf("%v", err)
	}
	d.Args = []string{"child", "fail"} // a program that is no supervisor
	if err := Detach(t.Context(), d); err == nil || !strings.Contains(err.Error(), "answer cannot be read") {
		t.Errorf("%v", err)
	}
	d.Args = []string{"child", "no-such-mode"}
	if err := Detach(t.Context(), d); !errors.As(err, &told) || !strings.Contains(told.Msg, "without an answer") || !strings.Contains(told.Hint, "unknown mode") {
		t.Errorf("%v", err)
	}
}

// TestDetachFailsWhereOneEndsBeforeAllAreHealthy ends a replica that was healthy while another never is.
func TestDetachFailsWhereOneEndsBeforeAllAreHealthy(t *testing.T) {
	lost := filepath.Join(t.TempDir(), "lost")
	slow := service(t, "slow.0", "slow", "environment")
	slow.Health = Health{Address: freeAddress(t), Timeout: time.Hour} // nobody listens there
	d := detached(t, service(t, "faild.0", "fail", "fail-when", lost), slow)
	failed := make(chan error, 1)
	go func() { failed <- Detach(t.Context(), d) }()
	eventually(t, "the other one is healthy", func() bool {
		status, err := Ps(d.Dir)
		return err == nil && len(status.Replicas) == 2 && status.Replicas[0].State == Healthy
	})
	touch(t, lost)
	var told *facsimile.Error
	if err := <-failed; !errors.As(err, &told) || told.Outcome != facsimile.RolledBack ||
		!strings.Contains(told.Msg, "faild.0 ended before everything was healthy: exit status 1") || !strings.Contains(told.Hint, "lost my hat") {
		t.Errorf("%v", err)
	}
	if status, err := Ps(d.Dir); err != nil || status.Running {
		t.Errorf("afterwards: %+v, %v", status, err)
	}
}

func TestDetachGivenUpStopsWhatItStarted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	s := service(t, "slow.0", "slow", "daemon", file, "keep")
	s.Health.Address = freeAddress(t) // nobody listens there
	d := detached(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- Detach(ctx, d) }()
	id := pidIn(t, file)
	cancel()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "stopped before") {
		t.Errorf("%v", err)
	}
	if id.alive() {
		t.Errorf("process %d survived", id.PID)
	}
}

// TestAKilledSupervisor kills it by -9: its replicas go with it, and what they had started in other
// sessions is found by the next down.
func TestAKilledSupervisor(t *testing.T) {
	dir := t.TempDir()
	keptFile, wipedFile := filepath.Join(dir, "kept"), filepath.Join(dir, "wiped")
	web := server(t, "apid.0", "api")
	d := detached(t, web, service(t, "kept.0", "kept", "daemon", keptFile, "keep"), service(t, "wiped.0", "wiped", "daemon", wipedFile, "wipe"))
	if err := Detach(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	kept, wiped := pidIn(t, keptFile), pidIn(t, wipedFile)
	replica, err := inspect(states(t, d.Dir)["apid.0"].PID)
	if err != nil {
		t.Fatal(err)
	}
	var supervisor ident
	eventually(t, "the supervisor has noted the process without a mark", func() bool {
		r, err := readRecord(d.Dir)
		supervisor = r.Supervisor
		for _, id := range r.Processes {
			if id == wiped {
				return err == nil
			}
		}
		return false
	})
	if err := supervisor.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica went with its supervisor", func() bool { return !replica.alive() && !supervisor.alive() })
	if status, err := Ps(d.Dir); err != nil || status.Running || status.Replicas[0].Reason != "its supervisor was killed" {
		t.Errorf("ps after the kill: %+v, %v", status, err)
	}
	if !kept.alive() || !wiped.alive() {
		t.Fatal("the test shows nothing: what they had started is gone already")
	}
	stopped, err := Down(t.Context(), d.Dir)
	if err != nil || stopped.WasRunning || stopped.Killed < 2 {
		t.Errorf("down: %+v, %v", stopped, err)
	}
	if kept.alive() || wiped.alive() {
		t.Errorf("survived: kept %v, wiped %v", kept.alive(), wiped.alive())
	}
}

func TestTheNextStartEndsWhatAKilledSupervisorLeft(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kept")
	d := detached(t, service(t, "kept.0", "kept", "daemon", file, "keep"))
	if err := Detach(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	id := pidIn(t, file)
	r, err := readRecord(d.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Supervisor.signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.Services = []Service{server(t, "apid.0", "api")}
	eventually(t, "the lock is free", func() bool { return Detach(t.Context(), d) == nil })
	if id.alive() {
		t.Errorf("process %d survived", id.PID)
	}
}

// TestAnotherProcessWithTheSameIdIsLeftAlone records the id of an innocent process with another start time, as
// after the system gave an id away again.
func TestAnotherProcessWithTheSameIdIsLeftAlone(t *testing.T) {
	innocent := exec.Command("sleep", "1000")
	if err := innocent.Start(); err != nil {
		t.Fatal(err)
	}
	defer innocent.Process.Kill()
	p, err := inspect(innocent.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBoard(t.TempDir(), "no-such-run", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lockFile(b.dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stranger := ident{PID: p.PID, Start: p.Start + 1}
	b.record.Supervisor = stranger
	b.see([]ident{stranger})
	stopped, err := Down(t.Context(), b.dir)
	if err != nil || stopped.WasRunning || stopped.Killed != 0 {
		t.Errorf("down: %+v, %v", stopped, err)
	}
	if !p.alive() {
		t.Error("an innocent process was killed")
	}
}

func TestDownInTimeOrByForce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deaf")
	s := service(t, "deaf.0", "deaf", "stubborn", file)
	s.Grace = time.Hour
	d := detached(t, s)
	if err := Detach(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	id := pidIn(t, file)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if stopped, err := Down(ctx, d.Dir); err != nil || !stopped.WasRunning {
		t.Fatalf("%+v, %v", stopped, err)
	}
	if id.alive() {
		t.Error("it survived")
	}
}

func TestPsWhereNothingRan(t *testing.T) {
	if s, err := Ps(filepath.Join(t.TempDir(), "none")); err != nil || s.Running || len(s.Replicas) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(recordFile(dir), []byte(`{"format": 2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Ps(dir); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("a newer format: %v", err)
	}
}

// TestASecretReachesOnlyItsReplica looks for the value of a replica's variable everywhere else.
func TestASecretReachesOnlyItsReplica(t *testing.T) {
	const canary = "hunter2-the-canary"
	t.Setenv("TOKEN_OF_THE_OPERATOR", canary)
	knows := service(t, "knows.0", "knows", "daemon", filepath.Join(t.TempDir(), "pid"), "keep")
	knows.Env = []string{"TOKEN=" + canary}
	d := detached(t, knows, server(t, "apid.0", "api"))
	if err := Detach(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	status, err := Ps(d.Dir)
	if err != nil {
		t.Fatal(err)
	}
	holds := func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		return strings.Contains(string(text), canary)
	}
	for name, pid := range map[string]int{"the supervisor": status.PID, "knows.0": status.Replicas[0].PID, "apid.0": status.Replicas[1].PID} {
		proc := filepath.Join("/proc", strconv.Itoa(pid))
		if got, want := holds(filepath.Join(proc, "environ")), name == "knows.0"; got != want {
			t.Errorf("the environment of %s holds it: %v, want %v", name, got, want)
		}
		if holds(filepath.Join(proc, "cmdline")) {
			t.Errorf("the arguments of %s hold it", name)
		}
	}
	err = filepath.WalkDir(d.Dir, func(file string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && holds(file) {
			t.Errorf("%s holds it", file)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(d.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the run folder has mode %v, %v", info.Mode(), err)
	}
}
