package atomicfile_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"facsimile.dev/facsimile/internal/atomicfile"
	"facsimile.dev/facsimile/internal/atomicfile/atomicfiletest"
)

var errPowerCut = errors.New("power cut")

// cutAt lets n changes through and none after.
func cutAt(n int) func(atomicfiletest.Op) error {
	return func(atomicfiletest.Op) error {
		if n--; n < 0 {
			return errPowerCut
		}
		return nil
	}
}

// keepers are ways in which a crash treats what was not synced: gone, all there, and at random.
func keepers() []func() bool {
	all := []func() bool{func() bool { return false }, func() bool { return true }}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		all = append(all, func() bool { return r.IntN(2) == 0 })
	}
	return all
}

func TestWriteIsOldOrNewAtEveryPointOfACrash(t *testing.T) {
	write := func(d *atomicfiletest.Disk, content string) error {
		return atomicfile.Write(d, "/f", []byte(content), 0o644)
	}
	ended := false
	for n := 0; !ended; n++ {
		disk := atomicfiletest.New()
		if err := write(disk, "the old content"); err != nil {
			t.Fatal(err)
		}
		disk.Hook = cutAt(n)
		err := write(disk, "what is new")
		ended = err == nil
		for i, keep := range keepers() {
			after, readErr := disk.Crash(keep).ReadFile("/f")
			if readErr != nil {
				t.Fatalf("cut at %d, crash %d: %v", n, i, readErr)
			}
			switch got := string(after); {
			case got == "what is new":
			case got == "the old content" && err != nil:
			default:
				t.Fatalf("cut at %d, crash %d: %q (write said %v)", n, i, got, err)
			}
		}
	}
}

func TestSymlinkIsOldOrNewAtEveryPointOfACrash(t *testing.T) {
	ended := false
	for n := 0; !ended; n++ {
		disk := atomicfiletest.New()
		if err := atomicfile.Symlink(disk, "a", "/current"); err != nil {
			t.Fatal(err)
		}
		disk.Hook = cutAt(n)
		err := atomicfile.Symlink(disk, "b", "/current")
		ended = err == nil
		for i, keep := range keepers() {
			got, readErr := disk.Crash(keep).Readlink("/current")
			if readErr != nil || got != "b" && (got != "a" || err == nil) {
				t.Fatalf("cut at %d, crash %d: %q, %v (the switch said %v)", n, i, got, readErr, err)
			}
		}
	}
}

func TestMkdirAllSurvivesACrash(t *testing.T) {
	disk := atomicfiletest.New()
	if err := atomicfile.MkdirAll(disk, "/a/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Crash(func() bool { return false }).ReadDir("/a/b/c"); err != nil {
		t.Error(err)
	}
}

// Whoever comes after a killed process must not build on folders that a power cut takes away.
func TestMkdirAllAfterAKilledOneSurvivesACrash(t *testing.T) {
	for n := range 12 {
		disk := atomicfiletest.New()
		disk.Hook = cutAt(n)
		_ = atomicfile.MkdirAll(disk, "/a/b/c", 0o755) // killed
		disk.Hook = nil
		if err := atomicfile.MkdirAll(disk, "/a/b/c", 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := disk.Crash(func() bool { return false }).ReadDir("/a/b/c"); err != nil {
			t.Errorf("killed at %d: %v", n, err)
		}
	}
}

// The simulated disk must be able to fail a test: without the syncs, content and names are lost.
func TestTheSimulatedDiskForgets(t *testing.T) {
	never := func() bool { return false }
	disk := atomicfiletest.New()
	if err := atomicfile.Place(disk, "/placed", []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Crash(never).ReadFile("/placed"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a name that was not synced survived: %v", err)
	}
	f, err := disk.Create("/raw")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	if err := disk.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	if got, err := disk.Crash(never).ReadFile("/raw"); err != nil || string(got) == "content" {
		t.Errorf("content that was not synced survived: %q, %v", got, err)
	}
}

func TestAFullDiskLeavesTheOldFileAndNoOther(t *testing.T) {
	disk := atomicfiletest.New()
	if err := atomicfile.Write(disk, "/f", []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	disk.Hook = func(op atomicfiletest.Op) error {
		if op.Name == "write" {
			return syscall.ENOSPC
		}
		return nil
	}
	if err := atomicfile.Write(disk, "/f", []byte("new"), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	disk.Hook = nil
	entries, err := disk.ReadDir("/")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := disk.ReadFile("/f"); len(entries) != 1 || string(got) != "old" {
		t.Errorf("%d names, content %q", len(entries), got)
	}
}

func BenchmarkWriteFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "f")
	data := make([]byte, 4096)
	for b.Loop() {
		if err := atomicfile.WriteFile(path, data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}
