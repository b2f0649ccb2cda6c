package state

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile/atomicfiletest"
)

const testProject = "shop"

// seeded gives the same bytes for one seed, always.
func seeded(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func testClock() time.Time { return time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC) }

// testFiles is a store in a new folder, and its options.
func testFiles(t testing.TB) (*Files, FilesOptions) {
	t.Helper()
	o := FilesOptions{
		Dir: filepath.Join(t.TempDir(), "state"), ProjectID: testProject, KeyDir: filepath.Join(t.TempDir(), "config"),
		Who: "ann", Host: "desk", Now: testClock, Random: seeded(1),
	}
	return reopen(t, o), o
}

func reopen(t testing.TB, o FilesOptions) *Files {
	t.Helper()
	f, err := OpenFiles(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustLoad(t testing.TB, s Store, in facsimile.Instance) Snapshot {
	t.Helper()
	snap, err := s.Load(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func mustReveal(t testing.TB, s Snapshot, key string) string {
	t.Helper()
	value, err := s.Reveal(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	return value.Reveal()
}

func mustGenerate(t testing.TB, s Store, shared, own facsimile.Instance, needs Needs) Snapshot {
	t.Helper()
	snap, err := generate(context.Background(), s, shared, own, needs)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// setSecret is a change that sets one secret by hand.
func setSecret(id, key, value string) Change {
	return Change{ID: id, Why: "facs state set", Secrets: []NewSecret{{Key: key, Value: facsimile.NewSecret(value)}}}
}

func mustCommit(t testing.TB, s Store, in facsimile.Instance, c Change) Head {
	t.Helper()
	head, err := s.Commit(context.Background(), in, mustLoad(t, s, in).Head(), c)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// shopNeeds are those of a small platform.
func shopNeeds() Needs {
	return Needs{
		Secrets: []SecretNeed{
			{Key: "passwd.api"}, {Key: "passwd.gateway", Policy: Policy{Type: "uuid"}},
			{Key: "secrets.api.cookie_key", Policy: Policy{Type: "hex", Length: 32}},
		},
		Replicas: []ReplicaNeed{
			{Replica: "apid.0", Module: "api", LogicalName: "api", Candidates: []facsimile.Node{"app1", "app2"}, Port: 8000},
			{Replica: "apid.1", Module: "api", LogicalName: "api", Candidates: []facsimile.Node{"app1", "app2"}, Port: 8000},
			{Replica: "gatewayd.0", Module: "gateway", LogicalName: "gw", Candidates: []facsimile.Node{"fe1"}, PortAuto: true},
		},
		Directories: []DirectoryNeed{{Module: "api", Name: "data", Path: "/srv/shop/data"}},
	}
}

func TestGenerateAndReadBack(t *testing.T) {
	f, o := testFiles(t)
	mustGenerate(t, f, "prod", "prod", shopNeeds())
	s := mustLoad(t, reopen(t, o), "prod")

	if got, want := s.SecretKeys(), []string{"passwd.api", "passwd.gateway", "secrets.api.cookie_key"}; !slices.Equal(got, want) {
		t.Errorf("secrets %q, want %q", got, want)
	}
	for key, length := range map[string]int{"passwd.api": 24, "passwd.gateway": 36, "secrets.api.cookie_key": 32} {
		if got := mustReveal(t, s, key); len(got) != length {
			t.Errorf("%s has %d characters, want %d", key, len(got), length)
		}
		if e, ok := s.Secret(key); !ok || e.Generation != 1 || e.Fingerprint == "" || !e.Created.Equal(testClock()) {
			t.Errorf("%s: %+v", key, e)
		}
	}
	want := []Placed{
		{"apid.0", 1, "api", "api", "app1", 8000}, {"apid.1", 2, "api", "api", "app2", 8000},
		{"gatewayd.0", 3, "gateway", "gw", "fe1", 20000},
	}
	if got := s.Replicas(); !slices.Equal(got, want) {
		t.Errorf("replicas %+v, want %+v", got, want)
	}
	if dir, ok := s.Directory("api", "data"); dir != "/srv/shop/data" || !ok {
		t.Errorf("directory %q, %v", dir, ok)
	}
	if dirs := s.Directories(); len(dirs) != 1 || dirs[0] != (Directory{"api", "data", "/srv/shop/data"}) {
		t.Errorf("directories %+v", dirs)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

func TestGenerateAgainWritesNothing(t *testing.T) {
	f, o := testFiles(t)
	first := mustGenerate(t, f, "prod", "prod", shopNeeds())
	before := listing(t, o.Dir)
	second := mustGenerate(t, f, "prod", "prod", shopNeeds())
	if first.Head() != second.Head() || before != listing(t, o.Dir) {
		t.Errorf("a second run changed the state:\n%s\nto\n%s", before, listing(t, o.Dir))
	}
}

// listing is all files below a folder with a digest of each.
func listing(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	for path, text := range filesBelow(t, dir) {
		fmt.Fprintln(&b, path, facsimile.DigestOf(text).Short())
	}
	lines := strings.Split(b.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func filesBelow(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestNothingThereIsAnEmptySnapshot(t *testing.T) {
	f, o := testFiles(t)
	s := mustLoad(t, f, "prod")
	if !s.Head().IsZero() || len(s.SecretKeys())+len(s.Replicas())+len(s.Directories()) != 0 || s.Instance() != "prod" {
		t.Errorf("%v", s)
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("loading made the folder: %v", err)
	}
	var zero Snapshot
	if _, ok := zero.Secret("x"); ok || zero.Verify() != nil {
		t.Error("the zero snapshot has something")
	}
	if _, err := zero.BlobKey(facsimile.Digest{}); err == nil {
		t.Error("the zero snapshot has a key")
	}
}

func TestHandSetSecretReplacesAGeneration(t *testing.T) {
	f, o := testFiles(t)
	mustCommit(t, f, "prod", setSecret("1", "passwd.api", "first value"))
	before, _ := mustLoad(t, f, "prod").Secret("passwd.api")
	mustCommit(t, f, "prod", setSecret("2", "passwd.api", "second value"))
	s := mustLoad(t, reopen(t, o), "prod")
	if got := mustReveal(t, s, "passwd.api"); got != "second value" {
		t.Errorf("got %q", got)
	}
	e, _ := s.Secret("passwd.api")
	if same, known := CompareFingerprints(before.Fingerprint, e.Fingerprint); e.Generation != 2 || same || !known {
		t.Errorf("%+v after %+v", e, before)
	}
}

func TestCommitOnAnOldHeadIsRefused(t *testing.T) {
	f, _ := testFiles(t)
	base := mustCommit(t, f, "prod", setSecret("1", "passwd.api", "value"))
	second := mustCommit(t, f, "prod", setSecret("2", "passwd.db", "value"))
	_, err := f.Commit(context.Background(), "prod", base, setSecret("3", "passwd.mq", "value"))
	if !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), second.Short()) || !strings.Contains(err.Error(), "ann on desk") {
		t.Errorf("got %v", err)
	}
	s := mustLoad(t, f, "prod")
	if s.Head() != second || !s.Knows(base) || !s.Knows(second) || s.Knows(Head{facsimile.DigestOf(nil)}) {
		t.Errorf("%v does not know what came before", s)
	}
}

func TestARepeatedCommitIsRecognised(t *testing.T) {
	f, _ := testFiles(t)
	c := setSecret("1", "passwd.api", "value")
	head := mustCommit(t, f, "prod", c)
	again, err := f.Commit(context.Background(), "prod", Head{}, c)
	if err != nil || again != head {
		t.Fatalf("got %v, %v", again, err)
	}
	next := mustCommit(t, f, "prod", setSecret("2", "passwd.db", "value"))
	if again, err = f.Commit(context.Background(), "prod", Head{}, c); err != nil || again != next {
		t.Fatalf("after another commit: %v, %v", again, err)
	}
	if e, _ := mustLoad(t, f, "prod").Secret("passwd.api"); e.Generation != 1 {
		t.Errorf("a retry made a second value: %+v", e)
	}
}

func TestHistoryTellsNamesAndNoValues(t *testing.T) {
	f, _ := testFiles(t)
	mustGenerate(t, f, "prod", "prod", shopNeeds())
	mustCommit(t, f, "prod", setSecret("1", "passwd.api", "a value of my own"))
	history, err := f.History(context.Background(), "prod")
	if err != nil || len(history) != 2 {
		t.Fatalf("%v, %v", history, err)
	}
	newest, first := history[0], history[1]
	if !slices.Equal(newest.Names, []string{"passwd.api"}) || newest.Why != "facs state set" || newest.Parents[0] != first.Head {
		t.Errorf("newest: %+v", newest)
	}
	if first.Who != "ann" || first.Host != "desk" || !first.When.Equal(testClock()) || len(first.Parents) != 0 ||
		!slices.Contains(first.Names, "replica.apid.0.uiid") || !slices.Contains(first.Names, "directory.api.data") {
		t.Errorf("first: %+v", first)
	}
}

func TestASubinstanceSharesSecretsAndIdsOnly(t *testing.T) {
	f, _ := testFiles(t)
	parent := mustGenerate(t, f, "dev", "dev", shopNeeds())
	needs := shopNeeds()
	for i := range needs.Replicas {
		needs.Replicas[i].Candidates = []facsimile.Node{"laptop"}
	}
	needs.Directories[0].Path = "/home/me/data"
	child := mustGenerate(t, f, "dev", "dev.me", needs)

	if mustReveal(t, child, "passwd.api") != mustReveal(t, parent, "passwd.api") {
		t.Error("the password is not the parent's")
	}
	want := []Placed{
		{"apid.0", 1, "api", "api", "laptop", 8000}, {"apid.1", 2, "api", "api", "laptop", 8001},
		{"gatewayd.0", 3, "gateway", "gw", "laptop", 20000},
	}
	if got := child.Replicas(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if dir, _ := child.Directory("api", "data"); dir != "/home/me/data" {
		t.Errorf("directory %q", dir)
	}
	if after := mustLoad(t, f, "dev"); after.Head() != parent.Head() || child.SharedHead() != parent.Head() {
		t.Error("the subinstance changed its parent")
	}
	own := mustGenerate(t, f, "dev.own", "dev.own", needs)
	if mustReveal(t, own, "passwd.api") == mustReveal(t, parent, "passwd.api") {
		t.Error("an instance of its own has the password of another")
	}
}

func TestWhatASubinstanceNeedsFirstGoesToItsParent(t *testing.T) {
	f, _ := testFiles(t)
	child := mustGenerate(t, f, "dev", "dev.me", shopNeeds())
	parent := mustLoad(t, f, "dev")
	if len(parent.SecretKeys()) != 3 || mustReveal(t, parent, "passwd.api") != mustReveal(t, child, "passwd.api") {
		t.Errorf("the parent has %q", parent.SecretKeys())
	}
	if p, ok := parent.Replica("apid.1"); !ok || p.UIID != 2 || p.Node != "" {
		t.Errorf("in the parent: %+v, %v", p, ok)
	}
	if _, err := child.BlobKey(facsimile.DigestOf(nil)); err != nil {
		t.Error(err)
	}
}

func TestBlobKeysFollowFromInstanceAndContent(t *testing.T) {
	f, o := testFiles(t)
	a := mustGenerate(t, f, "prod", "prod", shopNeeds())
	b := mustGenerate(t, f, "beta", "beta", shopNeeds())
	one, two := facsimile.DigestOf([]byte("1")), facsimile.DigestOf([]byte("2"))
	keys := map[[32]byte]bool{}
	for _, s := range []Snapshot{a, b, mustLoad(t, reopen(t, o), "prod")} {
		for _, sum := range []facsimile.Digest{one, two} {
			k, err := s.BlobKey(sum)
			if err != nil {
				t.Fatal(err)
			}
			keys[k] = true
		}
	}
	if len(keys) != 4 {
		t.Errorf("%d different keys for two contents in two instances", len(keys))
	}
}

func TestFingerprints(t *testing.T) {
	f, _ := testFiles(t)
	value := "a password of my own"
	strong := NewSecret{Key: "passwd.strong", Value: facsimile.NewSecret(value), Type: "password", Bits: strongBits}
	for _, in := range []facsimile.Instance{"prod", "beta"} {
		c := setSecret("1", "passwd.api", value)
		c.Secrets = append(c.Secrets, strong, NewSecret{Key: "passwd.copy", Value: facsimile.NewSecret(value)})
		mustCommit(t, f, in, c)
	}
	fingerprint := func(in facsimile.Instance, key string) string {
		e, _ := mustLoad(t, f, in).Secret(key)
		return e.Fingerprint
	}
	for _, c := range []struct {
		name        string
		a, b        string
		same, known bool
	}{
		{"generated, in two instances", fingerprint("prod", "passwd.strong"), fingerprint("beta", "passwd.strong"), true, true},
		{"by hand, in two instances", fingerprint("prod", "passwd.api"), fingerprint("beta", "passwd.api"), false, false},
		{"by hand, twice in one instance", fingerprint("prod", "passwd.api"), fingerprint("prod", "passwd.copy"), true, true},
		{"by hand and generated", fingerprint("prod", "passwd.api"), fingerprint("prod", "passwd.strong"), false, false},
		{"unknown", "", "", false, false},
	} {
		if same, known := CompareFingerprints(c.a, c.b); same != c.same || known != c.known {
			t.Errorf("%s: %v, %v", c.name, same, known)
		}
	}
}

func TestAgeItselfOpensBothSteps(t *testing.T) {
	f, o := testFiles(t)
	mustCommit(t, f, "prod", setSecret("1", "passwd.api", "the value"))
	text, err := os.ReadFile(ownKeyFile(o.KeyDir))
	if err != nil {
		t.Fatal(err)
	}
	mine, err := age.ParseIdentities(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(filepath.Join(o.Dir, "prod", "key.age"))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := decrypt(sealed, mine...)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := age.ParseIdentities(strings.NewReader(inner))
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := filepath.Glob(filepath.Join(o.Dir, "prod", "secrets", "passwd.api.1.*.age"))
	if err != nil || len(secrets) != 1 {
		t.Fatal(secrets, err)
	}
	envelope, err := os.ReadFile(secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decrypt(envelope, ids...); err != nil || got != "the value" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestKeysOfAnyNameHaveAFile(t *testing.T) {
	f, _ := testFiles(t)
	for i, key := range []string{"passwd.../../x", "passwd.a b", "passwd." + strings.Repeat("ü", 300), "passwd.API", "passwd.api", "passwd.\x00", "C:\\x", ".facs-tmp-x", "..", "a:b"} {
		mustCommit(t, f, "prod", setSecret(fmt.Sprint(i), key, "value of "+key))
		if got := mustReveal(t, mustLoad(t, f, "prod"), key); got != "value of "+key {
			t.Errorf("%q: %q", key, got)
		}
	}
}

func TestADiskThatFailsLeavesTheOldState(t *testing.T) {
	for _, fault := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EIO} {
		f, _ := testFiles(t)
		disk := atomicfiletest.New()
		simulated(f, disk)
		head := mustCommit(t, f, "prod", setSecret("1", "passwd.api", "value"))
		disk.Hook = func(op atomicfiletest.Op) error { return fault }
		_, err := f.Commit(context.Background(), "prod", head, setSecret("2", "passwd.db", "value"))
		told := (*facsimile.Error)(nil)
		if !errors.Is(err, fault) || !errors.As(err, &told) || told.Outcome != facsimile.Refused || told.Hint == "" {
			t.Errorf("%v: got %v", fault, err)
		}
		disk.Hook = nil
		if s := mustLoad(t, f, "prod"); s.Head() != head {
			t.Errorf("%v: the head is %v", fault, s.Head())
		}
		mustCommit(t, f, "prod", setSecret("2", "passwd.db", "value"))
	}
}

// simulated puts f on a simulated disk, where no lock is needed.
func simulated(f *Files, disk *atomicfiletest.Disk) {
	f.fsys = disk
	f.lock = func(context.Context, string, string, holder, time.Duration) (func(), error) { return func() {}, nil }
}

func TestAStoreIsUsedByManyAtOnce(t *testing.T) {
	f, _ := testFiles(t)
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for n := range 4 {
				needs := Needs{Replicas: copies(fmt.Sprint("m", i), n, 0, "a"), Secrets: []SecretNeed{{Key: fmt.Sprint("passwd.m", i)}}}
				s, err := generate(context.Background(), f, "prod", "prod", needs)
				if err == nil {
					_, err = s.Reveal(context.Background(), fmt.Sprint("passwd.m", i))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if s := mustLoad(t, f, "prod"); len(s.Replicas()) != 12 || s.Replicas()[11].UIID != 12 {
		t.Errorf("got %+v", s.Replicas())
	}
}
