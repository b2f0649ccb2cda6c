package wire_test

import (
	"context"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/wire"
)

// quick is a node that does nothing and says so.
type quick struct{}

func (quick) Look(context.Context, facsimile.Digest) (node.Report, error) { return node.Report{}, nil }
func (quick) Promise(context.Context, node.Ballot, node.Owner, time.Duration) (node.Report, error) {
	return node.Report{}, nil
}

func (quick) Stage(ctx context.Context, _ node.Ballot, o node.Order, c node.Content) (s node.Staged, err error) {
	if _, err = c.Tree(ctx, o.Trees["app1"]); err != nil {
		return s, err
	}
	lack := node.Lack{Keys: []facsimile.Digest{numberedDigest(2)}, Blobs: []facsimile.Digest{numberedDigest(3), numberedDigest(4)}}
	if err = c.(node.Prefetcher).Prefetch(ctx, lack); err != nil {
		return s, err
	}
	for i := 3; i < 6; i++ {
		blob, err := c.Open(ctx, numberedDigest(i))
		if err != nil {
			return s, err
		}
		if _, err := io.Copy(io.Discard, blob); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (quick) Activate(context.Context, node.Ballot, node.Order) (node.Receipt, error) {
	return node.Receipt{}, nil
}
func (quick) Confirm(context.Context, node.Ballot, facsimile.Digest) error { return nil }
func (quick) Revert(context.Context, node.Ballot, node.Order) error        { return nil }
func (quick) Verify(context.Context, facsimile.Digest) iter.Seq2[facsimile.Difference, error] {
	return func(yield func(facsimile.Difference, error) bool) {
		for range 3000 {
			if !yield(facsimile.Difference{Path: "etc/passwd", Kind: facsimile.Extra}, nil) {
				return
			}
		}
	}
}

func (quick) Journal(context.Context, uint64) iter.Seq2[node.Event, error] {
	return func(func(node.Event, error) bool) {}
}

func (quick) Prune(context.Context, node.Ballot, int, []facsimile.Digest) ([]facsimile.Digest, error) {
	return nil, nil
}
func (quick) Release(context.Context, node.Ballot) error { return nil }

// recorded gives what both sides say when an operator asks everything once.
func recorded(f *testing.F) (operator, hostSide string) {
	f.Helper()
	l := newLink(0)
	o, n := &recorder{linkEnd: l.operator}, &recorder{linkEnd: l.node}
	served := make(chan error, 1)
	go func() {
		served <- wire.Serve(context.Background(), n, n, quick{}, wire.ServeOptions{Version: version})
	}()
	c, err := wire.Dial(context.Background(), o, wire.DialOptions{Name: "app1", Version: version})
	must(f, err)
	askAll(f, c)
	must(f, c.Close())
	must(f, <-served)
	return o.sent.String(), n.sent.String()
}

func askAll(t testing.TB, n node.Node) {
	ctx, content := t.Context(), newNumbered(t, 10)
	b, order := nodetest.Ballot(1), content.order()
	_, _ = n.Look(ctx, facsimile.Digest{})
	_, _ = n.Promise(ctx, b, nodetest.Owner("app1"), time.Hour)
	_, _ = n.Stage(ctx, b, order, content)
	_, _ = n.Activate(ctx, b, order)
	for range n.Verify(ctx, numberedDigest(1)) {
	}
	for range n.Journal(ctx, 0) {
	}
	_, _ = n.Prune(ctx, b, 1, nil)
}

// FuzzServe sends a node anything. It must end when the stream does.
func FuzzServe(f *testing.F) {
	operator, _ := recorded(f)
	f.Add([]byte(operator))
	f.Add([]byte(helloLine + rawFrame(request, 1, lookRequest) + rawFrame(cancel, 1, "")))
	f.Add([]byte(helloLine + rawFrame(request, 1, `{"method":"verify","window":100,"args":{"tree":"none"}}`) + rawFrame(credit, 1, "\x00\x00\x10\x00")))
	f.Fuzz(func(t *testing.T, says []byte) {
		l := newLink(0)
		go func() {
			_, _ = l.operator.Write(says)
			l.operator.out.fail(io.EOF, io.ErrClosedPipe)
		}()
		go func() { _, _ = io.Copy(io.Discard, l.operator) }()
		_ = wire.Serve(t.Context(), l.node, l.node, quick{}, wire.ServeOptions{Version: version})
	})
}

// FuzzDial answers an operator with anything. Each of its calls must end when the stream does.
func FuzzDial(f *testing.F) {
	_, hostSide := recorded(f)
	f.Add([]byte(hostSide))
	f.Add([]byte("Welcome\n" + helloLine + rawFrame(end, 1, `{"result":{}}`)))
	f.Add([]byte(strings.Replace(hostSide, "facsimile", "motd", 1)))
	f.Fuzz(func(t *testing.T, says []byte) {
		l := newLink(0)
		go func() {
			_, _ = l.node.Write(says)
			l.node.out.fail(io.EOF, io.ErrClosedPipe)
		}()
		go func() { _, _ = io.Copy(io.Discard, l.node) }()
		c, err := wire.Dial(t.Context(), l.operator, wire.DialOptions{Name: "app1", Version: version})
		if err != nil {
			return
		}
		askAll(t, c)
		must(t, c.Close())
	})
}
