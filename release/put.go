package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile"
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
}

// Put makes a release, or finds that it is there: the same parts are the same release, whoever
// makes them. Contents are hashed in parallel; what the store has is not written again. Secret
// files are sealed before they touch the disk; keys may be nil where none is secret. The release
// is visible once all of it is safe on disk, and not before.
//
// For a release that is there already the statement is replaced where it says something new.
func (s *Store) Put(ctx context.Context, d Draft, keys Keys) (Release, Stats, error) {
	unlock, err := s.lockShared(ctx)
	if err != nil {
		return Release{}, Stats{}, err
	}
	defer unlock()
	p := &put{w: &writer{store: s}, keys: keys, blobKeys: map[facsimile.Digest][32]byte{}}
	if err := p.contents(ctx, d.Parts); err != nil {
		return Release{}, p.w.stats(), err
	}
	rel, err := p.documents(d)
	return rel, p.w.stats(), err
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

// documents stores trees, manifest, keys and, last, the record.
func (p *put) documents(d Draft) (Release, error) {
	m := Manifest{Definition: d.Definition, Instance: d.Instance}
	trees, err := p.partTrees(d.Parts, &m)
	if err != nil {
		return Release{}, err
	}
	if err := m.check(); err != nil {
		return Release{}, facsimile.Errorf(facsimile.BadInput, "%w", err)
	}
	nodes, unions, err := nodeTrees(m, trees)
	if err != nil {
		return Release{}, facsimile.Errorf(facsimile.BadInput, "%w", err)
	}
	maps.Copy(trees, unions)
	for _, t := range trees {
		if _, err := p.w.put(t.Encode()); err != nil {
			return Release{}, err
		}
	}
	digest, err := p.w.put(m.Encode())
	if err != nil {
		return Release{}, err
	}
	file := recordFile{recordKind, recordFormat, digest, m.Definition, m.Instance, facsimile.Digest{}, d.Statement.normal()}
	if file.Keys, err = p.sealKeys(digest); err != nil {
		return Release{}, err
	}
	if err := p.w.durable(); err != nil {
		return Release{}, err
	}
	if file, err = p.publish(file); err != nil {
		return Release{}, err
	}
	return Release{file.record(), m, nodes}, nil
}

// partTrees makes the tree of each part and enters it in the manifest. Parts that share one list
// of items, as nodes for which a project was rendered once do, share the work.
func (p *put) partTrees(parts []Part, m *Manifest) (treeSet, error) {
	type list struct {
		project facsimile.Project
		start   **Item
		n       int
	}
	made := map[list]facsimile.Digest{}
	trees := treeSet{}
	m.Parts = map[facsimile.Project]map[facsimile.Node]facsimile.Digest{}
	var faults []error
	for _, part := range parts {
		nodes := m.Parts[part.Project]
		if nodes == nil {
			nodes = map[facsimile.Node]facsimile.Digest{}
			m.Parts[part.Project] = nodes
		}
		if _, twice := nodes[part.Node]; twice {
			return nil, fmt.Errorf("%s has two parts on node %s", describe(part.Project), part.Node)
		}
		key := list{project: part.Project, n: len(part.Items)}
		if key.n > 0 {
			key.start = &part.Items[0]
		}
		d, done := made[key]
		if !done {
			t, err := p.partTree(part)
			if err != nil {
				faults = append(faults, facsimile.Errorf(facsimile.BadInput, "%s on node %s: %w", describe(part.Project), part.Node, err))
				continue
			}
			d = t.Digest()
			trees[d], made[key] = t, d
		}
		nodes[part.Node] = d
	}
	return trees, errors.Join(faults...)
}

func (p *put) partTree(part Part) (facsimile.Tree, error) {
	files := make([]facsimile.File, len(part.Items))
	for i, it := range part.Items {
		f := it.File
		if f.Project == "" {
			f.Project = part.Project
		}
		switch {
		case f.Project != part.Project:
			return facsimile.Tree{}, fmt.Errorf("%q belongs to %s", f.Path, describe(f.Project))
		case f.Type == facsimile.RegularFile:
			f.Digest, f.Size = p.stored[it].digest, p.stored[it].size
		case f.Secret:
			return facsimile.Tree{}, fmt.Errorf("%q is a %s and secret: only the content of a file can be", f.Path, f.Type)
		default:
			f.Digest, f.Size = facsimile.Digest{}, 0
		}
		files[i] = f
	}
	return facsimile.NewTree(files)
}

// treeSet are trees that are in memory.
type treeSet map[facsimile.Digest]facsimile.Tree

// Tree implements Trees.
func (t treeSet) Tree(d facsimile.Digest) (facsimile.Tree, error) {
	if tree, ok := t[d]; ok {
		return tree, nil
	}
	return facsimile.Tree{}, fmt.Errorf("there is no tree %s", d.Short())
}

// nodeTrees gives the tree of each node, and those trees. Nodes with the same parts share one.
func nodeTrees(m Manifest, trees Trees) (map[facsimile.Node]facsimile.Digest, treeSet, error) {
	nodes := map[facsimile.Node]facsimile.Digest{}
	unions := treeSet{}
	byParts := map[string]facsimile.Digest{}
	projects := slices.Sorted(maps.Keys(m.Parts))
	var faults []error
	for _, n := range m.Nodes() {
		var key bytes.Buffer
		for _, p := range projects {
			d := m.Parts[p][n]
			key.WriteString(hex.EncodeToString(d[:]))
		}
		d, done := byParts[key.String()]
		if !done {
			t, err := m.NodeTree(trees, n)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			d = t.Digest()
			unions[d], byParts[key.String()] = t, d
		}
		nodes[n] = d
	}
	return nodes, unions, errors.Join(faults...)
}

// sealKeys stores the keys document of a release, and gives the zero digest where no file is secret.
func (p *put) sealKeys(release facsimile.Digest) (facsimile.Digest, error) {
	if len(p.blobKeys) == 0 {
		return facsimile.Digest{}, nil
	}
	key, err := p.keys.DeriveKey(PurposeKeys, release)
	if err != nil {
		return facsimile.Digest{}, err
	}
	plain := encodeKeys(p.blobKeys)
	if len(plain) > MaxSealed {
		return facsimile.Digest{}, fmt.Errorf("the release has %d secret files, more than its keys document takes", len(p.blobKeys))
	}
	return p.w.put(Seal(key, plain))
}

// publish makes the release visible by one rename.
func (p *put) publish(file recordFile) (recordFile, error) {
	have, err := p.w.store.readRecord(file.Release)
	if err == nil && have.Keys == file.Keys && have.Statement.sameButTime(file.Statement) {
		return have, nil
	}
	return file, atomicfile.WriteFile(p.w.store.recordPath(file.Release), encodeLine(file), 0o644)
}
