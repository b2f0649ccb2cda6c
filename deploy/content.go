package deploy

import (
	"context"
	"errors"
	"io"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// content gives nodes what a release is made of, out of a store.
type content struct {
	store Store
	keys  map[facsimile.Digest][32]byte
}

var _ node.Content = content{}

// Tree implements node.Content.
func (c content) Tree(ctx context.Context, d facsimile.Digest) (b []byte, err error) {
	r, err := c.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}

// Open implements node.Content.
func (c content) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.store.Blob(d)
}

// Key implements node.Content.
func (c content) Key(_ context.Context, d facsimile.Digest) (node.Key, error) {
	k, ok := c.keys[d]
	if !ok {
		return node.Key{}, facsimile.Errorf(facsimile.Refused, "the release has no key for the sealed blob %s", d.Short())
	}
	return k, nil
}
