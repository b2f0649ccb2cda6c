package release

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile"
)

// storeMark is the content of the file that says that a folder is a store. A reader refuses any other.
const storeMark = `{"facsimile":"store","format":1}` + "\n"

// Store keeps releases in a folder, several processes at once. What is in it never changes: a
// blob appears whole under the digest of its bytes, and a release is there once its record is,
// which is the last thing written. Whatever is read is checked against the digest that named it.
type Store struct{ dir string }

// OpenStore opens the store in dir, and makes one where there is none.
func OpenStore(dir string) (*Store, error) {
	s := &Store{filepath.Clean(dir)}
	if err := s.makeTop(); err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot open the release store %s: %w", dir, err)
	}
	for _, folder := range []string{s.blobs(), s.records(), s.temp()} {
		if err := atomicfile.MkdirAll(atomicfile.OS{}, folder, 0o755); err != nil {
			return nil, facsimile.Errorf(facsimile.Refused, "cannot open the release store %s: %w", dir, err)
		}
	}
	mark := filepath.Join(dir, "store")
	have, err := os.ReadFile(mark)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = atomicfile.WriteFile(mark, []byte(storeMark), 0o644)
	case err == nil && string(have) != storeMark:
		err = fmt.Errorf("its format is not known to this version: %.60q", have)
	}
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot open the release store %s: %w", dir, err)
	}
	s.sweep()
	return s, nil
}

// makeTop makes the folder itself, for its owner only: what ships may be private and no secret.
func (s *Store) makeTop() error {
	if err := atomicfile.MkdirAll(atomicfile.OS{}, filepath.Dir(s.dir), 0o755); err != nil {
		return err
	}
	return atomicfile.MkdirAll(atomicfile.OS{}, s.dir, 0o700)
}

func (s *Store) blobs() string   { return filepath.Join(s.dir, "blobs", "sha256") }
func (s *Store) records() string { return filepath.Join(s.dir, "releases") }
func (s *Store) temp() string    { return filepath.Join(s.dir, "tmp") }

func (s *Store) blobPath(d facsimile.Digest) string { return filepath.Join(s.blobs(), d.Hex()) }
func (s *Store) recordPath(d facsimile.Digest) string {
	return filepath.Join(s.records(), d.Hex()+".json")
}

// lockShared keeps sweepers out for as long as a writer writes. Writers do not exclude each other.
func (s *Store) lockShared(ctx context.Context) (unlock func(), err error) {
	lock := flock.New(filepath.Join(s.dir, "lock"))
	if _, err := lock.TryRLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, fmt.Errorf("the store %s is locked: %w", s.dir, err)
	}
	return func() { _ = lock.Unlock() }, nil // the kernel unlocks it at the latest when the process ends
}

// sweep removes what a killed writer left half-written, unless somebody writes at this moment.
func (s *Store) sweep() {
	left, err := os.ReadDir(s.temp())
	if err != nil || len(left) == 0 {
		return
	}
	lock := flock.New(filepath.Join(s.dir, "lock"))
	if alone, err := lock.TryLock(); err != nil || !alone {
		return
	}
	defer func() { _ = lock.Unlock() }()
	for _, e := range left {
		_ = os.Remove(filepath.Join(s.temp(), e.Name())) // the next opening tries again
	}
}

// Release gives a release by its digest.
func (s *Store) Release(d facsimile.Digest) (Release, error) {
	r, err := s.readRecord(d)
	if err != nil {
		return Release{}, err
	}
	b, err := s.read(d)
	if err != nil {
		return Release{}, fmt.Errorf("release %s: %w", d.Short(), err)
	}
	m, err := DecodeManifest(b)
	if err != nil {
		return Release{}, facsimile.Errorf(facsimile.Refused, "release %s: %w", d.Short(), err)
	}
	nodes, _, err := nodeTrees(m, s)
	if err != nil {
		return Release{}, fmt.Errorf("release %s: %w", d.Short(), err)
	}
	record := r.record()
	record.Definition, record.Instance = m.Definition, m.Instance // what the digest vouches for
	return Release{record, m, nodes}, nil
}

func (s *Store) readRecord(d facsimile.Digest) (recordFile, error) {
	b, err := os.ReadFile(s.recordPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return recordFile{}, facsimile.Errorf(facsimile.Refused, "release %s is not in the store %s: %w", d.Short(), s.dir, fs.ErrNotExist)
	}
	if err != nil {
		return recordFile{}, err
	}
	r, err := decodeRecord(b, d)
	if err != nil {
		return recordFile{}, facsimile.Errorf(facsimile.Refused, "cannot read the record %s: %w", s.recordPath(d), err).
			WithHint("remove the file and build the release again")
	}
	return r, nil
}

// Releases lists the releases of an instance, the newest first; those of every instance for "".
// Records that cannot be read are left out and named in the error, beside the others.
func (s *Store) Releases(in facsimile.Instance) ([]Record, error) {
	entries, err := os.ReadDir(s.records())
	if err != nil {
		return nil, err
	}
	var list []Record
	var faults []error
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".json")
		d, err := facsimile.ParseDigest("sha256:" + digits)
		if !ok || err != nil {
			continue
		}
		r, err := s.readRecord(d)
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			faults = append(faults, err)
		case in == "" || r.Instance == in:
			list = append(list, r.record())
		}
	}
	slices.SortFunc(list, func(a, b Record) int {
		return cmp.Or(b.Statement.Built.Compare(a.Statement.Built), compareDigests(a.Digest, b.Digest))
	})
	return list, errors.Join(faults...)
}

// Tree gives a tree by its digest.
func (s *Store) Tree(d facsimile.Digest) (facsimile.Tree, error) {
	b, err := s.read(d)
	if err != nil {
		return facsimile.Tree{}, err
	}
	t, err := facsimile.DecodeTree(b)
	if err != nil {
		return facsimile.Tree{}, facsimile.Errorf(facsimile.Refused, "%s is not a tree: %w", d.Short(), err)
	}
	return t, nil
}

// BlobKeys gives the keys of a release's sealed blobs, by the digest of the sealed bytes. It is
// empty, and needs no keys, where no file of the release is secret.
func (s *Store) BlobKeys(d facsimile.Digest, keys Keys) (map[facsimile.Digest][32]byte, error) {
	r, err := s.readRecord(d)
	if err != nil || r.Keys.IsZero() {
		return nil, err
	}
	if keys == nil {
		return nil, facsimile.Errorf(facsimile.Refused, "release %s has secret files, and there is no key to open them", d.Short())
	}
	sealed, err := s.read(r.Keys)
	if err != nil {
		return nil, err
	}
	key, err := keys.DeriveKey(PurposeKeys, d)
	if err != nil {
		return nil, err
	}
	plain, err := Unseal(key, sealed)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot open the keys of release %s: %w", d.Short(), err).
			WithHint("it was built with another state of %s; build it again", r.Instance)
	}
	return decodeKeys(plain)
}

// Blob opens a blob. Its bytes are checked as they are read: damage is an error at the end.
func (s *Store) Blob(d facsimile.Digest) (io.ReadCloser, error) {
	f, err := os.Open(s.blobPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, facsimile.Errorf(facsimile.Refused, "%s is not in the store %s: %w", d.Short(), s.dir, fs.ErrNotExist).
			WithHint("build the release again")
	}
	if err != nil {
		return nil, err
	}
	return newCheckedReader(s, f, d), nil
}

// read gives a whole blob, checked.
func (s *Store) read(d facsimile.Digest) ([]byte, error) {
	r, err := s.Blob(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	return b.Bytes(), errors.Join(err, r.Close())
}
