package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"facsimile.dev/facsimile"
	"github.com/gofrs/flock"
)

// Request says what to check out.
type Request struct {
	Project facsimile.Project
	Repo    string // a URL, HOST:PATH as ssh takes it, or a path
	Base    string // the folder that a relative path in Repo is relative to: that of the definition
	Version string // the tag; "" takes the newest commit of the default branch
	Dest    string // the folder of all checkouts: .facsimile/tmp/SRC
	Begin   func() // called when it really is checked out, not reused; may be nil
}

// Result is a checkout.
type Result struct {
	Dir    string // absolute: Dest/PROJECT-VERSION, or Dest/PROJECT-HEAD
	Commit string // 40 or 64 hexadecimal digits
	Reused bool   // it stood there already
}

// marker is written last into a checkout, beside git's own files: with it the checkout is complete.
type marker struct {
	Format int    `json:"format"`
	Repo   string `json:"repo"`
	Commit string `json:"commit"`
}

const (
	markerFormat = 1
	markerFile   = ".git/facsimile.json"
)

// Checkout makes sure that the source stands in its folder, and says which commit it is. A
// version whose tag names another commit than when it was checked out is an error,
// and so is a checkout in which somebody changed something; without a version the folder follows
// the repository. Where ctx ends first the error is that of ctx, and says nothing of the source.
func Checkout(ctx context.Context, r Request) (Result, error) {
	out, err := makeSure(ctx, r)
	switch {
	case err != nil && ctx.Err() != nil:
		return Result{}, ctx.Err()
	case errors.Is(err, context.Canceled):
		return Result{}, context.Canceled
	}
	return out, err
}

func makeSure(ctx context.Context, r Request) (Result, error) {
	if _, err := facsimile.ParseName("project", string(r.Project)); err != nil {
		return Result{}, facsimile.Errorf(facsimile.BadInput, "%w", err)
	}
	if r.Version != "" {
		if err := CheckVersion(r.Version); err != nil {
			return Result{}, err
		}
	}
	where, local, err := location(r.Repo, r.Base)
	if err != nil {
		return Result{}, err
	}
	c := checkout{Request: r, where: where, local: local}
	if c.Dest, err = filepath.Abs(r.Dest); err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(c.Dest, 0o755); err != nil {
		return Result{}, err
	}
	lock := flock.New(filepath.Join(c.Dest, "."+c.name()+".lock"))
	if held, err := lock.TryLockContext(ctx, 50*time.Millisecond); !held {
		return Result{}, fmt.Errorf("waiting for another facs to check out %s: %w", c.name(), err)
	}
	defer lock.Unlock()
	commit, err := c.lookUp(ctx)
	if err != nil {
		return Result{}, err
	}
	out := Result{Dir: c.dir(), Commit: commit}
	if out.Reused, err = c.reusable(ctx, commit); err != nil || out.Reused {
		return out, err
	}
	if r.Begin != nil {
		r.Begin()
	}
	return out, c.make(ctx, commit)
}

// checkout is one Checkout under way.
type checkout struct {
	Request
	where string // what git is given for the repository
	local bool
}

func (c *checkout) name() string {
	if c.Version == "" {
		return string(c.Project) + "-HEAD"
	}
	return string(c.Project) + "-" + c.Version
}

func (c *checkout) dir() string { return filepath.Join(c.Dest, c.name()) }

func (c *checkout) fault(format string, args ...any) *facsimile.Error {
	err := fmt.Errorf(format, args...)
	return facsimile.Errorf(facsimile.Refused, "cannot check out %s from %s: %w", strings.TrimSuffix(c.name(), "-HEAD"), withoutPassword(c.Repo), err)
}

// lookUp asks the repository which commit the version is.
func (c *checkout) lookUp(ctx context.Context) (string, error) {
	if c.local && !strings.HasPrefix(c.where, "file:") {
		if err := checkLocal(c.where); err != nil {
			return "", c.fault("%w", err).WithHint("a relative `repo` is relative to the definition, %s", c.Base)
		}
	}
	patterns := []string{"HEAD"}
	if c.Version != "" {
		patterns = []string{"refs/tags/" + c.Version, "refs/tags/" + c.Version + "^{}"}
	}
	text, err := git(ctx, c.Dest, append([]string{"ls-remote", "--quiet", "--", c.where}, patterns...)...)
	if err != nil {
		return "", c.unreachable(err)
	}
	refs := readRefs(text)
	if c.Version == "" {
		if commit, ok := refs["HEAD"]; ok {
			return commit, nil
		}
		return "", c.fault("the repository has no commit yet")
	}
	if commit, ok := refs["refs/tags/"+c.Version+"^{}"]; ok { // what an annotated tag names
		return commit, nil
	}
	if commit, ok := refs["refs/tags/"+c.Version]; ok {
		return commit, nil
	}
	return "", c.noTag(ctx)
}

func (c *checkout) unreachable(err error) error {
	var failed *gitFailed
	if !errors.As(err, &failed) {
		return err
	}
	told := c.fault("the repository cannot be read: %w", failed)
	switch {
	case strings.Contains(failed.said, "dubious ownership"):
		return told.WithHint("it belongs to another user: `git config --global --add safe.directory %s` trusts it", c.where)
	case c.local:
		return told.WithHint("is %s a git repository?", c.where)
	}
	return told.WithHint("does `git ls-remote %s` work?", withoutPassword(c.where))
}

func (c *checkout) noTag(ctx context.Context) error {
	told := c.fault("there is no tag %s", c.Version)
	text, err := git(ctx, c.Dest, "ls-remote", "--quiet", "--tags", "--refs", "--", c.where)
	if err != nil {
		return told
	}
	var tags []string
	for ref := range readRefs(text) {
		tags = append(tags, strings.TrimPrefix(ref, "refs/tags/"))
	}
	slices.Sort(tags)
	near := facsimile.Nearest(c.Version, tags)
	switch {
	case len(tags) == 0:
		return told.WithHint("the repository has no tags; `git tag %s` in it makes one", c.Version)
	case len(near) > 0:
		return told.WithHint("the nearest are %s", strings.Join(near, ", "))
	}
	return told.WithHint("there are %s", strings.Join(tags[max(0, len(tags)-8):], ", "))
}

// readRefs reads the lines of git ls-remote: a commit, a tab and a name.
func readRefs(text string) map[string]string {
	refs := map[string]string{}
	for line := range strings.Lines(text) {
		if commit, ref, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			refs[ref] = commit
		}
	}
	return refs
}

// reusable reports whether the folder already is a complete, unchanged checkout of the commit.
func (c *checkout) reusable(ctx context.Context, commit string) (bool, error) {
	var m marker
	text, err := os.ReadFile(filepath.Join(c.dir(), filepath.FromSlash(markerFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if json.Unmarshal(text, &m) != nil || m.Format != markerFormat {
		return false, nil
	}
	if err := c.checkUnchanged(ctx, m.Commit); err != nil {
		return false, err
	}
	if m.Commit == commit && m.Repo == withoutPassword(c.where) {
		return true, nil
	}
	if c.Version != "" && m.Repo == withoutPassword(c.where) {
		return false, c.fault("the tag %s named the commit %s when it was checked out, and names %s now", c.Version, m.Commit, commit).
			WithHint("give the new content a new version; if the change is meant, remove %s", c.dir())
	}
	return false, nil // another repository, or a newer commit of the branch
}

// checkUnchanged makes sure that the checkout is its commit and nothing else, so that what ships is what was tagged.
func (c *checkout) checkUnchanged(ctx context.Context, commit string) error {
	head, err := git(ctx, c.dir(), "rev-parse", "HEAD")
	if err != nil {
		return c.fault("%s is damaged: %w", c.dir(), err).WithHint("remove the folder")
	}
	text, err := git(ctx, c.dir(), "status", "--porcelain", "--untracked-files=all", "--ignored=no", "--ignore-submodules=none")
	if err != nil {
		return c.fault("%s is damaged: %w", c.dir(), err).WithHint("remove the folder")
	}
	if text == "" && head == commit {
		return nil
	}
	changed := "it is at commit " + head
	if text != "" {
		lines := strings.Split(text, "\n")
		changed = strings.TrimSpace(strings.Join(lines[:min(3, len(lines))], ", "))
	}
	return c.fault("somebody changed the checkout %s (%s)", c.dir(), changed).
		WithHint("make the change in the repository and tag it; then remove the folder")
}

// make checks out into a folder beside the right one, and renames it when it is complete.
func (c *checkout) make(ctx context.Context, commit string) error {
	next := filepath.Join(c.Dest, "."+c.name()+".next")
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	defer os.RemoveAll(next)
	if err := c.fill(ctx, next, commit); err != nil {
		return err
	}
	text, err := json.Marshal(marker{Format: markerFormat, Repo: withoutPassword(c.where), Commit: commit})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(next, filepath.FromSlash(markerFile)), append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(c.dir()); err != nil {
		return err
	}
	return os.Rename(next, c.dir())
}

// fill fetches one commit, without history, and its submodules.
func (c *checkout) fill(ctx context.Context, dir, commit string) error {
	ref := "HEAD"
	if c.Version != "" {
		ref = "refs/tags/" + c.Version
	}
	format := "sha1"
	if len(commit) == 64 {
		format = "sha256"
	}
	steps := [][]string{
		{"init", "--quiet", "--template=", "--object-format=" + format, "--", dir},
		{"-C", dir, "remote", "add", "--", "origin", c.where},
		{"-C", dir, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", "origin", "+" + ref + ":refs/facsimile/source"},
		{"-C", dir, "checkout", "--quiet", "--detach", "refs/facsimile/source^{commit}", "--"},
	}
	for _, args := range steps {
		if _, err := git(ctx, c.Dest, args...); err != nil {
			return c.unreachable(err)
		}
	}
	if head, err := git(ctx, dir, "rev-parse", "HEAD"); err != nil || head != commit {
		return c.fault("the repository changed while it was read: %s was %s and is %s", ref, commit, head).WithHint("try again")
	}
	if _, err := os.Stat(filepath.Join(dir, ".gitmodules")); err != nil {
		return nil
	}
	files := "protocol.file.allow=never"
	if c.local {
		files = "protocol.file.allow=always" // those beside it on this machine
	}
	if _, err := git(ctx, dir, "-c", files, "submodule", "--quiet", "update", "--init", "--recursive"); err != nil {
		return c.fault("a submodule cannot be fetched: %w", err)
	}
	return nil
}

// ConfigFS is the project's own part of the definition, the folder config/facsimile of its source;
// nil where it has none. No link in it leads out of the source. The files stay readable for as long
// as the file system is in use.
func ConfigFS(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	const config = "config/facsimile"
	info, err := root.Stat(config)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir():
		return nil, root.Close()
	case err != nil:
		root.Close()
		return nil, err
	}
	return fs.Sub(root.FS(), config)
}
