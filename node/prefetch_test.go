package node_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// foretold is a Content that notes what it was told would be asked of it, and what was.
type foretold struct {
	*nodetest.Content
	mu           sync.Mutex
	lack         node.Lack
	keys, opened []facsimile.Digest
}

func (f *foretold) Prefetch(_ context.Context, l node.Lack) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lack.Keys = append(f.lack.Keys, l.Keys...)
	f.lack.Blobs = append(f.lack.Blobs, l.Blobs...)
	return nil
}

func (f *foretold) Key(ctx context.Context, d facsimile.Digest) (node.Key, error) {
	f.mu.Lock()
	f.keys = append(f.keys, d)
	f.mu.Unlock()
	return f.Content.Key(ctx, d)
}

func (f *foretold) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	f.mu.Lock()
	f.opened = append(f.opened, d)
	f.mu.Unlock()
	return f.Content.Open(ctx, d)
}

// TestStageSaysWhatItLacks checks that what is told is what is asked for, in that order.
func TestStageSaysWhatItLacks(t *testing.T) {
	home := filepath.Join(t.TempDir(), "shop")
	h, err := node.NewHost(node.HostOptions{Home: home, Name: "app1", Workers: 1})
	must(t, err)
	c := nodetest.NewContent()
	plain, twice, sealed := c.File("a", "one", 0o644), c.File("b", "two", 0o644), c.Secret("s", "three")
	again := twice
	again.Path, again.Mode = "c", 0o600
	first := c.Add(t, plain, twice, again, sealed)
	next := c.Add(t, plain, c.File("new", "four", 0o644), c.Secret("s2", "five"), sealed)

	check := func(epoch uint64, tree facsimile.Digest, more ...facsimile.Digest) {
		t.Helper()
		f := &foretold{Content: c}
		_, err := nodetest.Deploy(t.Context(), h, "app1", epoch, tree, f)
		must(t, err)
		told := f.lack.Blobs
		opened := slices.DeleteFunc(slices.Clone(f.opened), func(d facsimile.Digest) bool { return slices.Contains(more, d) })
		if !slices.Equal(told, opened) || !slices.Equal(f.lack.Keys, f.keys) || len(told) == 0 {
			t.Errorf("epoch %d: told %v and %v, asked %v and %v", epoch, told, f.lack.Keys, f.opened, f.keys)
		}
		for _, d := range more {
			if !slices.Contains(f.opened, d) {
				t.Errorf("epoch %d: %s was not asked for", epoch, d.Short())
			}
		}
	}
	check(1, first)
	// The only copy of a content is damaged: it is asked for without having been told.
	must(t, os.WriteFile(filepath.Join(home, "releases", first.Hex(), "a"), []byte("ONE"), 0o644))
	check(2, next, plain.Digest)
}
