package node

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// releaseMode is the mode of the folder of a release, which no tree lists.
const releaseMode = 0o755

type checkOptions struct {
	trust bool      // believe what was recorded of files that were not written to since
	first bool      // the first difference is enough
	rec   *recorder // told of each file that is right
}

// checker compares a folder on disk with a tree.
type checker struct {
	host     *Host
	tree     facsimile.Tree
	children map[string][]int // of a folder: indexes into tree.Files, in order of name
	keys     keyring
	who      *identities
	opt      checkOptions
	trusted  map[string]seen

	mu    sync.Mutex
	found []finding
}

// finding is a difference, or an error that names a path.
type finding struct {
	diff facsimile.Difference
	err  error
}

// errEnough ends a check that looks only for the first difference.
var errEnough = errors.New("a difference was found")

func (hm *home) newChecker(t facsimile.Tree, keys keyring, o checkOptions) (*checker, error) {
	uid, err := hm.uid()
	if err != nil {
		return nil, err
	}
	c := &checker{host: hm.host, tree: t, keys: keys, who: newIdentities(uid), opt: o, children: childrenOf(t)}
	return c, nil
}

// childrenOf gives for each folder of a tree ("" is its root) what stands in it. Trees are in
// order of path, in which the children of one folder are in order of name.
func childrenOf(t facsimile.Tree) map[string][]int {
	children := map[string][]int{}
	for i, f := range t.Files {
		folder := ""
		if slash := strings.LastIndexByte(f.Path, '/'); slash >= 0 {
			folder = f.Path[:slash]
		}
		children[folder] = append(children[folder], i)
	}
	return children
}

// run compares everything below top. Folders are walked by one goroutine, files are read by
// several, of which each holds one buffer whatever the size of the file.
func (c *checker) run(ctx context.Context, top *dir) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.host.workers)
	err := c.checkTop(top)
	if err == nil {
		err = c.walk(ctx, g, top, "")
	}
	if readErr := g.Wait(); err == nil || errors.Is(readErr, errEnough) {
		err = readErr
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// sorted gives what was found in order of path, then kind.
func (c *checker) sorted() []finding {
	slices.SortStableFunc(c.found, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.diff.Path, b.diff.Path), strings.Compare(string(a.diff.Kind), string(b.diff.Kind)))
	})
	return c.found
}

// fault says what the first finding is; "" where the folder is exactly the tree.
func (c *checker) fault() (string, error) {
	found := c.sorted()
	if len(found) == 0 {
		return "", nil
	}
	if err := found[0].err; err != nil {
		return "", err
	}
	d := found[0].diff
	return fmt.Sprintf("%s: %s: %s", d.Path, d.Kind, d.Note), nil
}

func (c *checker) differs(p string, kind facsimile.DifferenceKind, format string, args ...any) error {
	return c.add(finding{diff: facsimile.Difference{Path: p, Kind: kind, Note: fmt.Sprintf(format, args...)}})
}

// cannot notes a path that could not be read.
func (c *checker) cannot(p string, err error) error {
	return c.add(finding{
		diff: facsimile.Difference{Path: p},
		err:  facsimile.Errorf(facsimile.Refused, "cannot read %s on node %s as %s: %w", p, c.host.name, userName(os.Geteuid()), err),
	})
}

func (c *checker) add(f finding) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, f)
	if c.opt.first {
		return errEnough
	}
	return nil
}

func (c *checker) checkTop(top *dir) error {
	st, err := statFile(top.f)
	if err != nil {
		return err
	}
	if err := c.checkModeAndOwner(facsimile.File{Path: ".", Type: facsimile.Directory, Mode: releaseMode}, st); err != nil {
		return err
	}
	return nil
}

// walk compares a folder, which is at rel in the tree, with what the tree lists there.
func (c *checker) walk(ctx context.Context, g *errgroup.Group, d *dir, rel string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := d.names()
	if err != nil {
		return c.cannot(cmp.Or(rel, "."), err)
	}
	want := c.children[rel]
	for len(names) > 0 || len(want) > 0 {
		order := 0
		switch {
		case len(names) == 0:
			order = 1
		case len(want) == 0:
			order = -1
		default:
			order = strings.Compare(names[0], path.Base(c.tree.Files[want[0]].Path))
		}
		switch {
		case order < 0:
			err = c.extra(d, path.Join(rel, names[0]), names[0])
		case order > 0:
			err = c.missing(want[0])
		default:
			err = c.compare(ctx, g, d, names[0], want[0])
		}
		if err != nil {
			return err
		}
		if order <= 0 {
			names = names[1:]
		}
		if order >= 0 {
			want = want[1:]
		}
	}
	return nil
}

// missing notes a path of the tree, and all below it, as missing.
func (c *checker) missing(i int) error {
	f := c.tree.Files[i]
	if err := c.differs(f.Path, facsimile.Missing, "should be a %s", typeName(f.Type)); err != nil {
		return err
	}
	return c.missingBelow(f.Path)
}

func (c *checker) missingBelow(p string) error {
	for _, i := range c.children[p] {
		if err := c.missing(i); err != nil {
			return err
		}
	}
	return nil
}

// extra notes a path that the tree does not list, and all below it.
func (c *checker) extra(d *dir, p, name string) error {
	st, err := d.lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone while we looked
	}
	if err != nil {
		return c.cannot(p, err)
	}
	if err := c.differs(p, facsimile.Extra, "a %s", st); err != nil || !st.isDir() {
		return err
	}
	return c.extraBelow(d, p, name)
}

func (c *checker) extraBelow(d *dir, p, name string) error {
	sub, err := d.sub(name)
	if err != nil {
		return c.cannot(p, err)
	}
	defer sub.close()
	names, err := sub.names()
	if err != nil {
		return c.cannot(p, err)
	}
	for _, n := range names {
		if err := c.extra(sub, p+"/"+n, n); err != nil {
			return err
		}
	}
	return nil
}

// compare compares one path of the tree with what stands there.
func (c *checker) compare(ctx context.Context, g *errgroup.Group, d *dir, name string, i int) error {
	f := c.tree.Files[i]
	st, err := d.lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return c.missing(i)
	}
	if err != nil {
		return c.cannot(f.Path, err)
	}
	if !st.is(f.Type) {
		if err := c.differs(f.Path, facsimile.TypeDiffers, "a %s, should be a %s", st, typeName(f.Type)); err != nil {
			return err
		}
		if st.isDir() {
			return c.extraBelow(d, f.Path, name)
		}
		return c.missingBelow(f.Path)
	}
	if err := c.checkModeAndOwner(f, st); err != nil {
		return err
	}
	switch f.Type {
	case facsimile.Symlink:
		return c.compareLink(d, name, f)
	case facsimile.RegularFile:
		return c.compareContent(ctx, g, d, name, f, st)
	}
	sub, err := d.sub(name)
	if err != nil {
		return c.cannot(f.Path, err)
	}
	defer sub.close()
	return c.walk(ctx, g, sub, f.Path)
}

func (c *checker) checkModeAndOwner(f facsimile.File, st stat) error {
	if f.Type != facsimile.Symlink && st.mode != f.Mode {
		if err := c.differs(f.Path, facsimile.ModeDiffers, "%s, should be %s", st.mode, f.Mode); err != nil {
			return err
		}
	}
	uid, gid, err := c.who.of(f)
	if err != nil {
		return c.differs(f.Path, facsimile.OwnerDiffers, "%v", err)
	}
	if int(st.uid) != uid {
		return c.differs(f.Path, facsimile.OwnerDiffers, "%s, should be %s", userName(int(st.uid)), userName(uid))
	}
	if gid >= 0 && int(st.gid) != gid {
		return c.differs(f.Path, facsimile.OwnerDiffers, "group %d, should be %s (gid %d)", st.gid, f.Group, gid)
	}
	return nil
}

func (c *checker) compareLink(d *dir, name string, f facsimile.File) error {
	to, err := d.readlink(name)
	if err != nil {
		return c.cannot(f.Path, err)
	}
	if to != f.Link {
		return c.differs(f.Path, facsimile.LinkDiffers, "points to %q, should point to %q", to, f.Link)
	}
	return nil
}

func (c *checker) compareContent(ctx context.Context, g *errgroup.Group, d *dir, name string, f facsimile.File, st stat) error {
	if st.size != f.Size {
		return c.differs(f.Path, facsimile.ContentDiffers, "%d bytes, should be %d", st.size, f.Size)
	}
	if was, ok := c.trusted[f.Path]; ok && was == st.seen() {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d.share()
	g.Go(func() error {
		defer d.close()
		return c.read(ctx, d, name, f)
	})
	return nil
}

// read compares the content of a file, byte by byte through its digest.
func (c *checker) read(ctx context.Context, d *dir, name string, f facsimile.File) error {
	start := time.Now() // the clock that the kernel stamps files with, whatever Now says
	file, st, err := d.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return c.differs(f.Path, facsimile.Missing, "should be a file")
	}
	if err != nil {
		return c.cannot(f.Path, err)
	}
	defer func() { _ = file.Close() }()
	got, err := c.host.digestOf(ctx, file, f, c.keys)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return c.cannot(f.Path, err)
	}
	if got != f.Digest {
		return c.differs(f.Path, facsimile.ContentDiffers, "other content of the same size")
	}
	if c.opt.rec != nil {
		c.opt.rec.add(f.Path, st, start)
	}
	return nil
}

// digestOf sums the content of an open file as the tree does: a secret one after sealing it.
func (h *Host) digestOf(ctx context.Context, file io.Reader, f facsimile.File, keys keyring) (facsimile.Digest, error) {
	if !f.Secret {
		sum := sha256.New()
		_, err := h.copy(ctx, sum, file)
		return facsimile.Digest(sum.Sum(nil)), err
	}
	key, ok := keys[f.Digest]
	if !ok {
		return facsimile.Digest{}, errors.New("the node has no key that seals it, so it cannot be compared")
	}
	plain, err := io.ReadAll(io.LimitReader(file, release.MaxSealed+1))
	if err != nil {
		return facsimile.Digest{}, err
	}
	if len(plain) > release.MaxSealed {
		return facsimile.Digest{}, fmt.Errorf("a secret file of more than %d bytes cannot be sealed", release.MaxSealed)
	}
	return facsimile.DigestOf(release.Seal(key, plain)), nil
}

// copy copies until the end, and stops when ctx does.
func (h *Host) copy(ctx context.Context, to io.Writer, from io.Reader) (n int64, err error) {
	buf := h.buffers.Get().(*[]byte)
	defer h.buffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		got, err := from.Read(*buf)
		wrote, writeErr := to.Write((*buf)[:got])
		n += int64(wrote)
		if writeErr != nil {
			return n, writeErr
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (s stat) is(t facsimile.FileType) bool {
	switch t {
	case facsimile.Directory:
		return s.isDir()
	case facsimile.Symlink:
		return s.isLink()
	}
	return s.isFile()
}

// String names the type for people.
func (s stat) String() string {
	switch s.kind {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "folder"
	case unix.S_IFLNK:
		return "link"
	case unix.S_IFIFO:
		return "pipe"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "device"
}

func typeName(t facsimile.FileType) string {
	if t == facsimile.Directory {
		return "folder"
	}
	return string(t)
}

// isNotFolder says that what was opened as a folder is a file or a link.
func isNotFolder(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
