// Package atomicfiletest has a simulated disk for tests of what survives a power cut.
//
// A Disk remembers what was synced and what was not. Crash gives the disk as it may look after
// the power came back: whatever was synced is there, and of the rest a part that the caller's
// random numbers choose. It is harsher than most file systems, which keep renames in order, and
// no harsher than POSIX allows.
package atomicfiletest

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"facsimile.dev/facsimile/internal/atomicfile"
)

// Op is one call that changes a disk.
type Op struct {
	Name string // create, write, chmod, sync, close, rename, remove, symlink, mkdir, syncdir
	Path string
}

// Disk is an atomicfile.FS in memory. It may be used by several goroutines.
type Disk struct {
	// Hook, where it is set, is called before each change and makes it fail by an error. A
	// write that fails has written half.
	Hook func(Op) error

	mu   sync.Mutex
	root *node
}

// node is a file, a folder or a link. Names belong to folders: a node has none.
type node struct {
	mode    fs.FileMode
	content []byte // of a file, and the target of a link
	synced  []byte // of a file: what a crash cannot take

	now     map[string]*node // of a folder
	durable map[string]*node
	pending []rename // changes of now since the last SyncDir, in order
}

// rename is one step of a folder: from loses its name and to gets the node. Either name may be
// empty, for a new or a removed file.
type rename struct {
	from, to string
	node     *node
}

// New is an empty disk.
func New() *Disk { return &Disk{root: newFolder(0o755)} }

func newFolder(perm fs.FileMode) *node {
	return &node{mode: fs.ModeDir | perm, now: map[string]*node{}, durable: map[string]*node{}}
}

// Crash is the disk after a power cut; d itself stays as it is. keep is asked for each thing
// that was not synced, a step of a folder or the content of a file, whether it survived anyway.
// Content of which nothing was synced survives as a part, where keep says no.
func (d *Disk) Crash(keep func() bool) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	copies := map[*node]*node{}
	return &Disk{root: d.root.survive(keep, copies)}
}

func (n *node) survive(keep func() bool, copies map[*node]*node) *node {
	if c, ok := copies[n]; ok {
		return c
	}
	c := &node{mode: n.mode}
	copies[n] = c
	switch {
	case n.mode.IsDir():
		names := maps.Clone(n.durable)
		for _, step := range n.pending {
			if keep() {
				step.apply(names)
			}
		}
		c.now = map[string]*node{}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			c.now[name] = names[name].survive(keep, copies)
		}
		c.durable = maps.Clone(c.now)
	case n.mode&fs.ModeSymlink != 0:
		c.content = n.content
	default:
		c.content = n.synced
		if !bytes.Equal(n.synced, n.content) {
			c.content = n.content
			if !keep() {
				c.content = n.content[:len(n.content)/2]
			}
		}
		c.synced = c.content
	}
	return c
}

func (r rename) apply(names map[string]*node) {
	if r.from != "" {
		delete(names, r.from)
	}
	if r.to != "" {
		names[r.to] = r.node
	}
}

func (n *node) step(r rename) {
	r.apply(n.now)
	n.pending = append(n.pending, r)
}

// change runs one change under the lock, unless the hook forbids it.
func (d *Disk) change(op Op, do func() error) error {
	if d.Hook != nil {
		if err := d.Hook(op); err != nil {
			return &fs.PathError{Op: op.Name, Path: op.Path, Err: err}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := do(); err != nil {
		return &fs.PathError{Op: op.Name, Path: op.Path, Err: err}
	}
	return nil
}

func (d *Disk) find(path string) (*node, error) {
	n := d.root
	for part := range strings.SplitSeq(strings.Trim(filepath.ToSlash(filepath.Clean(path)), "/"), "/") {
		if part == "" {
			continue
		}
		if n.now == nil {
			return nil, syscall.ENOTDIR
		}
		next, ok := n.now[part]
		if !ok {
			return nil, syscall.ENOENT
		}
		n = next
	}
	return n, nil
}

// folder finds the folder that a path is in, and the path's last part.
func (d *Disk) folder(path string) (*node, string, error) {
	n, err := d.find(filepath.Dir(path))
	if err == nil && n.now == nil {
		err = syscall.ENOTDIR
	}
	return n, filepath.Base(path), err
}

// add gives a new node a name that must be free.
func (d *Disk) add(path string, n *node) error {
	in, name, err := d.folder(path)
	if err != nil {
		return err
	}
	if _, taken := in.now[name]; taken {
		return syscall.EEXIST
	}
	in.step(rename{to: name, node: n})
	return nil
}

// Create implements atomicfile.FS.
func (d *Disk) Create(path string) (atomicfile.File, error) {
	n := &node{mode: 0o600}
	err := d.change(Op{"create", path}, func() error { return d.add(path, n) })
	if err != nil {
		return nil, err
	}
	return &file{disk: d, path: path, node: n}, nil
}

// Symlink implements atomicfile.FS.
func (d *Disk) Symlink(target, path string) error {
	n := &node{mode: fs.ModeSymlink | 0o777, content: []byte(target)}
	return d.change(Op{"symlink", path}, func() error { return d.add(path, n) })
}

// Mkdir implements atomicfile.FS.
func (d *Disk) Mkdir(path string, perm fs.FileMode) error {
	return d.change(Op{"mkdir", path}, func() error { return d.add(path, newFolder(perm)) })
}

// Rename implements atomicfile.FS, inside one folder.
func (d *Disk) Rename(from, to string) error {
	return d.change(Op{"rename", to}, func() error {
		if filepath.Dir(from) != filepath.Dir(to) {
			return fmt.Errorf("from another folder: %w", syscall.ENOSYS)
		}
		in, name, err := d.folder(from)
		if err != nil {
			return err
		}
		n, ok := in.now[name]
		if !ok {
			return syscall.ENOENT
		}
		if over, ok := in.now[filepath.Base(to)]; ok && over.mode.IsDir() {
			return syscall.EISDIR
		}
		in.step(rename{from: name, to: filepath.Base(to), node: n})
		return nil
	})
}

// Remove implements atomicfile.FS.
func (d *Disk) Remove(path string) error {
	return d.change(Op{"remove", path}, func() error {
		in, name, err := d.folder(path)
		if err != nil {
			return err
		}
		n, ok := in.now[name]
		if !ok {
			return syscall.ENOENT
		}
		if len(n.now) > 0 {
			return syscall.ENOTEMPTY
		}
		in.step(rename{from: name})
		return nil
	})
}

// SyncDir implements atomicfile.FS.
func (d *Disk) SyncDir(path string) error {
	return d.change(Op{"syncdir", path}, func() error {
		n, err := d.find(path)
		if err != nil {
			return err
		}
		if n.now == nil {
			return syscall.ENOTDIR
		}
		n.durable, n.pending = maps.Clone(n.now), nil
		return nil
	})
}

// ReadFile implements atomicfile.FS.
func (d *Disk) ReadFile(path string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(path)
	if err == nil && !n.mode.IsRegular() {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return slices.Clone(n.content), nil
}

// Readlink is the target of a link.
func (d *Disk) Readlink(path string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(path)
	if err == nil && n.mode&fs.ModeSymlink == 0 {
		err = syscall.EINVAL
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	return string(n.content), nil
}

// ReadDir implements atomicfile.FS.
func (d *Disk) ReadDir(path string) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(path)
	if err == nil && n.now == nil {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: path, Err: err}
	}
	var entries []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(n.now)) {
		entries = append(entries, fs.FileInfoToDirEntry(info{name, n.now[name]}))
	}
	return entries, nil
}
