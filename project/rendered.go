package project

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
	"facsimile.dev/facsimile/render"
)

// shownFile is a file as the operator finds it in RELEASE. Its content is read when it is written,
// since all of them for all nodes are too much to hold at once.
type shownFile struct {
	sum  facsimile.Digest
	mode fs.FileMode
	open func() (io.ReadCloser, error)
}

// write makes the file, in a folder that is new. It is not brought to the disk: a build makes all
// of RELEASE anew.
func (f shownFile) write(path string) (err error) {
	r, err := f.open()
	if err != nil {
		return err
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, f.mode) // exactly, whatever the umask
}

// maxShown is the most bytes of a shipped file that RELEASE repeats. Bigger ones are programs
// and data, which stand in the store and in BUILD.
const maxShown = 1 << 20

// operatorFiles are the files of a project by path and node: those for the operator, and under
// _DEPLOY_ those that ship.
func operatorFiles(p facsimile.Project, out render.Output) (map[string]map[facsimile.Node]shownFile, error) {
	files := map[string]map[facsimile.Node]shownFile{}
	add := func(path string, n facsimile.Node, f shownFile) {
		if files[path] == nil {
			files[path] = map[facsimile.Node]shownFile{}
		}
		files[path][n] = f
	}
	for _, f := range out.Operator {
		if f.Project == p {
			mode := fs.FileMode(0o644)
			if f.Secret {
				mode = 0o600
			}
			add(f.Path, f.Node, shownFile{facsimile.DigestOf(f.Content), mode, release.Bytes(f.Content)})
		}
	}
	for _, part := range out.Parts {
		if part.Project != p {
			continue
		}
		for _, item := range part.Items {
			if item.File.Type != facsimile.RegularFile {
				continue
			}
			sum, small, err := sumShown(item.Open)
			if err != nil {
				return nil, fmt.Errorf("cannot read %s: %w", item.File.Path, err)
			}
			if small {
				add("_DEPLOY_/"+item.File.Path, part.Node, shownFile{sum, fs.FileMode(item.File.Mode & 0o777), item.Open})
			}
		}
	}
	return files, nil
}

// sumShown is the digest of a file of at most maxShown bytes; small is false for a bigger one.
func sumShown(open func() (io.ReadCloser, error)) (sum facsimile.Digest, small bool, err error) {
	r, err := open()
	if err != nil {
		return sum, false, err
	}
	defer r.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(r, maxShown+1))
	return facsimile.Digest(hash.Sum(nil)), err == nil && n <= maxShown, err
}

// sameEverywhere reports whether all nodes have the file, with the same content.
func sameEverywhere(byNode map[facsimile.Node]shownFile, nodes int) bool {
	if len(byNode) != nodes {
		return false
	}
	var first *shownFile
	for _, f := range byNode {
		if first == nil {
			first = &f
		}
		if f.mode != first.mode || f.sum != first.sum {
			return false
		}
	}
	return true
}
