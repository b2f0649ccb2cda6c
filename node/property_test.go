package node_test

import (
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// drawTree draws a tree of at least one file, with names whose order in a folder and in a whole
// path differ ("a-b" comes before "a/b").
func drawTree(t *rapid.T, c *nodetest.Content, label string) facsimile.Tree {
	names := rapid.SampledFrom([]string{"a", "a-b", "a b", "b", "ü", ".hidden", "-x", "~", "Z"})
	byPath := map[string]facsimile.File{}
	for range rapid.IntRange(1, 12).Draw(t, label+" files") {
		p := path.Join(rapid.SliceOfN(names, 1, 3).Draw(t, "path")...)
		if clashes(byPath, p) {
			continue
		}
		body := rapid.SampledFrom([]string{"", "one", "two", "three", strings.Repeat("long ", 3000)}).Draw(t, "body")
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			byPath[p] = nodetest.Link(p, rapid.SampledFrom([]string{"a", "b", "/etc/hosts", "./x"}).Draw(t, "link"))
		case 1:
			byPath[p] = nodetest.Folder(p, rapid.SampledFrom([]facsimile.Mode{0o755, 0o700, 0o2750}).Draw(t, "mode"))
		case 2:
			byPath[p] = c.Secret(p, body)
		default:
			byPath[p] = c.File(p, body, rapid.SampledFrom([]facsimile.Mode{0o644, 0o755, 0o400, 0o600, 0o666}).Draw(t, "mode"))
		}
	}
	var files []facsimile.File
	for _, f := range byPath {
		files = append(files, f)
	}
	tree, err := facsimile.NewTree(files)
	if err != nil {
		t.Fatal(err)
	}
	c.AddRaw(tree.Encode())
	return tree
}

func clashes(have map[string]facsimile.File, p string) bool {
	for other := range have {
		if other == p || strings.HasPrefix(other, p+"/") || strings.HasPrefix(p, other+"/") {
			return true
		}
	}
	return false
}

// TestAnyDamageIsFoundAndMended deploys random trees in turn, damages the last one at random,
// and checks that Verify finds what was damaged and nothing else, and that a deployment of the
// same tree mends it.
func TestAnyDamageIsFoundAndMended(t *testing.T) {
	base := memoryDir(t)
	rapid.Check(t, func(t *rapid.T) {
		home, err := os.MkdirTemp(base, "home")
		if err != nil {
			t.Fatal(err)
		}
		h, err := node.NewHost(node.HostOptions{Home: home, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		c := nodetest.NewContent()
		a, b := drawTree(t, c, "a"), drawTree(t, c, "b")
		for i, tree := range []facsimile.Tree{a, b, a} {
			staged := deployExact(t, h, uint64(i+1), tree, c)
			if i == 2 && staged.Received != 0 {
				t.Errorf("going back received %d blobs", staged.Received)
			}
		}
		want := damageAtRandom(t, filepath.Join(home, "releases", a.Digest().Hex()), a)
		found, err := nodetest.Differences(t.Context(), h, a.Digest())
		for i := range found {
			found[i].Note = ""
		}
		if err != nil || !reflect.DeepEqual(found, want) {
			t.Fatalf("damaged was %v, found %v %v", want, found, err)
		}
		if r, err := h.Look(t.Context(), a.Digest()); err != nil || r.Exact != (len(want) == 0) {
			t.Errorf("with %v damaged Look says %+v %v", want, r, err)
		}
		deployExact(t, h, 4, a, c)
	})
}

func deployExact(t *rapid.T, h *node.Host, epoch uint64, tree facsimile.Tree, c node.Content) node.Staged {
	staged, err := nodetest.Deploy(t.Context(), h, name, epoch, tree.Digest(), c)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := nodetest.Differences(t.Context(), h, tree.Digest()); err != nil || len(found) > 0 {
		t.Fatalf("deployed in epoch %d: %v %v", epoch, found, err)
	}
	return staged
}

// damageAtRandom damages some paths, each in one way that does not concern another path.
func damageAtRandom(t *rapid.T, release string, tree facsimile.Tree) (want []facsimile.Difference) {
	for i, f := range tree.Files {
		if !rapid.Bool().Draw(t, "damage") {
			continue
		}
		p := filepath.Join(release, f.Path)
		empty := i+1 == len(tree.Files) || !strings.HasPrefix(tree.Files[i+1].Path, f.Path+"/")
		if f.Type == facsimile.Directory && empty {
			empty = !slices.ContainsFunc(tree.Files, func(o facsimile.File) bool { return strings.HasPrefix(o.Path, f.Path+"/") })
		}
		kind, at, err := damageOne(t, p, f, empty)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(release, at)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, facsimile.Difference{Path: rel, Kind: kind})
	}
	slices.SortStableFunc(want, func(a, b facsimile.Difference) int { return strings.Compare(a.Path, b.Path) })
	return want
}

func damageOne(t *rapid.T, p string, f facsimile.File, empty bool) (kind facsimile.DifferenceKind, at string, err error) {
	ways := rapid.IntRange(0, 4)
	switch f.Type {
	case facsimile.Directory:
		if way := ways.Draw(t, "way"); way < 2 && empty {
			return facsimile.Missing, p, os.Remove(p)
		} else if way < 3 {
			return facsimile.ModeDiffers, p, os.Chmod(p, 0o711)
		}
		return facsimile.Extra, p + "/0extra", os.WriteFile(p+"/0extra", nil, 0o600)
	case facsimile.Symlink:
		if err := os.Remove(p); err != nil {
			return "", "", err
		}
		switch ways.Draw(t, "way") {
		case 0:
			return facsimile.Missing, p, nil
		case 1:
			return facsimile.TypeDiffers, p, os.WriteFile(p, nil, 0o600)
		}
		return facsimile.LinkDiffers, p, os.Symlink("elsewhere", p)
	}
	switch way := ways.Draw(t, "way"); {
	case way == 0:
		return facsimile.Missing, p, os.Remove(p)
	case way == 1:
		return facsimile.ModeDiffers, p, os.Chmod(p, 0o711)
	case way == 2:
		if err := os.Remove(p); err != nil {
			return "", "", err
		}
		return facsimile.TypeDiffers, p, os.Symlink("/etc/passwd", p)
	}
	return facsimile.ContentDiffers, p, overwrite(p, f)
}

// overwrite changes the last byte of a file in place, or appends one to an empty file, whatever
// its mode says.
func overwrite(p string, f facsimile.File) error {
	if err := os.Chmod(p, 0o600); err != nil {
		return err
	}
	file, err := os.OpenFile(p, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := file.WriteAt([]byte{0}, max(f.Size-1, 0)); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Chmod(p, os.FileMode(f.Mode))
}
