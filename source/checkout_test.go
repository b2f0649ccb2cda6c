package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"facsimile.dev/facsimile"
)

// repository is a git repository of a test.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	r := repository{t, filepath.Join(t.TempDir(), "api")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.git("init", "-q", "--template=", "--initial-branch=main")
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.net", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.net"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files (path, content, …) and gives the new commit.
func (r repository) commit(files ...string) string {
	r.t.Helper()
	for i := 0; i < len(files); i += 2 {
		write(r.t, filepath.Join(r.dir, files[i]), files[i+1])
	}
	r.git("add", "--all", "--force", ".")
	r.git("commit", "-q", "--allow-empty", "-m", "x")
	return r.git("rev-parse", "HEAD")
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantError checks that an error is for people, and what it says and advises.
func wantError(t *testing.T, err error, message, hint string) {
	t.Helper()
	var told *facsimile.Error
	if !errors.As(err, &told) {
		t.Errorf("error %v, want one with %q", err, message)
		return
	}
	if !strings.Contains(told.Msg, message) || !strings.Contains(told.Hint, hint) {
		t.Errorf("error %q, hint %q; want %q, %q", told.Msg, told.Hint, message, hint)
	}
}

func TestCheckoutOfATag(t *testing.T) {
	r := newRepository(t)
	first := r.commit("main.go", "package main\r\n", "run.sh", "#!/bin/sh\n")
	r.git("tag", "-a", "-m", "x", "1.0.0")
	r.commit("main.go", "package later\n")
	dest := filepath.Join(t.TempDir(), "SRC")
	request := Request{Project: "api", Repo: "../api", Base: filepath.Join(filepath.Dir(r.dir), "shop"), Version: "1.0.0", Dest: dest}

	got, err := Checkout(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if got.Commit != first || got.Dir != filepath.Join(dest, "api-1.0.0") || got.Reused {
		t.Errorf("%+v, want commit %s", got, first)
	}
	if text := read(t, filepath.Join(got.Dir, "main.go")); text != "package main\r\n" {
		t.Errorf("main.go has %q", text)
	}
	again, err := Checkout(t.Context(), request)
	if err != nil || !again.Reused || again.Commit != first {
		t.Errorf("again: %+v, %v", again, err)
	}
	left, err := filepath.Glob(filepath.Join(dest, ".*.next"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestExisting(t *testing.T) {
	r := newRepository(t)
	r.commit("a", "1")
	r.git("tag", "1.0.0")
	request := Request{Project: "api", Repo: r.dir, Version: "1.0.0", Dest: t.TempDir()}
	if found, ok := Existing(request); ok {
		t.Errorf("before it is checked out there is %+v", found)
	}
	made, err := Checkout(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.dir, r.dir+".away"); err != nil {
		t.Fatal(err)
	}
	if found, ok := Existing(request); !ok || found.Dir != made.Dir || found.Commit != made.Commit || !found.Reused {
		t.Errorf("%+v, %v; want %+v without asking the repository", found, ok, made)
	}
	other := request
	other.Repo = t.TempDir()
	if found, ok := Existing(other); ok {
		t.Errorf("for another repository there is %+v", found)
	}
}

func TestAMovedTagIsAnError(t *testing.T) {
	r := newRepository(t)
	first := r.commit("a", "1")
	r.git("tag", "1.0.0")
	request := Request{Project: "api", Repo: r.dir, Version: "1.0.0", Dest: t.TempDir()}
	if _, err := Checkout(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	second := r.commit("a", "2")
	r.git("tag", "-f", "1.0.0")
	_, err := Checkout(t.Context(), request)
	wantError(t, err, "the tag 1.0.0 named the commit "+first+" when it was checked out, and names "+second+" now", "new version")
}

func TestAnEditedCheckoutIsAnError(t *testing.T) {
	r := newRepository(t)
	r.commit("a", "1", ".gitignore", "*.o\n")
	r.git("tag", "1.0.0")
	request := Request{Project: "api", Repo: r.dir, Version: "1.0.0", Dest: t.TempDir()}
	got, err := Checkout(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(got.Dir, "x.o"), "ignored by git, so no change")
	if again, err := Checkout(t.Context(), request); err != nil || !again.Reused {
		t.Errorf("with an ignored file: %+v, %v", again, err)
	}
	write(t, filepath.Join(got.Dir, "new"), "x")
	_, err = Checkout(t.Context(), request)
	wantError(t, err, "somebody changed the checkout", "remove the folder")
	if err := os.Remove(filepath.Join(got.Dir, "new")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(got.Dir, "a"), "edited")
	_, err = Checkout(t.Context(), request)
	wantError(t, err, "M a", "remove the folder")
}

func TestWithoutAVersionTheFolderFollows(t *testing.T) {
	r := newRepository(t)
	request := Request{Project: "api", Repo: r.dir, Dest: t.TempDir()}
	_, err := Checkout(t.Context(), request)
	wantError(t, err, "no commit yet", "")
	for _, content := range []string{"1", "2"} {
		commit := r.commit("a", content)
		got, err := Checkout(t.Context(), request)
		if err != nil || got.Commit != commit || got.Reused || filepath.Base(got.Dir) != "api-HEAD" {
			t.Fatalf("%+v, %v, want %s", got, err, commit)
		}
		if text := read(t, filepath.Join(got.Dir, "a")); text != content {
			t.Errorf("a has %q, want %q", text, content)
		}
	}
}

func TestAHalfMadeCheckoutIsMadeAgain(t *testing.T) {
	r := newRepository(t)
	r.commit("a", "1")
	r.git("tag", "1.0.0")
	dest := t.TempDir()
	write(t, filepath.Join(dest, "api-1.0.0", "a"), "half")
	write(t, filepath.Join(dest, ".api-1.0.0.next", "a"), "of a killed facs")
	got, err := Checkout(t.Context(), Request{Project: "api", Repo: r.dir, Version: "1.0.0", Dest: dest})
	if err != nil || got.Reused || read(t, filepath.Join(got.Dir, "a")) != "1" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnotherRepositoryOfTheSameVersion(t *testing.T) {
	dest := t.TempDir()
	for _, content := range []string{"1", "2"} {
		r := newRepository(t)
		r.commit("a", content)
		r.git("tag", "1.0.0")
		got, err := Checkout(t.Context(), Request{Project: "api", Repo: r.dir, Version: "1.0.0", Dest: dest})
		if err != nil || got.Reused || read(t, filepath.Join(got.Dir, "a")) != content {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestWhatCannotBeCheckedOut(t *testing.T) {
	r := newRepository(t)
	r.commit("a", "1")
	r.git("tag", "1.4.2")
	r.git("tag", "2.0.0")
	untagged := newRepository(t)
	untagged.commit("a", "1")
	plain := t.TempDir()
	for _, test := range []struct{ name, repo, version, message, hint string }{
		{"no such folder", "../nowhere", "1.4.2", "there is no folder", "relative to the definition"},
		{"no repository", plain, "1.4.2", "cannot be read", "is " + plain + " a git repository?"},
		{"no such tag", r.dir, "1.4.3", "there is no tag 1.4.3", "the nearest are 1.4.2"},
		{"nothing near", r.dir, "release-of-the-year", "there is no tag", "there are 1.4.2, 2.0.0"},
		{"no tags", untagged.dir, "1.0.0", "there is no tag", "has no tags"},
		{"an option for a version", r.dir, "--upload-pack=x", "is not a version", ""},
		{"a path for a version", r.dir, "../../etc", "is not a version", ""},
		{"HEAD for a version", r.dir, "HEAD", "leave the version out", ""},
		{"an option for a repository", "--upload-pack=touch x", "1.4.2", "begins with a dash", ""},
		{"a program for a repository", "ext::sh -c touch% x", "1.4.2", "asks for a helper program", ""},
		{"an option for a host", "ssh://-oProxyCommand=x/y", "1.4.2", "scheme", ""},
		{"an unknown scheme", "gopher://host/x", "1.4.2", "its scheme is not one of", ""},
		{"a newline", "a\nb", "1.4.2", "control character", ""},
		{"nobody answers", "http://user:hunter2@127.0.0.1:1/x.git", "1.4.2", "http://user:…@127.0.0.1:1/x.git", "git ls-remote"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dest := t.TempDir()
			_, err := Checkout(t.Context(), Request{Project: "api", Repo: test.repo, Base: dest, Version: test.version, Dest: filepath.Join(dest, "SRC")})
			wantError(t, err, test.message, test.hint)
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds a password: %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(dest, "SRC", "[^.]*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if _, err := Checkout(t.Context(), Request{Project: "../x", Repo: r.dir, Dest: plain}); err == nil {
		t.Error("a project that is no name was taken")
	}
}

func TestWithoutGit(t *testing.T) {
	r := newRepository(t)
	t.Setenv("PATH", t.TempDir())
	_, err := Checkout(t.Context(), Request{Project: "api", Repo: r.dir, Dest: t.TempDir()})
	wantError(t, err, "git, which is not installed", "install git")
}

func TestAGivenUpCheckoutLeavesNothing(t *testing.T) {
	r := newRepository(t)
	r.commit("a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dest := t.TempDir()
	if _, err := Checkout(ctx, Request{Project: "api", Repo: r.dir, Dest: dest}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dest, "[^.]*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestAnInterruptionIsNoDamage interrupts each git command of a second checkout: by the end of the context,
// and by a signal to git alone, which a terminal sends to both and which git may act on first.
func TestAnInterruptionIsNoDamage(t *testing.T) {
	r := newRepository(t)
	r.commit("a", "1")
	r.git("tag", "1.0.0")
	request := Request{Project: "api", Repo: r.dir, Version: "1.0.0", Dest: t.TempDir()}
	if _, err := Checkout(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"ls-remote", "rev-parse", "status"} {
		for how, script := range map[string]string{"the context ends": "touch \"$MARK\"; exec sleep 1000", "git is signalled": "kill -INT $$"} {
			t.Run(command+", "+how, func(t *testing.T) {
				bin, mark := t.TempDir(), filepath.Join(t.TempDir(), "mark")
				write(t, filepath.Join(bin, "git"), "#!/bin/sh\nMARK='"+mark+"'\ncase \" $* \" in *\" "+command+" \"*) "+script+" ;; esac\nexec '"+real+"' \"$@\"\n")
				if err := os.Chmod(filepath.Join(bin, "git"), 0o755); err != nil {
					t.Fatal(err)
				}
				t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				go func() { _, err := Checkout(ctx, request); done <- err }()
				for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
					if _, err := os.Stat(mark); err == nil {
						cancel()
						break
					}
					if len(done) > 0 {
						break
					}
					if time.Now().After(deadline) {
						t.Fatal("git was never asked")
					}
				}
				if err := <-done; err != context.Canceled { //nolint:errorlint // bare: with no place and no hint
					t.Errorf("got %#v", err)
				}
			})
		}
	}
	if again, err := Checkout(t.Context(), request); err != nil || !again.Reused {
		t.Errorf("afterwards: %+v, %v", again, err)
	}
}

// TestNothingOfARepositoryRuns has hooks, a hostile configuration of the user and a surrounding git command.
func TestNothingOfARepositoryRuns(t *testing.T) {
	r := newRepository(t)
	ran := filepath.Join(t.TempDir(), "ran")
	hook := "#!/bin/sh\ntouch " + ran + "\n"
	templates := filepath.Join(t.TempDir(), "templates")
	for _, dir := range []string{filepath.Join(templates, "hooks"), filepath.Join(r.dir, "hooks")} {
		write(t, filepath.Join(dir, "post-checkout"), hook)
		if err := os.Chmod(filepath.Join(dir, "post-checkout"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	commit := r.commit("text", "one\ntwo\n", ".gitattributes", "* text=auto\n")
	config := filepath.Join(t.TempDir(), "gitconfig")
	write(t, config, "[core]\nautocrlf = true\nhooksPath = "+filepath.Join(templates, "hooks")+"\nfsmonitor = touch "+ran+
		"\n[init]\ntemplateDir = "+templates+"\n[protocol \"ext\"]\nallow = always\n")
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	t.Setenv("GIT_DIR", t.TempDir())
	t.Setenv("GIT_WORK_TREE", t.TempDir())
	t.Setenv("GIT_INDEX_FILE", filepath.Join(t.TempDir(), "index"))
	request := Request{Project: "api", Repo: "file://" + r.dir, Dest: t.TempDir()}
	for range 2 {
		got, err := Checkout(t.Context(), request)
		if err != nil || got.Commit != commit {
			t.Fatalf("%+v, %v", got, err)
		}
		if text := read(t, filepath.Join(got.Dir, "text")); text != "one\ntwo\n" {
			t.Errorf("text has %q", text)
		}
	}
	if _, err := os.Stat(ran); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a hook or a monitor ran: %v", err)
	}
}

func TestSubmodules(t *testing.T) {
	inner, r := newRepository(t), newRepository(t)
	inner.commit("b", "inner")
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--", inner.dir, "inner")
	r.commit("a", "outer")
	request := Request{Project: "api", Repo: r.dir, Dest: t.TempDir()}
	for i := range 2 {
		got, err := Checkout(t.Context(), request)
		if err != nil || got.Reused != (i == 1) || read(t, filepath.Join(got.Dir, "inner", "b")) != "inner" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestConfigFS(t *testing.T) {
	dir := t.TempDir()
	if fsys, err := ConfigFS(dir); fsys != nil || err != nil {
		t.Errorf("without the folder: %v, %v", fsys, err)
	}
	write(t, filepath.Join(dir, "config/facsimile/facsimile.yaml"), "name: api\n")
	write(t, filepath.Join(dir, "shared.yaml"), "shared\n")
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "outside\n")
	for name, to := range map[string]string{"out.yaml": outside, "in.yaml": "../../shared.yaml"} {
		if err := os.Symlink(to, filepath.Join(dir, "config/facsimile", name)); err != nil {
			t.Fatal(err)
		}
	}
	fsys, err := ConfigFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(fsys, "facsimile.yaml"); err != nil || string(text) != "name: api\n" {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := fs.ReadFile(fsys, "in.yaml"); err != nil || string(text) != "shared\n" {
		t.Errorf("a link inside the source: %q, %v", text, err)
	}
	if text, err := fs.ReadFile(fsys, "out.yaml"); err == nil {
		t.Errorf("a link out of the source was followed: %q", text)
	}
	if names, err := fs.Glob(fsys, "*.yaml"); err != nil || len(names) != 3 {
		t.Errorf("%v, %v", names, err)
	}
}

func FuzzLocation(f *testing.F) {
	for _, seed := range []string{"../api", "/srv/api", "git@host:api.git", "https://u:p@host/x", "ext::sh", "-x", "ssh://-x/y", "a:b", "host:-x", "./a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, repo string) {
		where, local, err := location(repo, "/base")
		if err != nil {
			return
		}
		if strings.HasPrefix(where, "-") || strings.Contains(where, "::") || strings.ContainsAny(where, "\n\x00") {
			t.Fatalf("%q became %q", repo, where)
		}
		if local && !filepath.IsAbs(where) && !strings.HasPrefix(where, "file:") {
			t.Fatalf("%q became the relative path %q", repo, where)
		}
		_ = withoutPassword(repo)
	})
}

func FuzzCheckVersion(f *testing.F) {
	for _, seed := range []string{"1.4.2", "v1", "-x", "a..b", "a.lock", "HEAD", "a/b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if CheckVersion(v) == nil && (filepath.Base(v) != v || strings.HasPrefix(v, "-") || strings.HasPrefix(v, ".")) {
			t.Fatalf("%q was taken", v)
		}
	})
}

func BenchmarkReuse(b *testing.B) {
	dir := b.TempDir()
	for _, args := range [][]string{{"init", "-q", dir}, {"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.net", "commit", "-q", "--allow-empty", "-m", "x"}} {
		if _, err := git(b.Context(), dir, args...); err != nil {
			b.Fatal(err)
		}
	}
	request := Request{Project: "api", Repo: dir, Dest: b.TempDir()}
	for b.Loop() {
		if _, err := Checkout(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
