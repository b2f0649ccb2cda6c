package node_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// snapshot lists what stands below a folder, with contents and modes.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[p] = info.Mode().String()
		if d.Type().IsRegular() {
			b, err := os.ReadFile(p)
			all[p] += " " + string(b)
			return err
		}
		return nil
	}))
	return all
}

// TestLinksLeadNowhere plants links under a home, as whoever may write to a release or to
// shared could, and checks that no call writes, removes or changes anything behind them.
func TestLinksLeadNowhere(t *testing.T) {
	for _, plant := range []string{
		"releases", ".facs", ".facs/receipts", ".facs/trees", ".facs/incoming", ".facs/cache", ".facs/keys", ".facs/aside", ".facs/lock", ".facs/journal",
		"releases/.staging-NEXT", "releases/.staging-NEXT/etc", "releases/.whole-NEXT", "releases/.whole-TREE", "releases/.removing-x", "releases/NEXT",
		"releases/TREE", "releases/TREE/etc", "releases/TREE/lib/plugins", "releases/TREE/etc/api.yaml", "shared", "shared/var", "shared/var/log", "current",
	} {
		t.Run(strings.ReplaceAll(plant, "/", "_"), func(t *testing.T) {
			base := memoryDir(t)
			home, outside := filepath.Join(base, "home"), filepath.Join(base, "outside")
			h, c := newHost(t, home), nodetest.NewContent()
			tree := nodetest.Sample(t, c)
			deploy(t, h, 1, tree, c)
			next := c.Add(t, c.File("etc/api.yaml", "port: 9000\n", 0o644), c.File("a", "a", 0o644), nodetest.Link("var/log", facsimile.SharedLink("var/log")))
			must(t, os.MkdirAll(filepath.Join(outside, "etc"), 0o750))
			must(t, os.WriteFile(filepath.Join(outside, "etc/api.yaml"), []byte("theirs"), 0o640))
			must(t, os.WriteFile(filepath.Join(outside, "precious"), []byte("theirs"), 0o640))
			before := snapshot(t, outside)

			at := filepath.Join(home, strings.NewReplacer("TREE", tree.Hex(), "NEXT", next.Hex()).Replace(plant))
			nodetest.Unlock(at)
			must(t, os.RemoveAll(at))
			must(t, os.MkdirAll(filepath.Dir(at), 0o755))
			must(t, os.Symlink(outside, at))

			ctx := t.Context() // what the calls answer is theirs to say; some must refuse
			for epoch, d := range map[uint64]facsimile.Digest{2: tree, 3: next, 4: tree} {
				b, o := node.Ballot{Epoch: epoch, Token: nodetest.Ballot(2).Token}, nodetest.Order(epoch, name, d)
				_, _ = h.Look(ctx, d)
				_, _ = h.Promise(ctx, b, nodetest.Owner(name), time.Hour)
				_, _ = h.Stage(ctx, b, o, c)
				_, _ = h.Activate(ctx, b, o)
				_ = h.Confirm(ctx, b, o.Release)
				_, _ = h.Prune(ctx, b, 1, nil)
				found, err := nodetest.Differences(ctx, h, d)
				if r, lookErr := h.Look(ctx, d); lookErr == nil && r.Current == d && r.Exact && (err != nil || len(found) > 0) {
					t.Errorf("Look says exact, Verify says %v %v", found, err)
				}
				_ = h.Revert(ctx, b, o)
				_ = h.Release(ctx, b)
			}
			if after := snapshot(t, outside); !reflect.DeepEqual(after, before) {
				t.Errorf("behind the link stood %v, now %v", before, after)
			}
		})
	}
}

func TestReplacedReleasesFolderIsRefused(t *testing.T) {
	home := filepath.Join(memoryDir(t), "home")
	h, c := newHost(t, home), nodetest.NewContent()
	tree := nodetest.Sample(t, c)
	deploy(t, h, 1, tree, c)
	must(t, os.Rename(filepath.Join(home, "releases"), filepath.Join(home, "moved")))
	must(t, os.Symlink("moved", filepath.Join(home, "releases")))
	_, err := h.Stage(t.Context(), promise(t, h, 2), nodetest.Order(2, name, tree), c)
	refused(t, err, filepath.Join(home, "releases"), "not a folder")
}

// TestSpecialFiles checks that pipes, sockets and devices are differences, and that none is opened:
// that of a pipe would never end.
func TestSpecialFiles(t *testing.T) {
	kinds := map[string]func(p string) error{
		"pipe":   func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"socket": func(p string) error { return syscall.Mknod(p, syscall.S_IFSOCK|0o644, 0) },
	}
	if os.Geteuid() == 0 {
		kinds["device"] = func(p string) error { return syscall.Mknod(p, syscall.S_IFCHR|0o644, 1<<8|3) }
	}
	for kind, make := range kinds {
		t.Run(kind, func(t *testing.T) {
			home := filepath.Join(memoryDir(t), "home")
			h, c := newHost(t, home), nodetest.NewContent()
			tree := nodetest.Sample(t, c)
			deploy(t, h, 1, tree, c)
			release := filepath.Join(home, "releases", tree.Hex())
			must(t, make(filepath.Join(release, "extra")))
			must(t, os.Remove(filepath.Join(release, "etc/empty")))
			must(t, make(filepath.Join(release, "etc/empty")))
			found, err := nodetest.Differences(t.Context(), h, tree)
			must(t, err)
			want := []facsimile.Difference{
				{Path: "etc/empty", Kind: facsimile.TypeDiffers, Note: "a " + kind + ", should be a file"},
				{Path: "extra", Kind: facsimile.Extra, Note: "a " + kind},
			}
			if !reflect.DeepEqual(found, want) {
				t.Errorf("Verify finds %v, want %v", found, want)
			}
			deploy(t, h, 2, tree, c)
			if found, err := nodetest.Differences(t.Context(), h, tree); err != nil || len(found) > 0 {
				t.Errorf("after mending: %v %v", found, err)
			}
		})
	}
}

// TestRecordIsNotProof forges what the node recorded of a file: Look believes it, which is what
// the record is for, and Verify does not.
func TestRecordIsNotProof(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	h, c := newHost(t, home), nodetest.NewContent()
	h.SetTick(-time.Hour) // record files however new they are
	tree := c.Add(t, c.File("a", "the content", 0o644), c.Secret("s", "the secret"))
	deploy(t, h, 1, tree, c)
	file := filepath.Join(home, "current/a")
	stat := func() (s unix.Stat_t) {
		must(t, unix.Lstat(file, &s))
		return s
	}
	was := stat()
	for stat().Ctim == was.Ctim { // until the clock of the file system has moved
		must(t, os.WriteFile(file, []byte("the CONTENT"), 0o644))
		must(t, os.Chtimes(file, time.Unix(was.Mtim.Unix()), time.Unix(was.Mtim.Unix())))
	}
	if r, err := h.Look(t.Context(), tree); err != nil || r.Exact {
		t.Fatalf("Look takes other content of the same size and time for exact: %+v %v", r, err)
	}

	cache := filepath.Join(home, ".facs/cache", tree.Hex())
	b, err := os.ReadFile(cache)
	must(t, err)
	now := stat()
	forged := strings.Replace(string(b), `"c":`+itoa(int(was.Ctim.Nano())), `"c":`+itoa(int(now.Ctim.Nano())), 1)
	if forged == string(b) {
		t.Fatalf("the record does not hold the ctime: %s", b)
	}
	must(t, os.WriteFile(cache, []byte(forged), 0o600))
	if r, err := h.Look(t.Context(), tree); err != nil || !r.Exact {
		t.Errorf("Look reads files that were not written to since: %+v %v", r, err)
	}
	found, err := nodetest.Differences(t.Context(), h, tree)
	if err != nil || len(found) != 1 || found[0].Path != "a" || found[0].Kind != facsimile.ContentDiffers {
		t.Errorf("Verify believes the record: %v %v", found, err)
	}
}

func TestFolderInPlaceOfCurrentIsKept(t *testing.T) {
	home := filepath.Join(memoryDir(t), "home")
	h, c := newHost(t, home), nodetest.NewContent()
	tree := nodetest.Sample(t, c)
	for epoch := uint64(1); epoch <= 5; epoch += 2 {
		deploy(t, h, epoch, tree, c)
		must(t, os.Remove(filepath.Join(home, "current")))
		must(t, os.Mkdir(filepath.Join(home, "current"), 0o755))
		must(t, os.WriteFile(filepath.Join(home, "current/mine"), []byte(itoa(int(epoch))), 0o644))
		deploy(t, h, epoch+1, tree, c)
		if found, err := nodetest.Differences(t.Context(), h, tree); err != nil || len(found) > 0 {
			t.Errorf("%v %v", found, err)
		}
	}
	kept, err := filepath.Glob(filepath.Join(home, ".facs/aside/*-current/mine"))
	if err != nil || len(kept) != 3 {
		t.Errorf("three folders stood in the place of current, kept are %v %v", kept, err)
	}
}
