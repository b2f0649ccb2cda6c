package release

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
)

func drawDigest(t *rapid.T) facsimile.Digest {
	d := facsimile.Digest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
	d[0] |= 1
	return d
}

func drawManifest(t *rapid.T) Manifest {
	name := rapid.StringMatching(`[a-z0-9_][a-zA-Z0-9_-]{0,8}`)
	parts := map[facsimile.Project]map[facsimile.Node]facsimile.Digest{}
	for range rapid.IntRange(1, 4).Draw(t, "projects") {
		p := facsimile.Project(rapid.OneOf(name, rapid.Just("")).Draw(t, "project"))
		parts[p] = map[facsimile.Node]facsimile.Digest{}
		for range rapid.IntRange(1, 4).Draw(t, "nodes") {
			parts[p][facsimile.Node(name.Draw(t, "node")+".x")] = drawDigest(t)
		}
	}
	return Manifest{
		Definition: rapid.StringMatching(`[^\x00-\x1f\x7f-\x9f]{1,12}`).Draw(t, "definition"),
		Instance:   facsimile.Instance(name.Draw(t, "instance")),
		Parts:      parts,
	}
}

func TestManifestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawManifest(t)
		b := m.Encode()
		back, err := DecodeManifest(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !bytes.Equal(back.Encode(), b) || back.Definition != m.Definition || !slices.Equal(back.Nodes(), m.Nodes()) {
			t.Fatalf("got %s", back.Encode())
		}
		// Any other byte is another manifest, or none.
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[i] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		if other, err := DecodeManifest(b); err == nil && other.Digest() == m.Digest() {
			t.Fatalf("a changed byte %d is read as the same", i)
		}
	})
}

func TestDecodeManifestRefuses(t *testing.T) {
	ok := `{"facsimile":"manifest","format":1,"definition":"shop","instance":"prod","parts":{"":{"n":"` + facsimile.DigestOf(nil).String() + `"}}}` + "\n"
	if _, err := DecodeManifest([]byte(ok)); err != nil {
		t.Fatal(err)
	}
	replace := func(old, with string) string { return strings.Replace(ok, old, with, 1) }
	tests := map[string]struct{ text, want string }{
		"empty":           {"", "not a manifest"},
		"later format":    {replace(`"format":1`, `"format":2`), "format 2"},
		"another kind":    {replace("manifest", "tree"), `"tree"`},
		"unknown field":   {replace(`"instance"`, `"epoch":7,"instance"`), `"epoch"`},
		"other case":      {replace(`"instance"`, `"Instance"`), "canonical"},
		"white space":     {" " + ok, "canonical"},
		"no line end":     {strings.TrimSuffix(ok, "\n"), "canonical"},
		"trailing":        {ok + "{}", "not a manifest"},
		"a name twice":    {replace(`"":{`, `"":{},"":{`), "canonical"},
		"no definition":   {replace("shop", ""), "definition"},
		"no instance":     {replace("prod", ""), "instance"},
		"option for node": {replace(`"n"`, `"-n"`), "-n"},
		"no parts":        {ok[:strings.Index(ok, `{"":`)] + "{}}\n", "no part"},
		"no nodes":        {ok[:strings.Index(ok, `{"n"`)] + "{}}}\n", "without a node"},
		"zero digest":     {replace(facsimile.DigestOf(nil).String(), "none"), "no tree"},
		"bad project":     {replace(`"":{`, `"a/b":{`), "a/b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := DecodeManifest([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestSeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed := Seal(key, plain)
		if len(sealed) != len(plain)+SealOverhead || !bytes.Equal(sealed, Seal(key, plain)) {
			t.Fatal("sealing is not a function of key and content")
		}
		if back, err := Unseal(key, sealed); err != nil || !bytes.Equal(back, plain) {
			t.Fatalf("got %v, %v", back, err)
		}
		other := key
		other[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		if _, err := Unseal(other, sealed); err == nil {
			t.Fatal("another key opens it")
		}
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "at")] ^= 1
		if _, err := Unseal(key, sealed); err == nil {
			t.Fatal("damage is not found")
		}
	})
	if _, err := Unseal([32]byte{}, make([]byte, MaxSealed+SealOverhead+1)); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("too long: %v", err)
	}
	if _, err := Unseal([32]byte{}, nil); err == nil {
		t.Error("nothing opens")
	}
}

func TestKeysDocumentRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := map[facsimile.Digest][32]byte{}
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			keys[drawDigest(t)] = [32]byte(drawDigest(t))
		}
		b := encodeKeys(keys)
		back, err := decodeKeys(b)
		if err != nil || !maps.Equal(back, keys) {
			t.Fatalf("got %v, %v", back, err)
		}
	})
	if _, err := decodeKeys([]byte(keysFormat + "\n{\"blob\":\"none\",\"key\":\"S3CRET\"}\n")); err == nil || strings.Contains(err.Error(), "S3CRET") {
		t.Errorf("got %v, which must be an error that holds no key", err)
	}
}

func FuzzDecodeManifest(f *testing.F) {
	f.Add([]byte(`{"facsimile":"manifest","format":1,"definition":"shop","instance":"prod","parts":{"":{"n":"` + facsimile.DigestOf(nil).String() + `"}}}` + "\n"))
	f.Add([]byte(`{"facsimile":"manifest","format":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeManifest(b)
		if err == nil && !bytes.Equal(m.Encode(), b) {
			t.Errorf("%q was read, and written as %q", b, m.Encode())
		}
	})
}

func FuzzDecodeTree(f *testing.F) {
	tree, err := facsimile.NewTree([]facsimile.File{
		{Path: "a/b", Type: facsimile.RegularFile, Mode: 0o644, Digest: facsimile.DigestOf(nil), Secret: true},
		{Path: "l", Type: facsimile.Symlink, Link: "a/b"},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tree.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := facsimile.DecodeTree(b)
		if err != nil {
			return
		}
		if !bytes.Equal(tree.Encode(), b) {
			t.Errorf("%q was read, and written as %q", b, tree.Encode())
		}
		for _, file := range tree.Files {
			if err := facsimile.CheckTreePath(file.Path); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"facsimile":"release","format":1,"release":"` + facsimile.DigestOf(nil).String() + `","definition":"d","instance":"i","statement":{"built":"2026-01-02T03:04:05Z"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRecord(b, facsimile.DigestOf(nil)); err == nil && r.Release != facsimile.DigestOf(nil) {
			t.Errorf("%q was read as the record of another release", b)
		}
	})
}

// TestUnionIsDisjoint checks the union against its definition, over random parts.
func TestUnionIsDisjoint(t *testing.T) {
	paths := []string{"a", "a/b", "a/c", "d", "d/e/f", "g"}
	rapid.Check(t, func(t *rapid.T) {
		parts := map[facsimile.Project]facsimile.Tree{}
		owner := map[string][]facsimile.Project{}
		for _, p := range []facsimile.Project{"", "x", "y"} {
			var files []facsimile.File
			for _, path := range rapid.SliceOfDistinct(rapid.SampledFrom(paths), rapid.ID[string]).Draw(t, "paths") {
				files = append(files, facsimile.File{Path: path, Type: facsimile.RegularFile, Mode: 0o644, Digest: facsimile.DigestOf([]byte(path)), Project: p})
			}
			tree, err := facsimile.NewTree(files)
			if err != nil {
				continue // a file with something below it
			}
			parts[p] = tree
			for _, f := range files {
				owner[f.Path] = append(owner[f.Path], p)
			}
		}
		got, err := union(parts)
		for path, ps := range owner {
			above := strings.HasPrefix(path, "a/") && owner["a"] != nil || strings.HasPrefix(path, "d/") && owner["d"] != nil
			if len(ps) > 1 || above {
				if err == nil {
					t.Fatalf("%v stand at %q, and there is no error", ps, path)
				}
				return
			}
		}
		if err != nil {
			t.Fatalf("parts that are disjoint: %v", err)
		}
		n := 0
		for _, f := range got.Files {
			if f.Type == facsimile.RegularFile {
				n++
			}
		}
		if n != len(owner) {
			t.Fatalf("%d files in the union, want %d", n, len(owner))
		}
	})
}
