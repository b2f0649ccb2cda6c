package render

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/jinja"
	"facsimile.dev/facsimile/view"
)

// Folder is a folder of definitions with what stands beside them: template folders, extra/ and
// exclude.rsync. Layers names the folders in tmpl/ and extra/ that take part, in order: _ALL_,
// then each layer's.
type Folder struct {
	Label  string // how the folder is shown in errors: relative to the definition; "" for the definition itself
	FS     fs.FS
	Layers []string
}

// project is a Project ready to be rendered, shared by the goroutines of its nodes.
type project struct {
	Project
	excludes excludes
	source   *root // nil where there is none
	build    *root
	closers  []func() error

	mu   sync.Mutex
	dirs map[string]*templates // by template folder
	env  func(jinja.Loader) (*jinja.Environment, error)
}

// root is a folder of the file system from which nothing leads out.
type root struct {
	dir string
	*os.Root
}

func prepare(in Input, p Project) (*project, error) {
	out := &project{Project: p, dirs: map[string]*templates{}}
	options := jinja.Options{TrimBlocks: true, LstripBlocks: true, KeepTrailingNewline: true, Undefined: jinja.UndefinedStrictPrint}
	c, err := in.View.At(p.Name, view.Scope{})
	if err != nil {
		return nil, err
	}
	if view.Lenient(c.Root()) {
		options.Undefined = jinja.UndefinedLenient
	}
	out.env = func(l jinja.Loader) (*jinja.Environment, error) {
		o := options
		o.Loader = l
		return jinja.New(o)
	}
	for _, folder := range p.Folders {
		ex, err := readExcludes(folder)
		if err != nil {
			return nil, err
		}
		out.excludes = append(out.excludes, ex...)
	}
	if out.source, err = out.openRoot(p.SrcDir); err != nil {
		return nil, err
	}
	if out.build, err = out.openRoot(p.BuildDir); err != nil {
		return nil, err
	}
	return out, nil
}

func (p *project) openRoot(dir string) (*root, error) {
	if dir == "" {
		return nil, nil
	}
	r, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the folder of project %s: %w", p.Name, err)
	}
	p.closers = append(p.closers, r.Close)
	return &root{dir, r}, nil
}

func (p *project) close() { _ = closeAll(p.closers) }

// layeredFile is a file of a layered folder such as tmpl/ or extra/.
type layeredFile struct {
	rel    string // below the layer's folder
	folder Folder
	name   string // in the folder
	info   fs.FileInfo
	dir    bool // an empty folder
}

func (f layeredFile) open() (io.ReadCloser, error) { return f.folder.FS.Open(f.name) }

// label is the file as errors show it.
func (f layeredFile) label() string { return path.Join(f.folder.Label, f.name) }

// mode keeps of a file's mode only whether it can be executed: the rest is the umask's of
// whoever wrote it.
func (f layeredFile) mode() facsimile.Mode { return plainMode(f.info) }

func plainMode(info fs.FileInfo) facsimile.Mode {
	if info.Mode()&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

// files lists a layered folder: of files with one relative path the last layer of the last
// folder wins. In order of path.
func (p *project) files(dir string) []layeredFile {
	byRel := map[string]layeredFile{}
	for _, folder := range p.Folders {
		for _, layer := range folder.Layers {
			top := path.Join(dir, layer)
			_ = fs.WalkDir(folder.FS, top, func(name string, d fs.DirEntry, err error) error {
				if err != nil || name == top {
					return err // a folder that is not there has no files
				}
				info, err := fs.Stat(folder.FS, name) // follows links, inside the folder only
				if err != nil || !info.Mode().IsRegular() && !info.IsDir() {
					return err
				}
				rel := strings.TrimPrefix(name, top+"/")
				if info.IsDir() && !emptyDir(folder.FS, name) {
					return nil
				}
				byRel[rel] = layeredFile{rel: rel, folder: folder, name: name, info: info, dir: info.IsDir()}
				return nil
			})
		}
	}
	out := make([]layeredFile, 0, len(byRel))
	for _, f := range byRel {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b layeredFile) int { return strings.Compare(a.rel, b.rel) })
	return out
}

func emptyDir(fsys fs.FS, name string) bool {
	entries, err := fs.ReadDir(fsys, name)
	return err == nil && len(entries) == 0
}

// templates is one template folder of a project: its files and the environment that loads
// them. Includes find every file of it and nothing else.
type templates struct {
	files []layeredFile
	env   *jinja.Environment
	by    map[string]layeredFile // by relative path
}

func (p *project) templateDir(dir string) (*templates, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.dirs[dir]; ok {
		return t, nil
	}
	t := &templates{files: p.files(dir), by: map[string]layeredFile{}}
	for _, f := range t.files {
		if !f.dir {
			t.by[f.rel] = f
		}
	}
	env, err := p.env(t)
	if err != nil {
		return nil, err
	}
	t.env = env
	p.dirs[dir] = t
	return t, nil
}

// Load implements jinja.Loader.
func (t *templates) Load(name string) (string, error) {
	f, ok := t.by[path.Clean(name)]
	if !ok {
		return "", fs.ErrNotExist
	}
	b, err := fs.ReadFile(f.folder.FS, f.name)
	return string(b), err
}
