package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// TestRolloutsInEachOthersWay lets several rollouts take over from each other all the time,
// each with a higher epoch, while somebody keeps looking through current. At no moment may it
// lead to anything but one whole release, and of two rollouts only the later one may switch.
func TestRolloutsInEachOthersWay(t *testing.T) {
	home := filepath.Join(memoryDir(t), "home")
	h, c := newHost(t, home), nodetest.NewContent()
	var trees []facsimile.Digest
	for i := range 3 {
		trees = append(trees, c.Add(t, c.File("a", "version "+itoa(i), 0o644), c.File("b", "version "+itoa(i), 0o600)))
	}
	deploy(t, h, 1, trees[0], c)

	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			watch(t, home)
		}
	})
	var epoch atomic.Uint64
	epoch.Store(1)
	var rollouts sync.WaitGroup
	for i := range 4 {
		rollouts.Go(func() {
			for n := range 15 {
				rollout(t, newHost(t, home), epoch.Add(1), trees[(i+n)%len(trees)], c)
			}
		})
	}
	rollouts.Wait()
	stop()
	watching.Wait()

	r, err := h.Look(t.Context(), facsimile.Digest{})
	must(t, err)
	if r.Last.Tree != r.Current || r.Promised != epoch.Load() {
		t.Errorf("the report is %+v after epoch %d", r, epoch.Load())
	}
	var last node.Event
	var switched uint64
	for e, err := range h.Journal(t.Context(), 0) {
		must(t, err)
		if last.Kind == node.EventSwitching && e.Kind != node.EventSwitched {
			t.Errorf("%+v follows %+v", e, last)
		}
		if e.Kind == node.EventSwitched && e.Epoch < switched {
			t.Errorf("epoch %d switched after epoch %d", e.Epoch, switched)
		} else if e.Kind == node.EventSwitched {
			switched = e.Epoch
		}
		last = e
	}
	if switched < 2 {
		t.Error("no rollout ever switched")
	}
}

// watch opens the current release once and checks that what it reads in it is of one version.
func watch(t *testing.T, home string) {
	d, err := os.OpenRoot(filepath.Join(home, "current"))
	if err != nil {
		t.Errorf("current leads nowhere: %v", err)
		return
	}
	defer func() { _ = d.Close() }()
	a, errA := d.ReadFile("a")
	b, errB := d.ReadFile("b")
	if gone := errors.Is(errA, os.ErrNotExist) || errors.Is(errB, os.ErrNotExist); gone {
		return // pruned since: nothing runs from it
	}
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("current holds %q %v and %q %v", a, errA, b, errB)
	}
}

// rollout does what it can; to be refused, because a later one took over, is right.
func rollout(t *testing.T, h *node.Host, epoch uint64, tree facsimile.Digest, c node.Content) {
	ctx := t.Context()
	b, o := node.Ballot{Epoch: epoch, Token: nodetest.Ballot(1).Token}, nodetest.Order(epoch, name, tree)
	err := func() error {
		if _, err := h.Promise(ctx, b, nodetest.Owner(name), time.Hour); err != nil {
			return err
		}
		if _, err := h.Stage(ctx, b, o, c); err != nil {
			return err
		}
		if _, err := h.Activate(ctx, b, o); err != nil {
			return err
		}
		if err := h.Confirm(ctx, b, o.Release); err != nil {
			return err
		}
		_, err := h.Prune(ctx, b, 1, nil)
		return err
	}()
	var e *facsimile.Error
	if err != nil && (!errors.As(err, &e) || e.Outcome != facsimile.Refused) {
		t.Errorf("epoch %d: %v", epoch, err)
	}
}
