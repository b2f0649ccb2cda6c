// Package atomicfile replaces files whole: whoever reads a path sees what stood there before or
// all of what was written, also after a crash or a power cut.
//
// The order is always the same: a temporary file in the folder of the target, its mode, its
// content, fsync, rename, fsync of the folder. Leaving out the first fsync can leave an empty
// file under the new name; leaving out the second can undo a rename that was reported as done.
//
// Everything goes through a small FS, so that tests can put a simulated disk in its place which
// forgets whatever was not synced (package atomicfiletest).
package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// tempPrefix starts the name of every temporary file. It does not hold the name of the target,
// which may be as long as the file system allows.
const tempPrefix = ".facs-tmp-"

// IsTemp reports whether a file name is one of this package's temporary ones. A crash may leave
// such files; whoever holds the lock of a folder may remove them.
func IsTemp(name string) bool { return strings.HasPrefix(filepath.Base(name), tempPrefix) }

// WriteFile replaces the file at path, whose folder must exist. The file gets exactly the mode
// perm, whatever the umask. When it returns without error the content survives a power cut.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Write(OS{}, path, data, perm)
}

// ReplaceSymlink makes link a symbolic link to target in one step, whether or not a link or a
// file stood there; a folder is never replaced. It does not look at what target leads to.
func ReplaceSymlink(target, link string) error { return Symlink(OS{}, target, link) }

// SyncDir makes the names in a folder survive a power cut.
func SyncDir(dir string) error { return OS{}.SyncDir(dir) }

// Write is WriteFile on any FS.
func Write(fsys FS, path string, data []byte, perm fs.FileMode) error {
	if err := Place(fsys, path, data, perm); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// Place is Write without the last step: the content is safe, the name is not yet. It is for
// many files of one folder, followed by one SyncDir.
func Place(fsys FS, path string, data []byte, perm fs.FileMode) (err error) {
	temp := tempBeside(path)
	f, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = fsys.Remove(temp) // the first error is the one to tell
		}
	}()
	if err := fill(f, data, perm); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return fsys.Rename(temp, path)
}

// fill sets the mode after the content, since writing may clear bits of it.
func fill(f File, data []byte, perm fs.FileMode) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	return f.Sync()
}

// Symlink is ReplaceSymlink on any FS.
func Symlink(fsys FS, target, link string) error {
	temp := tempBeside(link)
	if err := fsys.Symlink(target, temp); err != nil {
		return err
	}
	if err := fsys.Rename(temp, link); err != nil {
		_ = fsys.Remove(temp) // the first error is the one to tell
		return err
	}
	return fsys.SyncDir(filepath.Dir(link))
}

// MkdirAll makes a folder and those above it that are missing, each of them durable. New ones
// get the mode perm under the umask. A folder that is there may come from a process that was
// killed before it could sync the name, so the nearest one is synced too.
func MkdirAll(fsys FS, dir string, perm fs.FileMode) error {
	parent := filepath.Dir(dir)
	err := fsys.Mkdir(dir, perm)
	switch {
	case errors.Is(err, fs.ErrExist):
		if _, err := fsys.ReadDir(dir); err != nil { // it may be a file
			return err
		}
		return syncFound(fsys, parent)
	case errors.Is(err, fs.ErrNotExist) && parent != dir:
		if err := MkdirAll(fsys, parent, perm); err != nil {
			return err
		}
		err = fsys.Mkdir(dir, perm)
	case err == nil:
		err = syncFound(fsys, filepath.Dir(parent))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) { // another process may be as fast
		return err
	}
	return fsys.SyncDir(parent)
}

// syncFound syncs a folder that was there before. One that may not be read is not synced: it is
// somebody else's, and so is what stands in it.
func syncFound(fsys FS, dir string) error {
	err := fsys.SyncDir(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

func tempBeside(path string) string {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails, by its contract
	return filepath.Join(filepath.Dir(path), tempPrefix+hex.EncodeToString(random[:]))
}
