package node

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
)

func statOf(st *unix.Stat_t) stat {
	return stat{
		kind: st.Mode & unix.S_IFMT, mode: facsimile.Mode(st.Mode & 0o7777), uid: st.Uid, gid: st.Gid,
		size: st.Size, ino: st.Ino, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
	}
}

// bootClock says which boot this is and how long ago it began, suspended time included.
func bootClock() (id string, since time.Duration, err error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", 0, err
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return "", 0, err
	}
	return strings.TrimSpace(string(b)), time.Duration(ts.Nano()), nil
}

func syncFS(f *os.File) error {
	return again(func() error { return unix.Syncfs(int(f.Fd())) })
}

// renameExchange is renameat2(2) with RENAME_EXCHANGE; file systems that cannot answer EINVAL.
func renameExchange(fd int, name string, toFD int, toName string) error {
	err := again(func() error { return unix.Renameat2(fd, name, toFD, toName, unix.RENAME_EXCHANGE) })
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return errors.ErrUnsupported
	}
	return err
}

// chmodNoFollow changes the mode of a folder that we may not be allowed to open. A handle that
// names without opening, and its entry under /proc, is the way that works on every kernel.
func chmodNoFollow(fd int, name string, mode uint32) error {
	at, err := unix.Openat(fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(at) }()
	return unix.Chmod("/proc/self/fd/"+strconv.Itoa(at), mode)
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
	r := room{free: st.Bavail * uint64(st.Bsize), block: st.Bsize}
	if st.Files > 0 {
		r.files = st.Ffree
	}
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC:
		r.remote = "NFS"
	case unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC:
		r.remote = "SMB"
	case unix.AFS_SUPER_MAGIC:
		r.remote = "AFS"
	}
	return r, nil
}
