package project

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/machine/ssh"
	"facsimile.dev/facsimile/node/remote"
	"facsimile.dev/facsimile/release"
	"facsimile.dev/facsimile/state"
)

// Project is an open definition. It may be used by several goroutines at once.
type Project struct {
	o          Options
	location   define.Location
	sources    *facsimile.Sources
	root       *os.Root // of the definition
	fsys       fs.FS
	definition *define.Definition
	instances  []define.InstanceInfo
	broken     error // why these may not be all
	name       string

	mu      sync.Mutex
	store   *state.Files
	notices []string
	dialer  *ssh.Dialer    // of all connections to hosts; nil before the first
	remotes []io.Closer    // nodes behind connections
	program remote.Program // this one; zero before it was needed
}

// Open finds the definition and reads its top. The error is that of define.Find where there is none.
func Open(ctx context.Context, o Options) (*Project, error) {
	p, err := OpenToCheck(ctx, o)
	if err == nil && p.broken != nil {
		_ = p.Close() // nothing was done with it
		return nil, p.broken
	}
	return p, err
}

// OpenToCheck opens a definition as Open does, and also one whose instances cannot be told, because of what
// is written in it. Only Check is of use then: it says all of what is wrong.
func OpenToCheck(ctx context.Context, o Options) (*Project, error) {
	p := &Project{o: o, sources: &facsimile.Sources{}}
	var err error
	if o.DefineDir != "" {
		p.location, err = define.At(absolute(o.Dir, o.DefineDir))
	} else {
		p.location, err = define.Find(o.Dir)
	}
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(p.location.Dir) // no link in a definition leads out of it
	if err != nil {
		return nil, facsimile.Errorf(facsimile.BadInput, "cannot open the definition: %w", err)
	}
	p.root, p.fsys = root, root.FS()
	p.definition, err = define.Load(p.fsys, p.sources, define.Options{SourceDir: p.sourceLabel})
	if err != nil {
		_ = root.Close() // nothing was done with it
		return nil, err
	}
	p.instances, p.broken = p.definition.Instances()
	p.name = p.findName(ctx)
	return p, nil
}

// findName is the name that the definition gives itself. One that no instance can be read of
// goes by its folder, until whoever needs an instance says what is wrong with it.
func (p *Project) findName(ctx context.Context) string {
	for _, info := range p.instances {
		if topology, err := p.definition.Topology(ctx, info.Name); err == nil {
			return topology.Name
		}
	}
	return filepath.Base(p.location.Dir)
}

func absolute(base, dir string) string {
	if filepath.IsAbs(dir) {
		return filepath.Clean(dir)
	}
	return filepath.Join(base, dir)
}

// Close hangs up all connections and gives back what the project holds open.
func (p *Project) Close() error {
	var hanging sync.WaitGroup
	for _, c := range p.remotes {
		hanging.Go(func() { _ = c.Close() }) // its work is done, or was reported as failed
	}
	hanging.Wait()
	err := p.root.Close()
	if p.dialer != nil {
		err = errors.Join(err, p.dialer.Close())
	}
	return err
}

// Name is the definition's name.
func (p *Project) Name() string { return p.name }

// Dir is the folder of the definition; positions in files are relative to it.
func (p *Project) Dir() string { return p.location.Dir }

// topDir is the folder of everything that is generated.
func (p *Project) topDir() string {
	if p.o.TopDir != "" {
		return absolute(p.o.Dir, p.o.TopDir)
	}
	return filepath.Join(p.location.Top, ".facsimile")
}

func (p *Project) tmpDir(parts ...string) string {
	return filepath.Join(append([]string{p.topDir(), "tmp"}, parts...)...)
}

// runDir is the run folder of an instance.
func (p *Project) runDir(in facsimile.Instance) string {
	return filepath.Join(p.topDir(), "run", string(in))
}

// Notices are things that the user must be told once, such as that a key was made and how to
// back it up. They are taken by the call.
func (p *Project) Notices() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.notices
	p.notices = nil
	if p.store != nil {
		for _, n := range p.store.Notices() {
			out = append(out, strings.TrimSuffix(n.Msg+"\n"+n.Hint, "\n"))
		}
	}
	return out
}

func (p *Project) notice(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.notices, text) {
		p.notices = append(p.notices, text)
	}
}

// Instances are the names that can be given as an instance, for completion and hints.
func (p *Project) Instances() []facsimile.Instance {
	var out []facsimile.Instance
	for _, i := range p.instances {
		if !i.Abstract {
			out = append(out, i.Name)
		}
	}
	return out
}

// states opens the store of states once.
func (p *Project) states() (*state.Files, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store != nil {
		return p.store, nil
	}
	store, err := state.OpenFiles(state.FilesOptions{
		Dir:           filepath.Join(p.topDir(), "state"),
		ProjectID:     p.name,
		KeyDir:        p.o.ConfigDir,
		IdentityFiles: p.o.Identities,
		Who:           p.o.Who,
		Host:          p.o.Host,
		Now:           p.o.Now,
		Random:        p.o.Random,
	})
	if err != nil {
		return nil, err
	}
	p.store = store
	return store, nil
}

// releases opens the store of releases, and ensures that its folder never gets into a commit.
func (p *Project) releases() (*release.Store, error) {
	if err := p.makeTmp(); err != nil {
		return nil, err
	}
	return release.OpenStore(p.tmpDir("store"))
}

// makeTmp makes the work area, with a file that keeps git away from it.
func (p *Project) makeTmp() error {
	if err := os.MkdirAll(p.tmpDir(), 0o755); err != nil {
		return cannotWrite(p.tmpDir(), err)
	}
	ignore := p.tmpDir(".gitignore")
	if _, err := os.Lstat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(ignore, []byte("*\n"), 0o644); err != nil {
			return cannotWrite(ignore, err)
		}
	}
	return nil
}

func cannotWrite(path string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		path, err = pathErr.Path, pathErr.Err
	}
	return (&facsimile.Error{Outcome: facsimile.Refused, Msg: "cannot write " + path + ": " + err.Error(), Err: err}).
		WithHint("--top-dir names another folder for what facs generates")
}

// Place resolves an origin of a value that Show gave.
func (p *Project) Place(o facsimile.Origin) Place {
	pos := p.sources.Position(o)
	return Place{Layer: pos.Layer, File: pos.File, Line: pos.Line, Column: pos.Column, Text: pos.Text}
}
