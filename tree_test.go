package facsimile_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
)

func file(path, content string) facsimile.File {
	return facsimile.File{
		Path: path, Type: facsimile.RegularFile, Mode: 0o644, Size: int64(len(content)), Digest: facsimile.DigestOf([]byte(content)),
	}
}

func TestNewTreeAddsFoldersAndSorts(t *testing.T) {
	tree, err := facsimile.NewTree([]facsimile.File{file("etc/b", "1"), file("bin/x", "2"), file("etc/a/c", "3")})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range tree.Files {
		paths = append(paths, f.Path)
	}
	if want := []string{"bin", "bin/x", "etc", "etc/a", "etc/a/c", "etc/b"}; !cmp.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
}

func TestNewTreeRefuses(t *testing.T) {
	link := func(path, to string) facsimile.File {
		return facsimile.File{Path: path, Type: facsimile.Symlink, Link: to}
	}
	for name, files := range map[string][]facsimile.File{
		"twice":           {file("a", "1"), file("a", "2")},
		"below a file":    {file("a", "1"), file("a/b", "2")},
		"below a link":    {link("a", "c"), file("a/b", "2"), file("c", "")},
		"absolute":        {file("/etc/passwd", "1")},
		"parent":          {file("../x", "1")},
		"not clean":       {file("a//b", "1")},
		"dot":             {file(".", "1")},
		"empty":           {file("", "1")},
		"newline":         {file("a\nb", "1")},
		"backslash":       {file(`a\b`, "1")},
		"no UTF-8":        {file("a\xff", "1")},
		"long name":       {file(strings.Repeat("n", 256), "1")},
		"long path":       {file(strings.Repeat("n/", 2000)+"x", "1")},
		"link out":        {link("a/b", "../../etc")},
		"link to nothing": {link("a", "")},
		"mode":            {{Path: "a", Type: facsimile.RegularFile, Mode: 0o10000, Digest: facsimile.DigestOf(nil)}},
		"type":            {{Path: "a", Type: "device"}},
		"no digest":       {{Path: "a", Type: facsimile.RegularFile}},
	} {
		if tree, err := facsimile.NewTree(files); err == nil {
			t.Errorf("%s: made a tree of %v", name, tree.Files)
		}
	}
	for name, f := range map[string]facsimile.File{
		"inside": link("a/b", "../c"), "absolute": link("a", "/usr/bin/x"), "shared": link("var/log", facsimile.SharedLink("var/log")),
	} {
		if _, err := facsimile.NewTree([]facsimile.File{f}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSharedLinkLeadsBesideReleases(t *testing.T) {
	// releases/TREE/var/log/x leads to shared/var/log/x
	if got, want := facsimile.SharedLink("var/log/x"), "../../../../shared/var/log/x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The encoding of a tree names releases on hosts: if this test fails, the format has changed.
func TestTreeEncoding(t *testing.T) {
	tree, err := facsimile.NewTree([]facsimile.File{
		file("etc/a.conf", "hello\n"),
		{Path: "etc/key", Type: facsimile.RegularFile, Mode: 0o600, Size: 3, Digest: facsimile.DigestOf([]byte("x")), Secret: true, Project: "api", Module: "api"},
		{Path: "cur", Type: facsimile.Symlink, Link: "etc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"facsimile":"tree","format":1}
{"path":"cur","type":"link","mode":"0000","size":0,"link":"etc"}
{"path":"etc","type":"dir","mode":"0755","size":0}
{"path":"etc/a.conf","type":"file","mode":"0644","size":6,"digest":"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"}
{"path":"etc/key","type":"file","mode":"0600","size":3,"digest":"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","project":"api","module":"api","secret":true}
`
	if got := string(tree.Encode()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	again, err := facsimile.DecodeTree(tree.Encode())
	if err != nil || again.Digest() != tree.Digest() {
		t.Errorf("came back as %v, %v", again, err)
	}
}

func FuzzDecodeTree(f *testing.F) {
	tree, err := facsimile.NewTree([]facsimile.File{file("etc/a", "1"), file("b", "")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tree.Encode())
	f.Add([]byte(`{"facsimile":"tree","format":1}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := facsimile.DecodeTree(b)
		if err != nil {
			return
		}
		if !bytes.Equal(tree.Encode(), b) {
			t.Fatalf("%q decodes to a tree that encodes to %q", b, tree.Encode())
		}
	})
}

func TestChangeBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) (facsimile.Tree, map[string]string) {
			content := map[string]string{}
			for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), rapid.ID).Draw(t, label) {
				content[name] = rapid.SampledFrom([]string{"1", "2"}).Draw(t, label+name)
			}
			var files []facsimile.File
			for name, c := range content {
				files = append(files, file(name, c))
			}
			tree, err := facsimile.NewTree(files)
			if err != nil {
				t.Fatal(err)
			}
			return tree, content
		}
		from, old := draw("from")
		to, now := draw("to")
		got := facsimile.ChangeBetween(from, to)
		var want facsimile.Change
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			was, had := old[name]
			is, has := now[name]
			switch {
			case had && !has:
				want.Remove = append(want.Remove, name)
			case !had && has:
				want.Add = append(want.Add, name)
			case had && was != is:
				want.Change = append(want.Change, name)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if got.Empty() != (from.Digest() == to.Digest()) {
			t.Fatalf("empty is %v, equal digests %v", got.Empty(), from.Digest() == to.Digest())
		}
	})
}
