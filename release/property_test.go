package release_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// TestAnyReleaseRoundTrips puts random releases into two stores, in another order of parts and
// items, and reads every file back from one of them.
func TestAnyReleaseRoundTrips(t *testing.T) {
	top := t.TempDir()
	stores := make([]*release.Store, 2)
	for i := range stores {
		var err error
		if stores[i], err = release.OpenStore(filepath.Join(top, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	contents := rapid.SampledFrom([]string{"", "a", "secret", "é\n", string(make([]byte, 300_000))})
	rapid.Check(t, func(t *rapid.T) {
		want := map[facsimile.Node]map[string]string{}
		draft := release.Draft{Definition: "d", Instance: "i"}
		for _, p := range []facsimile.Project{"", "x", "y"} {
			shared := file("shared/"+string(p)+"s", "shared")
			for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom([]facsimile.Node{"n1", "n2", "n3"}), 1, 3, rapid.ID[facsimile.Node]).Draw(t, "nodes") {
				items := []*release.Item{shared}
				if want[n] == nil {
					want[n] = map[string]string{}
				}
				want[n][shared.File.Path] = "shared"
				for i := range rapid.IntRange(0, 3).Draw(t, "files") {
					path, content := fmt.Sprintf("d%d/%sf%d", i%2, p, i), contents.Draw(t, "content")
					it := file(path, content)
					if rapid.Bool().Draw(t, "secret") {
						it = secretFile(path, content)
					}
					items = append(items, it)
					want[n][path] = content
				}
				draft.Parts = append(draft.Parts, release.Part{Project: p, Node: n, Items: items})
			}
		}
		rel, _, err := stores[0].Put(context.Background(), draft, testRoot)
		if err != nil {
			t.Fatal(err)
		}
		draft.Parts = rapid.Permutation(draft.Parts).Draw(t, "parts")
		for i, part := range draft.Parts {
			draft.Parts[i].Items = rapid.Permutation(part.Items).Draw(t, "items")
		}
		other, _, err := stores[1].Put(context.Background(), draft, testRoot)
		if err != nil || other.Digest != rel.Digest {
			t.Fatalf("another order gives %s, want %s: %v", other.Digest, rel.Digest, err)
		}
		keys, err := stores[0].BlobKeys(rel.Digest, testRoot)
		if err != nil {
			t.Fatal(err)
		}
		for n, files := range want {
			compareFiles(t, stores[0], rel.Nodes[n], files, keys)
		}
	})
}

func compareFiles(t *rapid.T, s *release.Store, d facsimile.Digest, want map[string]string, keys map[facsimile.Digest][32]byte) {
	tree, err := s.Tree(d)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range tree.Files {
		if f.Type != facsimile.RegularFile {
			continue
		}
		found++
		r, err := s.Blob(f.Digest)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err == nil && f.Secret {
			b, err = release.Unseal(keys[f.Digest], b)
		}
		if content, ok := want[f.Path]; err != nil || !ok || content != string(b) || f.Size != int64(len(content)) {
			t.Fatalf("%s holds %.20q of size %d, want %.20q: %v", f.Path, b, f.Size, content, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found != len(want) {
		t.Fatalf("%d files, want %d", found, len(want))
	}
}
