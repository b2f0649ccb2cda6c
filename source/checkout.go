package source

import (
	"context"
	"errors"
	"io/fs"

	"facsimile.dev/facsimile"
)

// Request says what to check out.
type Request struct {
	Project facsimile.Project
	Repo    string // a URL, HOST:PATH as ssh takes it, or a path
	Base    string // the folder that a relative path in Repo is relative to: that of the definition
	Version string // the tag; "" takes the newest commit of the default branch
	Dest    string // the folder of all checkouts: .facsimile/tmp/SRC
}

// Result is a checkout.
type Result struct {
	Dir    string // absolute: Dest/PROJECT-VERSION, or Dest/PROJECT-HEAD
	Commit string // 40 or 64 hexadecimal digits
	Reused bool   // it stood there already
}

// Checkout makes sure that the source stands in its folder, and says which commit it is.
func Checkout(ctx context.Context, r Request) (Result, error) {
	return Result{}, errors.New("not yet")
}

// ConfigFS is the project's own part of the definition, the folder config/facsimile of its source;
// nil where it has none. No link in it leads out of the source.
func ConfigFS(dir string) (fs.FS, error) { return nil, errors.New("not yet") }
