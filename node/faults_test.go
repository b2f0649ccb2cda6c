package node_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

const name = facsimile.Node("app1")

func deploy(t testing.TB, h *node.Host, epoch uint64, tree facsimile.Digest, c node.Content) node.Staged {
	t.Helper()
	staged, err := nodetest.Deploy(t.Context(), h, name, epoch, tree, c)
	must(t, err)
	return staged
}

func promise(t testing.TB, h *node.Host, epoch uint64) node.Ballot {
	t.Helper()
	_, err := h.Promise(t.Context(), nodetest.Ballot(epoch), nodetest.Owner(name), time.Hour)
	must(t, err)
	return nodetest.Ballot(epoch)
}

func refused(t testing.TB, err error, words ...string) {
	t.Helper()
	var e *facsimile.Error
	if !errors.As(err, &e) || e.Outcome != facsimile.Refused {
		t.Fatalf("want a refusal, got %v", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the refusal does not say %q: %v", w, err)
		}
	}
}

func TestNewHostRefusesHomes(t *testing.T) {
	for _, o := range []node.HostOptions{
		{Home: "relative/home", Name: name}, {Home: "", Name: name}, {Home: "/", Name: name}, {Home: "/srv/..", Name: name},
		{Home: "/srv/shop", Name: "-o"}, {Home: "/srv/shop"},
	} {
		if _, err := node.NewHost(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestLeaseIsOfTheBoot checks that a lease ends by the boot's own clock or with the boot, that
// a switch after its end is refused, and that the time of day has no say.
func TestLeaseIsOfTheBoot(t *testing.T) {
	boot, up, wall := "one", time.Hour, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h, err := node.NewHost(node.HostOptions{
		Home: filepath.Join(memoryDir(t), "home"), Name: name,
		Now:  func() time.Time { return wall },
		Boot: func() (string, time.Duration, error) { return boot, up, nil },
	})
	must(t, err)
	ctx, c := t.Context(), nodetest.NewContent()
	tree := nodetest.Sample(t, c)
	grant := func(epoch uint64) error {
		_, err := h.Promise(ctx, nodetest.Ballot(epoch), nodetest.Owner(name), time.Minute)
		return err
	}
	activate := func(epoch uint64) error {
		b, o := nodetest.Ballot(epoch), nodetest.Order(epoch, name, tree)
		if _, err := h.Stage(ctx, b, o, c); err != nil {
			return err
		}
		_, err := h.Activate(ctx, b, o)
		return err
	}
	must(t, grant(1))
	wall = wall.AddDate(1, 0, 0) // a clock that was set wrong ends nothing
	refused(t, grant(2), "epoch 1")
	up += time.Minute
	refused(t, activate(1), "lease", "ran out")
	must(t, grant(1)) // nobody else was promised anything: the same rollout may go on
	must(t, activate(1))
	up += time.Minute
	refused(t, h.Revert(ctx, nodetest.Ballot(1), nodetest.Order(1, name, tree)), "ran out")
	must(t, grant(2))
	refused(t, activate(1), "epoch 2")
	boot, up = "two", time.Second
	refused(t, activate(2), "restarted")
	must(t, grant(3))
	must(t, activate(3))
}

func TestOneOfManyIsGranted(t *testing.T) {
	home := filepath.Join(memoryDir(t), "home")
	const processes, goroutines = 4, 8
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		granted []string
	)
	won := func(token string) {
		mu.Lock()
		defer mu.Unlock()
		granted = append(granted, token)
	}
	for i := range processes {
		wg.Go(func() {
			if state, _ := runChild(t, "promise", home, "process"+itoa(i), "1"); state.Success() {
				won("process" + itoa(i))
			}
		})
	}
	for i := range goroutines {
		wg.Go(func() {
			b := node.Ballot{Epoch: 1, Token: "goroutine" + itoa(i)}
			if _, err := newHost(t, home).Promise(t.Context(), b, nodetest.Owner(name), time.Hour); err == nil {
				won(b.Token)
			}
		})
	}
	wg.Wait()
	if len(granted) != 1 {
		t.Errorf("one epoch was granted to %v", granted)
	}
}

func TestWaitingForTheLockEndsWithTheContext(t *testing.T) {
	h := newHost(t, filepath.Join(memoryDir(t), "home"))
	promise(t, h, 1)
	unlock, err := h.Lock(t.Context(), "a test that holds on")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = h.Confirm(ctx, nodetest.Ballot(1), facsimile.Digest{1})
	refused(t, err, "a test that holds on", "process "+itoa(os.Getpid()), "since")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the cause is not the deadline: %v", err)
	}
	if _, err := h.Look(t.Context(), facsimile.Digest{}); err != nil {
		t.Errorf("looking waits for the lock: %v", err)
	}
	unlock()
	must(t, h.Release(t.Context(), nodetest.Ballot(1)))
}

func TestTornJournal(t *testing.T) {
	for what, tail := range map[string]string{
		"half a line":         `{"seq":4,"time":"2026-`,
		"a line without end":  `{"seq":4,"time":"2026-05-04T03:02:01Z","kind":"promised","epoch":9}`,
		"zeros":               strings.Repeat("\x00", 5000),
		"zeros and a line":    strings.Repeat("\x00", 100) + "\n",
		"more than one chunk": `{"note":"` + strings.Repeat("x", 200<<10),
	} {
		t.Run(what, func(t *testing.T) {
			home := filepath.Join(memoryDir(t), "home")
			h := newHost(t, home)
			c := nodetest.NewContent()
			tree := nodetest.Sample(t, c)
			deploy(t, h, 1, tree, c)
			file := filepath.Join(home, ".facs/journal")
			whole, err := os.ReadFile(file)
			must(t, err)
			must(t, os.WriteFile(file, append(bytes.Clone(whole), tail...), 0o600))
			count := func() (n int, last node.Event) {
				for e, err := range h.Journal(t.Context(), 0) {
					must(t, err)
					n, last = n+1, e
				}
				return n, last
			}
			if n, last := count(); n != 6 || last.Kind != node.EventReleased {
				t.Errorf("a torn journal gives %d events, the last %+v", n, last)
			}
			promise(t, h, 2)
			if n, last := count(); n != 8 || last.Kind != node.EventPromised {
				t.Errorf("after the next event there are %d, the last %+v", n, last)
			}
			for e, err := range h.Journal(t.Context(), 6) {
				must(t, err)
				if e.Kind != node.EventMended || !strings.Contains(e.Note, "torn end of "+itoa(len(tail))+" bytes") {
					t.Errorf("what was cut off is noted as %+v", e)
				}
				break
			}
			b, err := os.ReadFile(file)
			must(t, err)
			if !bytes.HasPrefix(b, whole) || bytes.Contains(b, []byte{0}) {
				t.Error("the journal lost something, or kept what was torn")
			}
		})
	}
}

func TestDamagedRecordsAreRefused(t *testing.T) {
	for _, file := range []string{"owner.json", "promise.json", "receipts/00000000000000000001.json"} {
		t.Run(file, func(t *testing.T) {
			home := filepath.Join(memoryDir(t), "home")
			h := newHost(t, home)
			c := nodetest.NewContent()
			deploy(t, h, 1, nodetest.Sample(t, c), c)
			for body, says := range map[string]string{"{": "damaged", `{"format":9,"record":{}}`: "format 9"} {
				must(t, os.WriteFile(filepath.Join(home, ".facs", file), []byte(body), 0o600))
				_, err := h.Look(t.Context(), facsimile.Digest{})
				refused(t, err, file, says)
				_, err = h.Promise(t.Context(), nodetest.Ballot(2), nodetest.Owner(name), time.Hour)
				refused(t, err, file, says)
			}
		})
	}
}

// TestLostListOfFiles checks that a node that lost the list of a tree cannot say what differs,
// says so, and gets it back with the next deployment.
func TestLostListOfFiles(t *testing.T) {
	home := filepath.Join(memoryDir(t), "home")
	h := newHost(t, home)
	c := nodetest.NewContent()
	tree := nodetest.Sample(t, c)
	for epoch, spoil := range map[uint64]func(p string) error{
		1: os.Remove,
		3: func(p string) error { return os.WriteFile(p, []byte("{}"), 0o600) },
	} {
		deploy(t, h, epoch, tree, c)
		must(t, spoil(filepath.Join(home, ".facs/trees", tree.Hex())))
		if _, err := nodetest.Differences(t.Context(), h, tree); err == nil || !strings.Contains(err.Error(), tree.Short()) {
			t.Errorf("without the list Verify says %v", err)
		}
		if r, err := h.Look(t.Context(), tree); err != nil || r.Exact || r.Staged {
			t.Errorf("without the list Look says %+v %v", r, err)
		}
		must(t, os.RemoveAll(filepath.Join(home, ".facs/promise.json"))) // so that the order of the map does not matter
		deploy(t, h, epoch+1, tree, c)
		if found, err := nodetest.Differences(t.Context(), h, tree); err != nil || len(found) > 0 {
			t.Errorf("after the next deployment: %v %v", found, err)
		}
		must(t, os.RemoveAll(filepath.Join(home, ".facs/promise.json")))
	}
	never := facsimile.Digest{1}
	if found, err := nodetest.Differences(t.Context(), h, never); err != nil || len(found) != 1 || found[0].Kind != facsimile.ReleaseDiffers {
		t.Errorf("of a tree that never came Verify says %v %v", found, err)
	}
}

// breaking is a Content whose connection breaks after some blobs.
type breaking struct {
	*nodetest.Content
	left int
}

func (c *breaking) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	if c.left--; c.left < 0 {
		return nil, errors.New("the connection broke")
	}
	return c.Content.Open(ctx, d)
}

func TestStagingGoesOnWhereItStopped(t *testing.T) {
	home := filepath.Join(memoryDir(t), "home")
	h, err := node.NewHost(node.HostOptions{Home: home, Name: name, Workers: 1})
	must(t, err)
	c := nodetest.NewContent()
	var files []facsimile.File
	for i := range 10 {
		files = append(files, c.File("d/"+itoa(i), "the file "+itoa(i), 0o640))
	}
	tree := c.Add(t, append(files, nodetest.Folder("d", 0o555))...)
	b, o := promise(t, h, 1), nodetest.Order(1, name, tree)
	_, err = h.Stage(t.Context(), b, o, &breaking{c, 4})
	if err == nil || !strings.Contains(err.Error(), "the connection broke") {
		t.Fatalf("a broken connection is told as %v", err)
	}
	staging := filepath.Join(home, "releases/.staging-"+tree.Hex())
	must(t, os.WriteFile(filepath.Join(staging, "d/0"), []byte("the file X"), 0o640)) // and one is damaged meanwhile
	must(t, os.WriteFile(filepath.Join(staging, "stray"), nil, 0o640))
	got, err := h.Stage(t.Context(), b, o, c)
	must(t, err)
	if want := (node.Staged{Received: 7, Bytes: 70, Reused: 3}); got != want {
		t.Errorf("the second call did %+v, want %+v", got, want)
	}
	if r, err := h.Look(t.Context(), tree); err != nil || !r.Staged {
		t.Errorf("%+v %v", r, err)
	}
}

// hanging is a Content whose blobs never end.
type hanging struct {
	*nodetest.Content
	reading chan struct{}
}

func (c *hanging) Open(context.Context, facsimile.Digest) (io.ReadCloser, error) {
	r, w := io.Pipe()
	return &hangingBlob{PipeReader: r, w: w, reading: c.reading}, nil
}

type hangingBlob struct {
	*io.PipeReader
	w       *io.PipeWriter
	reading chan struct{}
	once    sync.Once
}

func (b *hangingBlob) Read(p []byte) (int, error) {
	b.once.Do(func() { close(b.reading) })
	return b.PipeReader.Read(p)
}

func TestStagingEndsWithTheContextThoughAReadHangs(t *testing.T) {
	h := newHost(t, filepath.Join(memoryDir(t), "home"))
	c := &hanging{nodetest.NewContent(), make(chan struct{})}
	tree := c.Add(t, c.File("a", "never comes", 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-c.reading
		cancel()
	}()
	_, err := h.Stage(ctx, promise(t, h, 1), nodetest.Order(1, name, tree), c)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled staging says %v", err)
	}
}

// overtaken is a Content while whose first blob is fetched another rollout takes over.
type overtaken struct {
	*nodetest.Content
	takeOver func()
	once     sync.Once
}

func (c *overtaken) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	c.once.Do(c.takeOver)
	return c.Content.Open(ctx, d)
}

// TestStagingStopsWhenAnotherTakesOver checks that a rollout that was overtaken neither waits in
// the way of its successor nor fetches the rest.
func TestStagingStopsWhenAnotherTakesOver(t *testing.T) {
	h, err := node.NewHost(node.HostOptions{Home: filepath.Join(memoryDir(t), "home"), Name: name, Workers: 1})
	must(t, err)
	c := nodetest.NewContent()
	tree := nodetest.Sample(t, c)
	b := promise(t, h, 1)
	successor := node.Ballot{Epoch: 2, Token: b.Token}
	_, err = h.Stage(t.Context(), b, nodetest.Order(1, name, tree), &overtaken{Content: c, takeOver: func() {
		_, err := h.Promise(t.Context(), successor, nodetest.Owner(name), time.Hour)
		must(t, err)
	}})
	refused(t, err, "epoch 2", "epoch 1")
	if c.Opened() != 1 {
		t.Errorf("%d blobs were fetched after all", c.Opened())
	}
	staged, err := h.Stage(t.Context(), successor, nodetest.Order(2, name, tree), c)
	must(t, err)
	if staged.Reused != 1 {
		t.Errorf("the successor did %+v", staged)
	}
}
