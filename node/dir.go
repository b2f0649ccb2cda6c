package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
)

// dir is an open folder. Every name that is given to it is taken relative to that folder and no
// link on the way is ever followed, so that nothing planted under a home leads out of it. What
// a path means cannot change between a check and its use: the folder stays the same while open.
//
// Every change of the disk goes through a dir and tells step before it is made. That is the
// place where tests kill the process.
type dir struct {
	f    *os.File
	path string // for errors
	step func(op, path string)
	refs *atomic.Int32
}

// stat is what is asked of a path.
type stat struct {
	kind     uint32 // S_IFMT bits
	mode     facsimile.Mode
	uid, gid uint32
	size     int64
	ino      uint64
	mtime    int64 // nanoseconds since 1970
	ctime    int64
}

func (s stat) isDir() bool  { return s.kind == unix.S_IFDIR }
func (s stat) isFile() bool { return s.kind == unix.S_IFREG }
func (s stat) isLink() bool { return s.kind == unix.S_IFLNK }

// openDir opens a folder by its path, following links: where a home is, is up to its owner.
func openDir(name string, step func(op, path string)) (*dir, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return newDir(f, name, step), nil
}

func newDir(f *os.File, name string, step func(op, path string)) *dir {
	d := &dir{f: f, path: name, step: step, refs: new(atomic.Int32)}
	d.refs.Store(1)
	return d
}

// close gives up one use of the folder; see share.
func (d *dir) close() {
	if d.refs.Add(-1) == 0 {
		_ = d.f.Close() // opened for reading: nothing can be lost
	}
}

// share makes one more close needed.
func (d *dir) share() *dir {
	d.refs.Add(1)
	return d
}

func (d *dir) fd() int { return int(d.f.Fd()) }

func (d *dir) join(name string) string { return d.path + "/" + name }

func (d *dir) change(op, name string) {
	if d.step != nil {
		d.step(op, d.join(name))
	}
}

func (d *dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.join(name), Err: err}
}

// again repeats a system call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR { //nolint:errorlint // a bare errno
			return err
		}
	}
}

func (d *dir) openat(name string, flags int, perm uint32) (*os.File, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd(), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, perm)
		return err
	})
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return os.NewFile(uintptr(fd), d.join(name)), nil
}

// sub opens a folder in d. A link in its place is an error.
func (d *dir) sub(name string) (*dir, error) {
	f, err := d.openat(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return newDir(f, d.join(name), d.step), nil
}

// descend opens the folder at a path of several names; "." is d itself.
func (d *dir) descend(p string) (*dir, error) {
	at := d.share()
	if p == "." {
		return at, nil
	}
	for name := range strings.SplitSeq(p, "/") {
		next, err := at.sub(name)
		at.close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// parent opens the folder that holds the last name of p.
func (d *dir) parent(p string) (*dir, string, error) {
	at, err := d.descend(path.Dir(p))
	return at, path.Base(p), err
}

// open opens a regular file for reading. Devices and pipes are never opened in earnest.
func (d *dir) open(name string) (*os.File, stat, error) {
	f, err := d.openat(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, stat{}, err
	}
	st, err := statFile(f)
	if err == nil && !st.isFile() {
		err = d.fail("open", name, errors.New("not a regular file"))
	}
	if err != nil {
		return nil, stat{}, errors.Join(err, f.Close())
	}
	return f, st, nil
}

// create makes a file that must not exist, readable by its owner only.
func (d *dir) create(name string) (*os.File, error) {
	d.change("create", name)
	return d.openat(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
}

// openAppend opens a file for appending and reading; it is made where it is missing.
func (d *dir) openAppend(name string) (*os.File, error) {
	d.change("create", name)
	return d.openat(name, unix.O_RDWR|unix.O_CREAT|unix.O_APPEND, 0o600)
}

func (d *dir) lstat(name string) (stat, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return statOf(&st), d.fail("lstat", name, err)
}

func statFile(f *os.File) (stat, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstat(int(f.Fd()), &st) })
	if err != nil {
		return stat{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return statOf(&st), nil
}

// names lists the folder in order.
func (d *dir) names() ([]string, error) {
	f, err := d.openat(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: d.path, Err: errors.Unwrap(err)}
	}
	names, err := f.Readdirnames(-1)
	_ = f.Close()
	slices.Sort(names)
	return names, err
}

func (d *dir) readlink(name string) (string, error) {
	buf := make([]byte, 4097) // longer than any link of Linux
	var n int
	err := again(func() (err error) {
		n, err = unix.Readlinkat(d.fd(), name, buf)
		return err
	})
	if err != nil {
		return "", d.fail("readlink", name, err)
	}
	return string(buf[:n]), nil
}

func (d *dir) symlink(target, name string) error {
	d.change("symlink", name)
	return d.fail("symlink", name, unix.Symlinkat(target, d.fd(), name))
}

// mkdir makes a folder with exactly this mode, or leaves the one that stands there alone.
func (d *dir) mkdir(name string, mode facsimile.Mode) (*dir, error) {
	d.change("mkdir", name)
	err := unix.Mkdirat(d.fd(), name, uint32(mode)) // which the umask narrows
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, d.fail("mkdir", name, err)
	}
	sub, err := d.sub(name)
	if err != nil {
		return nil, err
	}
	if made && mode != 0o700 {
		if err := sub.chmod(mode); err != nil {
			sub.close()
			return nil, err
		}
	}
	return sub, nil
}

func (d *dir) chmod(mode facsimile.Mode) error {
	d.change("chmod", ".")
	return chmodFile(d.f, mode)
}

func chmodFile(f *os.File, mode facsimile.Mode) error {
	if err := again(func() error { return unix.Fchmod(int(f.Fd()), uint32(mode)) }); err != nil {
		return &fs.PathError{Op: "chmod", Path: f.Name(), Err: err}
	}
	return nil
}

// unlock makes a folder of ours one that we can work in, whatever mode it has.
func (d *dir) unlock(name string) error {
	d.change("chmod", name)
	return d.fail("chmod", name, chmodNoFollow(d.fd(), name, 0o700))
}

func (d *dir) lchown(name string, uid, gid int) error {
	d.change("chown", name)
	return d.fail("chown", name, unix.Fchownat(d.fd(), name, uid, gid, unix.AT_SYMLINK_NOFOLLOW))
}

func (d *dir) rename(name string, to *dir, toName string) error {
	d.change("rename", name)
	err := again(func() error { return unix.Renameat(d.fd(), name, to.fd(), toName) })
	return d.fail("rename", name, err)
}

// exchange swaps two paths in one step. Where the file system cannot, the error is
// errors.ErrUnsupported and nothing was changed.
func (d *dir) exchange(name string, with *dir, withName string) error {
	d.change("exchange", name)
	return d.fail("exchange", name, renameExchange(d.fd(), name, with.fd(), withName))
}

func (d *dir) remove(name string) error {
	d.change("remove", name)
	return d.fail("remove", name, again(func() error { return unix.Unlinkat(d.fd(), name, 0) }))
}

// removeAll removes whatever stands at name, with all below it, also folders that their mode
// protects. That nothing stands there is no error.
func (d *dir) removeAll(name string) error {
	st, err := d.lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !st.isDir():
		return d.remove(name)
	}
	if st.mode&0o700 != 0o700 {
		if err := d.unlock(name); err != nil {
			return err
		}
	}
	sub, err := d.sub(name)
	if err != nil {
		return err
	}
	defer sub.close()
	names, err := sub.names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := sub.removeAll(n); err != nil {
			return err
		}
	}
	d.change("rmdir", name)
	return d.fail("rmdir", name, again(func() error { return unix.Unlinkat(d.fd(), name, unix.AT_REMOVEDIR) }))
}

// sync makes the names in the folder survive a power cut.
func (d *dir) sync() error {
	d.change("fsync", ".")
	return d.f.Sync()
}

// syncFS makes everything that was written to the file system survive a power cut.
func (d *dir) syncFS() error {
	d.change("syncfs", ".")
	return d.fail("syncfs", ".", syncFS(d.f))
}

// readFile reads a whole file of at most limit bytes.
func (d *dir) readFile(name string, limit int64) ([]byte, error) {
	f, st, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if st.size > limit {
		return nil, d.fail("read", name, errors.New("longer than any file of its kind"))
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = d.fail("read", name, errors.New("longer than any file of its kind"))
	}
	return b, err
}

// writeFile replaces a file whole, mode 0600, so that it survives a power cut once written.
func (d *dir) writeFile(name string, data []byte) error {
	temp := tempName()
	f, err := d.create(temp)
	if err != nil {
		return err
	}
	d.change("write", name)
	_, err = f.Write(data)
	if err == nil {
		d.change("fsync", name)
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		_ = d.remove(temp) // the first error is the one to tell
		return err
	}
	if err := d.rename(temp, d, name); err != nil {
		return err
	}
	return d.sync()
}

// tempPrefix starts the names of files that are being written. A crash leaves them; whoever
// holds the lock of their folder removes them.
const tempPrefix = ".tmp-"

func tempName() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails, by its contract
	return tempPrefix + hex.EncodeToString(random[:])
}
