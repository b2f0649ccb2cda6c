package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// FS is what is needed of a file system. Errors are those of package os, so that errors.Is
// finds fs.ErrNotExist and fs.ErrExist.
type FS interface {
	// Create makes a file that must not exist, readable by its owner only.
	Create(name string) (File, error)
	// Rename replaces to, in one step.
	Rename(from, to string) error
	Remove(name string) error
	Symlink(target, name string) error
	// Mkdir makes one folder, with the mode perm under the umask.
	Mkdir(name string, perm fs.FileMode) error
	// SyncDir makes the names in a folder survive a power cut.
	SyncDir(name string) error
	ReadFile(name string) ([]byte, error)
	// ReadDir lists a folder in order of name.
	ReadDir(name string) ([]fs.DirEntry, error)
}

// File is a new file being written. *os.File is one.
type File interface {
	io.WriteCloser
	Chmod(perm fs.FileMode) error
	// Sync makes the content survive a power cut; its name needs SyncDir.
	Sync() error
}

// OS is the file system of this machine.
type OS struct{}

// Create implements FS.
func (OS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err // not f, which would make a File that is not nil
	}
	return f, nil
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(name string) error { return os.Remove(name) }

// Symlink implements FS.
func (OS) Symlink(target, name string) error { return os.Symlink(target, name) }

// Mkdir implements FS.
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// ReadFile implements FS.
func (OS) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// ReadDir implements FS.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// SyncDir implements FS. File systems that cannot sync a folder say so with EINVAL or ENOTSUP
// and are taken at their word; Windows has no such call.
func (OS) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
