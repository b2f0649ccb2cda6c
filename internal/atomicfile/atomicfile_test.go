package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"facsimile.dev/facsimile/internal/atomicfile"
)

func TestWriteFileGivesTheModeAskedFor(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for _, perm := range []fs.FileMode{0o600, 0o640, 0o644, 0o755 | fs.ModeSetuid} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte("old"), 0o604); err != nil {
			t.Fatal(err)
		}
		if err := atomicfile.WriteFile(path, []byte("new"), perm); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != perm {
			t.Errorf("asked for %v, got %v", perm, info.Mode())
		}
		if got, _ := os.ReadFile(path); string(got) != "new" {
			t.Errorf("content %q", got)
		}
	}
}

func TestWriteFileTakesTheLongestName(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("n", 255))
	if err := atomicfile.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWriteFileReplacesALinkAndNotItsTarget(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteFile(link, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "kept" {
		t.Errorf("the target of the link now holds %q", got)
	}
}

func TestFailureLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.WriteFile(folder, []byte("x"), 0o644); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if err := atomicfile.ReplaceSymlink("elsewhere", folder); err == nil {
		t.Error("a folder was replaced by a link")
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, "none", "f"), nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestReplaceSymlink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "current")
	for _, target := range []string{"releases/a", "releases/b"} {
		if err := atomicfile.ReplaceSymlink(target, link); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.Readlink(link); got != target {
			t.Errorf("the link leads to %q, want %q", got, target)
		}
	}
}

func TestMkdirAll(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b", "c")
	for range 2 {
		if err := atomicfile.MkdirAll(atomicfile.OS{}, dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.MkdirAll(atomicfile.OS{}, file, 0o755); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestIsTemp(t *testing.T) {
	if atomicfile.IsTemp("/x/.facs-tmp-dir/file") || !atomicfile.IsTemp("/x/.facs-tmp-01") {
		t.Error("IsTemp looks at the last part of a path and at nothing else")
	}
}
