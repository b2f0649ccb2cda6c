package release

import (
	"context"
	"errors"
	"io"

	facsimile "facsimile.dev/facsimile"
)

// Draft is all that a release is made of.
type Draft struct {
	Definition string
	Instance   facsimile.Instance
	Parts      []Part
	Statement  Statement
}

// Store keeps releases in a folder.
type Store struct{ dir string }

var errSoon = errors.New("not written yet")

// OpenStore opens the store in dir, and makes the folder where there is none.
func OpenStore(dir string) (*Store, error) { return &Store{dir}, errSoon }

// Put makes a release.
func (s *Store) Put(ctx context.Context, d Draft, keys Keys) (Release, Stats, error) {
	return Release{}, Stats{}, errSoon
}

// Release gives a release by its digest.
func (s *Store) Release(d facsimile.Digest) (Release, error) { return Release{}, errSoon }

// Releases lists the releases of an instance, the newest first; all of them for "".
func (s *Store) Releases(in facsimile.Instance) ([]Record, error) { return nil, errSoon }

// Tree gives a tree by its digest.
func (s *Store) Tree(d facsimile.Digest) (facsimile.Tree, error) { return facsimile.Tree{}, errSoon }

// Blob opens a blob; its bytes are checked as they are read.
func (s *Store) Blob(d facsimile.Digest) (io.ReadCloser, error) { return nil, errSoon }

// BlobKeys gives the keys of a release's sealed blobs, by the digest of the sealed bytes.
func (s *Store) BlobKeys(d facsimile.Digest, keys Keys) (map[facsimile.Digest][32]byte, error) {
	return nil, errSoon
}
