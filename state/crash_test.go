package state

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile/atomicfiletest"
)

var errPowerCut = errors.New("power cut")

// cutAt lets n changes of the disk through and none after.
func cutAt(n int) func(atomicfiletest.Op) error {
	return func(atomicfiletest.Op) error {
		if n--; n < 0 {
			return errPowerCut
		}
		return nil
	}
}

// keepers are ways in which the power cut at n treats what was not synced: gone, there, and at
// random.
func keepers(n int) []func() bool {
	all := []func() bool{func() bool { return false }, func() bool { return true }}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	return append(all, func() bool { return r.IntN(2) == 0 })
}

// TestAPowerCutAtAnyPointLeavesTheOldOrTheNewState cuts the power before each single change of
// the disk, during the first commit and during a later one.
func TestAPowerCutAtAnyPointLeavesTheOldOrTheNewState(t *testing.T) {
	t.Run("first", func(t *testing.T) { cutEverywhere(t, 0) })
	t.Run("later", func(t *testing.T) { cutEverywhere(t, 1) })
}

func cutEverywhere(t *testing.T, commitsBefore int) {
	_, o := testFiles(t)
	for n, ended := 0, false; !ended; n++ {
		disk := atomicfiletest.New()
		f := reopen(t, o)
		simulated(f, disk)
		for i := range commitsBefore {
			mustCommit(t, f, "prod", setSecret(string(rune('a'+i)), "passwd.api", "old value"))
		}
		base := mustLoad(t, f, "prod").Head()
		c := setSecret("new", "passwd.api", "new value")
		c.IDs = []NewID{{Replica: "apid.0", UIID: 1, Module: "api"}}
		c.Secrets = append(c.Secrets, NewSecret{Key: "passwd.db", Value: facsimile.NewSecret("another")})
		disk.Hook = cutAt(n)
		head, err := f.Commit(context.Background(), "prod", base, c)
		ended = err == nil
		for i, keep := range keepers(n) {
			checkAfterCut(t, n, i, o, disk.Crash(keep), c, base, head, err)
		}
		if n > 200 {
			t.Fatal("the commit never ends")
		}
	}
}

// checkAfterCut looks at a disk after the power came back: the state is the old or the new one,
// as a whole; a commit that said done is there; and the same change can be committed again.
func checkAfterCut(t *testing.T, n, i int, o FilesOptions, disk *atomicfiletest.Disk, c Change, base, head Head, said error) {
	t.Helper()
	f := reopen(t, o)
	simulated(f, disk)
	s, err := f.Load(context.Background(), "prod")
	if err != nil {
		t.Fatalf("cut at %d, crash %d: %v", n, i, err)
	}
	switch _, hasID := s.Replica("apid.0"); {
	case s.Head() == base && said != nil && !hasID:
		if !base.IsZero() && mustReveal(t, s, "passwd.api") != "old value" {
			t.Fatalf("cut at %d, crash %d: the old state lost its value", n, i)
		}
	case s.Head() != base && (said != nil || s.Head() == head) && hasID:
	default:
		t.Fatalf("cut at %d, crash %d: the state is at %v, was at %v, the commit said %v, %v", n, i, s.Head(), base, head, said)
	}
	if _, err := f.Commit(context.Background(), "prod", base, c); err != nil {
		t.Fatalf("cut at %d, crash %d: the retry said %v", n, i, err)
	}
	s = mustLoad(t, f, "prod")
	e, _ := s.Secret("passwd.api")
	wantGeneration := 1
	if !base.IsZero() {
		wantGeneration = 2
	}
	if mustReveal(t, s, "passwd.api") != "new value" || mustReveal(t, s, "passwd.db") != "another" || e.Generation != wantGeneration {
		t.Fatalf("cut at %d, crash %d: after the retry %+v", n, i, e)
	}
}

// TestAKilledProcessLeavesNothingThatAPowerCutUndoes kills a commit at each point, lets another
// process commit, and cuts the power: what the second one was told of must be there, although
// it found folders and files that the first one had not synced.
func TestAKilledProcessLeavesNothingThatAPowerCutUndoes(t *testing.T) {
	_, o := testFiles(t)
	for n, ended := 0, false; !ended; n++ {
		disk := atomicfiletest.New()
		killed := reopen(t, o)
		simulated(killed, disk)
		disk.Hook = cutAt(n)
		_, err := killed.Commit(context.Background(), "prod", Head{}, setSecret("first", "passwd.api", "value"))
		ended = err == nil
		disk.Hook = nil
		second := reopen(t, o)
		simulated(second, disk)
		head := mustCommit(t, second, "prod", setSecret("second", "passwd.db", "another"))
		for i, keep := range keepers(n) {
			after := reopen(t, o)
			simulated(after, disk.Crash(keep))
			s, err := after.Load(context.Background(), "prod")
			if err != nil || s.Head() != head {
				t.Fatalf("killed at %d, crash %d: %v, %v", n, i, s.Head(), err)
			}
			if got := mustReveal(t, s, "passwd.db"); got != "another" {
				t.Fatalf("killed at %d, crash %d: %q", n, i, got)
			}
		}
	}
}

// hiding is a disk whose listings leave out one name, as a listing may that is taken while
// others add names.
type hiding struct {
	*atomicfiletest.Disk
	name string
}

func (h hiding) ReadDir(path string) ([]fs.DirEntry, error) {
	entries, err := h.Disk.ReadDir(path)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == h.name }), err
}

func TestAListingThatMissedAnEntryIsCompleted(t *testing.T) {
	f, _ := testFiles(t)
	disk := atomicfiletest.New()
	simulated(f, disk)
	mustCommit(t, f, "prod", setSecret("1", "passwd.a", "x"))
	missed := mustCommit(t, f, "prod", setSecret("2", "passwd.b", "x"))
	head := mustCommit(t, f, "prod", setSecret("3", "passwd.c", "x"))
	f.fsys = hiding{disk, missed.Hex() + entrySuffix}
	if s := mustLoad(t, f, "prod"); s.Head() != head || len(s.SecretKeys()) != 3 {
		t.Errorf("got %v with %q", s, s.SecretKeys())
	}
}
