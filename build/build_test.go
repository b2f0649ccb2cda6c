package build

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"facsimile.dev/facsimile"
)

// source writes the source of a small program, and gives its folder.
func source(t testing.TB, files ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
	all := append([]string{"go.mod", "module example.net/tool\n\ngo 1.25.0\n", "main.go", "package main\n\nfunc main() { println(\"made\") }\n"}, files...)
	for i := 0; i < len(all); i += 2 {
		file := filepath.Join(dir, all[i])
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(all[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func request(t testing.TB, src string) Request {
	t.Helper()
	return Request{Class: Go, Project: "tool", SrcDir: src, Commit: "c1", BuildDir: filepath.Join(t.TempDir(), "a", "build")}
}

func TestAProgramIsBuiltAndRuns(t *testing.T) {
	got, err := Build(t.Context(), request(t, source(t)))
	if err != nil {
		t.Fatal(err)
	}
	if got.Reused || !strings.HasPrefix(got.Tool, "go1.") || filepath.Base(got.Program) != "tool" || got.Digest.IsZero() {
		t.Errorf("%+v", got)
	}
	out, err := exec.Command(got.Program).CombinedOutput()
	if err != nil || string(out) != "made\n" {
		t.Errorf("it printed %q, %v", out, err)
	}
	f, err := elf.Open(got.Program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libraries, err := f.ImportedLibraries(); len(libraries) > 0 || f.Section(".debug_info") != nil {
		t.Errorf("it needs %v, %v, or holds debug information", libraries, err)
	}
}

// TestTheSameBytes builds from two folders, the second with an environment that would change a build.
func TestTheSameBytes(t *testing.T) {
	first, err := Build(t.Context(), request(t, source(t)))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "goenv")
	if err := os.WriteFile(config, []byte("GOFLAGS=-tags=other\nGOAMD64=v3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"GOENV": config, "GOFLAGS": "-ldflags=-X=main.x=y", "GOAMD64": "v2", "GOARCH": "arm64", "GOOS": "windows",
		"CGO_ENABLED": "1", "GOWORK": filepath.Join(t.TempDir(), "go.work"), "GODEBUG": "http2client=0"} {
		t.Setenv(name, value)
	}
	r := request(t, source(t, "other.go", "//go:build other\n\npackage main\n\nfunc init() { println(\"other\") }\n"))
	r.Env = map[string]string{"GOFLAGS": "-tags=other", "GOARCH": "arm64"}
	second, err := Build(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if first.Digest != second.Digest {
		t.Errorf("two folders gave %s and %s", first.Digest.Short(), second.Digest.Short())
	}
}

func TestWhatIsBuiltIsNotBuiltAgain(t *testing.T) {
	r := request(t, source(t))
	first, err := Build(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name   string
		change func()
		reused bool
	}{
		{"nothing changed", func() {}, true},
		{"another commit", func() { r.Commit = "c2" }, false},
		{"another setting", func() { r.Env = map[string]string{"GOSUMDB": "off"} }, false},
		{"nothing changed since", func() {}, true},
		{"the program was damaged", func() { appendTo(t, first.Program) }, false},
		{"the program was removed", func() { os.Remove(first.Program) }, false},
		{"the stamp was damaged", func() { appendTo(t, stampFile(r.BuildDir, "tool")) }, false},
		{"the commit is not known", func() { r.Commit = "" }, false},
		{"still not", func() {}, false},
	} {
		step.change()
		got, err := Build(t.Context(), r)
		if err != nil || got.Reused != step.reused || got.Digest != first.Digest {
			t.Errorf("%s: %+v, %v; want reused %v and the same program", step.name, got, err, step.reused)
		}
	}
}

func appendTo(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	broken := "package main\n\nfunc main() { undefinedThing() }\n"
	for _, test := range []struct {
		name          string
		class         Class
		src           string
		message, hint string
	}{
		{"an unknown class", "go", source(t), `project tool has the class "go", which this facs does not know`, "did you mean Go? the classes are Facsimile and Go"},
		{"a class of later", "VirtualEnv", source(t), "VirtualEnv", "the classes are Facsimile and Go"},
		{"a mistake in the source", Go, source(t, "main.go", broken), "undefined: undefinedThing", ""},
		{"no module", Go, t.TempDir(), "has no go.mod", "go mod init"},
		{"a module that go.mod does not list", Go, source(t, "x.go", "package main\n\nimport _ \"example.net/other\"\n"), "example.net/other", ""},
		{"a module without its sum", Go, source(t, "go.mod", "module example.net/tool\n\ngo 1.25.0\n\nrequire go.etcd.io/bbolt v1.5.0\n",
			"x.go", "package main\n\nimport _ \"go.etcd.io/bbolt\"\n"), "missing go.sum entry", "go mod tidy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request(t, test.src)
			r.Class = test.class
			_, err := Build(t.Context(), r)
			var told *facsimile.Error
			if !errors.As(err, &told) || !strings.Contains(told.Msg, test.message) || !strings.Contains(told.Hint, test.hint) {
				t.Fatalf("%v; want %q, hint %q", err, test.message, test.hint)
			}
			if left, _ := filepath.Glob(filepath.Join(r.BuildDir, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestOnlyTheEndOfALongError(t *testing.T) {
	text := lastLines(strings.Repeat("noise\n", 30)+"the reason\n", 3)
	if text != "… (28 lines more)\nnoise\nnoise\nthe reason" {
		t.Errorf("%q", text)
	}
}

func TestWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Build(t.Context(), request(t, source(t)))
	if err == nil || !strings.Contains(err.Error(), "needs Go, which is not installed") {
		t.Errorf("%v", err)
	}
}

func TestAGivenUpBuild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, request(t, source(t))); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAProjectThatIsNotBuilt(t *testing.T) {
	r := request(t, t.TempDir())
	for _, class := range []Class{"", Facsimile} {
		r.Class = class
		got, err := Build(t.Context(), r)
		if err != nil || got.Program != "" || got.Dir != r.BuildDir {
			t.Errorf("class %q: %+v, %v", class, got, err)
		}
	}
	r.Project = "../x"
	if _, err := Build(t.Context(), r); err == nil {
		t.Error("a project that is no name was taken")
	}
}

func BenchmarkReuse(b *testing.B) {
	r := request(b, source(b))
	for b.Loop() {
		if _, err := Build(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
