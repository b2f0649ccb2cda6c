package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/wire"
)

// TestSilentNodeIsGivenUp checks that a node that hangs is an error that says what was waited for
// and for how long.
func TestSilentNodeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink(0)
		s := connect(t, l, blocked{})
		time.Sleep(10 * time.Minute) // signs of life go both ways
		done := make(chan error, 1)
		go func() { _, err := s.Look(t.Context(), facsimile.Digest{}); done <- err }()
		time.Sleep(time.Hour) // a call may last
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Look ended with %v", err)
		default:
		}
		began := time.Now()
		l.node.out.mu.Lock()
		l.node.out.stuck = true
		l.node.out.mu.Unlock()
		err := <-done
		if !errors.Is(err, wire.ErrSilent) || !isLost(err) || !strings.Contains(err.Error(), "say how it stands (for 1h1m0s)") {
			t.Errorf("Look says %v", err)
		}
		if took := time.Since(began); took > time.Minute || took < 30*time.Second {
			t.Errorf("it took %s", took)
		}
		if err := <-s.served; err == nil || !strings.Contains(err.Error(), "silent") && !errors.Is(err, io.EOF) {
			t.Errorf("Serve says %v", err)
		} else {
			s.served <- err
		}
	})
}

// TestSilentOperatorIsGivenUp checks that a node whose operator is gone without a word stops what
// it does for it.
func TestSilentOperatorIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink(0)
		s := connect(t, l, blocked{})
		go func() { _, _ = s.Look(t.Context(), facsimile.Digest{}) }()
		synctest.Wait()
		for _, lane := range []*lane{l.operator.out, l.node.out} {
			lane.mu.Lock()
			lane.stuck = true
			lane.mu.Unlock()
		}
		err := <-s.served
		if !errors.Is(err, wire.ErrSilent) {
			t.Errorf("Serve says %v", err)
		}
		s.served <- err
	})
}

// holdLock takes the lock of a home under which a node switches or stages.
func holdLock(t *testing.T, home, name string) (free func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(home, ".facs", name), os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	return func() { must(t, f.Close()) }
}

// isFree checks that nobody holds a lock.
func isFree(t *testing.T, home, name string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(home, ".facs", name), os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("the %s is held: %v", name, err)
	}
	must(t, f.Close())
}

// stalled is a Content whose blobs come up to some byte and no further, until they are closed.
type stalled struct {
	node.Content
	reached chan struct{}
	once    *sync.Once
	open    *atomic.Int64
}

func (c stalled) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	blob, err := c.Content.Open(ctx, d)
	c.open.Add(1)
	return &stalledBlob{Reader: io.LimitReader(blob, 2), c: c, closed: make(chan struct{})}, err
}

type stalledBlob struct {
	io.Reader
	c      stalled
	closed chan struct{}
	once   sync.Once
}

func (b *stalledBlob) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.c.once.Do(func() { close(b.c.reached) })
		<-b.closed
		err = errors.New("closed")
	}
	return n, err
}

func (b *stalledBlob) Close() error {
	b.once.Do(func() {
		close(b.closed)
		b.c.open.Add(-1)
	})
	return nil
}

// TestServerEndsWithItsOperator checks that a node process whose operator dies in the middle of
// a call ends, and holds no lock.
func TestServerEndsWithItsOperator(t *testing.T) {
	leaks(t)
	content := nodetest.NewContent()
	tree := nodetest.Sample(t, content)
	b, o := nodetest.Ballot(1), nodetest.Order(1, "app1", tree)
	prepare := func(t *testing.T) (*child, string) {
		home := newHome(t)
		c := startChild(t, home, "")
		_, err := c.Promise(t.Context(), b, nodetest.Owner("app1"), time.Hour)
		must(t, err)
		return c, home
	}
	finish := func(t *testing.T, home string) {
		t.Helper()
		isFree(t, home, "lock")
		isFree(t, home, "stage.lock")
		h := newHost(t, home)
		_, err := h.Stage(t.Context(), b, o, content)
		must(t, err)
		_, err = h.Activate(t.Context(), b, o)
		must(t, err)
	}
	t.Run("stage", func(t *testing.T) {
		c, home := prepare(t)
		s := stalled{content, make(chan struct{}), &sync.Once{}, &atomic.Int64{}}
		done := make(chan error, 1)
		go func() { _, err := c.Stage(t.Context(), b, o, s); done <- err }()
		<-s.reached
		must(t, c.Close())
		if err := <-done; !isLost(err) || !errors.Is(err, wire.ErrClosed) {
			t.Errorf("Stage says %v", err)
		}
		_ = c.wait()
		finish(t, home)
	})
	t.Run("activate", func(t *testing.T) {
		c, home := prepare(t)
		_, err := c.Stage(t.Context(), b, o, content)
		must(t, err)
		free := holdLock(t, home, "lock")
		done := make(chan error, 1)
		go func() { _, err := c.Activate(t.Context(), b, o); done <- err }()
		for c.Counters().FramesSent < 8 && len(done) == 0 { // until it is asked
			time.Sleep(time.Millisecond)
		}
		must(t, c.Close())
		if err := <-done; !isLost(err) {
			t.Errorf("Activate says %v", err)
		}
		_ = c.wait()
		free()
		finish(t, home)
	})
	t.Run("between calls", func(t *testing.T) {
		c, home := prepare(t)
		must(t, c.Close())
		if err := c.wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		finish(t, home)
	})
}

// TestServeEndsWithItsContext checks that a node that is told to stop says so.
func TestServeEndsWithItsContext(t *testing.T) {
	leaks(t)
	l := newLink(0)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	asked := make(chan struct{})
	go func() {
		served <- wire.Serve(ctx, l.node, l.node, blocked{asked: asked}, wire.ServeOptions{Version: version})
	}()
	c, err := wire.Dial(t.Context(), l.operator, wire.DialOptions{Version: version})
	must(t, err)
	done := make(chan error, 1)
	go func() { _, err := c.Look(t.Context(), facsimile.Digest{}); done <- err }()
	<-asked
	cancel()
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve says %v", err)
	}
	if err := <-done; !isLost(err) || !strings.Contains(err.Error(), "was stopped") || errors.Is(err, context.Canceled) {
		t.Errorf("Look says %v", err)
	}
	must(t, c.Close())
}

// stubborn is a node whose calls go on when they are cancelled, and then succeed.
type stubborn struct {
	node.Node
	asked, goOn chan struct{}
}

func (n stubborn) Activate(ctx context.Context, _ node.Ballot, o node.Order) (node.Receipt, error) {
	n.asked <- struct{}{}
	<-ctx.Done()
	<-n.goOn
	return node.Receipt{Order: o, Confirmed: true}, nil
}

// TestCancelledCallsSayHowTheyEnded checks that a call that was cancelled too late is a success,
// as it is in process, and that one that never ends is an error all the same.
func TestCancelledCallsSayHowTheyEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := stubborn{asked: make(chan struct{}), goOn: make(chan struct{}, 2)}
		s := connect(t, newLink(latency), n)
		activate := func() (node.Receipt, time.Duration, error) {
			ctx, cancel := context.WithCancel(t.Context())
			var began time.Time
			go func() {
				<-n.asked
				began = time.Now()
				cancel()
			}()
			r, err := s.Activate(ctx, nodetest.Ballot(1), nodetest.Order(1, "app1", facsimile.Digest{1}))
			return r, time.Since(began), err
		}
		n.goOn <- struct{}{}
		if r, took, err := activate(); err != nil || !r.Confirmed || took != 2*latency {
			t.Errorf("a call that could not be stopped: %+v, %v after %s", r, err, took)
		}
		if _, took, err := activate(); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "activate (epoch 1)") || took != 5*time.Second {
			t.Errorf("a call that does not end: %v after %s", err, took)
		}
		n.goOn <- struct{}{}

		s = connect(t, newLink(latency), blocked{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := s.Look(ctx, facsimile.Digest{})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Minute+2*latency {
			t.Errorf("a deadline: %v after %s", err, time.Since(began))
		}
	})
}

// slowReader is a node that stages at its own pace: a blob at a time, when it is told to.
type slowReader struct {
	node.Node
	step chan struct{}
	n    int
}

func (n slowReader) Stage(ctx context.Context, _ node.Ballot, _ node.Order, c node.Content) (node.Staged, error) {
	var lack node.Lack
	for i := range n.n {
		lack.Blobs = append(lack.Blobs, numberedDigest(i))
	}
	if err := c.(node.Prefetcher).Prefetch(ctx, lack); err != nil {
		return node.Staged{}, err
	}
	var staged node.Staged
	for i := range n.n {
		<-n.step
		b, err := c.Open(ctx, numberedDigest(i))
		if err != nil {
			return staged, err
		}
		size, err := io.Copy(io.Discard, b)
		if err != nil {
			return staged, err
		}
		staged.Bytes += size
	}
	return staged, nil
}

func (slowReader) Look(context.Context, facsimile.Digest) (node.Report, error) {
	return node.Report{Promised: 7}, nil
}

// zeros is a Content of blobs of a megabyte each.
type zeros struct{ numbered }

func (zeros) Open(context.Context, facsimile.Digest) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(zeroReader{}, 1<<20)), nil
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestSlowNodeSlowsTheOperator checks that a node is sent no more than it can hold, and that
// other calls are answered meanwhile.
func TestSlowNodeSlowsTheOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := slowReader{step: make(chan struct{}), n: 64}
		s := connect(t, newLink(latency), n)
		done := make(chan error, 1)
		go func() {
			content := zeros{newNumbered(t, n.n)}
			staged, err := s.Stage(t.Context(), nodetest.Ballot(1), content.order(), content)
			if staged.Bytes != 64<<20 {
				err = errors.Join(err, fmt.Errorf("%d bytes came", staged.Bytes))
			}
			done <- err
		}()
		const most = 9 << 20 // the window of 8 MiB, and what is on its way
		for read := range int64(20) {
			time.Sleep(time.Second)
			if sent := s.Counters().BlobBytes; sent-read<<20 > most {
				t.Fatalf("%d bytes were sent when %d MiB were read", sent, read)
			}
			began := time.Now()
			if r, err := s.Look(t.Context(), facsimile.Digest{}); err != nil || r.Promised != 7 || time.Since(began) != 2*latency {
				t.Errorf("Look while it is staged: %+v, %v after %s", r, err, time.Since(began))
			}
			n.step <- struct{}{}
		}
		close(n.step)
		must(t, <-done)
	})
}

// TestStageUsesNothingAfterwards checks that a Content is let go of when Stage returns.
func TestStageUsesNothingAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := slowReader{step: make(chan struct{}), n: 10}
		close(n.step)
		s := connect(t, newLink(latency), n)
		content := zeros{newNumbered(t, n.n)}
		c := stalled{content, make(chan struct{}), &sync.Once{}, &atomic.Int64{}}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-c.reached
			cancel()
		}()
		_, err := s.Stage(ctx, nodetest.Ballot(1), content.order(), c)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Stage says %v", err)
		}
		if n := c.open.Load(); n != 0 {
			t.Errorf("%d blobs are still open", n)
		}
	})
}

// heldOpen is a stream that goes on when it is closed, as the standard output of a process does
// whose standard input is closed.
type heldOpen struct{ *linkEnd }

func (heldOpen) Close() error { return nil }

// TestCloseOfAHangingProcess checks that Close returns though nobody hears of it.
func TestCloseOfAHangingProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink(0)
		s := connectTo(t, heldOpen{l.operator}, l, blocked{})
		began := time.Now()
		must(t, s.Close())
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Close took %s", took)
		}
		l.cut()
	})
}
