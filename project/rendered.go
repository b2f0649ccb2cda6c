package project

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/render"
)

// shownFile is a file as the operator finds it in RELEASE.
type shownFile struct {
	content []byte
	mode    fs.FileMode
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
			add(f.Path, f.Node, shownFile{f.Content, mode})
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
			content, err := readShown(item.Open)
			if err != nil {
				return nil, fmt.Errorf("cannot read %s: %w", item.File.Path, err)
			}
			if content != nil {
				add("_DEPLOY_/"+item.File.Path, part.Node, shownFile{content, fs.FileMode(item.File.Mode & 0o777)})
			}
		}
	}
	return files, nil
}

// readShown reads a file of at most maxShown bytes; nil for a bigger one.
func readShown(open func() (io.ReadCloser, error)) ([]byte, error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, maxShown+1))
	if err != nil || len(content) > maxShown {
		return nil, err
	}
	return content, nil
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
		if f.mode != first.mode || !bytes.Equal(f.content, first.content) {
			return false
		}
	}
	return true
}
