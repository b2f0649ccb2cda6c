package release_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

var update = flag.Bool("update", false, "write the golden store again: only for a new format")

// goldenDigest names the fixture in testdata/store-1, which was written by the first version of
// the formats. It never changes.
const goldenDigest = "sha256:24344097c3e7d8a4b779abfee4b2718f8c75c5c3989945c85566bbff27d4a7bf"

const goldenStore = "testdata/store-1"

func goldenDraft() release.Draft {
	d := fixture()
	for _, it := range d.Parts[0].Items {
		if it.File.Path == "lib/data.bin" {
			it.Open = release.Bytes([]byte("small here"))
		}
	}
	return d
}

func TestGoldenDigest(t *testing.T) {
	if *update {
		if err := os.RemoveAll(goldenStore); err != nil {
			t.Fatal(err)
		}
		s, err := release.OpenStore(goldenStore)
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, goldenDraft())
		for _, passing := range []string{"lock", "tmp"} {
			if err := os.RemoveAll(filepath.Join(goldenStore, passing)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, _ := openStore(t)
	rel, _ := put(t, s, goldenDraft())
	if rel.Digest.String() != goldenDigest {
		t.Errorf("the fixture has the digest %s, want %s", rel.Digest, goldenDigest)
	}
}

// TestGoldenStoreIsStillRead reads what the first version wrote.
func TestGoldenStoreIsStillRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(goldenStore)); err != nil {
		t.Fatal(err)
	}
	s, err := release.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := facsimile.ParseDigest(goldenDigest)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := s.Release(d)
	if err != nil {
		t.Fatal(err)
	}
	if rel.Statement.Versions["api"] != "1.4.2" || !rel.Statement.Built.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("statement %+v", rel.Statement)
	}
	keys, err := s.BlobKeys(d, testRoot)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree(rel.Nodes["fe1.eu"])
	if err != nil {
		t.Fatal(err)
	}
	f, _ := tree.Find("etc/tls.key")
	if got := string(contentOf(t, s, f, keys)); got != "KEY é\u2028<&>" {
		t.Errorf("the secret is %q", got)
	}
}

// TestAnotherReader reads manifest and trees as doc/format/release.md says, with nothing but the
// standard library.
func TestAnotherReader(t *testing.T) {
	blob := func(digest string) []byte {
		t.Helper()
		digits := strings.TrimPrefix(digest, "sha256:")
		b, err := os.ReadFile(filepath.Join(goldenStore, "blobs", "sha256", digits))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != digits {
			t.Fatalf("%s holds other bytes", digest)
		}
		return b
	}
	var manifest struct {
		Facsimile  string
		Format     int
		Definition string
		Instance   string
		Parts      map[string]map[string]string
	}
	if err := json.Unmarshal(blob(goldenDigest), &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Facsimile != "manifest" || manifest.Format != 1 || manifest.Definition != "shop" || manifest.Instance != "prod" {
		t.Errorf("read %+v", manifest)
	}
	type entry struct{ Path, Type, Mode, Digest, Link, Project string }
	paths := map[string]entry{} // project/node/path
	for project, nodes := range manifest.Parts {
		for node, tree := range nodes {
			lines := bufio.NewScanner(bytes.NewReader(blob(tree)))
			lines.Scan()
			if lines.Text() != `{"facsimile":"tree","format":1}` {
				t.Errorf("the tree starts with %q", lines.Text())
			}
			for lines.Scan() {
				var e entry
				if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
					t.Fatal(err)
				}
				if e.Type == "file" {
					blob(e.Digest)
				}
				paths[project+"/"+node+"/"+e.Path] = e
			}
		}
	}
	want := entry{"etc/shop.conf", "file", "0644", "", "", "api"}
	sum := sha256.Sum256([]byte("listen 80\n"))
	want.Digest = "sha256:" + hex.EncodeToString(sum[:])
	if got := paths["api/app1.eu/etc/shop.conf"]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := paths["gateway/fe1.eu/log"].Link; got != "../../shared/log" {
		t.Errorf("the link holds %q", got)
	}
	if len(paths) != 18 {
		t.Errorf("%d paths in all parts: %v", len(paths), paths)
	}
}
