package node_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

const nobody = 65534

// asNobody makes a command run as an ordinary user, where we are root.
func asNobody(cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.Path, cmd.Dir = "/proc/self/exe", "/" // which needs no way to the file
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// nobodysDir is a folder of the user that asNobody runs as.
func nobodysDir(t testing.TB) string {
	t.Helper()
	dir := memoryDir(t)
	if os.Geteuid() == 0 {
		must(t, os.Chown(dir, nobody, nobody))
	}
	return dir
}

// TestSuiteAsOrdinaryUser runs the suite without root's right to read and write everything.
func TestSuiteAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // TestHostPassesTheSuite did
	}
	cmd := asNobody(exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestHostPassesTheSuite$", "-test.v"))
	cmd.Env = append(os.Environ(), "TMPDIR="+nobodysDir(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestHomeThatCannotBeMade(t *testing.T) {
	above := memoryDir(t)
	must(t, os.Chmod(above, 0o555))
	t.Cleanup(func() { _ = os.Chmod(above, 0o755) })
	me := "uid " + itoa(os.Geteuid())
	who := me
	if os.Geteuid() == 0 {
		who = "uid " + itoa(nobody)
	}
	for _, home := range []string{filepath.Join(above, "home"), filepath.Join(above, "deep/home")} {
		cmd := asNobody(childCommand(t, "promise", home, "token", "1"))
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s was made", home)
		}
		for _, word := range []string{home, above + " belongs to", who, me, "0555", "permission denied"} {
			if !strings.Contains(string(out), word) {
				t.Errorf("the error for %s does not say %q: %s", home, word, out)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o644))
	_, err := newHost(t, filepath.Join(file, "home")).Promise(t.Context(), nodetest.Ballot(1), nodetest.Owner(name), 1)
	refused(t, err, file, "not a directory")
	_, err = newHost(t, file).Promise(t.Context(), nodetest.Ballot(1), nodetest.Owner(name), 1)
	refused(t, err, file)
}

// TestHomeThatCannotBeWritten finds what the switch could not write before anything is staged.
func TestHomeThatCannotBeWritten(t *testing.T) {
	me := os.Geteuid()
	if me == 0 {
		me = nobody
	}
	home := filepath.Join(nobodysDir(t), "home")
	if out, err := asNobody(childCommand(t, "deploy", home, "1")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, folder := range []string{"", "releases", ".facs"} {
		at := filepath.Join(home, folder)
		before, err := os.Stat(at)
		must(t, err)
		must(t, os.Chmod(at, 0o555))
		out, err := asNobody(childCommand(t, "promise", home, "token", "2")).CombinedOutput()
		must(t, os.Chmod(at, before.Mode()))
		if err == nil {
			t.Errorf("a home with a %q that cannot be written was promised", folder)
		}
		for _, word := range []string{"cannot write to the home " + home, "uid " + itoa(me), at + " belongs to", "0555", "permission denied"} {
			if !strings.Contains(string(out), word) {
				t.Errorf("the error for %q does not say %q: %s", folder, word, out)
			}
		}
	}
	for _, folder := range []string{"", "releases", ".facs"} { // what a crash in the middle left is no hindrance
		file := filepath.Join(home, folder, ".tmp-try")
		must(t, os.WriteFile(file, nil, 0o600))
		if os.Geteuid() == 0 {
			must(t, os.Chown(file, nobody, nobody))
		}
	}
	if out, err := asNobody(childCommand(t, "promise", home, "token", "2")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, folder := range []string{"", "releases", ".facs"} {
		if _, err := os.Lstat(filepath.Join(home, folder, ".tmp-try")); err == nil {
			t.Errorf("left behind in %q", folder)
		}
	}
}

// TestHomeOfAnotherUser checks that root does not mix his files into a user's home, and that a
// path that cannot be read is an error that names it.
func TestHomeOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can be two users
	}
	home := filepath.Join(nobodysDir(t), "home")
	if out, err := asNobody(childCommand(t, "deploy", home, "2")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h, c := newHost(t, home), nodetest.NewContent()
	_, tree := crashTrees(c)
	_, err := h.Promise(t.Context(), nodetest.Ballot(3), nodetest.Owner(name), 1)
	refused(t, err, home, "uid 65534", "uid 0")
	refused(t, h.Release(t.Context(), nodetest.Ballot(2)), "uid 65534", "uid 0")
	if found, err := nodetest.Differences(t.Context(), h, tree); err != nil || len(found) > 0 {
		t.Errorf("root verifies a user's home: %v %v", found, err)
	}
	must(t, os.Chown(filepath.Join(home, "current/bin"), 0, 0))
	must(t, os.Lchown(filepath.Join(home, "current/log"), 0, 0))
	found, err := nodetest.Differences(t.Context(), h, tree)
	want := []facsimile.Difference{{Path: "bin", Kind: facsimile.OwnerDiffers}, {Path: "log", Kind: facsimile.OwnerDiffers}}
	for i := range found {
		found[i].Note = ""
	}
	if err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("Verify finds %v %v, want %v", found, err, want)
	}

	must(t, os.Chown(filepath.Join(home, "current/same"), 0, 0))
	must(t, os.Chmod(filepath.Join(home, "current/same"), 0o600))
	must(t, os.Chmod(filepath.Join(home, "current/bin"), 0o700))
	out, err := asNobody(childCommand(t, "verify", home, tree.String())).CombinedOutput()
	must(t, err)
	for _, word := range []string{"cannot read same", "cannot read bin", "uid 65534", "permission denied", "log: owner", "bin: mode"} {
		if !strings.Contains(string(out), word) {
			t.Errorf("without the right to read, Verify does not say %q: %s", word, out)
		}
	}

	must(t, os.Mkdir(filepath.Join(home, "current/roots"), 0o755))
	must(t, os.WriteFile(filepath.Join(home, "current/roots/file"), nil, 0o600))
	if out, err := asNobody(childCommand(t, "deploy", home, "3")).CombinedOutput(); err != nil {
		t.Fatalf("what cannot be read cannot be mended: %v: %s", err, out)
	}
	if found, err := nodetest.Differences(t.Context(), h, tree); err != nil || len(found) > 0 {
		t.Errorf("after mending: %v %v", found, err)
	}
}

func TestUmaskHasNoSay(t *testing.T) {
	for _, umask := range []string{"077", "000"} {
		home := filepath.Join(memoryDir(t), "srv", "home")
		cmd := childCommand(t, "deploy", home, "1")
		cmd.Args = []string{"sh", "-c", "umask " + umask + "; exec " + cmd.Path}
		cmd.Path = "/bin/sh"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		_, tree := crashTrees(nodetest.NewContent())
		if found, err := nodetest.Differences(t.Context(), newHost(t, home), tree); err != nil || len(found) > 0 {
			t.Errorf("under the umask %s: %v %v", umask, found, err)
		}
		for path, want := range map[string]os.FileMode{"": 0o755, "..": 0o755, "releases": 0o755, "shared": 0o755, "shared/log": 0o755, ".facs": 0o700, ".facs/lock": 0o600, ".facs/journal": 0o600} {
			info, err := os.Stat(filepath.Join(home, path))
			must(t, err)
			if info.Mode().Perm() != want {
				t.Errorf("under the umask %s %q has the mode %v, want %v", umask, path, info.Mode().Perm(), want)
			}
		}
	}
}

func TestOwnersOfFiles(t *testing.T) {
	home := filepath.Join(memoryDir(t), "home")
	h, c := newHost(t, home), nodetest.NewContent()
	owned := func(path, owner, group string) facsimile.File {
		f := c.File(path, "of "+path, 0o640)
		f.Owner, f.Group = owner, group
		return f
	}
	stage := func(epoch uint64, tree facsimile.Digest) error {
		_, err := h.Stage(t.Context(), node.Ballot{Epoch: epoch, Token: "t"}, nodetest.Order(epoch, name, tree), c)
		return err
	}
	_, err := h.Promise(t.Context(), node.Ballot{Epoch: 1, Token: "t"}, nodetest.Owner(name), 1<<40)
	must(t, err)
	refused(t, stage(1, c.Add(t, owned("a", "no-such-user", ""), owned("b", "", "no-such-group"))), "a to no-such-user", "1 more")
	if os.Geteuid() != 0 {
		refused(t, stage(1, c.Add(t, owned("a", "root", ""))), "may not give files")
		return
	}
	link := nodetest.Link("link", "a")
	link.Owner = "65534"
	folder := nodetest.Folder("folder", 0o2775)
	folder.Owner, folder.Group = "nobody", "65534"
	setuid := owned("setuid", "nobody", "")
	setuid.Mode = 0o4755
	tree := c.Add(t, owned("a", "nobody", "root"), owned("b", "", "65534"), link, folder, setuid)
	must(t, stage(1, tree))
	_, err = h.Activate(t.Context(), node.Ballot{Epoch: 1, Token: "t"}, nodetest.Order(1, name, tree))
	must(t, err)
	if found, err := nodetest.Differences(t.Context(), h, tree); err != nil || len(found) > 0 {
		t.Errorf("%v %v", found, err)
	}
	for path, ids := range map[string][2]int{"a": {0, 0}, "b": {0, 0}, "link": {0, 0}, "folder": {nobody, 0}, "setuid": {0, -1}} {
		must(t, os.Lchown(filepath.Join(home, "current", path), ids[0], ids[1]))
	}
	must(t, os.Chmod(filepath.Join(home, "current/setuid"), 0o755|os.ModeSetuid)) // which a change of owner clears
	must(t, os.Chmod(filepath.Join(home, "current/folder"), 0o775|os.ModeSetgid))
	found, err := nodetest.Differences(t.Context(), h, tree)
	must(t, err)
	var paths []string
	for _, d := range found {
		paths = append(paths, d.Path+" "+string(d.Kind))
	}
	if want := []string{"a owner", "b owner", "folder owner", "link owner", "setuid owner"}; !reflect.DeepEqual(paths, want) {
		t.Errorf("Verify finds %v, want %v", found, want)
	}
}
