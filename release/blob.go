package release

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"sync"
	"sync/atomic"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile"
)

// checkedReader gives the bytes of a blob and, instead of the end of the file, an error where
// they are not what the digest names.
type checkedReader struct {
	store *Store
	file  *os.File
	want  facsimile.Digest
	sum   hash.Hash
}

func newCheckedReader(s *Store, f *os.File, d facsimile.Digest) *checkedReader {
	return &checkedReader{s, f, d, sha256.New()}
}

// Read implements io.Reader.
func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	r.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && facsimile.Digest(r.sum.Sum(nil)) != r.want {
		r.discard()
		return n, facsimile.Errorf(facsimile.Refused, "%s in the store is damaged: its bytes have another digest", r.want.Short()).
			WithHint("it was removed; build the release again")
	}
	return n, err
}

// Close implements io.Closer.
func (r *checkedReader) Close() error { return r.file.Close() }

// discard removes the damaged file, so that the next build writes it again, unless another
// process did so already.
func (r *checkedReader) discard() {
	opened, err1 := r.file.Stat()
	named, err2 := os.Stat(r.file.Name())
	if err1 == nil && err2 == nil && os.SameFile(opened, named) {
		_ = os.Remove(r.file.Name()) // it stays damaged, and every reader says so
	}
}

// writer puts blobs into a store. Its methods may be called by several goroutines at once.
type writer struct {
	store   *Store
	files   atomic.Int64
	bytes   atomic.Int64
	written atomic.Int64
	stored  atomic.Int64
	claimed sync.Map // digest: a goroutine of this writer writes it, or did
}

func (w *writer) stats() Stats {
	return Stats{int(w.files.Load()), w.bytes.Load(), int(w.written.Load()), w.stored.Load()}
}

// has reports whether a blob is there. A file of another size is a damaged one.
func (w *writer) has(d facsimile.Digest, size int64) bool {
	info, err := os.Stat(w.store.blobPath(d))
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// put stores bytes that are in memory.
func (w *writer) put(b []byte) (facsimile.Digest, error) {
	d := facsimile.DigestOf(b)
	if w.has(d, int64(len(b))) {
		return d, nil
	}
	return d, w.write(d, int64(len(b)), func(f io.Writer) error {
		_, err := f.Write(b)
		return err
	})
}

// write makes the blob d of what fill writes, which must be size bytes of that digest.
// Where another goroutine is at it already, that one's end is good enough: all must succeed.
func (w *writer) write(d facsimile.Digest, size int64, fill func(io.Writer) error) (err error) {
	if _, other := w.claimed.LoadOrStore(d, true); other {
		return nil
	}
	f, err := os.CreateTemp(w.store.temp(), "blob-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell; a sweep finds the file
		}
	}()
	if err := w.finish(f, fill); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), w.store.blobPath(d)); err != nil {
		return err
	}
	w.written.Add(1)
	w.stored.Add(size)
	return nil
}

func (w *writer) finish(f *os.File, fill func(io.Writer) error) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Chmod(0o444); err != nil {
		return err
	}
	if w.written.Load() < syncEach {
		return f.Sync()
	}
	return nil // durable makes up for it
}

// durable makes all that was written survive a power cut, names included.
func (w *writer) durable() error {
	switch n := w.written.Load(); {
	case n == 0:
		return nil
	case n > syncEach:
		if err := syncFileSystem(w.store.dir); err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(w.store.blobs())
}
