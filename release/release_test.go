package release_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// root derives keys as a state does, from a root that is fixed so that digests are too.
type root string

func (r root) DeriveKey(purpose string, sum facsimile.Digest) ([32]byte, error) {
	return sha256.Sum256([]byte(string(r) + "/" + purpose + "/" + sum.Hex())), nil
}

const testRoot = root("a root that nobody has")

func file(path, content string) *release.Item {
	return &release.Item{
		File: facsimile.File{Path: path, Type: facsimile.RegularFile, Mode: 0o644},
		Open: release.Bytes([]byte(content)),
	}
}

func secretFile(path, content string) *release.Item {
	it := file(path, content)
	it.File.Mode, it.File.Secret = 0o600, true
	return it
}

func folder(path string, mode facsimile.Mode) *release.Item {
	return &release.Item{File: facsimile.File{Path: path, Type: facsimile.Directory, Mode: mode}}
}

func link(path, to string) *release.Item {
	return &release.Item{File: facsimile.File{Path: path, Type: facsimile.Symlink, Link: to}}
}

func openStore(t testing.TB) (*release.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "top", "store")
	s, err := release.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// fixture has two projects and the conglomerate's own part, two nodes, a link, a shared folder,
// an empty file, a big one and two secrets.
func fixture() release.Draft {
	common := file("etc/shop.conf", "listen 80\n")
	big := file("lib/data.bin", strings.Repeat("0123456789abcdef", 40<<10))
	return release.Draft{
		Definition: "shop",
		Instance:   "prod",
		Parts: []release.Part{
			{Project: "api", Node: "app1.eu", Items: []*release.Item{
				common, big, folder("var", 0o750), file("bin/api", "#!/bin/sh\n"),
				secretFile("etc/api.env", "PASSWORD=correct horse battery staple\n"),
			}},
			{Project: "api", Node: "fe1.eu", Items: []*release.Item{
				common, secretFile("etc/api.env", "PASSWORD=correct horse battery staple\n"),
			}},
			{Project: "gateway", Node: "fe1.eu", Items: []*release.Item{
				file("etc/gateway.conf", ""), link("log", facsimile.SharedLink("log")), secretFile("etc/tls.key", "KEY é\u2028<&>"),
			}},
			{Project: "", Node: "app1.eu", Items: []*release.Item{file("etc/motd", "shop\n"), folder("var", 0o750)}},
		},
		Statement: release.Statement{
			Versions: map[facsimile.Project]string{"api": "1.4.2", "gateway": "2.0.0"},
			Who:      "ann",
			Built:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		},
	}
}

func put(t testing.TB, s *release.Store, d release.Draft) (release.Release, release.Stats) {
	t.Helper()
	rel, stats, err := s.Put(context.Background(), d, testRoot)
	if err != nil {
		t.Fatal(err)
	}
	return rel, stats
}

func TestPutAndReadBack(t *testing.T) {
	s, dir := openStore(t)
	rel, stats := put(t, s, fixture())
	if stats.Files != 8 || stats.Written == 0 {
		t.Errorf("stats %+v, want 8 contents: shared items are read once", stats)
	}
	again, err := release.OpenStore(dir) // as another process would
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Release(rel.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(rel) {
		t.Errorf("read back\n%v\nwant\n%v", got, rel)
	}
	keys, err := again.BlobKeys(rel.Digest, testRoot)
	if err != nil {
		t.Fatal(err)
	}
	for node, want := range map[facsimile.Node]map[string]string{
		"app1.eu": {"etc/shop.conf": "listen 80\n", "etc/motd": "shop\n", "bin/api": "#!/bin/sh\n", "etc/api.env": "PASSWORD=correct horse battery staple\n"},
		"fe1.eu":  {"etc/gateway.conf": "", "etc/tls.key": "KEY é\u2028<&>", "etc/shop.conf": "listen 80\n"},
	} {
		tree, err := again.Tree(got.Nodes[node])
		if err != nil {
			t.Fatal(err)
		}
		for path, content := range want {
			f, ok := tree.Find(path)
			if !ok {
				t.Errorf("%s has no %s", node, path)
				continue
			}
			if b := contentOf(t, again, f, keys); string(b) != content || f.Size != int64(len(content)) {
				t.Errorf("%s: %s is %q with size %d", node, path, b, f.Size)
			}
		}
		if f, _ := tree.Find("var"); node == "app1.eu" && (f.Mode != 0o750 || f.Project != "") {
			t.Errorf("the folder that two parts share is %+v", f)
		}
	}
}

func contentOf(t testing.TB, s *release.Store, f facsimile.File, keys map[facsimile.Digest][32]byte) []byte {
	t.Helper()
	r, err := s.Blob(f.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if f.Secret {
		if b, err = release.Unseal(keys[f.Digest], b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestSecondPutWritesNothing(t *testing.T) {
	s, dir := openStore(t)
	first, _ := put(t, s, fixture())
	before := listing(t, dir)
	later := fixture()
	later.Statement.Built = later.Statement.Built.Add(time.Hour)
	second, stats := put(t, s, later)
	if stats.Written != 0 || stats.Stored != 0 {
		t.Errorf("wrote %+v", stats)
	}
	if second.Digest != first.Digest || !second.Statement.Built.Equal(first.Statement.Built) {
		t.Errorf("got %v built %v, want the first", second.Digest, second.Statement.Built)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("the store changed:\n%s\nwas\n%s", after, before)
	}
	later.Statement.Versions = map[facsimile.Project]string{"api": "1.4.3"}
	if third, _ := put(t, s, later); third.Statement.Versions["api"] != "1.4.3" || third.Digest != first.Digest {
		t.Errorf("a statement that says something new was not kept: %+v", third.Record)
	}
}

func TestDigestIsOfWhatShips(t *testing.T) {
	s, _ := openStore(t)
	rel, _ := put(t, s, fixture())
	other, _ := openStore(t)
	d := fixture()
	d.Statement = release.Statement{Who: "bob", Built: time.Now()}
	for i, j := 0, len(d.Parts)-1; i < j; i, j = i+1, j-1 {
		d.Parts[i], d.Parts[j] = d.Parts[j], d.Parts[i]
	}
	if same, _ := put(t, other, d); same.Digest != rel.Digest {
		t.Errorf("another order and statement give %v, want %v", same.Digest, rel.Digest)
	}
	d.Parts[0].Items[0].File.Mode = 0o600
	if changed, _ := put(t, other, d); changed.Digest == rel.Digest {
		t.Error("another mode gives the same digest")
	}
}

func TestNoSecretInTheStore(t *testing.T) {
	s, dir := openStore(t)
	rel, _ := put(t, s, fixture())
	key, _ := testRoot.DeriveKey(release.PurposeBlob, facsimile.DigestOf([]byte("KEY é\u2028<&>")))
	guesses := [][]byte{[]byte("correct horse"), []byte("KEY é"), key[:], fmt.Appendf(nil, "%x", key)}
	for _, plain := range []string{"PASSWORD=correct horse battery staple\n", "KEY é\u2028<&>"} {
		sum := facsimile.DigestOf([]byte(plain))
		guesses = append(guesses, sum[:], []byte(sum.Hex()))
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, g := range guesses {
			if bytes.Contains(b, g) || bytes.Contains([]byte(path), g) {
				t.Errorf("%s gives a secret, its key or its sum away", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.BlobKeys(rel.Digest, root("another")); err == nil {
		t.Error("another root opens the keys")
	}
	if _, err := s.BlobKeys(rel.Digest, nil); err == nil {
		t.Error("no root opens the keys")
	}
}

func TestDamageIsFoundNamedAndMended(t *testing.T) {
	s, dir := openStore(t)
	rel, _ := put(t, s, fixture())
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal(err)
	}
	for _, path := range blobs {
		d, err := facsimile.ParseDigest("sha256:" + filepath.Base(path))
		if err != nil {
			t.Fatal(err)
		}
		flipBit(t, path)
		r, err := s.Blob(d)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(r)
		if err == nil || !strings.Contains(err.Error(), d.Short()) {
			t.Errorf("reading a damaged %s: %v", d.Short(), err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mended, stats := put(t, s, fixture())
	if mended.Digest != rel.Digest || stats.Written != len(blobs) {
		t.Errorf("building again wrote %d of %d blobs", stats.Written, len(blobs))
	}
	if _, err := s.Release(rel.Digest); err != nil {
		t.Error(err)
	}
}

func flipBit(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		b = []byte{0}
	}
	b[len(b)/2] ^= 4
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOneProjectOfSeveral builds one project anew and keeps the others as they are.
func TestOneProjectOfSeveral(t *testing.T) {
	s, _ := openStore(t)
	base, _ := put(t, s, fixture())
	d := fixture()
	whole := d.Parts
	whole[2].Items = append(whole[2].Items, file("etc/new", "2"))
	d.Parts, d.Keep, d.Base = whole[2:3], []facsimile.Project{"", "api"}, base.Digest
	part, stats := put(t, s, d)
	if stats.Files != 3 {
		t.Errorf("%d contents were read, want those of the new part: 3", stats.Files)
	}
	other, _ := openStore(t)
	d = fixture()
	d.Parts = whole
	if all, _ := put(t, other, d); all.Digest != part.Digest {
		t.Errorf("one project built anew is %s, all of them %s", part.Digest, all.Digest)
	}
	keys, err := s.BlobKeys(part.Digest, testRoot)
	if err != nil || len(keys) != 2 {
		t.Errorf("%d keys, want those of the kept parts too: %v", len(keys), err)
	}
	for _, bad := range []release.Draft{
		{Definition: "shop", Instance: "beta", Keep: []facsimile.Project{"api"}, Base: base.Digest},
		{Definition: "shop", Instance: "prod", Keep: []facsimile.Project{"nobody"}, Base: base.Digest},
		{Definition: "shop", Instance: "prod", Keep: []facsimile.Project{"api"}, Base: base.Digest, Parts: whole[:1]},
		{Definition: "shop", Instance: "prod", Keep: []facsimile.Project{"api"}, Base: facsimile.DigestOf(nil)},
	} {
		if _, _, err := s.Put(context.Background(), bad, testRoot); err == nil {
			t.Errorf("kept %v of %s", bad.Keep, bad.Base.Short())
		}
	}
}

func TestPutRefuses(t *testing.T) {
	big := file("x", strings.Repeat("s", release.MaxSealed+1))
	big.File.Secret, big.File.Mode = true, 0o600
	open := secretFile("x", "s")
	open.File.Mode = 0o644
	foreign := file("x", "s")
	foreign.File.Project = "other"
	tests := map[string]struct {
		parts []release.Part
		want  string
	}{
		"nothing":             {nil, "no part"},
		"one part twice":      {[]release.Part{{"a", "n", nil}, {"a", "n", nil}}, "two parts"},
		"one path twice":      {[]release.Part{{"a", "n", []*release.Item{file("x/y", "1")}}, {"b", "n", []*release.Item{file("x/y", "1")}}}, `project "a" and project "b"`},
		"file and folder":     {[]release.Part{{"a", "n", []*release.Item{file("x", "1")}}, {"b", "n", []*release.Item{file("x/y", "1")}}}, `"x" is in two parts`},
		"modes of a folder":   {[]release.Part{{"a", "n", []*release.Item{folder("x", 0o700)}}, {"b", "n", []*release.Item{folder("x", 0o750)}}}, `"x" is in two parts`},
		"bad path":            {[]release.Part{{"a", "n", []*release.Item{file("../x", "1")}}}, "clean path"},
		"bad node":            {[]release.Part{{"a", "-oProxyCommand=x", []*release.Item{file("x", "1")}}}, "-oProxyCommand"},
		"secret too long":     {[]release.Part{{"a", "n", []*release.Item{big}}}, "longer than"},
		"secret for everyone": {[]release.Part{{"a", "n", []*release.Item{open}}}, "everybody"},
		"secret link":         {[]release.Part{{"a", "n", []*release.Item{{File: facsimile.File{Path: "l", Type: facsimile.Symlink, Link: "s", Secret: true}}}}}, "secret"},
		"another's file":      {[]release.Part{{"a", "n", []*release.Item{foreign}}}, "belongs to"},
		"no content":          {[]release.Part{{"a", "n", []*release.Item{{File: facsimile.File{Path: "x", Type: facsimile.RegularFile}}}}}, "Open is nil"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, dir := openStore(t)
			_, _, err := s.Put(context.Background(), release.Draft{Definition: "d", Instance: "i", Parts: tt.parts}, testRoot)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if told := (*facsimile.Error)(nil); !errors.As(err, &told) || told.Outcome == facsimile.Done {
				t.Errorf("%v says no outcome", err)
			}
			if records, _ := os.ReadDir(filepath.Join(dir, "releases")); len(records) != 0 {
				t.Error("a release is visible")
			}
		})
	}
	s, _ := openStore(t)
	if _, _, err := s.Put(context.Background(), fixture(), nil); err == nil || !strings.Contains(err.Error(), "no keys") {
		t.Errorf("secrets without keys: %v", err)
	}
}

// changing gives other bytes each time that it is opened.
func TestContentThatChangesWhileItIsRead(t *testing.T) {
	s, dir := openStore(t)
	var opened int
	it := file("x", "")
	it.Open = func() (io.ReadCloser, error) {
		opened++
		return io.NopCloser(strings.NewReader(strings.Repeat(fmt.Sprint(opened), 1<<20))), nil
	}
	_, _, err := s.Put(context.Background(), release.Draft{Definition: "d", Instance: "i", Parts: []release.Part{{"p", "n", []*release.Item{it}}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tmp/*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPutEndsWithItsContext(t *testing.T) {
	s, _ := openStore(t)
	ctx, cancel := context.WithCancel(context.Background())
	it := file("x", "")
	it.Open = func() (io.ReadCloser, error) { cancel(); return release.Bytes(nil)() }
	d := release.Draft{Definition: "d", Instance: "i", Parts: []release.Part{{"p", "n", []*release.Item{it}}}}
	if _, _, err := s.Put(ctx, d, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if list, err := s.Releases("i"); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestManyWritersAtOnce(t *testing.T) {
	_, dir := openStore(t)
	var wg sync.WaitGroup
	digests := make([]facsimile.Digest, 8)
	for i := range digests {
		wg.Go(func() {
			s, err := release.OpenStore(dir)
			if err != nil {
				t.Error(err)
				return
			}
			rel, _, err := s.Put(context.Background(), fixture(), testRoot)
			if err != nil {
				t.Error(err)
			}
			digests[i] = rel.Digest
		})
	}
	wg.Wait()
	for _, d := range digests {
		if d != digests[0] {
			t.Errorf("digests differ: %v", digests)
		}
	}
	s, err := release.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Release(digests[0]); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tmp/*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReleases(t *testing.T) {
	s, dir := openStore(t)
	d := fixture()
	first, _ := put(t, s, d)
	d.Parts[0].Items = append(d.Parts[0].Items, file("new", "1"))
	d.Statement.Built = d.Statement.Built.Add(time.Hour)
	second, _ := put(t, s, d)
	d.Instance = "beta"
	put(t, s, d)
	list, err := s.Releases("prod")
	if err != nil || len(list) != 2 || list[0].Digest != second.Digest || list[1].Digest != first.Digest {
		t.Errorf("got %v, %v", list, err)
	}
	if all, err := s.Releases(""); err != nil || len(all) != 3 {
		t.Errorf("got %v, %v", all, err)
	}
	record := filepath.Join(dir, "releases", first.Digest.Hex()+".json")
	if err := os.WriteFile(record, []byte(`{"facsimile":"release","format":2}`), 0o644); err != nil {
		t.Fatal(err)
	}
	list, err = s.Releases("prod")
	if len(list) != 1 || err == nil || !strings.Contains(err.Error(), first.Digest.Hex()) || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := s.Release(facsimile.DigestOf(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a release that is not there: %v", err)
	}
}

func TestOpenStoreRefusesOtherFormats(t *testing.T) {
	_, dir := openStore(t)
	if err := os.WriteFile(filepath.Join(dir, "store"), []byte(`{"facsimile":"store","format":2}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := release.OpenStore(dir); err == nil || !strings.Contains(err.Error(), "format") {
		t.Errorf("got %v", err)
	}
}

func TestOpenStoreSweepsWhatAKilledWriterLeft(t *testing.T) {
	_, dir := openStore(t)
	half := filepath.Join(dir, "tmp", "blob-1")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := release.OpenStore(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
