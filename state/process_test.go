package state

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"facsimile.dev/facsimile"
)

// The environment of a child process: what to do, where, and which child it is.
const (
	childTask = "STATE_TEST_CHILD"
	childDir  = "STATE_TEST_DIR"
	childKeys = "STATE_TEST_KEYS"
	childName = "STATE_TEST_NAME"
)

// TestMain runs the children of the tests below, which are this very program.
func TestMain(m *testing.M) {
	tasks := map[string]func(*Files, string) error{"allot": childAllots, "commit": childCommits, "hold": childHolds}
	task := tasks[os.Getenv(childTask)]
	if task == nil {
		os.Exit(m.Run())
	}
	name := os.Getenv(childName)
	f, err := OpenFiles(FilesOptions{Dir: os.Getenv(childDir), ProjectID: testProject, KeyDir: os.Getenv(childKeys), Who: name, Host: "desk", LockWait: time.Minute})
	if err == nil {
		err = task(f, name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const replicasPerChild = 8

// childAllots asks for one replica more in each of its runs.
func childAllots(f *Files, name string) error {
	for n := 1; n <= replicasPerChild; n++ {
		needs := Needs{Replicas: copies(name, n, 8000, "a", "b"), Secrets: []SecretNeed{{Key: "passwd." + name}}}
		_, err := generate(context.Background(), f, "prod", "prod", needs)
		if err != nil {
			return err
		}
	}
	return nil
}

// childCommits sets two secrets to one value again and again, and tells each head once it has it.
func childCommits(f *Files, _ string) error {
	for {
		s, err := f.Load(context.Background(), "prod")
		if err != nil {
			return err
		}
		value := rand.Text()
		c := setSecret(rand.Text(), "passwd.a", value)
		c.Secrets = append(c.Secrets, NewSecret{Key: "passwd.b", Value: facsimile.NewSecret(value)})
		head, err := f.Commit(context.Background(), "prod", s.Head(), c)
		if err != nil {
			return err
		}
		fmt.Println(head)
	}
}

// childHolds takes the lock and keeps it.
func childHolds(f *Files, _ string) error {
	if err := f.prepare("prod"); err != nil {
		return err
	}
	free, err := lock(context.Background(), f.path("prod", lockName), "", f.holder(), time.Minute)
	if err != nil {
		return err
	}
	defer free()
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// child is a process that was started, with what it prints.
func child(t *testing.T, o FilesOptions, task, name string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task, childDir+"="+o.Dir, childKeys+"="+o.KeyDir, childName+"="+name)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // open as long as the parent lives
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestProcessesThatAllotAtOnceNeverShareAnId(t *testing.T) {
	f, o := testFiles(t)
	const children = 4
	var wait sync.WaitGroup
	for i := range children {
		cmd, out := child(t, o, "allot", "m"+strconv.Itoa(i))
		wait.Go(func() {
			for out.Scan() {
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("child %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	s := mustLoad(t, f, "prod")
	owner, ports := map[int]facsimile.Replica{}, map[socket]facsimile.Replica{}
	for _, r := range s.Replicas() {
		if other, taken := owner[r.UIID]; taken {
			t.Errorf("%s and %s both have the id %d", other, r.Replica, r.UIID)
		}
		at := socket{r.Node, r.Port}
		if other, taken := ports[at]; taken && r.Port != 0 {
			t.Errorf("%s and %s both have %v", other, r.Replica, at)
		}
		owner[r.UIID], ports[at] = r.Replica, r.Replica
	}
	if len(owner) != children*replicasPerChild || owner[children*replicasPerChild] == "" {
		t.Errorf("%d ids were given out, want %d without a gap", len(owner), children*replicasPerChild)
	}
	if len(s.SecretKeys()) != children {
		t.Errorf("secrets %q", s.SecretKeys())
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// killRounds is how often TestKilledProcesses kills one; the environment may ask for more.
func killRounds(t *testing.T) int {
	rounds, err := strconv.Atoi(os.Getenv("STATE_TEST_KILLS"))
	if err != nil {
		return 25
	}
	t.Logf("%d rounds", rounds)
	return rounds
}

// TestKilledProcesses kills a process that commits, at no particular point, and looks at what it
// left: every commit that it told of, and nothing in halves.
func TestKilledProcesses(t *testing.T) {
	f, o := testFiles(t)
	mustCommit(t, f, "prod", setSecret("first", "passwd.a", "x"))
	for range killRounds(t) {
		cmd, out := child(t, o, "commit", "child")
		told := []string{}
		for n := 1 + mathrand.IntN(3); n > 0 && out.Scan(); n-- {
			told = append(told, out.Text())
		}
		<-time.After(time.Duration(mathrand.IntN(4000)) * time.Microsecond) // anywhere in a commit
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() {
			told = append(told, out.Text())
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the child ended by itself: %v", err)
		}
		s := mustLoad(t, f, "prod")
		for _, line := range told {
			d, err := facsimile.ParseDigest(line)
			if err != nil || !s.Knows(Head{d}) {
				t.Fatalf("a commit that was told of is lost: %q, %v", line, err)
			}
		}
		if a, b := mustReveal(t, s, "passwd.a"), mustReveal(t, s, "passwd.b"); a != b {
			t.Fatal("half of a change is there")
		}
	}
	mustCommit(t, f, "prod", setSecret("last", "passwd.a", "x"))
	for path := range filesBelow(t, o.Dir) {
		if strings.Contains(path, ".facs-tmp-") {
			t.Errorf("left behind: %s", path)
		}
	}
}

func TestALockThatIsHeldIsWaitedForAndTold(t *testing.T) {
	_, o := testFiles(t)
	cmd, out := child(t, o, "hold", "bea")
	if !out.Scan() || out.Text() != "held" {
		t.Fatalf("the child said %q", out.Text())
	}
	o.LockWait = 50 * time.Millisecond
	f := reopen(t, o)
	_, err := f.Commit(context.Background(), "prod", Head{}, setSecret("1", "passwd.a", "x"))
	want := fmt.Sprintf("the state of prod is locked by bea on desk, process %d, since 20", cmd.Process.Pid)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Commit(cancelled, "prod", Head{}, setSecret("1", "passwd.a", "x")); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil { // the kernel frees the lock of the dead
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	o.LockWait = time.Minute
	mustCommit(t, reopen(t, o), "prod", setSecret("1", "passwd.a", "x"))
}

func TestAFolderThatCannotBeWrittenIsReadAllTheSame(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root writes anywhere: only reading is shown here; the simulated disk shows EROFS")
	}
	f, o := testFiles(t)
	mustCommit(t, f, "prod", setSecret("1", "passwd.a", "value"))
	for _, dir := range []string{f.path("prod", journalName), f.path("prod", secretsName), f.path("prod")} {
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o755) }) // so that the folder can be removed
	}
	s := mustLoad(t, reopen(t, o), "prod")
	if got := mustReveal(t, s, "passwd.a"); got != "value" {
		t.Errorf("got %q", got)
	}
	_, err := f.Commit(context.Background(), "prod", s.Head(), setSecret("2", "passwd.a", "other"))
	if os.Getuid() != 0 && err == nil {
		t.Error("written")
	}
}
