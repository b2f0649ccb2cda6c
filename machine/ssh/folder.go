//go:build unix

package ssh

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	folderPrefix = "facs-ssh-"
	newPrefix    = "facs-new-"
	lockName     = "lock"
	socketName   = "s"

	// maxBase is how long the folder above ours may be, in bytes: a socket's name has at most
	// 104 on some systems, and ssh adds 17 while it makes one.
	maxBase = 40
)

// folder is where a Dialer has its sockets and logs. It is locked while the Dialer lives.
type folder struct {
	path string
	lock *os.File
}

// newFolder makes one, and removes those that killed programs of this user left.
func newFolder(env []string) (*folder, error) {
	base := baseFolder(env)
	sweep(base)
	tmp, err := os.MkdirTemp(base, newPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(tmp, lockName), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	// It gets its name when it is locked, so that nobody sweeps it.
	path := filepath.Join(base, folderPrefix+strings.TrimPrefix(filepath.Base(tmp), newPrefix))
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(tmp))
	}
	return &folder{path, lock}, nil
}

// baseFolder is the user's runtime folder or the temporary one, if their names are short enough.
func baseFolder(env []string) string {
	for _, key := range []string{"XDG_RUNTIME_DIR=", "TMPDIR="} {
		for _, e := range env {
			dir, ok := strings.CutPrefix(e, key)
			if info, err := os.Stat(dir); ok && err == nil && info.IsDir() && len(dir) <= maxBase &&
				filepath.IsAbs(dir) && unix.Access(dir, unix.W_OK) == nil {
				return dir
			}
		}
	}
	return "/tmp"
}

// sweep removes the folders of Dialers that are no more, and ends their masters.
func sweep(base string) {
	found, err := filepath.Glob(filepath.Join(base, folderPrefix+"*"))
	if err != nil {
		return // the pattern is right
	}
	for _, path := range found {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
			continue
		}
		// What cannot be swept now is left to the next one.
		if lock, err := os.Open(filepath.Join(path, lockName)); err == nil {
			if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
				_ = (&folder{path, nil}).remove()
			}
			lock.Close()
		}
	}
}

// remove ends the masters that still listen in the folder, and removes it.
func (f *folder) remove() error {
	sockets, err := filepath.Glob(filepath.Join(f.path, "*", socketName))
	if err != nil {
		return fmt.Errorf("cannot list %s: %w", f.path, err)
	}
	var errs []error
	for _, s := range sockets {
		errs = append(errs, endMaster(s))
	}
	errs = append(errs, os.RemoveAll(f.path))
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
	}
	return errors.Join(errs...)
}
