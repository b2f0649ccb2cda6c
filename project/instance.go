package project

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/render"
	"facsimile.dev/facsimile/source"
	"facsimile.dev/facsimile/state"
	"facsimile.dev/facsimile/view"
)

// instance is one instance with everything that is left of a view: its topology, the sources
// of its projects, and its state.
type instance struct {
	project  *Project
	name     facsimile.Instance
	topology *define.Topology
	parts    []part             // the conglomerate first
	shared   facsimile.Instance // whose secrets and ids it has
	states   snapshots
	view     *view.View
}

// part is one project of an instance.
type part struct {
	decl     define.ProjectDecl // zero but for the name and version of the conglomerate
	source   source.Result
	config   fs.FS // config/facsimile of the source; nil where there is none
	resolved *define.Resolved
	program  string // that was built
	tool     string // that built it
}

// snapshots are the states of an instance: with secrets and ids, and with places. Both are
// one where the instance shares with nobody.
type snapshots struct{ shared, own state.Snapshot }

func (s snapshots) combined() state.Snapshot { return state.Combine(s.shared, s.own) }

// headsSeparator stands between the heads of two states.
const headsSeparator = "+"

// heads names the versions of the states: the own head and, where secrets are another's, that
// one's too, so that a stale copy of either is noticed.
func (s snapshots) heads() string {
	if s.shared.Instance() == s.own.Instance() {
		return s.own.Head().String()
	}
	return s.own.Head().String() + headsSeparator + s.shared.Head().String()
}

// freshness says how sure one must be of the sources of projects.
type freshness bool

const (
	// forLooking takes a checkout that is there, without asking its repository.
	forLooking freshness = false
	// forShipping asks the repository whether the version still is what was checked out.
	forShipping freshness = true
)

// open reads an instance. It checks sources out where they are not there yet, and generates
// nothing. say tells what takes time; it may be nil. An interruption is told as such: it has no
// place in the definition.
func (p *Project) open(ctx context.Context, in facsimile.Instance, f freshness, say func(string)) (*instance, error) {
	i, err := p.read(ctx, in, f, say)
	if errors.Is(err, context.Canceled) {
		return nil, context.Canceled
	}
	return i, err
}

func (p *Project) read(ctx context.Context, in facsimile.Instance, f freshness, say func(string)) (*instance, error) {
	if err := p.known(in); err != nil {
		return nil, err
	}
	topology, err := p.definition.Topology(ctx, in)
	if err != nil {
		return nil, err
	}
	i := &instance{project: p, name: in, topology: topology}
	if i.shared, err = p.sharedBy(ctx, in, 0); err != nil {
		return nil, err
	}
	if err := i.checkout(ctx, f, say); err != nil {
		return nil, err
	}
	if i.states, err = i.loadStates(ctx); err != nil {
		return nil, err
	}
	i.view, err = i.newView(i.states.combined())
	return i, err
}

// known refuses names that are no instance, with the nearest that are.
func (p *Project) known(in facsimile.Instance) error {
	var names []string
	for _, info := range p.instances {
		if info.Name != in {
			if !info.Abstract {
				names = append(names, string(info.Name))
			}
			continue
		}
		if info.Abstract {
			return facsimile.Errorf(facsimile.BadInput, "%s is no instance but a layer for others (abstract: true)", in).
				WithAt(p.sources.Position(info.At)).WithHint("facs list instances shows the instances")
		}
		return nil
	}
	err := facsimile.Errorf(facsimile.BadInput, "there is no instance %q", in)
	if near := facsimile.Nearest(string(in), names); len(near) > 0 {
		return err.WithHint("did you mean %s?", strings.Join(near, ", "))
	}
	if len(names) > 0 && len(names) <= 20 {
		return err.WithHint("there are: %s", strings.Join(names, ", "))
	}
	return err.WithHint("facs list instances shows the instances")
}

// sharedBy follows "state:" and parents to the instance whose secrets and ids in uses.
func (p *Project) sharedBy(ctx context.Context, in facsimile.Instance, depth int) (facsimile.Instance, error) {
	topology, err := p.definition.Topology(ctx, in)
	if err != nil {
		return "", err
	}
	if depth > len(p.instances) {
		return "", facsimile.Errorf(facsimile.BadInput, "the state of instance %s is that of another, round in a circle", in)
	}
	switch topology.State {
	case "own":
		return in, nil
	case "":
		for up := in.Parent(); up != ""; up = up.Parent() {
			if p.isInstance(up) {
				return p.sharedBy(ctx, up, depth+1)
			}
		}
		return in, nil
	}
	other := facsimile.Instance(topology.State)
	if err := p.known(other); err != nil {
		return "", err
	}
	if other == in {
		return in, nil
	}
	return p.sharedBy(ctx, other, depth+1)
}

func (p *Project) isInstance(in facsimile.Instance) bool {
	for _, info := range p.instances {
		if info.Name == in && !info.Abstract {
			return true
		}
	}
	return false
}

// sourceLabel is how the folder of a project's own layers is shown in positions.
func (p *Project) sourceLabel(name facsimile.Project) string {
	return string(name) + "/config/facsimile"
}

// checkout makes the parts, with their sources at the version of the instance.
func (i *instance) checkout(ctx context.Context, f freshness, say func(string)) error {
	top, err := i.resolve(ctx, part{})
	if err != nil {
		return err
	}
	i.parts = []part{top}
	for _, decl := range i.topology.Projects {
		one := part{decl: decl}
		if err := i.fetch(ctx, &one, f, say); err != nil {
			return err
		}
		if one, err = i.resolve(ctx, one); err != nil {
			return err
		}
		i.parts = append(i.parts, one)
	}
	return nil
}

func (i *instance) fetch(ctx context.Context, one *part, f freshness, say func(string)) error {
	p := i.project
	switch {
	case one.decl.SrcDir != "":
		one.source.Dir = absolute(p.location.Dir, one.decl.SrcDir)
	case one.decl.Repo != "":
		request := source.Request{
			Project: one.decl.Name, Repo: one.decl.Repo, Base: p.location.Dir, Version: one.decl.Version, Dest: p.tmpDir("SRC"),
			Begin: func() { tell(say, "checking out", one.decl) },
		}
		if found, ok := source.Existing(request); ok && f == forLooking {
			one.source = found
			break
		}
		if err := p.makeTmp(); err != nil {
			return err
		}
		found, err := source.Checkout(ctx, request)
		if err != nil {
			return placed(err, p.sources.Position(one.decl.At))
		}
		one.source = found
	default:
		return nil
	}
	config, err := source.ConfigFS(one.source.Dir)
	one.config = config
	return err
}

// tell says what takes time: "building api 1.4.2".
func tell(say func(string), what string, decl define.ProjectDecl) {
	if say != nil {
		say(what + " " + strings.TrimSpace(string(decl.Name)+" "+decl.Version))
	}
}

// placed gives an error a place unless it has one.
func placed(err error, at facsimile.Position) error {
	var e *facsimile.Error
	if errors.As(err, &e) {
		if len(e.At) > 0 {
			return err
		}
		return e.WithAt(at)
	}
	return &facsimile.Error{Outcome: facsimile.Refused, Msg: err.Error(), At: []facsimile.Position{at}, Err: err}
}

func (i *instance) resolve(ctx context.Context, one part) (part, error) {
	resolved, err := i.project.definition.Resolve(ctx, i.name, one.decl.Name, one.config)
	one.resolved = resolved
	return one, err
}

func (i *instance) loadStates(ctx context.Context) (snapshots, error) {
	store, err := i.project.states()
	if err != nil {
		return snapshots{}, err
	}
	own, err := store.Load(ctx, i.name)
	if err != nil || i.shared == i.name {
		return snapshots{own, own}, err
	}
	shared, err := store.Load(ctx, i.shared)
	return snapshots{shared, own}, err
}

func (i *instance) newView(s view.State) (*view.View, error) {
	in := view.Inputs{
		Definition: i.project.name, Dir: i.project.location.Dir, Instance: i.name,
		Topology: i.topology, State: s, Secrets: i.shared, Sources: i.project.sources,
	}
	for _, one := range i.parts {
		in.Projects = append(in.Projects, view.Project{Name: one.decl.Name, Version: one.decl.Version, Resolved: one.resolved})
	}
	return view.New(in)
}

// renderInput says where each project's templates and files come from.
func (i *instance) renderInput(v *view.View) render.Input {
	in := render.Input{View: v, Sources: i.project.sources}
	for n, one := range i.parts {
		r := render.Project{Name: one.decl.Name, Version: one.decl.Version, SrcDir: one.source.Dir}
		if n == 0 {
			r.SrcDir = i.project.location.Top
			if r.SrcDir != i.project.location.Dir && !strings.HasSuffix(i.project.location.Dir, "config/facsimile") {
				r.SrcDir = i.project.location.Dir
			}
			r.Folders = []render.Folder{{FS: i.project.fsys, Layers: layerFolders(one.resolved.Layers())}}
		} else {
			if one.config != nil {
				label := path.Join(string(one.decl.Name), "config/facsimile")
				if rel, err := filepath.Rel(i.project.location.Dir, filepath.Join(one.source.Dir, "config", "facsimile")); err == nil {
					label = filepath.ToSlash(rel)
				}
				r.Folders = append(r.Folders, render.Folder{Label: label, FS: one.config, Layers: layerFolders(one.resolved.Layers())})
			}
			r.Folders = append(r.Folders, render.Folder{FS: i.project.fsys, Layers: []string{string(one.decl.Name)}})
		}
		if one.program != "" {
			r.BuildDir = filepath.Dir(one.program)
		}
		in.Projects = append(in.Projects, r)
	}
	return in
}

// layerFolders are the folders in tmpl/ and extra/ that take part: _ALL_, then those of the
// layers, each once, the last place counting.
func layerFolders(layers []facsimile.Layer) []string {
	out := []string{"_ALL_"}
	for _, l := range layers {
		name := string(l)
		if name == "" || name == "_ALL_" || strings.ContainsAny(name, "/\\") {
			continue
		}
		for n, have := range out {
			if have == name {
				out = append(out[:n], out[n+1:]...)
				break
			}
		}
		out = append(out, name)
	}
	return out
}

// at gives the view that an address means, for showing.
func (i *instance) at(a Address, project facsimile.Project) (*view.Context, error) {
	return i.view.At(project, view.Scope{Node: a.Node})
}

// versions are the versions of the projects; the conglomerate has none.
func (i *instance) versions() map[facsimile.Project]string {
	out := map[facsimile.Project]string{}
	for _, one := range i.parts[1:] {
		out[one.decl.Name] = one.decl.Version
	}
	return out
}

// exists reports whether something stands at a path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
