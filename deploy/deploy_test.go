package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/deploy"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/release"
)

// TestWhatARolloutCosts pins calls, blobs and bytes, so that a slower rollout is a difference.
func TestWhatARolloutCosts(t *testing.T) {
	f := newFleet(t, "app1", "app2")
	one, two := f.build("1.0"), f.build("2.0.0")
	check := func(what, want string) {
		t.Helper()
		if got := f.counters(); got != want {
			t.Errorf("%s:\n%swant\n%s", what, got, want)
		}
	}
	if res := f.must(one); res.Result != deploy.EndDone || res.Epoch != 1 {
		t.Errorf("first: %+v", res)
	}
	check("first deploy", `app1: look 2 promise 1 stage 1 activate 1 confirm 1 revert 0 prune 1 release 1; 3 blobs 59 bytes 0 reused
app2: look 2 promise 1 stage 1 activate 1 confirm 1 revert 0 prune 1 release 1; 3 blobs 59 bytes 0 reused
`)
	before := tree(t, f.dir)
	f.store.blobs = 0
	if res := f.must(one); res.Result != deploy.EndUnchanged || res.Epoch != 1 {
		t.Errorf("unchanged: %+v", res)
	}
	if after := tree(t, f.dir); after != before {
		t.Errorf("an unchanged deployment wrote something:\n%s\nwas\n%s", after, before)
	}
	if f.store.blobs != 0 {
		t.Errorf("%d blobs were read", f.store.blobs)
	}
	check("unchanged", `app1: look 1 promise 0 stage 0 activate 0 confirm 0 revert 0 prune 0 release 0; 0 blobs 0 bytes 0 reused
app2: look 1 promise 0 stage 0 activate 0 confirm 0 revert 0 prune 0 release 0; 0 blobs 0 bytes 0 reused
`)
	f.must(two)
	check("one file changed", `app1: look 2 promise 1 stage 1 activate 1 confirm 1 revert 0 prune 1 release 1; 1 blobs 5 bytes 2 reused
app2: look 2 promise 1 stage 1 activate 1 confirm 1 revert 0 prune 1 release 1; 1 blobs 5 bytes 2 reused
`)
	damage(t, filepath.Join(f.home("app2"), "current", "etc", "version"))
	if res := f.must(two); res.Result != deploy.EndDone {
		t.Errorf("repair: %+v", res)
	}
	check("one file repaired", `app1: look 2 promise 1 stage 1 activate 1 confirm 1 revert 0 prune 1 release 1; 0 blobs 0 bytes 3 reused
app2: look 2 promise 1 stage 1 activate 1 confirm 1 revert 0 prune 1 release 1; 1 blobs 5 bytes 2 reused
`)
	f.expect("2.0.0", one, two)
}

// damage puts other bytes of the same length in a file of a release, as a careless hand would.
func damage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree lists a folder with times.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		b.WriteString(p + " " + info.Mode().String() + " " + info.ModTime().String() + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRollback(t *testing.T) {
	f := newFleet(t, "app1", "app2")
	one, two, three := f.build("1.0"), f.build("2.0"), f.build("3.0")
	if _, err := f.deployer().Rollback(context.Background(), facsimile.Digest{}, ""); outcome(err) != facsimile.Refused {
		t.Errorf("before the first deployment: %v", err)
	}
	f.must(one)
	if _, err := f.deployer().Rollback(context.Background(), facsimile.Digest{}, ""); outcome(err) != facsimile.Refused {
		t.Errorf("with one release: %v", err)
	}
	f.must(two)
	f.must(three)
	back := func(to facsimile.Digest, want string) {
		t.Helper()
		res, err := f.deployer().Rollback(context.Background(), to, "it was bad")
		if err != nil || res.Result != deploy.EndDone {
			t.Fatalf("got %+v, %v", res, err)
		}
		f.expect(want, one, two, three)
	}
	back(facsimile.Digest{}, "2.0")
	back(facsimile.Digest{}, "1.0") // and not forth again to 3.0
	_, err := f.deployer().Rollback(context.Background(), facsimile.Digest{}, "")
	var told *facsimile.Error
	if !errors.As(err, &told) || told.Outcome != facsimile.Refused || !strings.Contains(told.Msg, "were rolled back from") {
		t.Fatalf("after two rollbacks: %v", err)
	}
	if want := two.Digest.Short() + ", " + three.Digest.Short(); !strings.Contains(told.Hint, "name one: facs rollback ") || !strings.HasSuffix(told.Hint, want) {
		t.Errorf("the hint %q does not name %s", told.Hint, want)
	}
	report, err := f.host("app1").Look(context.Background(), facsimile.Digest{})
	if err != nil || report.Last.Order.StateHead != "head 3.0" || report.Last.Order.Previous != two.Digest || report.Last.Order.Why != "it was bad" {
		t.Errorf("the order of a rollback: %+v, %v", report.Last.Order, err)
	}
	back(three.Digest, "3.0") // by name it may go anywhere
	entries, silent, err := f.deployer().History(context.Background())
	if err != nil || len(silent) != 0 {
		t.Fatal(err, silent)
	}
	var got []string
	for _, e := range entries {
		if e.Who != "ann" || e.Time.IsZero() {
			t.Errorf("entry %+v", e)
		}
		got = append(got, e.What+" "+e.Versions["api"]+" "+string(e.Result))
	}
	want := "rollback 3.0 done, rollback 1.0 done, rollback 2.0 done, deploy 3.0 done, deploy 2.0 done, deploy 1.0 done"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("history is %s, want %s", text, want)
	}
}

func TestRollbackOfAMixedInstanceGoesToWhatStoodLast(t *testing.T) {
	f := newFleet(t, "app1", "app2")
	one, two := f.build("1.0"), f.build("2.0")
	f.must(one)
	f.ways["app2"].reset(func(c call, _ int) fault { return map[call]fault{"Activate": "dieAfter"}[c] })
	f.ways["app1"].reset(func(c call, _ int) fault { return map[call]fault{"Revert": "before"}[c] })
	if _, err := f.deployer().Deploy(context.Background(), two, ""); outcome(err) != facsimile.TwoReleases {
		t.Fatalf("got %v", err)
	}
	f.expect("2.0", one, two) // both switched, and neither is confirmed
	f.counters()
	if _, err := f.deployer().Rollback(context.Background(), facsimile.Digest{}, ""); err != nil {
		t.Fatal(err)
	}
	f.expect("1.0", one, two)
}

func TestHistoryOfFailures(t *testing.T) {
	f := newFleet(t, "app1", "app2")
	one, two := f.build("1.0"), f.build("2.0")
	f.must(one)
	fails := func(plans map[facsimile.Node]func(call, int) fault, want facsimile.Outcome) {
		t.Helper()
		for n, w := range f.ways {
			w.reset(plans[n])
		}
		if _, err := f.deployer().Deploy(context.Background(), two, ""); outcome(err) != want {
			t.Errorf("got %v", err)
		}
		f.counters()
	}
	only := func(c call, kind fault) func(call, int) fault {
		return func(got call, _ int) fault { return map[call]fault{c: kind}[got] }
	}
	fails(map[facsimile.Node]func(call, int) fault{"app2": only("Activate", "before")}, facsimile.RolledBack)
	fails(map[facsimile.Node]func(call, int) fault{"app2": only("Activate", "dieAfter")}, facsimile.TwoReleases)
	fails(map[facsimile.Node]func(call, int) fault{"app2": only("Look", "die")}, facsimile.Refused)
	f.must(two)
	f.ways["app1"].reset(func(call, int) fault { return "die" })
	if _, silent, err := f.deployer().History(context.Background()); err != nil || len(silent) != 1 || silent["app1"] == nil {
		t.Fatal(silent, err)
	}
	f.counters()
	entries, _, err := f.deployer().History(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Versions["api"]+" "+string(e.Result))
	}
	if text := strings.Join(got, ", "); text != "2.0 done, 2.0 failed, 2.0 rolled-back, 1.0 done" {
		t.Errorf("history is %s", text)
	}
	for _, w := range f.ways {
		w.reset(func(call, int) fault { return "die" })
	}
	if _, _, err := f.deployer().History(context.Background()); outcome(err) != facsimile.Refused {
		t.Errorf("when no node answers: %v", err)
	}
}

func TestPlan(t *testing.T) {
	f := newFleet(t, "app1", "app2")
	one, two := f.build("1.0", plain("old", "x")), f.build("2.0", plain("new/file", "y"))
	plan := func(want ...string) {
		t.Helper()
		before := tree(t, f.dir)
		p, err := f.deployer().Plan(context.Background(), two)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(p.Nodes[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("the plan is %s, want %s in it", text, w)
			}
		}
		if tree(t, f.dir) != before {
			t.Error("planning changed something")
		}
		if p.Digest != two.Digest || p.Nodes[0].Node != "app1" {
			t.Errorf("plan %+v", p)
		}
	}
	plan(`"from":"none"`, `"add":["bin","bin/api","etc","etc/password","etc/version","new","new/file"]`, `"remove":[]`, `"restart":[],"tasks":[]`)
	f.must(one)
	plan(`"add":["new","new/file"],"change":["etc/version"],"remove":["old"]`)
	f.must(two)
	plan(`"add":[],"change":[],"remove":[]`)
	damage(t, filepath.Join(f.home("app2"), "current", "bin", "api"))
	plan(`"add":[],"change":["bin/api"],"remove":[]`)
	foreign := newFleet(t, "app1", "app2")
	f.store = foreign.store // as on another machine, whose store lacks what runs
	two = f.build("9.0")
	plan(`"note":"the tree that is live was built elsewhere`)
}

func TestVerify(t *testing.T) {
	f := newFleet(t, "app1", "app2")
	verify := func(want facsimile.Digest) deploy.Verification {
		t.Helper()
		v, err := f.deployer().Verify(context.Background(), want)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := verify(facsimile.Digest{}); v.AllExact() || !v.Digest.IsZero() || v.Nodes[0].Answer != deploy.Differs {
		t.Errorf("before anything: %+v", v)
	}
	one, two := f.build("1.0"), f.build("2.0")
	f.must(one)
	if v := verify(facsimile.Digest{}); !v.AllExact() || v.Digest != one.Digest || v.Exact != 2 {
		t.Errorf("all exact: %+v", v)
	}
	if v := verify(two.Digest); v.Exact != 0 || v.Nodes[0].Differences[0].Kind != facsimile.ReleaseDiffers {
		t.Errorf("against another release: %+v", v)
	}
	damage(t, filepath.Join(f.home("app2"), "current", "etc", "password"))
	if err := os.WriteFile(filepath.Join(f.home("app2"), "current", "extra"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	v := verify(facsimile.Digest{})
	if v.Exact != 1 || v.Nodes[1].Answer != deploy.Differs || len(v.Nodes[1].Differences) < 2 {
		t.Errorf("a changed secret and an extra file: %+v", v)
	}
	text, err := json.Marshal(v)
	if err != nil || strings.Contains(string(text), "hunter2") || !strings.Contains(string(text), `"answer":"exact","differences":[]`) {
		t.Errorf("%s, %v", text, err)
	}
	if v, err := f.deployer().Verify(context.Background(), facsimile.Digest{}, "app1"); err != nil || !v.AllExact() || v.Total != 1 {
		t.Errorf("one node: %+v, %v", v, err)
	}
	f.ways["app1"].reset(func(call, int) fault { return "die" })
	if v := verify(facsimile.Digest{}); v.Nodes[0].Answer != deploy.Unknown || v.Nodes[0].Error == "" || v.Total != 2 {
		t.Errorf("a node that does not answer: %+v", v.Nodes[0])
	}
	st, err := f.deployer().Status(context.Background())
	if err != nil || st.Nodes[0].Error == "" || st.Nodes[1].Release != one.Digest || st.Nodes[1].Epoch != 1 || st.Nodes[1].Region != "eu" {
		t.Errorf("status %+v, %v", st, err)
	}
	if order, err := f.deployer().Standing(context.Background()); err != nil || order.Release != one.Digest {
		t.Errorf("what stands on those that answer: %+v, %v", order, err)
	}
	f.ways["app1"].reset(nil)
	f.names = f.names[:1]
	if v := verify(facsimile.Digest{}); v.Total != 2 || v.Nodes[1].Node != "app2" || !strings.Contains(v.Nodes[1].Error, "left the definition") {
		t.Errorf("a node that left: %+v", v)
	}
}

func TestRefused(t *testing.T) {
	f := newFleet(t, "app1", "app2")
	one := f.build("1.0")
	deployed := func(want string, change ...func(*deploy.Options)) deploy.Result {
		t.Helper()
		before := tree(t, filepath.Join(f.dir, "store"))
		res, err := f.deployer(change...).Deploy(context.Background(), one, "")
		if outcome(err) != facsimile.Refused || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if tree(t, filepath.Join(f.dir, "store")) != before {
			t.Error("the store changed")
		}
		f.expect("none", one)
		return res
	}
	f.ways["app2"].reset(func(call, int) fault { return "die" })
	res := deployed("node app2")
	if _, err := os.Stat(f.home("app1")); !os.IsNotExist(err) {
		t.Errorf("a node was touched although another does not answer: %v", err)
	}
	if res.Nodes[0].Result != deploy.EndUnchanged || res.Nodes[1].Result != deploy.EndFailed || res.Nodes[1].Error == "" {
		t.Errorf("result %+v", res)
	}
	f.ways["app2"].reset(nil)

	other := func(o *deploy.Options) { o.Instance = "beta" }
	deployed("instance prod of shop, and this is instance beta", other)
	deployed("for node app2 too", func(o *deploy.Options) { o.Nodes = o.Nodes[:1] })
	deployed("nothing for node app3", func(o *deploy.Options) {
		o.Nodes = append(o.Nodes, deploy.Member{Name: "app3", Node: f.host("app3")})
	})
	deployed("no key to open", func(o *deploy.Options) { o.Keys = nil })

	foreign := node.Ballot{Epoch: 7, Token: "of somebody else"}
	if _, err := f.host("app2").Promise(context.Background(), foreign, node.Owner{Definition: "shop", Instance: "prod", Node: "app2"}, 1<<40); err != nil {
		t.Fatal(err)
	}
	deployed("promised to the rollout of epoch 7")
	if err := f.host("app2").Release(context.Background(), foreign); err != nil {
		t.Fatal(err)
	}
	if res := f.must(one); res.Epoch != 9 { // app1 had granted 8 before app2 refused it
		t.Errorf("the epoch is %d", res.Epoch)
	}
	two := f.build("2.0")
	_, err := f.deployer(func(o *deploy.Options) { o.HasHead = func(string) bool { return false } }).Deploy(context.Background(), two, "")
	if outcome(err) != facsimile.Refused || !strings.Contains(err.Error(), "this state lacks") {
		t.Errorf("a stale state: %v", err)
	}
	f.expect("1.0", one, two)
}

// TestAnotherInstancesHome meets homes that belong to another instance.
func TestAnotherInstancesHome(t *testing.T) {
	f := newFleet(t, "app1", "app2")
	f.must(f.build("1.0"))
	beta, _, err := f.store.Put(context.Background(), release.Draft{Definition: "shop", Instance: "beta", Parts: []release.Part{
		{Project: "api", Node: "app1", Items: []*release.Item{plain("x", "y")}}, {Project: "api", Node: "app2", Items: []*release.Item{plain("x", "y")}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := f.deployer(func(o *deploy.Options) { o.Instance = "beta" })
	const want = "belongs to node app1 of instance prod of shop"
	before := tree(t, filepath.Join(f.dir, "homes"))
	if _, err := d.Plan(context.Background(), beta); outcome(err) != facsimile.Refused || !strings.Contains(err.Error(), want) {
		t.Errorf("plan: %v", err)
	}
	if _, err := d.Deploy(context.Background(), beta, ""); outcome(err) != facsimile.Refused || !strings.Contains(err.Error(), want) {
		t.Errorf("deploy: %v", err)
	}
	if v, err := d.Verify(context.Background(), facsimile.Digest{}); err != nil || v.Exact != 0 || v.Nodes[0].Answer != deploy.Differs || !strings.Contains(v.Nodes[0].Error, want) {
		t.Errorf("verify: %+v, %v", v, err)
	}
	if st, err := d.Status(context.Background()); err != nil || !strings.Contains(st.Nodes[0].Error, want) || !st.Nodes[0].Release.IsZero() {
		t.Errorf("status: %+v, %v", st, err)
	}
	if entries, _, err := d.History(context.Background()); err != nil || len(entries) != 0 {
		t.Errorf("history: %+v, %v", entries, err)
	}
	if tree(t, filepath.Join(f.dir, "homes")) != before {
		t.Error("the homes changed")
	}
}

// TestNodesAreHandledSeveralAtOnce counts the calls under way, and follows the events.
func TestNodesAreHandledSeveralAtOnce(t *testing.T) {
	var names []facsimile.Node
	for i := range 12 {
		names = append(names, facsimile.Node(fmt.Sprintf("n%02d", i)))
	}
	f := newFleet(t, names...)
	rel := f.build("1.0")
	var mu sync.Mutex
	var now, most int
	for _, w := range f.ways {
		w.hook = func(_ call, _ int, done bool) {
			mu.Lock()
			defer mu.Unlock()
			if done {
				now--
			} else {
				now++
			}
			most = max(most, now)
		}
	}
	telling := false
	last := map[facsimile.Node]deploy.Event{}
	ended := map[deploy.Phase]int{}
	d := f.deployer(func(o *deploy.Options) {
		o.Parallel = 3
		o.Progress = func(e deploy.Event) { // never twice at once, or the race detector finds it
			if telling {
				t.Error("told twice at once")
			}
			telling = true
			defer func() { telling = false }()
			if before := last[e.Node]; e.Done && (before.Done || before.Phase != e.Phase) {
				t.Errorf("%+v follows %+v", e, before)
			}
			last[e.Node] = e
			if e.Done {
				ended[e.Phase]++
			}
		}
	})
	if _, err := d.Deploy(context.Background(), rel, ""); err != nil {
		t.Fatal(err)
	}
	if most > 3 {
		t.Errorf("%d calls at once, want 3 at most", most)
	}
	for _, p := range []deploy.Phase{"look", "promise", "stage", "activate", "read", "confirm", "prune", "release"} {
		if ended[p] != len(names) {
			t.Errorf("phase %s ended on %d nodes", p, ended[p])
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := deploy.New(deploy.Options{Definition: "d", Instance: "i"}); err == nil {
		t.Error("no nodes")
	}
	f := newFleet(t, "a")
	m := deploy.Member{Name: "a", Node: f.host("a")}
	_, err := deploy.New(deploy.Options{Definition: "d", Instance: "i", Nodes: []deploy.Member{m, m, {Name: "b"}}})
	if err == nil || !strings.Contains(err.Error(), "twice") || !strings.Contains(err.Error(), "1 more") {
		t.Errorf("got %v", err)
	}
}

func TestJSON(t *testing.T) {
	f := newFleet(t, "app1")
	text, err := json.Marshal(f.must(f.build("1.0")))
	want := `"epoch":1,"result":"done","nodes":[{"node":"app1","phase":"confirm","result":"done","staged":`
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s, %v", text, err)
	}
}
