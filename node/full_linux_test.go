package node_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node/nodetest"
)

// TestFullDisk stages on a file system that is really too small: once where that shows before
// anything is written, and once where it fills up on the way.
func TestFullDisk(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("facs", mount, "tmpfs", 0, "size=2m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("cannot mount a small file system: %v", err)
		}
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) })
	home := filepath.Join(mount, "home")
	h := newHost(t, home)
	c := nodetest.NewContent()
	small := c.Add(t, c.File("a", "small", 0o644))
	deploy(t, h, 1, small, c)
	big := c.Add(t, c.File("big", strings.Repeat("x", 3<<20), 0o644))
	_, err := h.Stage(t.Context(), promise(t, h, 2), nodetest.Order(2, name, big), c)
	refused(t, err, "no room", "needs 3.0 MiB", "free")

	fits := c.Add(t, c.File("first", strings.Repeat("y", 1<<20), 0o644), c.File("second", strings.Repeat("z", 400<<10), 0o644))
	filler := &filling{c, filepath.Join(mount, "filler")}
	_, err = h.Stage(t.Context(), nodetest.Ballot(2), nodetest.Order(2, name, fits), filler)
	refused(t, err, "full")
	if left, err := filepath.Glob(filepath.Join(home, "releases/.staging-*")); err != nil || len(left) > 0 {
		t.Errorf("a full disk keeps %v", left)
	}
	must(t, os.Remove(filler.path))
	if found, err := nodetest.Differences(t.Context(), h, small); err != nil || len(found) > 0 {
		t.Errorf("what is live: %v %v", found, err)
	}
	must(t, h.Release(t.Context(), nodetest.Ballot(2)))
	deploy(t, h, 3, fits, c)
}

// filling is a Content while whose blobs are fetched somebody else fills the disk.
type filling struct {
	*nodetest.Content
	path string
}

func (c *filling) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	_ = os.WriteFile(c.path, make([]byte, 4<<20), 0o644) // until it is full
	return c.Content.Open(ctx, d)
}
