package node_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// scenario is something that a process is killed in the middle of. The home is prepared with
// the old tree deployed in epoch 1.
type scenario struct {
	name    string
	prepare func(t testing.TB, h *node.Host, home string)
	do      func(h *node.Host) error
	damaged bool // what is live at first is not whole
	fresh   bool // nothing is deployed at first
}

func scenarios() []scenario {
	ctx := context.Background()
	steps := func(h *node.Host, next bool, more func(c *nodetest.Content, b node.Ballot, o node.Order) error) error {
		c := nodetest.NewContent()
		tree, other := crashTrees(c)
		if next {
			tree = other
		}
		b, o := nodetest.Ballot(2), nodetest.Order(2, "app1", tree)
		if _, err := h.Promise(ctx, b, nodetest.Owner("app1"), time.Hour); err != nil {
			return err
		}
		if _, err := h.Stage(ctx, b, o, c); err != nil {
			return err
		}
		if _, err := h.Activate(ctx, b, o); err != nil {
			return err
		}
		return more(c, b, o)
	}
	finish := func(h *node.Host) func(c *nodetest.Content, b node.Ballot, o node.Order) error {
		return func(_ *nodetest.Content, b node.Ballot, o node.Order) error {
			if err := h.Confirm(ctx, b, o.Release); err != nil {
				return err
			}
			if _, err := h.Prune(ctx, b, 1, nil); err != nil {
				return err
			}
			return h.Release(ctx, b)
		}
	}
	return []scenario{
		{name: "first", fresh: true, do: func(h *node.Host) error { return steps(h, true, finish(h)) }},
		{name: "next", do: func(h *node.Host) error { return steps(h, true, finish(h)) }},
		{name: "revert", do: func(h *node.Host) error {
			return steps(h, true, func(_ *nodetest.Content, b node.Ballot, o node.Order) error { return h.Revert(ctx, b, o) })
		}},
		{name: "mend", damaged: true, do: func(h *node.Host) error { return steps(h, false, finish(h)) },
			prepare: func(t testing.TB, h *node.Host, home string) {
				must(t, os.WriteFile(filepath.Join(home, "current/same"), []byte("not any more"), 0o644))
			}},
		{name: "foreign", damaged: true, do: func(h *node.Host) error { return steps(h, true, finish(h)) },
			prepare: func(t testing.TB, h *node.Host, home string) {
				must(t, os.Remove(filepath.Join(home, "current")))
				must(t, os.Mkdir(filepath.Join(home, "current"), 0o755))
				must(t, os.WriteFile(filepath.Join(home, "current/precious"), []byte("x"), 0o644))
			}},
	}
}

// TestKilledAtEachStep kills a process before each single change of the disk that a deployment
// makes, in turn. Whatever the moment, the node must stand on one whole release, and the next
// deployment must end clean.
func TestKilledAtEachStep(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for killAt := 1; ; killAt++ {
				home := filepath.Join(memoryDir(t), "home")
				prepareCrash(t, s, home)
				state, out := runChild(t, s.name, home, itoa(killAt))
				status := state.Sys().(syscall.WaitStatus)
				if !status.Signaled() && !state.Success() {
					t.Fatalf("killed at step %d: the child failed: %s", killAt, out)
				}
				afterCrash(t, s, home)
				if t.Failed() {
					t.Fatalf("killed at step %d of %s", killAt, s.name)
				}
				if state.Success() {
					t.Logf("%d steps", killAt-1)
					if killAt < 20 {
						t.Errorf("%s has only %d steps: are they told?", s.name, killAt-1)
					}
					return
				}
			}
		})
	}
}

func prepareCrash(t testing.TB, s scenario, home string) {
	t.Helper()
	if s.fresh {
		return
	}
	h, c := newHost(t, home), nodetest.NewContent()
	old, _ := crashTrees(c)
	_, err := nodetest.Deploy(t.Context(), h, "app1", 1, old, c)
	must(t, err)
	if s.prepare != nil {
		s.prepare(t, h, home)
	}
}

// afterCrash checks what a crash left: as it stands, and after the next deployment.
func afterCrash(t *testing.T, s scenario, home string) {
	t.Helper()
	ctx := t.Context()
	h, c := newHost(t, home), nodetest.NewContent()
	old, next := crashTrees(c)
	r, err := h.Look(ctx, facsimile.Digest{})
	must(t, err)
	if none := r.Current.IsZero() && (s.fresh || s.name == "foreign"); !none {
		if r.Current != old && r.Current != next {
			t.Errorf("current is %s", r.Current)
		}
		if found, err := nodetest.Differences(ctx, h, r.Current); (err != nil || len(found) > 0) && !s.damaged {
			t.Errorf("what is current is not whole: %v %v", found, err)
		}
	}
	b := node.Ballot{Epoch: max(r.Promised, 2) + 1, Token: nodetest.Ballot(2).Token} // the dead one's token: its lease still stands
	o := nodetest.Order(b.Epoch, "app1", next)
	_, err = h.Promise(ctx, b, nodetest.Owner("app1"), time.Hour)
	must(t, err)
	r, err = h.Look(ctx, next)
	must(t, err)
	if r.Last.Tree != r.Current && !(s.name == "foreign" && r.Current.IsZero()) {
		t.Errorf("current is %s, and the last receipt is of %s", r.Current.Short(), r.Last.Tree.Short())
	}
	_, err = h.Stage(ctx, b, o, c)
	must(t, err)
	_, err = h.Activate(ctx, b, o)
	must(t, err)
	must(t, h.Confirm(ctx, b, o.Release))
	_, err = h.Prune(ctx, b, 1, nil)
	must(t, err)
	must(t, h.Release(ctx, b))
	checkClean(t, h, home, next, b.Epoch)
	if s.name == "foreign" {
		kept, err := filepath.Glob(filepath.Join(home, ".facs/aside/*-current/precious"))
		if err != nil || len(kept) != 1 {
			t.Errorf("what stood in the place of current is at %v", kept)
		}
	}
}

// checkClean checks that a home holds one exact release and nothing that a crash left.
func checkClean(t *testing.T, h *node.Host, home string, tree facsimile.Digest, epoch uint64) {
	t.Helper()
	found, err := nodetest.Differences(t.Context(), h, tree)
	if err != nil || len(found) > 0 {
		t.Errorf("after the next deployment: %v %v", found, err)
	}
	r, err := h.Look(t.Context(), tree)
	must(t, err)
	if !r.Exact || r.Last.Order.Epoch != epoch || !r.Last.Confirmed {
		t.Errorf("after the next deployment the report is %+v", r)
	}
	must(t, filepath.WalkDir(home, func(p string, d os.DirEntry, err error) error {
		if name := d.Name(); strings.HasPrefix(name, ".staging-") || strings.HasPrefix(name, ".whole-") ||
			strings.HasPrefix(name, ".removing-") || strings.HasPrefix(name, ".tmp-") || p == filepath.Join(home, ".facs/next") {
			t.Errorf("%s was left", p)
		}
		return err
	}))
	var last node.Event
	for e, err := range h.Journal(t.Context(), 0) {
		must(t, err)
		if e.Seq != last.Seq+1 {
			t.Errorf("event %d follows %d", e.Seq, last.Seq)
		}
		if last.Kind == node.EventSwitching && e.Kind != node.EventSwitched && e.Kind != node.EventUndone {
			t.Errorf("event %d, %s, follows an open switch", e.Seq, e.Kind)
		}
		last = e
	}
	if last.Kind != node.EventReleased {
		t.Errorf("the journal ends with %s", last.Kind)
	}
}
