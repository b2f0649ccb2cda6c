package build

import (
	"encoding/json"
	"os"
	"path/filepath"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/atomicfile"
)

// stamp says what a program in a build folder was built from. It is written after the program,
// so a stamp that fits means a program that is whole.
type stamp struct {
	Format   int              `json:"format"`
	Commit   string           `json:"commit"`
	Tool     string           `json:"tool"`
	Settings facsimile.Digest `json:"settings"` // of all arguments and settings; only its sum, since one may hold a password
	Digest   facsimile.Digest `json:"digest"`   // of the program
}

const stampFormat = 1

func stampFile(dir string, project facsimile.Project) string {
	return filepath.Join(dir, "."+string(project)+".stamp.json")
}

// readStamp gives the zero stamp where there is none that can be read: then it is built again.
func readStamp(file string) stamp {
	var s stamp
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &s) != nil || s.Format != stampFormat {
		return stamp{}
	}
	return s
}

func (s stamp) write(file string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(file, append(text, '\n'), 0o644)
}

// fits reports whether what s describes is what want asks for, the program aside.
func (s stamp) fits(want stamp) bool {
	want.Digest = s.Digest
	return s.Commit != "" && s == want
}
