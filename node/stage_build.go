package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// errOther says that bytes are not those that the tree names.
var errOther = errors.New("the node was given other bytes than the tree names")

// build makes everything of the tree that was not kept: folders first, files next, several at
// once, and the modes of folders last, since one may forbid to write into it.
func (s *stager) build(ctx context.Context) error {
	if err := s.makeFoldersAndLinks(); err != nil {
		return err
	}
	groups := s.byContent()
	if err := s.prefetch(ctx, Lack{Blobs: s.lackedBlobs(groups)}); err != nil {
		return fmt.Errorf("cannot get what node %s lacks: %w", s.hm.host.name, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.hm.host.workers)
	for _, files := range groups {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return s.fill(ctx, files) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, f := range slices.Backward(s.tree.Files) {
		if f.Type != facsimile.Directory {
			continue
		}
		d, err := s.staging.descend(f.Path)
		if err != nil {
			return err
		}
		err = s.own(d.f, f)
		d.close()
		if err != nil {
			return err
		}
	}
	return s.staging.chmod(releaseMode)
}

func (s *stager) makeFoldersAndLinks() error {
	for _, f := range s.tree.Files {
		if f.Type == facsimile.RegularFile {
			continue
		}
		d, name, err := s.staging.parent(f.Path)
		if err != nil {
			return err
		}
		err = s.makeOne(d, name, f)
		d.close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stager) makeOne(d *dir, name string, f facsimile.File) error {
	if f.Type == facsimile.Directory {
		if s.kept[f.Path] {
			return nil
		}
		made, err := d.mkdir(name, 0o700)
		if err == nil {
			made.close()
		}
		return err
	}
	if !s.kept[f.Path] {
		if err := d.symlink(f.Link, name); err != nil {
			return err
		}
	}
	uid, gid, err := s.who.of(f)
	if err != nil || f.Owner == "" && f.Group == "" {
		return err
	}
	return d.lchown(name, uid, gid)
}

// byContent groups the files of the tree that have the same bytes, so that each is fetched once.
func (s *stager) byContent() [][]facsimile.File {
	type content struct {
		digest facsimile.Digest
		secret bool
	}
	at := map[content]int{}
	var groups [][]facsimile.File
	for _, f := range s.tree.Files {
		if f.Type != facsimile.RegularFile {
			continue
		}
		c := content{f.Digest, f.Secret}
		i, ok := at[c]
		if !ok {
			i = len(groups)
			at[c] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	return groups
}

// fill makes the files of one content: the first from the node if it has it, else from Content,
// and the others from the first.
func (s *stager) fill(ctx context.Context, files []facsimile.File) error {
	from := slices.IndexFunc(files, func(f facsimile.File) bool { return s.kept[f.Path] })
	onNode := from >= 0
	if !onNode {
		from = 0
		copied, err := s.fromNode(ctx, files[0])
		if err != nil {
			return err
		}
		if onNode = copied; !onNode {
			if err := s.fetch(ctx, files[0]); err != nil {
				return err
			}
		}
	}
	for i, f := range files {
		if i == from || s.kept[f.Path] {
			continue
		}
		if err := s.copyFrom(ctx, source{s.staging, files[from].Path}, f); err != nil {
			return fmt.Errorf("cannot make %s on node %s: %w", f.Path, s.hm.host.name, err)
		}
	}
	if onNode {
		s.mu.Lock()
		s.staged.Reused += len(files)
		s.mu.Unlock()
	}
	return nil
}

// fromNode makes a file out of what a release on the node has. False: none has it, whole.
func (s *stager) fromNode(ctx context.Context, f facsimile.File) (bool, error) {
	for _, src := range s.sources[f.Digest] {
		err := s.copyFrom(ctx, src, f)
		if err == nil {
			return true, nil
		}
		if ctx.Err() != nil || !errors.Is(err, errOther) {
			return false, err
		}
	}
	return false, nil
}

// copyFrom makes a file out of another one. Whatever is wrong with that other is errOther.
func (s *stager) copyFrom(ctx context.Context, src source, f facsimile.File) error {
	d, name, err := src.release.parent(src.path)
	if err != nil {
		return fmt.Errorf("%w: %w", errOther, err)
	}
	defer d.close()
	from, st, err := d.open(name)
	if err != nil {
		return fmt.Errorf("%w: %w", errOther, err)
	}
	defer func() { _ = from.Close() }()
	if st.size != f.Size {
		return errOther
	}
	return s.place(f, func(to *os.File) error {
		err := copyFile(ctx, to, from)
		if errors.Is(err, unix.EIO) {
			err = fmt.Errorf("%w: %w", errOther, err) // a bad spot of the disk
		}
		if err != nil {
			return err
		}
		if _, err := to.Seek(0, io.SeekStart); err != nil {
			return err
		}
		got, err := s.hm.host.digestOf(ctx, to, f, s.keys)
		if err == nil && got != f.Digest {
			err = errOther
		}
		return err
	})
}

// copyFile lets the kernel copy, which shares blocks where the file system can. It stops when
// ctx does.
func copyFile(ctx context.Context, to, from *os.File) error {
	const part = 64 << 20
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(to, from, part)
		if err == io.EOF || err == nil && n == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// fetch makes a file out of what Content gives.
func (s *stager) fetch(ctx context.Context, f facsimile.File) error {
	if err := s.hm.checkBallot(s.ballot); err != nil {
		return err // another rollout took over: it should not wait for us
	}
	blob, err := s.content.Open(ctx, f.Digest)
	if err != nil {
		return facsimile.Errorf(facsimile.Refused, "cannot get %s (%s) for node %s: %w", f.Path, f.Digest.Short(), s.hm.host.name, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = blob.Close() }) // a Read that hangs ends with it
	defer func() {
		if stop() {
			_ = blob.Close() // every byte is checked, so nothing that it could say matters
		}
	}()
	var n int64
	err = s.place(f, func(to *os.File) (err error) {
		if f.Secret {
			n, err = s.receiveSealed(to, blob, f)
		} else {
			n, err = s.receive(ctx, to, blob, f)
		}
		return err
	})
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		e := facsimile.Errorf(facsimile.Refused, "cannot stage %s (%s) on node %s: %w", f.Path, f.Digest.Short(), s.hm.host.name, err)
		if errors.Is(err, errOther) {
			e = e.WithHint("what the release is read from is damaged: build it again")
		}
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.staged.Received++
	s.staged.Bytes += n
	return nil
}

func (s *stager) receive(ctx context.Context, to io.Writer, blob io.Reader, f facsimile.File) (int64, error) {
	sum := sha256.New()
	n, err := s.hm.host.copy(ctx, io.MultiWriter(to, sum), io.LimitReader(blob, f.Size+1))
	switch {
	case err != nil:
		return n, err
	case n < f.Size:
		return n, fmt.Errorf("%w: only %d bytes of %d came", errOther, n, f.Size)
	case n > f.Size:
		return n, fmt.Errorf("%w: more than its %d bytes came", errOther, f.Size)
	case facsimile.Digest(sum.Sum(nil)) != f.Digest:
		return n, errOther
	}
	return n, nil
}

func (s *stager) receiveSealed(to io.Writer, blob io.Reader, f facsimile.File) (int64, error) {
	sealed, err := io.ReadAll(io.LimitReader(blob, release.MaxSealed+release.SealOverhead+1))
	n := int64(len(sealed))
	if err != nil {
		return n, err
	}
	if facsimile.DigestOf(sealed) != f.Digest {
		return n, errOther
	}
	plain, err := release.Unseal(s.keys[f.Digest], sealed)
	if err != nil {
		return n, err
	}
	if int64(len(plain)) != f.Size {
		return n, fmt.Errorf("%w: %d bytes were sealed, not %d", errOther, len(plain), f.Size)
	}
	_, err = to.Write(plain)
	return n, err
}

// place makes one file of the tree. It gets its name when write has made and checked every
// byte, and it has its owner and mode.
func (s *stager) place(f facsimile.File, write func(*os.File) error) error {
	temp := tempName()
	file, err := s.incoming.create(temp)
	if err != nil {
		return err
	}
	s.incoming.change("write", temp)
	err = write(file)
	if err == nil {
		err = s.own(file, f)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		_ = s.incoming.remove(temp) // the first error is the one to tell
		return err
	}
	d, name, err := s.staging.parent(f.Path)
	if err != nil {
		return err
	}
	defer d.close()
	return s.incoming.rename(temp, d, name)
}

// own gives a file or folder its owner, then its mode, of which a change of owner clears bits.
func (s *stager) own(file *os.File, f facsimile.File) error {
	if f.Owner != "" || f.Group != "" {
		uid, gid, err := s.who.of(f)
		if err != nil {
			return err
		}
		if err := again(func() error { return unix.Fchown(int(file.Fd()), uid, gid) }); err != nil {
			return &os.PathError{Op: "chown", Path: f.Path, Err: err}
		}
	}
	return chmodFile(file, f.Mode)
}
