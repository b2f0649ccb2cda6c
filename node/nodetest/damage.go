package nodetest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	facsimile "facsimile.dev/facsimile"
)

// Damage is one way to spoil a deployed release, and what Verify must say of it.
type Damage struct {
	Name string
	Do   func(t testing.TB, home string, tree facsimile.Digest)
	Want []facsimile.Difference // without notes
}

// Sample adds a tree with a bit of everything, which the damages are for.
func Sample(t testing.TB, c *Content) facsimile.Digest {
	return c.Add(t,
		c.File("bin/api", "#!/bin/sh\nexec sleep 1\n", 0o755),
		c.File("etc/api.yaml", "port: 8000\n", 0o644),
		c.File("etc/copy.yaml", "port: 8000\n", 0o640),
		c.File("etc/empty", "", 0o644),
		c.Secret("etc/password", "correct horse battery staple"),
		Link("bin/latest", "api"),
		Folder("lib/plugins", 0o750),
		c.File("lib/readonly/a", "never written to\n", 0o444),
		Folder("lib/readonly", 0o555),
		Link("var/log", facsimile.SharedLink("var/log")),
	)
}

// Damages are ways to spoil Sample.
func Damages() []Damage {
	differs := func(pairs ...string) (want []facsimile.Difference) {
		for i := 0; i < len(pairs); i += 2 {
			want = append(want, facsimile.Difference{Path: pairs[i], Kind: facsimile.DifferenceKind(pairs[i+1])})
		}
		return want
	}
	return append([]Damage{
		{"other content", inRelease("etc/api.yaml", func(p string) error { return os.WriteFile(p, []byte("port: 80\n"), 0o644) }), differs("etc/api.yaml", "content")},
		{"other content of the same size and time", inRelease("etc/api.yaml", overwriteQuietly), differs("etc/api.yaml", "content")},
		{"a secret of the same size and time", inRelease("etc/password", overwriteQuietly), differs("etc/password", "content")},
		{"bytes appended", inRelease("etc/empty", func(p string) error { return os.WriteFile(p, []byte("x"), 0o644) }), differs("etc/empty", "content")},
		{"a mode", inRelease("bin/api", func(p string) error { return os.Chmod(p, 0o700) }), differs("bin/api", "mode")},
		{"a setuid bit", inRelease("bin/api", func(p string) error { return os.Chmod(p, 0o755|os.ModeSetuid) }), differs("bin/api", "mode")},
		{"a secret for all", inRelease("etc/password", func(p string) error { return os.Chmod(p, 0o644) }), differs("etc/password", "mode")},
		{"a folder's mode", inRelease("lib/plugins", func(p string) error { return os.Chmod(p, 0o777) }), differs("lib/plugins", "mode")},
		{"the release's mode", inRelease(".", func(p string) error { return os.Chmod(p, 0o700) }), differs(".", "mode")},
		{"a file removed", inRelease("etc/api.yaml", os.Remove), differs("etc/api.yaml", "missing")},
		{"a link removed", inRelease("bin/latest", os.Remove), differs("bin/latest", "missing")},
		{"a folder removed", inRelease("bin", os.RemoveAll), differs("bin", "missing", "bin/api", "missing", "bin/latest", "missing")},
		{"a file in place of a folder", inRelease("lib/plugins", replaceBy(func(p string) error { return os.WriteFile(p, nil, 0o750) })), differs("lib/plugins", "type")},
		{"a link in place of a file", inRelease("etc/api.yaml", replaceBy(func(p string) error { return os.Symlink("copy.yaml", p) })), differs("etc/api.yaml", "type")},
		{"a folder in place of a file", inRelease("etc/api.yaml", replaceBy(func(p string) error { return os.MkdirAll(filepath.Join(p, "in"), 0o755) })), differs("etc/api.yaml", "type", "etc/api.yaml/in", "extra")},
		{"a link in place of a folder", inRelease("bin", func(p string) error { // to a folder that looks the same
			if err := os.Rename(p, filepath.Join(filepath.Dir(p), "moved")); err != nil {
				return err
			}
			return os.Symlink("moved", p)
		}), differs("bin", "type", "bin/api", "missing", "bin/latest", "missing", "moved", "extra", "moved/api", "extra", "moved/latest", "extra")},
		{"a link elsewhere", inRelease("bin/latest", replaceBy(func(p string) error { return os.Symlink("../etc/empty", p) })), differs("bin/latest", "link")},
		{"an extra file", inRelease("etc/api.yaml~", func(p string) error { return os.WriteFile(p, nil, 0o644) }), differs("etc/api.yaml~", "extra")},
		{"an extra file without a name that trees take", inRelease("etc/\n\xff", func(p string) error { return os.WriteFile(p, nil, 0o644) }), differs("etc/\n\xff", "extra")},
		{"an extra folder", inRelease("lib/cache", func(p string) error { return os.MkdirAll(filepath.Join(p, "deep"), 0o755) }), differs("lib/cache", "extra", "lib/cache/deep", "extra")},
		{"the release removed", inRelease(".", removeAll), differs(
			"bin", "missing", "bin/api", "missing", "bin/latest", "missing", "etc", "missing", "etc/api.yaml", "missing", "etc/copy.yaml", "missing",
			"etc/empty", "missing", "etc/password", "missing", "lib", "missing", "lib/plugins", "missing", "lib/readonly", "missing", "lib/readonly/a", "missing",
			"var", "missing", "var/log", "missing")},
	}, linkDamages(differs("current", "release"))...)
}

func linkDamages(want []facsimile.Difference) []Damage {
	current := func(do func(p string) error) func(testing.TB, string, facsimile.Digest) {
		return func(t testing.TB, home string, _ facsimile.Digest) {
			t.Helper()
			must(t, replaceBy(do)(filepath.Join(home, "current")))
		}
	}
	return []Damage{
		{"no current", current(func(string) error { return nil }), want},
		{"current elsewhere", current(func(p string) error { return os.Symlink("shared", p) }), want},
		{"current out of the home", current(func(p string) error { return os.Symlink("/", p) }), want},
		{"current is a folder", current(func(p string) error { return os.Mkdir(p, 0o755) }), want},
		{"current is a file", current(func(p string) error { return os.WriteFile(p, []byte("mine"), 0o644) }), want},
	}
}

// inRelease makes a damage of what happens to one path of a release.
func inRelease(path string, do func(p string) error) func(testing.TB, string, facsimile.Digest) {
	return func(t testing.TB, home string, tree facsimile.Digest) {
		t.Helper()
		must(t, do(filepath.Join(home, "releases", tree.Hex(), path)))
	}
}

// overwriteQuietly changes one byte in place and sets the time back.
func overwriteQuietly(p string) error {
	info, err := os.Stat(p)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(p)
	if err != nil {
		return err
	}
	b[0] ^= 1
	f, err := os.OpenFile(p, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Chtimes(p, info.ModTime(), info.ModTime())
}

func replaceBy(do func(p string) error) func(p string) error {
	return func(p string) error {
		if err := os.RemoveAll(p); err != nil {
			return err
		}
		return do(p)
	}
}

// removeAll is os.RemoveAll for folders that may not be written to, too.
func removeAll(p string) error {
	Unlock(p)
	return os.RemoveAll(p)
}

// Unlock makes every folder below p one that its owner may write to, so that an ordinary user
// can remove a release.
func Unlock(p string) {
	_ = filepath.WalkDir(p, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(p, 0o755)
		}
		return nil
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
