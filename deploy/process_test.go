package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/deploy"
	"facsimile.dev/facsimile/release"
)

// killVar tells the helper process when to die: DIR CALL DONE NODE DIGEST.
const killVar = "FACS_TEST_KILL"

// TestHelperKilled is no test of its own: it is the process that TestKilled kills.
func TestHelperKilled(t *testing.T) {
	spec := os.Getenv(killVar)
	if spec == "" {
		return
	}
	var dir, c, at, text string
	var done bool
	if _, err := fmt.Sscan(spec, &dir, &c, &done, &at, &text); err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, dir: dir, names: []facsimile.Node{"n1", "n2"}, ways: map[facsimile.Node]*way{}}
	s, err := release.OpenStore(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	f.store = &countingStore{Store: s}
	for _, n := range f.names {
		f.ways[n] = &way{Node: f.host(n), name: n}
	}
	f.ways[facsimile.Node(at)].hook = func(got call, _ int, isDone bool) {
		if string(got) == c && isDone == done {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}
	d, err := facsimile.ParseDigest(text)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := f.store.Release(d)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.deployer().Deploy(context.Background(), rel, "")
	t.Fatalf("it was not killed: %v", err)
}

// TestKilled kills a deployment, with a lease of an hour, before and after calls. The nodes stand
// on whole releases; the same command on the same machine finishes at once; somebody else is
// told how long to wait.
func TestKilled(t *testing.T) {
	for i, c := range []call{"Promise", "Stage", "Activate", "Confirm", "Prune", "Release"} {
		for _, done := range []bool{false, true} {
			at := facsimile.Node([]string{"n1", "n2"}[i%2])
			t.Run(fmt.Sprintf("%s/%t/%s", c, done, at), func(t *testing.T) {
				f := newFleet(t, "n1", "n2")
				one, two := f.build("1.0"), f.build("2.0")
				f.must(one)
				cmd := exec.Command(os.Args[0], "-test.run=^TestHelperKilled$")
				cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %t %s %s", killVar, f.dir, c, done, at, two.Digest))
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != -1 {
					t.Fatalf("the helper ended with %v:\n%s", err, out)
				}
				for n, version := range f.onDisk(one, two) {
					if version != "1.0" && version != "2.0" {
						t.Errorf("node %s runs %s", n, version)
					}
				}
				if c == "Stage" || c == "Activate" || c == "Confirm" && !done {
					_, err := f.deployer(func(o *deploy.Options) { o.Claim = "" }).Deploy(context.Background(), two, "")
					if outcome(err) != facsimile.Refused || !strings.Contains(err.Error(), "for another") {
						t.Errorf("somebody else: %v", err)
					}
					if c != "Stage" && !strings.Contains(err.Error(), "by ann, begun") {
						t.Errorf("somebody else is not told who holds it: %v", err)
					}
				}
				f.again(two, one)
				if _, err := os.Stat(filepath.Join(f.dir, "claim")); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the note is still there: %v", err)
				}
			})
		}
	}
}

// TestTwoAtOnce lets two operators deploy different releases to the same nodes at the same time.
// Nobody ever holds half of them, and one at least gets through.
func TestTwoAtOnce(t *testing.T) {
	f := newFleet(t, "n1", "n2", "n3")
	won := map[uint64]string{}
	for round := range 12 {
		rels := []release.Release{f.build(fmt.Sprintf("%d.0", round)), f.build(fmt.Sprintf("%d.1", round))}
		results := make([]deploy.Result, len(rels))
		errs := make([]error, len(rels))
		var start, end sync.WaitGroup
		start.Add(1)
		for i, rel := range rels {
			d := f.deployer(func(o *deploy.Options) {
				o.Claim = filepath.Join(f.dir, fmt.Sprint("claim", i))
				for j, n := range f.names { // each over a way of its own, and in another order
					o.Nodes[(i+j)%len(f.names)] = deploy.Member{Name: n, Node: f.host(n)}
				}
			})
			end.Go(func() {
				start.Wait()
				results[i], errs[i] = d.Deploy(context.Background(), rel, "")
			})
		}
		start.Done()
		end.Wait()
		last := -1
		for i, err := range errs {
			switch outcome(err) {
			case facsimile.Done:
				if by, twice := won[results[i].Epoch]; twice {
					t.Errorf("epoch %d was won by %s and %s", results[i].Epoch, by, rels[i].Digest.Short())
				}
				won[results[i].Epoch] = rels[i].Digest.Short()
				if last < 0 || results[i].Epoch > results[last].Epoch {
					last = i
				}
			case facsimile.Refused:
			default:
				t.Errorf("round %d: %+v, %v", round, results[i], err)
			}
		}
		if last < 0 {
			t.Fatalf("round %d: nobody won: %v", round, errs)
		}
		f.expect(rels[last].Statement.Versions["api"], rels...)
	}
}

// TestTwoAtOnceOnOneMachine starts a second deployment while the first one stages.
func TestTwoAtOnceOnOneMachine(t *testing.T) {
	f := newFleet(t, "n1", "n2")
	one, two := f.build("1.0"), f.build("2.0")
	var second error
	var res deploy.Result
	f.ways["n1"].hook = func(c call, _ int, done bool) {
		if c == "Stage" && !done {
			f.ways["n1"].mu.Lock()
			f.ways["n1"].hook = nil
			f.ways["n1"].mu.Unlock()
			res, second = f.deployer().Deploy(context.Background(), two, "")
		}
	}
	f.must(one)
	if outcome(second) != facsimile.Refused || !strings.Contains(second.Error(), fmt.Sprintf("process %d of ann", os.Getpid())) {
		t.Errorf("the second: %v", second)
	}
	if res.Result != deploy.EndFailed || len(res.Nodes) != 2 || res.Nodes[0].Result != deploy.EndUnchanged {
		t.Errorf("the second: %+v", res)
	}
	f.expect("1.0", one, two)
}
