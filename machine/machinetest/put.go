package machinetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
)

// program is some content to put, and a place that nothing leads to yet.
func program(t *testing.T) (content []byte, digest facsimile.Digest, dest string) {
	content = make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(content)
	digest = facsimile.DigestOf(content)
	return content, digest, filepath.Join(t.TempDir(), "it's a new", `fol\der`, "facs-"+digest.Hex()[:12])
}

func opener(content []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
}

// alone checks that a folder holds these names and nothing else.
func alone(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s holds %q, %v; want %q", folder, got, err, want)
	}
}

func putOnce(t *testing.T, ctx context.Context, conn machine.Conn) {
	content, digest, dest := program(t)
	var opened atomic.Int32
	put := func() error {
		return machine.Put(ctx, conn, func() (io.ReadCloser, error) { opened.Add(1); return opener(content)() }, digest, int64(len(content)), dest)
	}
	var putting sync.WaitGroup
	for range 6 {
		putting.Go(func() {
			if err := put(); err != nil {
				t.Error(err)
			}
		})
	}
	putting.Wait()
	got, err := os.ReadFile(dest)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file has %d bytes, %v", len(got), err)
	}
	if info, err := os.Stat(dest); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the file is %v, %v; want 0755", info, err)
	}
	before := opened.Load()
	if err := put(); err != nil || opened.Load() != before {
		t.Errorf("what is there was sent again, or %v", err)
	}
	alone(t, filepath.Dir(dest), filepath.Base(dest))
}

func putOfLies(t *testing.T, ctx context.Context, conn machine.Conn) {
	content, digest, dest := program(t)
	size := int64(len(content))
	lie := slices.Clone(content)
	lie[1000]++
	for _, c := range []struct {
		name string
		open func() (io.ReadCloser, error)
		want string
	}{
		{"another digest", opener(lie), "not what was announced"},
		{"shorter", opener(content[1:]), "bytes"},
		{"not to be opened", func() (io.ReadCloser, error) { return nil, errors.New("no such thing") }, "no such thing"},
	} {
		err := machine.Put(ctx, conn, c.open, digest, size, dest)
		refused(t, c.name, err, c.want)
		alone(t, filepath.Dir(dest))
	}
	refused(t, "a folder", machine.Put(ctx, conn, opener(content), digest, size, filepath.Dir(dest)), "is a folder")
	alone(t, filepath.Dir(dest))
}

func refused(t *testing.T, what string, err error, want string) {
	t.Helper()
	var told *facsimile.Error
	if !errors.As(err, &told) || told.Outcome != facsimile.Refused || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v; want a refusal with %q", what, err, want)
	}
}
