package node_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// benchTree adds a tree of 5,000 files and 50 MB in 100 folders.
func benchTree(b *testing.B, c *nodetest.Content, changed int) (facsimile.Digest, int64) {
	const files, size = 5000, 10_000
	r := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, size)
	var all []facsimile.File
	for i := range files {
		for j := range body {
			body[j] = byte(r.Uint32())
		}
		if i < changed {
			body[0]++
		}
		all = append(all, c.File(fmt.Sprintf("lib/%02d/file-%d", i%100, i), string(body), 0o644))
	}
	return c.Add(b, all...), files * size
}

// BenchmarkStage stages onto a node that has nothing, and onto one that has all but 50 files.
func BenchmarkStage(b *testing.B) {
	c := nodetest.NewContent()
	first, size := benchTree(b, c, 0)
	second, _ := benchTree(b, c, 50)
	b.Run("new", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			b.StopTimer()
			h := newHost(b, filepath.Join(b.TempDir(), "home"))
			ballot := promise(b, h, 1)
			b.StartTimer()
			_, err := h.Stage(b.Context(), ballot, nodetest.Order(1, name, first), c)
			must(b, err)
		}
	})
	b.Run("update", func(b *testing.B) {
		h := newHost(b, filepath.Join(b.TempDir(), "home"))
		deploy(b, h, 1, first, c)
		b.SetBytes(size)
		epoch := uint64(2)
		for b.Loop() {
			ballot := promise(b, h, epoch)
			staged, err := h.Stage(b.Context(), ballot, nodetest.Order(epoch, name, second), c)
			must(b, err)
			if staged.Received != 50 {
				b.Fatalf("%+v", staged)
			}
			b.StopTimer()
			_, err = h.Prune(b.Context(), ballot, 1, nil)
			must(b, err)
			must(b, h.Release(b.Context(), ballot))
			epoch++
			b.StartTimer()
		}
	})
}

// BenchmarkVerify reads every byte; BenchmarkLook asks only what was written to since.
func BenchmarkVerify(b *testing.B) {
	h, tree, size := benchHome(b)
	b.SetBytes(size)
	for b.Loop() {
		if found, err := nodetest.Differences(b.Context(), h, tree); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	h, tree, size := benchHome(b)
	b.SetBytes(size)
	for b.Loop() {
		if r, err := h.Look(b.Context(), tree); err != nil || !r.Exact {
			b.Fatal(r, err)
		}
	}
}

func benchHome(b *testing.B) (*node.Host, facsimile.Digest, int64) {
	c := nodetest.NewContent()
	tree, size := benchTree(b, c, 0)
	h := newHost(b, filepath.Join(b.TempDir(), "home"))
	deploy(b, h, 1, tree, c)
	return h, tree, size
}
