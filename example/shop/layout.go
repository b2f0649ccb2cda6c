package shop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// LayOut writes the example into dir, which must be empty or missing: README.md and one folder
// for each of Repositories. The programs come as their authors would keep them, each a module of
// its own.
func LayOut(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("the folder %s is not empty", dir)
	}
	return fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(strings.TrimSuffix(name, ".in")))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		content, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, modeOf(content))
	})
}

// modeOf gives scripts back the mode that embedding does not keep.
func modeOf(content []byte) fs.FileMode {
	if bytes.HasPrefix(content, []byte("#!")) {
		return 0o755
	}
	return 0o644
}

// Init makes git repositories of a folder that LayOut wrote: one commit each, and the tag of
// its version. Author, date and message are fixed and no configuration of the user or the machine is
// read, so the commits are the same everywhere.
func Init(ctx context.Context, dir string) error {
	if _, err := exec.LookPath("git"); err != nil {
		return errors.New("making the repositories of the example needs git, which is not installed")
	}
	for _, r := range Repositories() {
		if err := r.init(ctx, filepath.Join(dir, r.Name)); err != nil {
			return fmt.Errorf("making a repository of %s: %w", r.Name, err)
		}
	}
	return nil
}

func (r Repository) init(ctx context.Context, dir string) error {
	message := r.Name + " " + r.Tag
	if r.Tag == "" {
		message = "the definition of the shop"
	}
	steps := [][]string{
		{"init", "-q", "--template=", "--object-format=sha1", "--initial-branch=main"},
		{"add", "--all", "--force", "--", "."},
		{"commit", "-q", "--no-verify", "-m", message},
	}
	if r.Tag != "" {
		steps = append(steps, []string{"tag", "-a", "-m", message, "--", r.Tag})
	}
	for _, args := range steps {
		if err := git(ctx, dir, args...); err != nil {
			return err
		}
	}
	return nil
}

// git runs git in dir with nothing but what is given here to go by.
func git(ctx context.Context, dir string, args ...string) error {
	const date = "2026-01-01T09:00:00+00:00"
	pinned := []string{"-c", "core.autocrlf=false", "-c", "core.fileMode=true", "-c", "core.hooksPath=/dev/null",
		"-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false", "-c", "gc.auto=0"}
	cmd := exec.CommandContext(ctx, "git", append(pinned, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0", "GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir),
		"GIT_AUTHOR_NAME=The Shop", "GIT_AUTHOR_EMAIL=shop@example.net", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=The Shop", "GIT_COMMITTER_EMAIL=shop@example.net", "GIT_COMMITTER_DATE=" + date,
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
