package release_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"io"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// benchDraft has 5,000 files of 10 kB in a folder, 50 MB in all.
func benchDraft(b *testing.B) (release.Draft, int64) {
	b.Helper()
	dir := b.TempDir()
	random := rand.NewChaCha8([32]byte{1})
	var items []*release.Item
	content := make([]byte, 10_000)
	for i := range 5_000 {
		name := fmt.Sprintf("d%02d/f%04d", i%50, i)
		path := filepath.Join(dir, name)
		_, _ = random.Read(content)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			b.Fatal(err)
		}
		items = append(items, &release.Item{
			File: facsimile.File{Path: name, Type: facsimile.RegularFile, Mode: 0o644},
			Open: func() (io.ReadCloser, error) { return os.Open(path) },
		})
	}
	return release.Draft{Definition: "d", Instance: "i", Parts: []release.Part{{Project: "p", Node: "n", Items: items}}}, 50_000_000
}

func BenchmarkPut(b *testing.B) {
	d, size := benchDraft(b)
	b.Run("first", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			b.StopTimer()
			s, _ := openStore(b)
			b.StartTimer()
			put(b, s, d)
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		s, _ := openStore(b)
		put(b, s, d)
		b.SetBytes(size)
		for b.Loop() {
			if _, stats := put(b, s, d); stats.Written != 0 {
				b.Fatalf("wrote %+v", stats)
			}
		}
	})
}

// zeros gives n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.n))
	clear(p[:n])
	z.n -= int64(n)
	return n, nil
}

func (z *zeros) Close() error { return nil }

// TestMemoryDoesNotGrowWithAFile stores 64 MB and counts what was allocated on the way.
func TestMemoryDoesNotGrowWithAFile(t *testing.T) {
	s, _ := openStore(t)
	it := &release.Item{
		File: facsimile.File{Path: "big", Type: facsimile.RegularFile, Mode: 0o644},
		Open: func() (io.ReadCloser, error) { return &zeros{64 << 20}, nil },
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, stats, err := s.Put(context.Background(), release.Draft{Definition: "d", Instance: "i", Parts: []release.Part{{Project: "p", Node: "n", Items: []*release.Item{it}}}}, nil)
	runtime.ReadMemStats(&after)
	if err != nil || stats.Bytes != 64<<20 {
		t.Fatalf("%+v, %v", stats, err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("%d bytes were allocated", got)
	}
}
