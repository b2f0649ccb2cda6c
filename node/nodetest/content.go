// Package nodetest is the suite that every node.Node passes, and what tests of nodes share: a
// Content in memory and the ways in which people damage a release. It is for tests only.
package nodetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/release"
)

// Content is a node.Content in memory. It counts what was asked of it.
type Content struct {
	mu     sync.Mutex
	trees  map[facsimile.Digest][]byte
	blobs  map[facsimile.Digest][]byte
	keys   map[facsimile.Digest]node.Key
	opened int
}

var _ node.Content = (*Content)(nil)

// NewContent gives an empty one.
func NewContent() *Content {
	return &Content{trees: map[facsimile.Digest][]byte{}, blobs: map[facsimile.Digest][]byte{}, keys: map[facsimile.Digest]node.Key{}}
}

// File adds a file's bytes and describes the file.
func (c *Content) File(path, body string, mode facsimile.Mode) facsimile.File {
	d := facsimile.DigestOf([]byte(body))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs[d] = []byte(body)
	return facsimile.File{Path: path, Type: facsimile.RegularFile, Mode: mode, Size: int64(len(body)), Digest: d}
}

// Secret adds a secret file, sealed under a key of its own.
func (c *Content) Secret(path, body string) facsimile.File {
	key := node.Key(sha256.Sum256([]byte("the key of " + body)))
	sealed := release.Seal(key, []byte(body))
	d := facsimile.DigestOf(sealed)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs[d], c.keys[d] = sealed, key
	return facsimile.File{Path: path, Type: facsimile.RegularFile, Mode: 0o600, Size: int64(len(body)), Digest: d, Secret: true}
}

// Folder describes a folder.
func Folder(path string, mode facsimile.Mode) facsimile.File {
	return facsimile.File{Path: path, Type: facsimile.Directory, Mode: mode}
}

// Link describes a link.
func Link(path, to string) facsimile.File {
	return facsimile.File{Path: path, Type: facsimile.Symlink, Link: to}
}

// Add adds a tree of these files.
func (c *Content) Add(t testing.TB, files ...facsimile.File) facsimile.Digest {
	t.Helper()
	tree, err := facsimile.NewTree(files)
	if err != nil {
		t.Fatal(err)
	}
	return c.AddRaw(tree.Encode())
}

// AddRaw adds an encoded tree as it is.
func (c *Content) AddRaw(encoded []byte) facsimile.Digest {
	d := facsimile.DigestOf(encoded)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trees[d] = encoded
	return d
}

// Replace puts other bytes in the place of a blob, as a broken or hostile store would.
func (c *Content) Replace(d facsimile.Digest, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs[d] = body
}

// ReplaceTree puts other bytes in the place of a tree.
func (c *Content) ReplaceTree(d facsimile.Digest, encoded []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trees[d] = encoded
}

// ReplaceKey puts another key in the place of that of a blob.
func (c *Content) ReplaceKey(d facsimile.Digest, key node.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[d] = key
}

// Blob gives what Open would.
func (c *Content) Blob(d facsimile.Digest) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blobs[d]
}

// Opened counts the blobs that were asked for.
func (c *Content) Opened() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened
}

// Tree implements node.Content.
func (c *Content) Tree(_ context.Context, d facsimile.Digest) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.trees[d]
	if !ok {
		return nil, fmt.Errorf("there is no tree %s", d)
	}
	return b, nil
}

// Open implements node.Content.
func (c *Content) Open(_ context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
	b, ok := c.blobs[d]
	if !ok {
		return nil, fmt.Errorf("there is no blob %s", d)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Key implements node.Content.
func (c *Content) Key(_ context.Context, d facsimile.Digest) (node.Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.keys[d]
	if !ok {
		return node.Key{}, fmt.Errorf("there is no key of %s", d)
	}
	return k, nil
}

// Definition and Instance own every home of the suite.
const (
	Definition = "shop"
	Instance   = facsimile.Instance("prod")
)

// Owner is the owner mark of a node of the suite.
func Owner(name facsimile.Node) node.Owner {
	return node.Owner{Definition: Definition, Instance: Instance, Node: name}
}

// Ballot makes the ballot of an epoch.
func Ballot(epoch uint64) node.Ballot {
	return node.Ballot{Epoch: epoch, Token: fmt.Sprintf("%032x", epoch)}
}

// Order makes an order that gives a node a tree. The digest of its release follows from the tree.
func Order(epoch uint64, name facsimile.Node, tree facsimile.Digest) node.Order {
	return node.Order{
		Format: 1, Definition: Definition, Instance: Instance, Epoch: epoch, Kind: "deploy",
		Release: facsimile.DigestOf(tree[:]), Trees: map[facsimile.Node]facsimile.Digest{name: tree},
		Who: "suite", Time: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
	}
}

// Deploy does a whole rollout to one node: promise, stage, activate, confirm, release.
func Deploy(ctx context.Context, n node.Node, name facsimile.Node, epoch uint64, tree facsimile.Digest, c node.Content) (node.Staged, error) {
	b, o := Ballot(epoch), Order(epoch, name, tree)
	if _, err := n.Promise(ctx, b, Owner(name), time.Hour); err != nil {
		return node.Staged{}, err
	}
	staged, err := n.Stage(ctx, b, o, c)
	if err != nil {
		return staged, err
	}
	if _, err := n.Activate(ctx, b, o); err != nil {
		return staged, err
	}
	if err := n.Confirm(ctx, b, o.Release); err != nil {
		return staged, err
	}
	return staged, n.Release(ctx, b)
}

// Differences collects what Verify gives. An error ends it.
func Differences(ctx context.Context, n node.Node, tree facsimile.Digest) ([]facsimile.Difference, error) {
	var all []facsimile.Difference
	for d, err := range n.Verify(ctx, tree) {
		if err != nil {
			return all, err
		}
		all = append(all, d)
	}
	return all, nil
}
