package node

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
)

func statOf(st *unix.Stat_t) stat {
	return stat{
		kind: uint32(st.Mode) & unix.S_IFMT, mode: facsimile.Mode(st.Mode & 0o7777), uid: st.Uid, gid: st.Gid,
		size: st.Size, ino: st.Ino, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
	}
}

// bootClock says which boot this is and how long ago it began.
func bootClock() (id string, since time.Duration, err error) {
	id, err = unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "", 0, err
	}
	tv, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return "", 0, err
	}
	return id, time.Since(time.Unix(tv.Unix())), nil
}

func syncFS(*os.File) error { return unix.Sync() }

func renameExchange(fd int, name string, toFD int, toName string) error {
	err := again(func() error { return unix.RenameatxNp(fd, name, toFD, toName, unix.RENAME_SWAP) })
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EINVAL) {
		return errors.ErrUnsupported
	}
	return err
}

func chmodNoFollow(fd int, name string, mode uint32) error {
	return unix.Fchmodat(fd, name, mode, unix.AT_SYMLINK_NOFOLLOW)
}

// room is what a file system says of itself.
type room struct {
	free   uint64 // bytes that we may still write
	files  uint64 // files that can still be made; 0 where the file system sets no limit
	block  int64  // what a file of one byte takes
	remote string // the name of a network file system, whose locks cannot be trusted
}

func statRoom(path string) (room, error) {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Statfs(path, &st) }); err != nil {
		return room{}, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	r := room{free: st.Bavail * uint64(st.Bsize), files: st.Ffree, block: int64(st.Bsize)}
	if st.Flags&unix.MNT_LOCAL == 0 {
		r.remote = "network"
	}
	return r, nil
}
