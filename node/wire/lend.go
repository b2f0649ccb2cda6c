package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// loan is what the node may take of a Content while one call of stage lasts: the tree that the
// order has for it, and what that tree names. The secrets of other nodes are none of its business.
type loan struct {
	content node.Content
	ctx     context.Context
	tree    facsimile.Digest
	names   func() (map[facsimile.Digest]bool, error) // the blobs that the tree names; true: it is sealed

	mu     sync.Mutex
	over   bool
	users  sync.WaitGroup
	faults []error // what the node was told of; their numbers are from 1
}

// Stage implements node.Node. The node asks for what it lacks while the call lasts, and is sent
// nothing else. The Content is not used any more when Stage returns.
func (cl *Client) Stage(ctx context.Context, b node.Ballot, o node.Order, c node.Content) (node.Staged, error) {
	what := inEpoch("stage", b)
	lendCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &loan{content: c, ctx: lendCtx, tree: o.Trees[cl.name]}
	l.names = sync.OnceValues(l.readNames)
	k, err := cl.c.begin(ctx, question{method: methodStage, what: what, args: orderArgs{b, o}, loan: l})
	if err != nil {
		return node.Staged{}, err
	}
	defer k.forget()
	_, err = k.next()
	cancel()
	l.end()
	if err != nil {
		return node.Staged{}, err
	}
	var staged node.Staged
	err = decodeAnswer(k.end, &staged, l.lent)
	return staged, cl.c.explain(what, err)
}

// use says that somebody takes from the loan; done must follow.
func (l *loan) use() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.users.Add(1)
	}
	return !l.over
}

func (l *loan) done() { l.users.Done() }

// end waits until nobody takes from the loan.
func (l *loan) end() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.users.Wait()
}

// readNames reads what the tree names.
func (l *loan) readNames() (map[facsimile.Digest]bool, error) {
	b, err := l.content.Tree(l.ctx, l.tree)
	if err != nil {
		return nil, l.fault(err)
	}
	if facsimile.DigestOf(b) != l.tree {
		return nil, errors.New("the tree is not the one that the order names")
	}
	tree, err := facsimile.DecodeTree(b)
	if err != nil {
		return nil, err
	}
	names := map[facsimile.Digest]bool{}
	for _, f := range tree.Files {
		if f.Type == facsimile.RegularFile {
			names[f.Digest] = names[f.Digest] || f.Secret
		}
	}
	return names, nil
}

// named checks that the tree names all these blobs, and gives all that it names.
func (l *loan) named(blobs []facsimile.Digest) (map[facsimile.Digest]bool, error) {
	names, err := l.names()
	if err != nil {
		return nil, fmt.Errorf("cannot tell what the tree %s names: %w", l.tree.Short(), err)
	}
	for _, d := range blobs {
		if _, ok := names[d]; !ok {
			return nil, notNamed(d)
		}
	}
	return names, nil
}

func notNamed(d facsimile.Digest) error {
	return facsimile.Errorf(facsimile.Refused, "the node asked for %s, which the order does not give it", d.Short())
}

// fault notes an error of the Content.
func (l *loan) fault(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, err)
	return &lentError{ref: len(l.faults), err: err}
}

func (l *loan) lent(ref int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ref > len(l.faults) {
		return nil
	}
	return l.faults[ref-1]
}

// lend answers what a node asks for while it stages.
func (c *conn) lend(ctx context.Context, r *reply, q request) (any, error) {
	switch q.Method {
	case methodTree:
		return with(q, func(a lentTreeArgs) (any, error) {
			return none{}, c.lending(r, a.Stage, func(l *loan) error { return lendTree(ctx, l, r, a.Tree) })
		})
	case methodKeys:
		return with(q, func(a lentArgs) (keys keysAnswer, err error) {
			err = c.lending(r, a.Stage, func(l *loan) (err error) {
				keys.Keys, err = lendKeys(ctx, l, a.Blobs)
				return err
			})
			return keys, err
		})
	case methodBlobs:
		return with(q, func(a lentArgs) (any, error) {
			return none{}, c.lending(r, a.Stage, func(l *loan) error { return c.lendBlobs(ctx, l, r, a) })
		})
	}
	return nil, refuseMethod(q.Method)
}

// with decodes the arguments of a request.
func with[A, R any](q request, do func(A) (R, error)) (any, error) {
	var args A
	if err := decode(q.Args, &args); err != nil {
		return nil, err
	}
	return do(args)
}

// lending runs do with the Content of a call of stage. It ends when that does.
func (c *conn) lending(r *reply, stage uint32, do func(*loan) error) error {
	c.mu.Lock()
	k := c.calls[stage]
	c.mu.Unlock()
	if k == nil || k.loan == nil || !k.loan.use() {
		return errOver
	}
	defer k.loan.done()
	stop := context.AfterFunc(k.loan.ctx, r.cancel)
	defer stop()
	return do(k.loan)
}

var errOver = errors.New("nothing is being staged any more")

func lendTree(ctx context.Context, l *loan, r *reply, d facsimile.Digest) error {
	if d != l.tree {
		return notNamed(d)
	}
	b, err := l.content.Tree(ctx, d)
	if err != nil {
		return l.fault(err)
	}
	for part := range slices.Chunk(b, partSize) {
		if err := r.send(part, true); err != nil {
			return err
		}
	}
	return nil
}

func lendKeys(ctx context.Context, l *loan, blobs []byte) ([]byte, error) {
	digests, err := splitDigests(blobs)
	if err != nil {
		return nil, err
	}
	if _, err := l.named(digests); err != nil {
		return nil, err
	}
	keys := make([]byte, 0, len(digests)*len(node.Key{}))
	for _, d := range digests {
		k, err := l.content.Key(ctx, d)
		if err != nil {
			return nil, l.fault(err)
		}
		keys = append(keys, k[:]...)
	}
	return keys, nil
}

func splitDigests(b []byte) ([]facsimile.Digest, error) {
	digests := make([]facsimile.Digest, 0, len(b)/len(facsimile.Digest{}))
	for one := range slices.Chunk(b, len(facsimile.Digest{})) {
		if len(one) < len(facsimile.Digest{}) {
			return nil, brokenf("a list of digests of %d bytes", len(b))
		}
		digests = append(digests, facsimile.Digest(one))
	}
	return digests, nil
}

func joinDigests(digests []facsimile.Digest) []byte {
	b := make([]byte, 0, len(digests)*len(facsimile.Digest{}))
	for _, d := range digests {
		b = append(b, d[:]...)
	}
	return b
}

// A part of the answer to blobs holds records: how the blob goes on (1 byte), its number in the
// request (4 bytes), the length of what follows (4 bytes), and that many bytes of it. Blobs come
// one after the other in the order of the request, so small ones share a part.
const (
	partSize     = 128 << 10
	recordHeader = 9
	minRoom      = 4 << 10 // a part with less left is sent

	blobGoesOn = 0
	blobEnds   = 1
	blobFails  = 2 // the bytes are an error, and nothing more comes of it
)

// packer makes parts out of records.
type packer struct {
	r      *reply
	part   []byte
	shrink bool // sealed bytes do not get smaller, and stay out of the compressed stream
}

func (p *packer) flush() error {
	if len(p.part) == 0 {
		return nil
	}
	part := p.part
	p.part = nil
	return p.r.send(part, p.shrink)
}

// room makes room for a record of some bytes.
func (p *packer) room(least int) ([]byte, error) {
	if len(p.part)+recordHeader+least > partSize {
		if err := p.flush(); err != nil {
			return nil, err
		}
	}
	if p.part == nil {
		p.part = make([]byte, 0, partSize)
	}
	return p.part[len(p.part)+recordHeader : partSize], nil
}

// add makes a record of the first n bytes of the room.
func (p *packer) add(how byte, number, n int) {
	h := p.part[len(p.part) : len(p.part)+recordHeader]
	h[0] = how
	binary.BigEndian.PutUint32(h[1:], uint32(number))
	binary.BigEndian.PutUint32(h[5:], uint32(n))
	p.part = p.part[:len(p.part)+recordHeader+n]
}

func (p *packer) fail(number int, err error) error {
	f := encodeFault(err)
	body, encodeErr := encode(f)
	if encodeErr == nil && len(body) > partSize/2 {
		body, encodeErr = encode(fault{Text: f.Text, Lent: f.Lent}) // the operator knows the rest
	}
	if encodeErr != nil {
		return encodeErr
	}
	room, err := p.room(len(body))
	if err != nil {
		return err
	}
	p.add(blobFails, number, copy(room, body))
	return nil
}

func (c *conn) lendBlobs(ctx context.Context, l *loan, r *reply, a lentArgs) error {
	digests, err := splitDigests(a.Blobs)
	if err != nil {
		return err
	}
	sealed, err := l.named(digests)
	if err != nil {
		return err
	}
	p := &packer{r: r}
	for i, d := range digests {
		if p.shrink == sealed[d] {
			if err := p.flush(); err != nil {
				return err
			}
			p.shrink = !sealed[d]
		}
		if err := c.lendBlob(ctx, l, p, i, d); err != nil {
			return err
		}
	}
	return p.flush()
}

// lendBlob packs one blob. A fault of the Content goes to the node; what is returned is one of
// the connection.
func (c *conn) lendBlob(ctx context.Context, l *loan, p *packer, number int, d facsimile.Digest) error {
	blob, err := l.content.Open(ctx, d)
	if err != nil {
		return p.fail(number, l.fault(err))
	}
	stop := context.AfterFunc(ctx, func() { _ = blob.Close() }) // a Read that hangs ends with it
	defer func() {
		if stop() {
			_ = blob.Close() // the node checks every byte
		}
	}()
	for {
		room, err := p.room(minRoom)
		if err != nil {
			return err
		}
		n, err := io.ReadFull(blob, room)
		c.count.blobBytes.Add(int64(n))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			p.add(blobGoesOn, number, n)
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			p.add(blobEnds, number, n)
			c.count.blobs.Add(1)
			return nil
		default:
			return p.fail(number, l.fault(err))
		}
	}
}
