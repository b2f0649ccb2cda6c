package wire_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

// latency is how long a byte takes one way over the slow link. The time is not the machine's:
// it passes only when everybody waits, so it counts round trips and nothing else.
const latency = 40 * time.Millisecond

// words are n bytes of text that shrinks about as programs do.
func words(n int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "func f%d() { return %d }\n", r.IntN(1000), r.IntN(1<<20))
	}
	return b.String()[:n]
}

// manyFiles adds a tree of n files of some bytes each, one in a hundred of them secret. Those
// below changed differ from those of another version.
func manyFiles(t testing.TB, c *nodetest.Content, n, size, changed, version int) facsimile.Digest {
	t.Helper()
	files := make([]facsimile.File, n)
	for i := range files {
		seed := uint64(i)
		if i < changed {
			seed += uint64(version) << 32
		}
		path, body := fmt.Sprintf("dir%d/file%d", i%20, i), words(size, seed)
		if i%100 == 99 {
			files[i] = c.Secret(path, body)
		} else {
			files[i] = c.File(path, body, 0o644)
		}
	}
	return c.Add(t, files...)
}

// steady makes a node say the same on every machine.
type steady struct{ node.Node }

func (s steady) Look(ctx context.Context, tree facsimile.Digest) (node.Report, error) {
	r, err := s.Node.Look(ctx, tree)
	r.Free, r.System = 1<<40, "linux/amd64"
	return r, err
}

func (s steady) Promise(ctx context.Context, b node.Ballot, o node.Owner, lease time.Duration) (node.Report, error) {
	r, err := s.Node.Promise(ctx, b, o, lease)
	r.Free, r.System = 1<<40, "linux/amd64"
	return r, err
}

// meter prints what each step cost. What is received is rounded, since the last credit of a call
// is sent or not, as it happens.
type meter struct {
	t    *testing.T
	s    *session
	text strings.Builder
	last wire.Counters
}

func (m *meter) step(name string, do func() error) {
	m.t.Helper()
	began := time.Now()
	if err := do(); err != nil {
		m.t.Fatalf("%s: %v", name, err)
	}
	took := time.Since(began)
	synctest.Wait() // the last credits
	c := m.s.Counters()
	trips := c.RoundTrips - m.last.RoundTrips
	fmt.Fprintf(&m.text, "%-34s %2d round trips, %6d bytes sent, %2d KiB received, %4d blobs of %d bytes\n",
		name, trips, c.Sent-m.last.Sent, (c.Received-m.last.Received+1023)>>10, c.Blobs-m.last.Blobs, c.BlobBytes-m.last.BlobBytes)
	if took != time.Duration(trips)*2*latency {
		m.t.Errorf("%s: %d round trips were counted, and it took %.2f", name, trips, float64(took)/float64(2*latency))
	}
	m.last = c
}

func TestCost(t *testing.T) {
	home := newHome(t)
	synctest.Test(t, func(t *testing.T) {
		h, err := node.NewHost(node.HostOptions{Home: home, Name: "app1", Workers: 2,
			Now: func() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) }})
		must(t, err)
		content := nodetest.NewContent()
		first := manyFiles(t, content, 2000, 1000, 40, 1)
		second := manyFiles(t, content, 2000, 1000, 40, 2)
		m := &meter{t: t, s: connect(t, newLink(latency), steady{h})}
		ctx := t.Context()
		deploy := func(name string, epoch uint64, tree facsimile.Digest) {
			b, o := nodetest.Ballot(epoch), nodetest.Order(epoch, "app1", tree)
			m.step(name+": promise", func() error {
				_, err := m.s.Promise(ctx, b, nodetest.Owner("app1"), time.Hour)
				return err
			})
			m.step(name+": stage", func() error { _, err := m.s.Stage(ctx, b, o, content); return err })
			m.step(name+": activate", func() error { _, err := m.s.Activate(ctx, b, o); return err })
			m.step(name+": confirm", func() error { return m.s.Confirm(ctx, b, o.Release) })
			m.step(name+": verify", func() error { _, err := nodetest.Differences(ctx, m.s, tree); return err })
			m.step(name+": release", func() error { return m.s.Release(ctx, b) })
		}
		deploy("2000 files, first", 1, first)
		m.step("unchanged: look", func() error {
			r, err := m.s.Look(ctx, first)
			if err == nil && !r.Exact {
				err = fmt.Errorf("not exact: %+v", r)
			}
			return err
		})
		deploy("40 of them changed", 2, second)
		deploy("back again", 3, first)
		m.step("journal", func() error {
			for _, err := range m.s.Journal(ctx, 0) {
				if err != nil {
					return err
				}
			}
			return nil
		})
		golden(t, "testdata/cost.golden", m.text.String())
	})
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got != string(want) {
		t.Errorf("the cost is not that of %s (-update writes it anew):\n%s\nwas\n%s", path, got, want)
	}
}

// TestLargeBlobsFillTheWindow checks that the sender waits for the receiver once for each window
// and no more often.
func TestLargeBlobsFillTheWindow(t *testing.T) {
	home := newHome(t)
	synctest.Test(t, func(t *testing.T) {
		content := nodetest.NewContent()
		var files []facsimile.File
		for i := range 3 {
			files = append(files, content.File(fmt.Sprintf("large%d", i), words(8<<20, uint64(i)), 0o644))
		}
		tree := content.Add(t, files...)
		s := connect(t, newLink(latency), newHost(t, home))
		_, err := s.Promise(t.Context(), nodetest.Ballot(1), nodetest.Owner("app1"), time.Hour)
		must(t, err)
		began := time.Now()
		_, err = s.Stage(t.Context(), nodetest.Ballot(1), nodetest.Order(1, "app1", tree), content)
		must(t, err)
		if trips := time.Since(began) / (2 * latency); trips < 4 || trips > 6 {
			t.Errorf("24 MiB took %d round trips, want 3 and one or two for each window of 8 MiB after the first", trips)
		}
	})
}

// numbered is a Content of n blobs, each of which holds its own digest.
type numbered struct {
	node.Content
	tree []byte
}

func numberedDigest(i int) facsimile.Digest {
	return facsimile.Digest{byte(i), byte(i >> 8), byte(i >> 16), 1}
}

func newNumbered(t testing.TB, n int) numbered {
	t.Helper()
	files := make([]facsimile.File, n)
	for i := range files {
		files[i] = facsimile.File{Path: fmt.Sprintf("f%d", i), Type: facsimile.RegularFile, Mode: 0o644, Size: 32, Digest: numberedDigest(i)}
	}
	tree, err := facsimile.NewTree(files)
	must(t, err)
	return numbered{tree: tree.Encode()}
}

// order is an order that gives app1 all of them.
func (c numbered) order() node.Order { return nodetest.Order(1, "app1", facsimile.DigestOf(c.tree)) }

func (c numbered) Tree(context.Context, facsimile.Digest) ([]byte, error) { return c.tree, nil }

func (numbered) Key(_ context.Context, d facsimile.Digest) (node.Key, error) { return node.Key(d), nil }

func (numbered) Open(_ context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(d[:]))), nil
}

// greedy is a node that asks for very many blobs.
type greedy struct {
	node.Node
	n int
}

func (g greedy) Stage(ctx context.Context, _ node.Ballot, _ node.Order, c node.Content) (node.Staged, error) {
	lack := node.Lack{}
	for i := range g.n {
		lack.Blobs = append(lack.Blobs, numberedDigest(i))
	}
	if err := c.(node.Prefetcher).Prefetch(ctx, lack); err != nil {
		return node.Staged{}, err
	}
	for i := range g.n {
		b, err := c.Open(ctx, numberedDigest(i))
		if err != nil {
			return node.Staged{}, err
		}
		got, err := io.ReadAll(b)
		if err != nil || string(got) != string(numberedBytes(i)) {
			return node.Staged{Received: i}, fmt.Errorf("blob %d is %q: %w", i, got, err)
		}
		if err := b.Close(); err != nil {
			return node.Staged{}, err
		}
	}
	return node.Staged{Received: g.n}, nil
}

func numberedBytes(i int) []byte {
	d := numberedDigest(i)
	return d[:]
}

// TestVeryManyBlobs checks that more blobs than one request names come as well.
func TestVeryManyBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 50_500 // a request names 50,000
		content := newNumbered(t, n)
		s := connect(t, newLink(latency), greedy{n: n})
		began := time.Now()
		staged, err := s.Stage(t.Context(), nodetest.Ballot(1), content.order(), content)
		if err != nil || staged.Received != n {
			t.Fatalf("%+v, %v", staged, err)
		}
		if trips := time.Since(began) / (2 * latency); trips > 6 {
			t.Errorf("%d blobs took %d round trips", n, trips)
		}
	})
}
