package wire

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"sync"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

const (
	// blobWindow is how much of the blobs that were asked for together may come before the node
	// has taken it. At 80 ms there and back it allows 100 MB/s.
	blobWindow = 8 << 20
	// oneBlobWindow is for a blob that is asked for alone.
	oneBlobWindow = 256 << 10
	treeWindow    = 1 << 20
	maxTree       = 256 << 20 // bytes of an encoded tree
	maxBatch      = 50_000    // blobs in one request
)

// borrowed is the operator's Content as the node has it while one call of stage lasts.
type borrowed struct {
	c     *conn
	stage uint32
	ctx   context.Context
	end   func() // gives it back, when nobody asks for anything any more
	pumps sync.WaitGroup

	mu   sync.Mutex
	keys map[facsimile.Digest]node.Key
	at   map[facsimile.Digest]place // of what was announced and not opened yet
}

var _ node.Prefetcher = (*borrowed)(nil)

// place is where a blob comes.
type place struct {
	batch  *batch
	number int
}

func newBorrowed(ctx context.Context, c *conn, stage uint32) *borrowed {
	ctx, cancel := context.WithCancel(ctx)
	b := &borrowed{c: c, stage: stage, ctx: ctx, keys: map[facsimile.Digest]node.Key{}, at: map[facsimile.Digest]place{}}
	b.end = func() {
		cancel()
		b.pumps.Wait()
	}
	return b
}

// Prefetch implements node.Prefetcher. Keys are asked for at once, and so are the blobs: the
// answer starts to come before the first is opened.
func (b *borrowed) Prefetch(ctx context.Context, l node.Lack) error {
	if len(l.Keys) > 0 {
		if err := b.fetchKeys(ctx, l.Keys); err != nil {
			return err
		}
	}
	for from := 0; from < len(l.Blobs); from += maxBatch {
		blobs := l.Blobs[from:min(from+maxBatch, len(l.Blobs))]
		batch := newBatch(blobs, blobWindow)
		b.mu.Lock()
		for i, blob := range blobs {
			b.at[blob] = place{batch, i}
		}
		b.mu.Unlock()
		if from == 0 {
			b.startBatch(batch)
		}
	}
	return nil
}

func (b *borrowed) fetchKeys(ctx context.Context, blobs []facsimile.Digest) error {
	answer, err := ask[keysAnswer](ctx, b.c, methodKeys, "give keys", lentArgs{Stage: b.stage, Blobs: joinDigests(blobs)})
	if err != nil {
		return err
	}
	if len(answer.Keys) != len(blobs)*len(node.Key{}) {
		return brokenf("%d bytes of keys for %d blobs", len(answer.Keys), len(blobs))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, d := range blobs {
		b.keys[d] = node.Key(answer.Keys[i*len(node.Key{}):])
	}
	return nil
}

// Key implements node.Content.
func (b *borrowed) Key(ctx context.Context, d facsimile.Digest) (node.Key, error) {
	b.mu.Lock()
	k, ok := b.keys[d]
	b.mu.Unlock()
	if ok {
		return k, nil
	}
	if err := b.fetchKeys(ctx, []facsimile.Digest{d}); err != nil {
		return node.Key{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keys[d], nil
}

// Tree implements node.Content.
func (b *borrowed) Tree(ctx context.Context, d facsimile.Digest) ([]byte, error) {
	what := "give the tree " + d.Short()
	k, err := b.c.begin(ctx, question{method: methodTree, what: what, args: lentTreeArgs{b.stage, d}, window: treeWindow})
	if err != nil {
		return nil, err
	}
	defer k.forget()
	var tree []byte
	for {
		part, err := k.next()
		if err != nil {
			return nil, err
		}
		if part == nil {
			return tree, decodeAnswer(k.end, &none{}, noLent)
		}
		if len(tree)+len(part) > maxTree {
			k.drop()
			return nil, fmt.Errorf("a tree of more than %d bytes", maxTree)
		}
		tree = append(tree, part...)
		k.took(len(part))
	}
}

// Open implements node.Content.
func (b *borrowed) Open(ctx context.Context, d facsimile.Digest) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	at, ok := b.at[d]
	delete(b.at, d)
	b.mu.Unlock()
	if !ok {
		at.batch = newBatch([]facsimile.Digest{d}, oneBlobWindow)
	}
	b.startBatch(at.batch)
	return at.batch.open(at.number), nil
}

// startBatch asks for the blobs of a batch, once.
func (b *borrowed) startBatch(t *batch) {
	t.start.Do(func() {
		b.pumps.Go(func() { t.finish(b.pump(t)) })
	})
}

// pump takes what comes of a batch, and gives it to whoever reads the blobs.
func (b *borrowed) pump(t *batch) error {
	args := lentArgs{Stage: b.stage, Blobs: joinDigests(t.digests)}
	k, err := b.c.begin(b.ctx, question{method: methodBlobs, what: "give blobs", args: args, window: t.window})
	if err != nil {
		return err
	}
	defer k.forget()
	t.call = k // nobody reads it before a piece came, which add gives under the lock
	for {
		part, err := k.next()
		if err != nil {
			return err
		}
		if part == nil {
			return decodeAnswer(k.end, &none{}, noLent)
		}
		for len(part) > 0 {
			how, number, body, rest, err := cutRecord(part)
			var kept bool
			if err == nil {
				kept, err = t.add(how, number, body)
			}
			if err != nil {
				b.c.end(err, err.Error())
				return err
			}
			if part = rest; kept {
				k.took(recordHeader)
			} else {
				k.took(recordHeader + len(body))
			}
		}
		if t.complete() {
			return nil // the end says nothing new
		}
	}
}

func cutRecord(part []byte) (how byte, number int, body, rest []byte, err error) {
	if len(part) < recordHeader {
		return 0, 0, nil, nil, brokenf("a record of %d bytes", len(part))
	}
	length := int(binary.BigEndian.Uint32(part[5:]))
	if rest = part[recordHeader:]; length > len(rest) {
		return 0, 0, nil, nil, brokenf("a record of %d bytes in a part that has %d left", length, len(rest))
	}
	return part[0], int(binary.BigEndian.Uint32(part[1:])), rest[:length:length], rest[length:], nil
}

// batch is some blobs that were asked for together.
type batch struct {
	digests []facsimile.Digest
	window  int
	start   sync.Once

	mu    sync.Mutex
	more  sync.Cond // something came, or the batch ended
	call  *call     // set before anything comes
	next  int       // the blob that comes
	blobs []incoming
	over  bool
	err   error // why no more comes
}

// incoming is what came of a blob and was not read yet.
type incoming struct {
	pieces [][]byte
	ended  bool
	err    error // the operator's fault
	closed bool
}

func newBatch(digests []facsimile.Digest, window int) *batch {
	t := &batch{digests: digests, window: window, blobs: make([]incoming, len(digests))}
	t.more.L = &t.mu
	return t
}

// add takes one record, and says whether its bytes wait to be read. Blobs come in their order.
func (t *batch) add(how byte, number int, body []byte) (kept bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if number != t.next || number >= len(t.blobs) {
		return false, brokenf("blob %d comes in the place of blob %d of %d", number, t.next, len(t.blobs))
	}
	in := &t.blobs[number]
	switch how {
	case blobGoesOn, blobEnds:
		if kept = !in.closed && len(body) > 0; kept {
			in.pieces = append(in.pieces, body)
		}
		in.ended = how == blobEnds
	case blobFails:
		var f fault
		if err := decode(body, &f); err != nil {
			return false, err
		}
		in.err = f.decode(noLent)
	default:
		return false, brokenf("a record of the unknown kind %d", how)
	}
	if how != blobGoesOn {
		t.next++
	}
	t.more.Broadcast()
	return kept, nil
}

// complete says that all of every blob came.
func (t *batch) complete() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next == len(t.blobs)
}

// finish ends the batch: what has not come will not.
func (t *batch) finish(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	t.over, t.err = true, err
	t.more.Broadcast()
}

func (t *batch) open(number int) io.ReadCloser { return &blobReader{t, number} }

// blobReader reads one blob of a batch.
type blobReader struct {
	t      *batch
	number int
}

// Read implements io.Reader. It waits for what has not come yet.
func (r *blobReader) Read(p []byte) (int, error) {
	n, err := r.t.read(r.number, p)
	if n > 0 {
		r.t.call.took(n)
	}
	return n, err
}

func (t *batch) read(number int, p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for in := &t.blobs[number]; ; t.more.Wait() {
		switch {
		case in.closed:
			return 0, fs.ErrClosed
		case len(p) == 0:
			return 0, nil
		case len(in.pieces) > 0:
			n := copy(p, in.pieces[0])
			if in.pieces[0] = in.pieces[0][n:]; len(in.pieces[0]) == 0 {
				in.pieces = in.pieces[1:]
			}
			return n, nil
		case in.ended:
			return 0, io.EOF
		case in.err != nil:
			return 0, in.err
		case t.over:
			return 0, t.err
		}
	}
}

// Close implements io.Closer. A Read that waits ends.
func (r *blobReader) Close() error {
	t := r.t
	t.mu.Lock()
	in := &t.blobs[r.number]
	var dropped int
	for _, piece := range in.pieces {
		dropped += len(piece)
	}
	in.pieces, in.closed = nil, true
	t.more.Broadcast()
	t.mu.Unlock()
	if dropped > 0 {
		t.call.took(dropped)
	}
	return nil
}
