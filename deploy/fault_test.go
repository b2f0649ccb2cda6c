package deploy_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/deploy"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/release"
)

// check compares what a deployment from one release to another reported with what is on disk.
// live is what ran before.
func (f *fleet) check(live map[facsimile.Node]string, to release.Release, res deploy.Result, err error, all ...release.Release) {
	f.t.Helper()
	disk := f.onDisk(all...)
	version := to.Statement.Versions["api"]
	bad := func(format string, args ...any) {
		f.t.Helper()
		f.t.Errorf("%s\n  was %v, deployed %s\n  on disk %v\n  reported %+v\n  error %v", fmt.Sprintf(format, args...), live, version, disk, res, err)
	}
	on := map[string]bool{}
	for _, n := range f.names {
		on[disk[n]] = true
	}
	switch o := outcome(err); o {
	case facsimile.Done:
		if !on[version] || len(on) != 1 || res.Result != deploy.EndDone && res.Result != deploy.EndUnchanged {
			bad("success was reported, and is not there")
		}
		for _, n := range f.names {
			if r, err := f.host(n).Look(context.Background(), facsimile.Digest{}); err != nil || !r.Last.Confirmed || r.Last.Order.Release != to.Digest {
				bad("node %s is not confirmed: %+v, %v", n, r, err)
			}
		}
	case facsimile.Refused, facsimile.RolledBack:
		for _, n := range f.names {
			if disk[n] != live[n] {
				bad("node %s was said to be as before, and is not", n)
			}
		}
		want := []deploy.Ending{deploy.EndFailed, deploy.EndInterrupted}
		if o == facsimile.RolledBack {
			want = []deploy.Ending{deploy.EndRolledBack}
		}
		if res.Result != want[0] && res.Result != want[len(want)-1] {
			bad("outcome %d goes with %s", o, res.Result)
		}
	case facsimile.TwoReleases:
		if res.Result != deploy.EndFailed && res.Result != deploy.EndRolledBack {
			bad("two releases go with %s", res.Result)
		}
	default:
		bad("outcome %d", o)
	}
	for _, r := range res.Nodes {
		switch r.Result {
		case deploy.EndDone:
			if disk[r.Node] != version {
				bad("node %s is said to run it", r.Node)
			}
		case deploy.EndRolledBack, deploy.EndUnchanged, deploy.EndInterrupted:
			if res.Result != deploy.EndUnchanged && disk[r.Node] != live[r.Node] {
				bad("node %s is said to be as before", r.Node)
			}
		case deploy.EndFailed, deploy.EndUnknown:
		default:
			bad("node %s ended with %q", r.Node, r.Result)
		}
	}
}

// again ends what a fault left: the same command, with nothing in the way.
func (f *fleet) again(to release.Release, all ...release.Release) {
	f.t.Helper()
	for _, w := range f.ways {
		w.reset(nil)
	}
	res, err := f.deployer().Deploy(context.Background(), to, "")
	if err != nil {
		f.t.Errorf("the same command again: %+v, %v", res, err)
		return
	}
	f.expect(to.Statement.Versions["api"], append(all, to)...)
	v, err := f.deployer().Verify(context.Background(), facsimile.Digest{})
	if err != nil || !v.AllExact() || v.Digest != to.Digest {
		f.t.Errorf("verified %+v, %v", v, err)
	}
	for _, n := range f.names {
		report, err := f.host(n).Look(context.Background(), to.Nodes[n])
		if err != nil || !report.Last.Confirmed {
			f.t.Errorf("node %s is not confirmed: %+v, %v", n, report, err)
		}
	}
}

// inBubble runs a test in which waiting takes no time: a call that hangs ends at its deadline at
// once, and leases run out.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// TestFaultMatrix lets each call go wrong in each way on each node, from a first deployment and
// from another release.
func TestFaultMatrix(t *testing.T) {
	seen := map[facsimile.Outcome]int{}
	for _, c := range calls() {
		for _, kind := range faults() {
			for _, at := range []facsimile.Node{"n1", "n2"} {
				inBubble(t, fmt.Sprintf("%s/%s/%s", c, kind, at), func(t *testing.T) {
					f := newFleet(t, "n1", "n2", "n3")
					one, two := f.build("1.0"), f.build("2.0")
					if at == "n1" {
						f.must(one)
					}
					live := f.onDisk(one)
					f.ways[at].reset(func(got call, _ int) fault {
						if got == c {
							return kind
						}
						return ""
					})
					if c == "Revert" { // which needs something to revert
						f.ways["n3"].reset(func(got call, _ int) fault { return map[call]fault{"Activate": "before"}[got] })
					}
					res, err := f.deployer().Deploy(context.Background(), two, "")
					f.check(live, two, res, err, one, two)
					seen[outcome(err)]++
					f.again(two, one)
				})
			}
		}
	}
	for _, o := range []facsimile.Outcome{facsimile.Done, facsimile.Refused, facsimile.RolledBack, facsimile.TwoReleases} {
		if seen[o] == 0 {
			t.Errorf("no fault led to outcome %d: %v", o, seen)
		}
	}
	t.Log("outcomes", seen)
}

var (
	seed   = flag.Uint64("seed", 0, "the first seed of TestRandomFaults; 0: the fixed one")
	rounds = flag.Int("rounds", 40, "how many seeds TestRandomFaults tries")
)

// TestRandomFaults deploys and rolls back several releases under random faults of several nodes.
func TestRandomFaults(t *testing.T) {
	first := *seed
	if first == 0 {
		first = 1
	}
	for s := first; s < first+uint64(*rounds); s++ {
		inBubble(t, fmt.Sprintf("seed=%d", s), func(t *testing.T) {
			random := rand.New(rand.NewPCG(s, 0))
			f := newFleet(t, "n1", "n2", "n3")
			rels := []release.Release{f.build("1.0"), f.build("2.0"), f.build("3.0")}
			for range 3 {
				to := rels[random.IntN(len(rels))]
				live := f.onDisk(rels...)
				for _, w := range f.ways {
					w.reset(randomPlan(rand.New(rand.NewPCG(random.Uint64(), 1))))
				}
				ctx, cancel := context.WithCancel(context.Background())
				if random.IntN(3) == 0 {
					cancelAt(f.ways[f.names[random.IntN(3)]], calls()[random.IntN(5)], random.IntN(2) == 0, cancel)
				}
				var res deploy.Result
				var err error
				if random.IntN(4) == 0 {
					res, err = f.deployer().Rollback(ctx, facsimile.Digest{}, "")
					for _, rel := range rels {
						if rel.Digest == res.Digest {
							to = rel
						}
					}
				} else {
					res, err = f.deployer().Deploy(ctx, to, "")
				}
				cancel()
				f.check(live, to, res, err, rels...)
			}
			f.again(rels[random.IntN(len(rels))], rels...)
		})
	}
}

// randomPlan makes a call of a node go wrong now and then. Each way has its own.
func randomPlan(random *rand.Rand) func(call, int) fault {
	rate := []float64{0, 0.05, 0.3}[random.IntN(3)]
	return func(call, int) fault {
		if random.Float64() >= rate {
			return ""
		}
		return faults()[random.IntN(len(faults()))]
	}
}

func cancelAt(w *way, at call, done bool, cancel func()) {
	w.hook = func(c call, _ int, isDone bool) {
		if c == at && isDone == done {
			cancel()
		}
	}
}

// TestInterrupted cancels before and after each call of each node.
func TestInterrupted(t *testing.T) {
	for _, c := range []call{"Look", "Promise", "Stage", "Activate", "Confirm", "Prune", "Release"} {
		for _, done := range []bool{false, true} {
			for _, at := range []facsimile.Node{"n1", "n2"} {
				inBubble(t, fmt.Sprintf("%s/%t/%s", c, done, at), func(t *testing.T) {
					f := newFleet(t, "n1", "n2")
					one, two := f.build("1.0"), f.build("2.0")
					f.must(one)
					f.counters()
					ctx, cancel := context.WithCancel(context.Background())
					cancelAt(f.ways[at], c, done, cancel)
					live := f.onDisk(one, two)
					res, err := f.deployer().Deploy(ctx, two, "")
					f.check(live, two, res, err, one, two)
					late := c == "Activate" || c == "Confirm" || c == "Prune" || c == "Release"
					if late && err != nil {
						t.Errorf("interrupted in %s, it should have been finished: %v", c, err)
					}
					if !late && (res.Result != deploy.EndInterrupted || !errors.Is(err, context.Canceled)) {
						t.Errorf("interrupted in %s: %+v, %v", c, res, err)
					}
					f.again(two, one)
				})
			}
		}
	}
}

// TestLeaseIsRenewed stages for longer than the lease.
func TestLeaseIsRenewed(t *testing.T) {
	inBubble(t, "slow", func(t *testing.T) {
		f := newFleet(t, "n1", "n2")
		one := f.build("1.0")
		slow := &slowStage{way: f.ways["n2"]}
		d := f.deployer(func(o *deploy.Options) {
			o.Lease = 0 // one minute
			o.Nodes[1].Node = slow
		})
		if _, err := d.Deploy(context.Background(), one, ""); err != nil {
			t.Fatal(err)
		}
		if n := f.ways["n1"].count("Promise"); n < 10 {
			t.Errorf("the ballot was renewed %d times", n-1)
		}
	})
}

// TestTakenOver closes the lid of a laptop in the middle of a rollout: its lease runs out, another
// operator deploys, and then it wakes. It must not touch what the other one did.
func TestTakenOver(t *testing.T) {
	for _, c := range []call{"Stage", "Activate", "Confirm"} {
		inBubble(t, string(c), func(t *testing.T) {
			f := newFleet(t, "n1", "n2")
			one, two, three := f.build("1.0"), f.build("2.0"), f.build("3.0")
			f.must(one)
			var asleep atomic.Bool
			f.ways["n1"].reset(func(got call, _ int) fault {
				if asleep.Load() && got == "Promise" {
					return "before"
				}
				return ""
			})
			f.ways["n2"].reset(f.ways["n1"].plan)
			f.ways["n1"].hook = func(got call, _ int, done bool) {
				if got != c || done || asleep.Load() {
					return
				}
				asleep.Store(true)
				tenMinutes(context.Background())
				other := f.deployer(func(o *deploy.Options) {
					o.Claim, o.Who, o.Lease = "", "bob", 0
					for i, n := range f.names {
						o.Nodes[i].Node = f.host(n)
					}
				})
				if _, err := other.Deploy(context.Background(), three, ""); err != nil {
					t.Errorf("the other: %v", err)
				}
			}
			res, err := f.deployer(func(o *deploy.Options) { o.Lease = 0 }).Deploy(context.Background(), two, "")
			if err == nil {
				t.Errorf("it went through: %+v", res)
			}
			if c == "Stage" && outcome(err) != facsimile.Refused {
				t.Errorf("got %v", err)
			}
			f.expect("3.0", one, two, three)
			t.Log(err)
		})
	}
}

// slowStage stages for ten minutes.
type slowStage struct{ *way }

func (s *slowStage) Stage(ctx context.Context, b node.Ballot, o node.Order, c node.Content) (node.Staged, error) {
	tenMinutes(ctx)
	return s.way.Stage(ctx, b, o, c)
}
