package define

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define/syntax"
)

// Names of files and folders in the folder of a definition.
const (
	topName     = "facsimile" // the layer under all others
	modulesName = "modules"   // the modules, a list or a map by name
	defineDir   = "define"    // one file per instance or shared layer
	schemaName  = "schema"    // the schema of the users' own keys, no layer
)

// folder is a folder of layer files: that of the definition, or a project's own in its source.
// It lists itself once and parses a file when it is first asked for, once.
type folder struct {
	fsys    fs.FS
	sources *facsimile.Sources
	limit   int64
	label   string        // put before file names in positions; "" for the definition itself
	parsed  *atomic.Int64 // counts files, for tests

	list func() (*listing, error)
	mu   sync.Mutex
	memo map[string]func() (*layer, facsimile.Problems)
}

// listing says which files stand for which layer.
type listing struct {
	files     map[string][]string // layer to files, those of the folder itself first
	flat      []string            // layers of the folder itself, sorted
	define    []string            // layers in define/, sorted
	hasDefine bool
}

func newFolder(fsys fs.FS, sources *facsimile.Sources, o Options, label string, parsed *atomic.Int64) *folder {
	f := &folder{fsys: fsys, sources: sources, limit: o.MaxFileSize, label: label, parsed: parsed,
		memo: map[string]func() (*layer, facsimile.Problems){}}
	if f.limit <= 0 {
		f.limit = DefaultMaxFileSize
	}
	f.list = sync.OnceValues(f.readListing)
	return f
}

func (f *folder) readListing() (*listing, error) {
	l := &listing{files: map[string][]string{}}
	top, err := fs.ReadDir(f.fsys, ".")
	if err != nil {
		return nil, facsimile.Errorf(facsimile.BadInput, "cannot list the folder of the definition: %w", err)
	}
	l.flat = l.add("", top)
	switch entries, err := fs.ReadDir(f.fsys, defineDir); {
	case err == nil:
		l.hasDefine = true
		l.define = l.add(defineDir, entries)
	case !errors.Is(err, fs.ErrNotExist) && slices.ContainsFunc(top, func(e fs.DirEntry) bool { return e.Name() == defineDir && e.Type() != 0 }):
		return nil, facsimile.Errorf(facsimile.BadInput, "cannot list %s: %w", defineDir, err)
	}
	return l, nil
}

// add notes the layer files among the entries of a folder, and gives their names in order.
func (l *listing) add(dir string, entries []fs.DirEntry) []string {
	var names []string
	for _, e := range entries {
		name, _, ok := syntax.FormatOf(e.Name())
		if !ok || e.IsDir() {
			continue
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
		l.files[name] = append(l.files[name], path.Join(dir, e.Name()))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// layer reads the layer file of a name; nil where there is none. Inline layers of the top file
// are not looked at here.
func (f *folder) layer(name string) (*layer, facsimile.Problems) {
	f.mu.Lock()
	read, ok := f.memo[name]
	if !ok {
		read = sync.OnceValues(func() (*layer, facsimile.Problems) { return f.read(name) })
		f.memo[name] = read
	}
	f.mu.Unlock()
	return read()
}

func (f *folder) read(name string) (*layer, facsimile.Problems) {
	l, err := f.list()
	if err != nil {
		return nil, asProblems(err)
	}
	files := l.files[name]
	switch len(files) {
	case 0:
		return nil, nil
	case 1:
		return f.parse(name, files[0])
	}
	e := facsimile.Errorf(facsimile.BadInput, "the layer %q stands in %s", name, enumerate(f.shown(files)))
	for _, file := range files {
		e.At = append(e.At, facsimile.Position{Layer: facsimile.Layer(name), File: f.label + file})
	}
	return nil, facsimile.Problems{e.WithHint("keep one of them")}
}

// parse reads one file into a layer.
func (f *folder) parse(name, file string) (*layer, facsimile.Problems) {
	f.parsed.Add(1)
	text, err := f.readFile(file)
	if err != nil {
		at := facsimile.Position{Layer: facsimile.Layer(name), File: f.label + file}
		return nil, facsimile.Problems{facsimile.Errorf(facsimile.BadInput, "cannot read the layer %q: %w", name, err).WithAt(at)}
	}
	_, format, _ := syntax.FormatOf(file)
	id := f.sources.Add(facsimile.Source{Layer: facsimile.Layer(name), File: f.label + file, Text: syntax.TrimMark(text)})
	v, problems := syntax.Parse(f.sources, id, format)
	if len(problems) > 0 {
		return nil, problems
	}
	return newLayer(f.sources, name, f.label+file, v)
}

// readFile reads a file that is a regular one, inside the folder and not too large.
func (f *folder) readFile(file string) ([]byte, error) {
	if err := staysInside(f.fsys, file); err != nil {
		return nil, err
	}
	info, err := fs.Stat(f.fsys, file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > f.limit:
		return nil, f.tooLarge(info.Size())
	}
	r, err := f.fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, f.limit+1))
	if err == nil && int64(len(text)) > f.limit {
		err = f.tooLarge(int64(len(text)))
	}
	return text, err
}

func (f *folder) tooLarge(size int64) error {
	return fmt.Errorf("it has %d bytes or more; the most is %d", size, f.limit)
}

func (f *folder) shown(files []string) []string {
	shown := make([]string, len(files))
	for i, file := range files {
		shown[i] = f.label + file
	}
	return shown
}

// staysInside refuses a path that a symbolic link leads out of the folder. It can tell for
// file systems that show links; those made by os.Root refuse by themselves as well.
func staysInside(fsys fs.FS, file string) error {
	links, ok := fsys.(fs.ReadLinkFS)
	if !ok {
		return nil
	}
	done, rest := ".", strings.Split(file, "/")
	for hops := 0; len(rest) > 0; {
		at := path.Join(done, rest[0])
		rest = rest[1:]
		if at == ".." || strings.HasPrefix(at, "../") {
			return fmt.Errorf("a symbolic link leads out of the folder of the definition")
		}
		info, err := links.Lstat(at)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = at
			continue
		}
		to, err := links.ReadLink(at)
		if err != nil {
			return err
		}
		if hops++; hops > 40 {
			return errors.New("too many symbolic links")
		}
		if path.IsAbs(to) || strings.Contains(to, ":") {
			return fmt.Errorf("the symbolic link %s leads out of the folder of the definition", at)
		}
		rest = append(strings.Split(to, "/"), rest...)
		rest = slices.DeleteFunc(rest, func(part string) bool { return part == "" || part == "." })
	}
	return nil
}

// asProblems is an error as problems: itself, if it is some.
func asProblems(err error) facsimile.Problems {
	if err == nil {
		return nil
	}
	if problems, ok := errors.AsType[facsimile.Problems](err); ok {
		return problems
	}
	if e, ok := errors.AsType[*facsimile.Error](err); ok {
		return facsimile.Problems{e}
	}
	return facsimile.Problems{facsimile.Errorf(facsimile.BadInput, "%w", err)}
}

// enumerate writes names as people do: a, b and c.
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
