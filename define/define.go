package define

import (
	"io/fs"
	"sync"
	"sync/atomic"

	"facsimile.dev/facsimile"
)

// Options are the limits and labels of a definition. The zero value is ready.
type Options struct {
	// MaxFileSize is the most bytes that a layer file may have; 0 means DefaultMaxFileSize.
	MaxFileSize int64
	// SourceDir says which folder to show in positions of files in the own source of a
	// project. Without it that is PROJECT/config/facsimile.
	SourceDir func(p facsimile.Project) string
}

// DefaultMaxFileSize is the most bytes of a layer file where Options say nothing.
const DefaultMaxFileSize = 4 << 20

// Definition is a definition that was opened. It may be used by several goroutines at once.
type Definition struct {
	sources *facsimile.Sources
	options Options
	shelf   *shelf
	parsed  atomic.Int64 // files, for tests

	mu         sync.Mutex
	topologies map[facsimile.Instance]*topologyOf
	owns       map[facsimile.Project]*shelf // the sources of projects, as they were seen last
}

// Load opens the definition in a folder. It runs nothing, and reads only what is asked for:
// layer files are parsed on first use, and once. To keep symbolic links from leading out of
// the folder on every system, pass the FS of an os.Root.
//
// Sources receives every file that is read, so that origins can be shown.
func Load(fsys fs.FS, sources *facsimile.Sources, o Options) (*Definition, error) {
	d := &Definition{sources: sources, options: o,
		topologies: map[facsimile.Instance]*topologyOf{}, owns: map[facsimile.Project]*shelf{}}
	d.shelf = newShelf(newFolder(fsys, sources, o, "", &d.parsed))
	l, err := d.shelf.folder.list()
	if err != nil {
		return nil, err
	}
	if len(l.files) == 0 {
		return nil, facsimile.Errorf(facsimile.BadInput, "the folder holds no definition").
			WithHint("a definition starts with facsimile.yaml; facs init writes one")
	}
	return d, nil
}

// Finding is something that people should look at.
type Finding struct {
	Error   *facsimile.Error
	Warning bool // it works, but is probably not what was meant
}
