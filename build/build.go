package build

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"facsimile.dev/facsimile"
)

// Class names a way to build.
type Class string

// The classes.
const (
	Facsimile Class = "Facsimile" // nothing is built
	Go        Class = "Go"        // one static program for Linux, from a Go module
)

// classes lists those that there are; a class of a project that is none of them is an error.
func classes() map[Class]func(context.Context, Request) (Result, error) {
	return map[Class]func(context.Context, Request) (Result, error){Facsimile: buildNothing, Go: buildGo}
}

// Request says what to build.
type Request struct {
	Class    Class // "" means Facsimile
	Project  facsimile.Project
	SrcDir   string            // the checkout; nothing is written into it
	Commit   string            // of the checkout; "" means unknown, and builds each time
	BuildDir string            // where results go; made if it is missing
	Arch     string            // GOARCH of the nodes; "" means amd64
	Env      map[string]string // for the tools of the build, as in GOPROXY; what is pinned cannot be set
	Begin    func()            // called when it really is built, not reused; may be nil
}

// Result is what was built.
type Result struct {
	Dir     string           // BuildDir, absolute
	Program string           // the program, in Dir; "" for a class that makes none
	Digest  facsimile.Digest // of the program
	Tool    string           // what built it, as in go1.26.8
	Reused  bool             // it stood there already
}

// Build builds a project by its class.
func Build(ctx context.Context, r Request) (Result, error) {
	if r.Class == "" {
		r.Class = Facsimile
	}
	if _, err := facsimile.ParseName("project", string(r.Project)); err != nil {
		return Result{}, facsimile.Errorf(facsimile.BadInput, "%w", err)
	}
	build, ok := classes()[r.Class]
	if !ok {
		return Result{}, unknownClass(r)
	}
	var err error
	if r.SrcDir, err = filepath.Abs(r.SrcDir); err != nil {
		return Result{}, err
	}
	if r.BuildDir, err = filepath.Abs(r.BuildDir); err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(r.BuildDir, 0o755); err != nil {
		return Result{}, err
	}
	return build(ctx, r)
}

func buildNothing(_ context.Context, r Request) (Result, error) { return Result{Dir: r.BuildDir}, nil }

func unknownClass(r Request) error {
	names := []string{string(Facsimile), string(Go)}
	err := facsimile.Errorf(facsimile.BadInput, "project %s has the class %q, which this facs does not know", r.Project, r.Class)
	if near := facsimile.Nearest(string(r.Class), names); len(near) > 0 {
		return err.WithHint("did you mean %s? the classes are %s", near[0], strings.Join(names, " and "))
	}
	return err.WithHint("the classes are %s", strings.Join(names, " and "))
}

// digestFile sums a file; the zero digest if there is none.
func digestFile(file string) (facsimile.Digest, error) {
	content, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return facsimile.Digest{}, nil
	}
	if err != nil {
		return facsimile.Digest{}, err
	}
	return facsimile.DigestOf(content), nil
}

// isExecutable reports whether a file can be run by its owner.
func isExecutable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().Type() == fs.FileMode(0) && info.Mode().Perm()&0o100 != 0
}

// lastLines is the end of what a tool said, since that is where it says why.
func lastLines(said string, n int) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if cut := len(lines) - n; cut > 0 {
		return fmt.Sprintf("… (%d lines more)\n%s", cut, strings.Join(lines[cut:], "\n"))
	}
	return strings.Join(lines, "\n")
}
