package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/wire"
)

// rollout is everything that is asked of a node for one release, and the proof.
func rollout(t testing.TB, n node.Node, epoch uint64, tree facsimile.Digest, c node.Content) error {
	ctx := t.Context()
	if _, err := n.Look(ctx, tree); err != nil {
		return err
	}
	if _, err := nodetest.Deploy(ctx, n, "app1", epoch, tree, c); err != nil {
		return err
	}
	for _, err := range n.Journal(ctx, 0) {
		if err != nil {
			return err
		}
	}
	found, err := nodetest.Differences(ctx, n, tree)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("differences: %v", found)
	}
	return err
}

// cutTree is a tree with blobs of several parts, of many in one part, and sealed ones.
func cutTree(t testing.TB, c *nodetest.Content, version string) facsimile.Digest {
	files := []facsimile.File{c.File("large", words(300_000, 7), 0o644), c.Secret("secret"+version, "the secret of "+version), nodetest.Link("link", "large")}
	for i := range 20 {
		files = append(files, c.File(fmt.Sprintf("small%d", i), fmt.Sprintf("%d of %s", i, version), 0o644))
	}
	return c.Add(t, files...)
}

// cutAfter cuts a link when so many bytes were sent one way.
func cutAfter(l *link, fromNode bool, n int64) {
	lane := l.operator.out
	if fromNode {
		lane = l.node.out
	}
	lane.limit, lane.onLimit = n, l.cut
}

// checkCut cuts the link in the middle of a rollout, and checks that nobody waits for ever, that
// errors say what happened, and that the same rollout over another link finishes it.
func checkCut(t testing.TB, content *nodetest.Content, first, second facsimile.Digest, fromNode bool, at int64) (reached bool) {
	t.Helper()
	h := newHost(t, newHome(t))
	if _, err := nodetest.Deploy(t.Context(), h, "app1", 1, first, content); err != nil {
		t.Fatal(err)
	}
	l := newLink(0)
	cutAfter(l, fromNode, at)
	s, err := tryConnect(l, h)
	if err == nil {
		err = rollout(t, s, 2, second, content)
		if closeErr := s.Close(); closeErr != nil {
			t.Fatal(closeErr)
		}
		<-s.served
	}
	reached = err != nil
	var hello *wire.HandshakeError
	if reached && !isLost(err) && !errors.As(err, &hello) && !errors.Is(err, errCut) {
		t.Errorf("cut after %d bytes (from the node: %v): %v", at, fromNode, err)
	}
	r, err := h.Look(t.Context(), second)
	if err != nil || r.Current != first && r.Current != second {
		t.Errorf("cut after %d bytes: %+v, %v", at, r, err)
	}
	again, err := tryConnect(newLink(0), h)
	if err != nil {
		t.Fatal(err)
	}
	if r.Promised < 2 || !r.Last.Confirmed || r.Last.Tree != second {
		err = rollout(t, again, 3, second, content)
		if errors.As(err, new(*facsimile.Error)) { // the cut rollout holds its promise: it is the same one that goes on
			err = rollout(t, again, 2, second, content)
		}
	}
	if err != nil {
		t.Errorf("cut after %d bytes (from the node: %v), then again: %v", at, fromNode, err)
	}
	if found, err := nodetest.Differences(t.Context(), again, second); err != nil || len(found) > 0 {
		t.Errorf("cut after %d bytes (from the node: %v), then again: %v, %v", at, fromNode, found, err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-again.served; err != nil {
		t.Errorf("Serve says %v", err)
	}
	return reached
}

func TestCutAnywhere(t *testing.T) {
	leaks(t)
	content := nodetest.NewContent()
	first, second := cutTree(t, content, "one"), cutTree(t, content, "two")
	// A run without a cut says how much is sent, and where one write ends and the next begins.
	l := newLink(0)
	h := newHost(t, newHome(t))
	if _, err := nodetest.Deploy(t.Context(), h, "app1", 1, first, content); err != nil {
		t.Fatal(err)
	}
	s := connect(t, l, h)
	must(t, rollout(t, s, 2, second, content))
	must(t, s.end(t))

	for _, fromNode := range []bool{false, true} {
		lane := l.operator.out
		if fromNode {
			lane = l.node.out
		}
		t.Run(fmt.Sprintf("writes, from the node %v", fromNode), func(t *testing.T) {
			var at int64
			for i, n := range lane.sizes {
				for _, off := range []int64{0, 1, int64(n) / 2} {
					if (i+int(off))%3 == 0 || off == 0 && i < 4 {
						checkCut(t, content, first, second, fromNode, at+off)
					}
				}
				at += int64(n)
			}
		})
		t.Run(fmt.Sprintf("bytes, from the node %v", fromNode), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				checkCut(t, content, first, second, fromNode, rapid.Int64Range(0, lane.total()).Draw(rt, "bytes"))
			})
		})
	}
}

// cutting is a host that cuts a link when it opens so many blobs.
type cutting struct {
	*node.Host
	left int
	link *link
}

func (n *cutting) Stage(ctx context.Context, b node.Ballot, o node.Order, c node.Content) (node.Staged, error) {
	return n.Host.Stage(ctx, b, o, &cuttingContent{c, c.(node.Prefetcher), n})
}

type cuttingContent struct {
	node.Content
	node.Prefetcher
	n *cutting
}

func (c *cuttingContent) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	if c.n.left--; c.n.left == 0 {
		c.n.link.cut()
	}
	return c.Content.Open(ctx, d)
}

// TestStageGoesOnAfterACut checks that what arrived before a cut is not sent again.
func TestStageGoesOnAfterACut(t *testing.T) {
	leaks(t)
	content := nodetest.NewContent()
	tree := manyFiles(t, content, 300, 5000, 300, 1)
	h, err := node.NewHost(node.HostOptions{Home: newHome(t), Name: "app1", Workers: 1}) // one blob after the other
	must(t, err)
	b, o := nodetest.Ballot(1), nodetest.Order(1, "app1", tree)
	_, err = h.Promise(t.Context(), b, nodetest.Owner("app1"), time.Hour)
	must(t, err)
	attempt := func(opens int) (node.Staged, wire.Counters, error) {
		l := newLink(0)
		s, err := tryConnect(l, &cutting{h, opens, l})
		must(t, err)
		staged, err := s.Stage(t.Context(), b, o, content)
		must(t, s.Close())
		<-s.served
		return staged, s.Counters(), err
	}
	for range 2 {
		if _, _, err := attempt(101); !isLost(err) {
			t.Fatalf("cut after 100 blobs: %v", err)
		}
	}
	// More may have come before the host heard of a cut.
	staged, counters, err := attempt(0)
	must(t, err)
	if staged.Received > 100 || staged.Reused != 300-staged.Received || counters.Blobs != int64(staged.Received) {
		t.Errorf("the last of three attempts did %+v at the cost of %+v", staged, counters)
	}
	staged, counters, err = attempt(0)
	must(t, err)
	if staged.Received != 0 || counters.RoundTrips != 1 {
		t.Errorf("once more did %+v at the cost of %+v", staged, counters)
	}
}
