package release

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile"
)

// documents stores trees, manifest, keys and, last, the record.
func (p *put) documents(d Draft) (Release, error) {
	m := Manifest{Definition: d.Definition, Instance: d.Instance}
	trees, err := p.partTrees(d.Parts, &m)
	if err != nil {
		return Release{}, err
	}
	if err := p.keep(d, &m, trees); err != nil {
		return Release{}, err
	}
	if err := m.check(); err != nil {
		return Release{}, facsimile.Errorf(facsimile.BadInput, "%w", err)
	}
	nodes, unions, err := nodeTrees(m, trees)
	if err != nil {
		return Release{}, facsimile.Errorf(facsimile.BadInput, "%w", err)
	}
	maps.Copy(trees, unions)
	for _, t := range trees {
		if _, err := p.w.put(t.Encode()); err != nil {
			return Release{}, err
		}
	}
	digest, err := p.w.put(m.Encode())
	if err != nil {
		return Release{}, err
	}
	file := recordFile{recordKind, recordFormat, digest, m.Definition, m.Instance, facsimile.Digest{}, d.Statement.normal()}
	if file.Keys, err = p.sealKeys(digest); err != nil {
		return Release{}, err
	}
	if err := p.w.durable(); err != nil {
		return Release{}, err
	}
	if file, err = p.publish(file); err != nil {
		return Release{}, err
	}
	return Release{file.record(), m, nodes}, nil
}

// partTrees makes the tree of each part and enters it in the manifest. Parts that share one list
// of items, as nodes for which a project was rendered once do, share the work.
func (p *put) partTrees(parts []Part, m *Manifest) (treeSet, error) {
	type list struct {
		project facsimile.Project
		start   **Item
		n       int
	}
	made := map[list]facsimile.Digest{}
	trees := treeSet{}
	m.Parts = map[facsimile.Project]map[facsimile.Node]facsimile.Digest{}
	var faults []error
	for _, part := range parts {
		nodes := m.Parts[part.Project]
		if nodes == nil {
			nodes = map[facsimile.Node]facsimile.Digest{}
			m.Parts[part.Project] = nodes
		}
		if _, twice := nodes[part.Node]; twice {
			return nil, fmt.Errorf("%s has two parts on node %s", describe(part.Project), part.Node)
		}
		key := list{project: part.Project, n: len(part.Items)}
		if key.n > 0 {
			key.start = &part.Items[0]
		}
		d, done := made[key]
		if !done {
			t, err := p.partTree(part)
			if err != nil {
				faults = append(faults, facsimile.Errorf(facsimile.BadInput, "%s on node %s: %w", describe(part.Project), part.Node, err))
				continue
			}
			d = t.Digest()
			trees[d], made[key] = t, d
		}
		nodes[part.Node] = d
	}
	return trees, errors.Join(faults...)
}

func (p *put) partTree(part Part) (facsimile.Tree, error) {
	files := make([]facsimile.File, len(part.Items))
	for i, it := range part.Items {
		f := it.File
		if f.Project == "" {
			f.Project = part.Project
		}
		switch {
		case f.Project != part.Project:
			return facsimile.Tree{}, fmt.Errorf("%q belongs to %s", f.Path, describe(f.Project))
		case f.Type == facsimile.RegularFile:
			f.Digest, f.Size = p.stored[it].digest, p.stored[it].size
		case f.Secret:
			return facsimile.Tree{}, fmt.Errorf("%q is a %s and secret: only the content of a file can be", f.Path, f.Type)
		default:
			f.Digest, f.Size = facsimile.Digest{}, 0
		}
		files[i] = f
	}
	return facsimile.NewTree(files)
}

// keep takes over the parts of another release, with the keys of their secret files.
func (p *put) keep(d Draft, m *Manifest, trees treeSet) error {
	if len(d.Keep) == 0 {
		return nil
	}
	base, err := p.w.store.Release(d.Base)
	if err != nil {
		return err
	}
	if base.Definition != d.Definition || base.Instance != d.Instance {
		return facsimile.Errorf(facsimile.BadInput, "cannot keep parts of release %s, which is of instance %s of %s, in one of instance %s of %s",
			d.Base.Short(), base.Instance, base.Definition, d.Instance, d.Definition)
	}
	keys, err := p.w.store.BlobKeys(d.Base, p.keys)
	if err != nil {
		return err
	}
	for _, project := range d.Keep {
		nodes, ok := base.Manifest.Parts[project]
		if _, made := m.Parts[project]; made || !ok {
			return facsimile.Errorf(facsimile.BadInput, "cannot keep %s of release %s: made anew: %t, there: %t", describe(project), d.Base.Short(), made, ok)
		}
		m.Parts[project] = nodes
		for _, digest := range nodes {
			if trees[digest], err = p.w.store.Tree(digest); err != nil {
				return err
			}
			for _, f := range trees[digest].Files {
				if f.Secret {
					p.blobKeys[f.Digest] = keys[f.Digest]
				}
			}
		}
	}
	return nil
}

// treeSet are trees that are in memory.
type treeSet map[facsimile.Digest]facsimile.Tree

// Tree implements Trees.
func (t treeSet) Tree(d facsimile.Digest) (facsimile.Tree, error) {
	if tree, ok := t[d]; ok {
		return tree, nil
	}
	return facsimile.Tree{}, fmt.Errorf("there is no tree %s", d.Short())
}

// nodeTrees gives the tree of each node, and those trees. Nodes with the same parts share one.
func nodeTrees(m Manifest, trees Trees) (map[facsimile.Node]facsimile.Digest, treeSet, error) {
	nodes := map[facsimile.Node]facsimile.Digest{}
	unions := treeSet{}
	byParts := map[string]facsimile.Digest{}
	projects := slices.Sorted(maps.Keys(m.Parts))
	var faults []error
	for _, n := range m.Nodes() {
		var key bytes.Buffer
		for _, p := range projects {
			d := m.Parts[p][n]
			key.WriteString(hex.EncodeToString(d[:]))
		}
		d, done := byParts[key.String()]
		if !done {
			t, err := m.NodeTree(trees, n)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			d = t.Digest()
			unions[d], byParts[key.String()] = t, d
		}
		nodes[n] = d
	}
	return nodes, unions, errors.Join(faults...)
}

// sealKeys stores the keys document of a release, and gives the zero digest where no file is secret.
func (p *put) sealKeys(release facsimile.Digest) (facsimile.Digest, error) {
	if len(p.blobKeys) == 0 {
		return facsimile.Digest{}, nil
	}
	key, err := p.keys.DeriveKey(PurposeKeys, release)
	if err != nil {
		return facsimile.Digest{}, err
	}
	plain := encodeKeys(p.blobKeys)
	if len(plain) > MaxSealed {
		return facsimile.Digest{}, fmt.Errorf("the release has %d secret files, more than its keys document takes", len(p.blobKeys))
	}
	return p.w.put(Seal(key, plain))
}

// publish makes the release visible by one rename.
func (p *put) publish(file recordFile) (recordFile, error) {
	have, err := p.w.store.readRecord(file.Release)
	if err == nil && have.Keys == file.Keys && have.Statement.sameButTime(file.Statement) {
		return have, nil
	}
	return file, atomicfile.WriteFile(p.w.store.recordPath(file.Release), encodeLine(file), 0o644)
}
