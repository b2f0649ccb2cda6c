package machine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
)

func TestTargetCheck(t *testing.T) {
	for _, good := range []Target{
		{Name: "fe1.eu.example.net"},
		{Name: "fe_1", Address: "192.0.2.7", Port: 22, User: "deploy"},
		{Name: "n", Address: "2001:db8::1", User: "first.last"},
		{Name: "n", Address: "host.example.net", User: "_svc@corp", KnownHosts: []string{"/a b/known_hosts", "~/k"}, Identity: []string{"/k/%h"}},
	} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-a-z0-9.:%@$_ ]{0,12}`)).Draw(t, "s")
		for _, target := range []Target{{Name: facsimile.Node(s)}, {Name: "n", Address: s}, {Name: "n", User: s}} {
			if target.Check() != nil {
				continue
			}
			if strings.HasPrefix(s, "-") || strings.ContainsAny(s, " \t\n\x00'\"`$%;&|<>(){}*?\\!~#,=/") {
				t.Errorf("%q was taken in %+v", s, target)
			}
		}
	})
}

func TestParseUname(t *testing.T) {
	for in, want := range map[string]string{
		"Linux x86_64\n": "linux/amd64", "Linux aarch64": "linux/arm64", "Darwin arm64": "darwin/arm64",
		"Linux armv7l": "linux/arm", "FreeBSD amd64": "freebsd/amd64", "Linux riscv64": "linux/riscv64", "Linux i686": "linux/386",
		"": "/", "Linux": "/", "Haiku x86_64": "/", "Linux mips x": "/",
	} {
		goos, goarch, err := parseUname(in)
		if got := goos + "/" + goarch; got != want || (err == nil) != (want != "/") {
			t.Errorf("%q is %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestProgramError(t *testing.T) {
	root := Target{Name: "n", Become: true}
	for _, c := range []struct {
		target Target
		status int
		stderr string
		want   string
	}{
		{root, 0, "sudo: a password is required\n", ""},
		{root, 1, "sudo: a password is required\n", "sudo"},
		{root, 1, "Warning: disk\nsudo: a terminal is required to read the password; either use the -S option\nsudo: a password is required\n", "sudo"},
		{root, 1, "sudo: sorry, you must have a tty to run sudo\n", "sudo"},
		{root, 1, "deploy is not in the sudoers file.\n", "sudo"},
		{root, 1, "Sorry, user deploy is not allowed to execute '/x' as root on fe1.\n", "sudo"},
		{root, 1, "Sorry, user deploy may not run sudo on fe1.\n", "sudo"},
		{root, 127, "facs: 1: sudo: not found\n", "sudo"},
		{root, 127, "bash: line 1: sudo: command not found\n", "sudo"},
		{root, 1, "sudo: /srv/facs: command not found\n", "127"},
		{root, 1, "something else\n", "1"},
		{Target{Name: "n"}, 1, "sudo: a password is required\n", "1"},
	} {
		err := ProgramError(c.target, []string{"/srv/facs", "x"}, c.status, c.stderr)
		var exit *ExitError
		var sudo *NoSudo
		got := ""
		switch {
		case errors.As(err, &sudo):
			got = "sudo"
		case errors.As(err, &exit) && exit.Program == "facs":
			got = map[int]string{1: "1", 127: "127"}[exit.Status]
		}
		if got != c.want {
			t.Errorf("%d %q: %v; want %q", c.status, c.stderr, err, c.want)
		}
	}
}

func TestFindBinary(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	for name, text := range map[string]string{"main.go": "package main\n\nfunc main() {}\n", "go.mod": "module example.net/facs\n\ngo 1.24\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := func(goos, goarch, out string) {
		t.Helper()
		cmd := exec.Command("go", "build", "-o", out, ".")
		cmd.Dir = filepath.Dir(source)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	self, other := filepath.Join(dir, "facs"), map[string]string{"amd64": "arm64"}[runtime.GOARCH]
	if other == "" {
		other = "amd64"
	}
	beside := filepath.Join(dir, "facs-"+runtime.GOOS+"-"+other)
	build(runtime.GOOS, runtime.GOARCH, self)
	if got, err := FindBinary(self, runtime.GOOS, runtime.GOARCH); got != self || err != nil {
		t.Errorf("for this system: %q, %v", got, err)
	}
	_, err := FindBinary(self, runtime.GOOS, other)
	var missing *MissingBinary
	var told *facsimile.Error
	if !errors.As(err, &missing) || missing.Path != beside || !errors.As(err, &told) ||
		!strings.Contains(told.Hint, "GOARCH="+other+" go build") || !strings.Contains(told.Hint, "example.net/facs") {
		t.Errorf("for %s: %v, %+v", other, err, told)
	}
	build(runtime.GOOS, runtime.GOARCH, beside) // of the wrong system
	if _, err := FindBinary(self, runtime.GOOS, other); !errors.As(err, &missing) {
		t.Errorf("a wrong build beside it: %v", err)
	}
	if err := os.WriteFile(beside, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := FindBinary(self, runtime.GOOS, other); !errors.As(err, &missing) {
		t.Errorf("no program beside it: %v", err)
	}
	if _, err := FindBinary(source, runtime.GOOS, other); err == nil {
		t.Error("a text file is a program")
	}
	if testing.Short() {
		return // the standard library for another processor takes a while
	}
	if err := os.Remove(beside); err != nil {
		t.Fatal(err)
	}
	build(runtime.GOOS, other, beside)
	if got, err := FindBinary(self, runtime.GOOS, other); got != beside || err != nil {
		t.Errorf("for %s: %q, %v", other, got, err)
	}
}
