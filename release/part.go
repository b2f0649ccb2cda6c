package release

import (
	"bytes"
	"io"

	facsimile "facsimile.dev/facsimile"
)

// Item is one file of a part before it has a digest.
type Item struct {
	File facsimile.File // without Digest and Size; an empty Project is filled in by the part
	// Open gives the content of a regular file; it is not called for folders and links. It may be
	// called twice: a big file is hashed first, and copied only where its bytes are new.
	Open func() (io.ReadCloser, error)
}

// Bytes makes an Open of content that is in memory.
func Bytes(content []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
}

// Part is what one project puts on one node. Parts may share items (the same pointer): each item
// is read once, however many nodes get it.
type Part struct {
	Project facsimile.Project // empty: the conglomerate's own part
	Node    facsimile.Node
	Items   []*Item
}

// Keys derives the keys of one instance. A key depends on the instance's root secret, the purpose
// and the sum, and on nothing else.
type Keys interface {
	DeriveKey(purpose string, sum facsimile.Digest) ([32]byte, error)
}

// The purposes of keys.
const (
	// PurposeBlob: the sum is that of the content of a secret file.
	PurposeBlob = "blob"
	// PurposeKeys: the sum is the digest of a release; the key seals its keys document.
	PurposeKeys = "keys"
)
