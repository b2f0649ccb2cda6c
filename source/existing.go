package source

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Existing gives the checkout that stands in its folder, complete and of the repository that is
// asked for, without asking the repository or reading the files: enough for looking at a
// definition, and no ground to ship anything on. False where there is none.
func Existing(r Request) (Result, bool) {
	where, local, err := location(r.Repo, r.Base)
	if err != nil {
		return Result{}, false
	}
	dest, err := filepath.Abs(r.Dest)
	if err != nil {
		return Result{}, false
	}
	c := checkout{Request: r, where: where, local: local}
	c.Dest = dest
	var m marker
	text, err := os.ReadFile(filepath.Join(c.dir(), filepath.FromSlash(markerFile)))
	if err != nil || json.Unmarshal(text, &m) != nil || m.Format != markerFormat || m.Repo != withoutPassword(where) {
		return Result{}, false
	}
	return Result{Dir: c.dir(), Commit: m.Commit, Reused: true}, true
}
