package release

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	facsimile "facsimile.dev/facsimile"
)

// Trees gives trees by digest. *Store is one.
type Trees interface {
	Tree(d facsimile.Digest) (facsimile.Tree, error)
}

// NodeTree is the tree of one node: the disjoint union of its parts. A path in two parts is an
// error that names both projects; folders may be shared where they agree in mode and owner. A
// folder that a part has only because something stands in it gives way to one that was listed.
func (m Manifest) NodeTree(trees Trees, n facsimile.Node) (facsimile.Tree, error) {
	parts := map[facsimile.Project]facsimile.Tree{}
	for p, nodes := range m.Parts {
		d, ok := nodes[n]
		if !ok {
			continue
		}
		t, err := trees.Tree(d)
		if err != nil {
			return facsimile.Tree{}, fmt.Errorf("%s on node %s: %w", describe(p), n, err)
		}
		parts[p] = t
	}
	if len(parts) == 0 {
		return facsimile.Tree{}, fmt.Errorf("the release has nothing for node %s", n)
	}
	t, err := union(parts)
	if err != nil {
		return facsimile.Tree{}, fmt.Errorf("node %s: %w", n, err)
	}
	return t, nil
}

// placed is a file and the part that it is from.
type placed struct {
	file facsimile.File
	from facsimile.Project
}

func union(parts map[facsimile.Project]facsimile.Tree) (facsimile.Tree, error) {
	byPath := map[string]placed{}
	var faults []error
	for _, p := range slices.Sorted(maps.Keys(parts)) {
		for _, f := range parts[p].Files {
			have, twice := byPath[f.Path]
			switch {
			case !twice || implied(have.file) && f.Type == facsimile.Directory:
				byPath[f.Path] = placed{f, p}
			case implied(f) && have.file.Type == facsimile.Directory:
			case sameFolder(have.file, f):
				have.file.Project, have.file.Module = "", "" // it belongs to neither alone
				byPath[f.Path] = have
			default:
				faults = append(faults, fmt.Errorf("%q is in two parts that do not agree: %s and %s", f.Path, describe(have.from), describe(p)))
			}
		}
	}
	if len(faults) > 0 {
		return facsimile.Tree{}, errors.Join(faults...)
	}
	files := make([]facsimile.File, 0, len(byPath))
	for _, f := range byPath {
		files = append(files, f.file)
	}
	return facsimile.NewTree(files)
}

// implied reports whether a folder looks like those that facsimile.NewTree adds.
func implied(f facsimile.File) bool {
	return f == facsimile.File{Path: f.Path, Type: facsimile.Directory, Mode: 0o755}
}

func sameFolder(a, b facsimile.File) bool {
	return a.Type == facsimile.Directory && b.Type == facsimile.Directory &&
		a.Mode == b.Mode && a.Owner == b.Owner && a.Group == b.Group
}
