package atomicfiletest

import (
	"io/fs"
	"slices"
	"time"
)

// file is a new file being written.
type file struct {
	disk *Disk
	path string
	node *node
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	err := f.disk.change(Op{"write", f.path}, func() error {
		f.node.content = append(f.node.content, p...)
		return nil
	})
	if err != nil {
		f.disk.mu.Lock()
		defer f.disk.mu.Unlock()
		f.node.content = append(f.node.content, p[:len(p)/2]...)
		return len(p) / 2, err
	}
	return len(p), nil
}

// Chmod implements atomicfile.File. The mode counts as durable at once.
func (f *file) Chmod(perm fs.FileMode) error {
	return f.disk.change(Op{"chmod", f.path}, func() error {
		f.node.mode = perm
		return nil
	})
}

// Sync implements atomicfile.File.
func (f *file) Sync() error {
	return f.disk.change(Op{"sync", f.path}, func() error {
		f.node.synced = slices.Clone(f.node.content)
		return nil
	})
}

// Close implements io.Closer.
func (f *file) Close() error {
	return f.disk.change(Op{"close", f.path}, func() error { return nil })
}

// info is what ReadDir tells of a node.
type info struct {
	name string
	node *node
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return int64(len(i.node.content)) }
func (i info) Mode() fs.FileMode  { return i.node.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.node.mode.IsDir() }
func (i info) Sys() any           { return nil }
