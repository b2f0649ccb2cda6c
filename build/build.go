package build

import (
	"context"
	"errors"

	"facsimile.dev/facsimile"
)

// Class names a way to build.
type Class string

// The classes.
const (
	Facsimile Class = "Facsimile" // nothing is built
	Go        Class = "Go"        // one static program for Linux, from a Go module
)

// Request says what to build.
type Request struct {
	Class    Class // "" means Facsimile
	Project  facsimile.Project
	SrcDir   string            // the checkout
	Commit   string            // of the checkout; "" means unknown, and builds each time
	BuildDir string            // where results go; made if it is missing
	Arch     string            // GOARCH of the nodes; "" means amd64
	Env      map[string]string // over the environment of the build
}

// Result is what was built.
type Result struct {
	Program string // the program, in BuildDir; "" for a class that makes none
	Tool    string // what built it, as in go1.26.8
	Reused  bool   // it stood there already
}

// Build builds.
func Build(ctx context.Context, r Request) (Result, error) { return Result{}, errors.New("not yet") }
