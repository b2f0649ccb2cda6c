package release_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// killVar tells the helper process which store to write, and at which item to die.
const (
	killStore = "FACS_TEST_STORE"
	killAt    = "FACS_TEST_AT"
)

// killDraft has 50 contents, of which some are secret and some big; at is told when each is opened.
func killDraft(at func(int)) release.Draft {
	part := release.Part{Project: "p", Node: "n"}
	for i := range 50 {
		it := file(fmt.Sprintf("f%02d", i), "")
		if i%7 == 0 {
			it = secretFile(fmt.Sprintf("s%02d", i), "")
		}
		text := fmt.Sprintf("%0*d", 1+i%5*100_000, i)
		it.Open = func() (io.ReadCloser, error) { at(i); return release.Bytes([]byte(text))() }
		part.Items = append(part.Items, it)
	}
	return release.Draft{Definition: "d", Instance: "i", Parts: []release.Part{part}}
}

// TestHelperKilled is no test of its own: it is the process that TestKilledWriter kills.
func TestHelperKilled(t *testing.T) {
	dir := os.Getenv(killStore)
	if dir == "" {
		return
	}
	n, err := strconv.Atoi(os.Getenv(killAt))
	if err != nil {
		t.Fatal(err)
	}
	s, err := release.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Put(context.Background(), killDraft(func(i int) {
		if i == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}), testRoot)
	t.Fatalf("it was not killed: %v", err)
}

// TestKilledWriter kills a Put at several places: no release is visible, nothing half-written
// stays, and the next Put makes the same release as an untouched store.
func TestKilledWriter(t *testing.T) {
	clean, _ := openStore(t)
	want, _ := put(t, clean, killDraft(func(int) {}))
	_, dir := openStore(t)
	for _, at := range []int{0, 4, 7, 25, 49} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHelperKilled$")
		cmd.Env = append(os.Environ(), killStore+"="+dir, fmt.Sprintf("%s=%d", killAt, at))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("the helper ended with %v:\n%s", err, out)
		}
		s, err := release.OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := s.Releases(""); err != nil || len(list) != 0 {
			t.Errorf("killed at %d: %v, %v", at, list, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "tmp/*")); len(left) != 0 {
			t.Errorf("killed at %d: left behind %v", at, left)
		}
		blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range blobs {
			if b, err := os.ReadFile(path); err != nil || facsimile.DigestOf(b).Hex() != filepath.Base(path) {
				t.Errorf("killed at %d: %s is not whole: %v", at, path, err)
			}
		}
	}
	s, err := release.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if rel, _ := put(t, s, killDraft(func(int) {})); rel.Digest != want.Digest {
		t.Errorf("got %s, want %s", rel.Digest, want.Digest)
	}
}
