package release

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	facsimile "facsimile.dev/facsimile"
)

// inMemory is the largest content that is read once and kept until it is stored. What is larger
// is hashed first and copied only where it is new, so that memory does not grow with its size.
const inMemory = 256 << 10

// Draft is all that a release is made of.
type Draft struct {
	Definition string
	Instance   facsimile.Instance
	Parts      []Part
	Statement  Statement
	// Keep names projects whose parts are taken as they are, by digest, from the release Base of
	// the same instance: for a release in which one project of several is new.
	Keep []facsimile.Project
	Base facsimile.Digest
}

// Put makes a release, or finds that it is there: the same parts are the same release, whoever
// makes them. Contents are hashed in parallel; what the store has is not written again. Secret
// files are sealed before they touch the disk; keys may be nil where none is secret. The release
// is visible once all of it is safe on disk, and not before.
//
// For a release that is there already the statement is replaced where it says something new.
func (s *Store) Put(ctx context.Context, d Draft, keys Keys) (Release, Stats, error) {
	p := &put{w: &writer{store: s}, keys: keys, blobKeys: map[facsimile.Digest][32]byte{}}
	rel, err := p.run(ctx, d)
	var told *facsimile.Error
	if err != nil && !errors.As(err, &told) {
		err = facsimile.Errorf(facsimile.Refused, "cannot store a release of instance %s in %s: %w", d.Instance, s.dir, err)
	}
	return rel, p.w.stats(), err
}

func (p *put) run(ctx context.Context, d Draft) (Release, error) {
	unlock, err := p.w.store.lockShared(ctx)
	if err != nil {
		return Release{}, err
	}
	defer unlock()
	if err := p.contents(ctx, d.Parts); err != nil {
		return Release{}, err
	}
	return p.documents(d)
}

// put is one Put on its way.
type put struct {
	w      *writer
	keys   Keys
	stored map[*Item]stored

	mu       sync.Mutex
	blobKeys map[facsimile.Digest][32]byte // of the sealed blobs
}

// stored is what became of an item's content.
type stored struct {
	digest facsimile.Digest
	size   int64
}

// contents stores the content of every item, each once.
func (p *put) contents(ctx context.Context, parts []Part) error {
	p.stored = map[*Item]stored{}
	var items []*Item
	for _, part := range parts {
		for _, it := range part.Items {
			if _, seen := p.stored[it]; seen || it.File.Type != facsimile.RegularFile {
				continue
			}
			p.stored[it] = stored{}
			items = append(items, it)
		}
	}
	results := make([]stored, len(items))
	buffers := sync.Pool{New: func() any { return new([inMemory]byte) }}
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, it := range items {
		if inGroup.Err() != nil {
			break
		}
		group.Go(func() (err error) {
			buf := buffers.Get().(*[inMemory]byte)
			defer buffers.Put(buf)
			if results[i], err = p.content(it, buf[:]); err != nil {
				return fmt.Errorf("%q: %w", it.File.Path, err)
			}
			p.w.files.Add(1)
			p.w.bytes.Add(results[i].size)
			return nil
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	for i, it := range items {
		p.stored[it] = results[i]
	}
	return nil
}

func (p *put) content(it *Item, buf []byte) (stored, error) {
	if it.Open == nil {
		return stored{}, errors.New("the file has no content: Open is nil")
	}
	if it.File.Secret {
		return p.secret(it)
	}
	r, err := it.Open()
	if err != nil {
		return stored{}, err
	}
	n, err := io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		if err := r.Close(); err != nil {
			return stored{}, err
		}
		d, err := p.w.put(buf[:n])
		return stored{d, int64(n)}, err
	}
	if err != nil {
		return stored{}, errors.Join(err, r.Close())
	}
	sum := sha256.New()
	sum.Write(buf[:n])
	more, err := io.CopyBuffer(sum, onlyReader{r}, buf)
	if err := errors.Join(err, r.Close()); err != nil {
		return stored{}, err
	}
	got := stored{facsimile.Digest(sum.Sum(nil)), int64(n) + more}
	return got, p.copyBig(it, got, buf)
}

// onlyReader hides WriteTo, so that CopyBuffer uses the buffer that it was given.
type onlyReader struct{ io.Reader }

// copyBig stores a content that was hashed, reading it again.
func (p *put) copyBig(it *Item, got stored, buf []byte) error {
	if p.w.has(got.digest, got.size) {
		return nil
	}
	return p.w.write(got.digest, got.size, func(f io.Writer) (err error) {
		r, err := it.Open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		sum := sha256.New()
		if _, err := io.CopyBuffer(f, onlyReader{io.TeeReader(r, sum)}, buf); err != nil {
			return err
		}
		if facsimile.Digest(sum.Sum(nil)) != got.digest {
			return errors.New("it changed while it was read")
		}
		return nil
	})
}

// secret seals a content and stores the sealed bytes alone.
func (p *put) secret(it *Item) (stored, error) {
	if p.keys == nil {
		return stored{}, errors.New("the file is secret, and there are no keys to seal it with")
	}
	if it.File.Mode&0o007 != 0 {
		return stored{}, fmt.Errorf("the file is secret, and its mode %v lets everybody at it", it.File.Mode)
	}
	r, err := it.Open()
	if err != nil {
		return stored{}, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxSealed+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return stored{}, err
	}
	if len(plain) > MaxSealed {
		return stored{}, fmt.Errorf("the file is secret and longer than the %d bytes that a sealed file may have", MaxSealed)
	}
	key, err := p.keys.DeriveKey(PurposeBlob, facsimile.DigestOf(plain))
	if err != nil {
		return stored{}, err
	}
	d, err := p.w.put(Seal(key, plain))
	if err != nil {
		return stored{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blobKeys[d] = key
	return stored{d, int64(len(plain))}, nil
}
