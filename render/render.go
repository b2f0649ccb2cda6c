// Package render makes the files of each project on each node: templates rendered through a
// view, files copied from the project's source and build, extra files as they are.
//
// Rendering is a pure function of the view and the folders it is given. Maps keep the order of
// the text, modes do not depend on a umask, and files come in order of path, so the same inputs
// give the same bytes on any machine. Whatever a secret reached, by value or by a branch, is
// marked so.
//
// A group that names a folder which is not there is an error. The earlier system installed
// nothing then and said nothing, so a slip of the pen made a release without its files. A folder
// of templates that has none for the layers of an instance, and a definition without extra/,
// are no errors in either.
package render

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
	"facsimile.dev/facsimile/view"
)

// Input is what a rendering is made of.
type Input struct {
	View     *view.View
	Projects []Project
	Sources  *facsimile.Sources
	Unbuilt  bool // nothing was built: what would come from $BUILD_DIR$ is left out. For checks
	Marks    bool // no secret is read: a mark stands for each. For checks; such output must not ship
}

// Project is one project with the folders that its files come from.
type Project struct {
	Name     facsimile.Project // "" is the conglomerate itself
	Version  string
	Folders  []Folder // its own first, the conglomerate's over them
	SrcDir   string   // absolute; relative files of copy groups start here
	BuildDir string   // absolute; "" where nothing was built
}

// OperatorFile is a rendered file that stands beside _DEPLOY_: it is for the operator and
// never ships.
type OperatorFile struct {
	Project facsimile.Project
	Node    facsimile.Node
	Path    string
	Content []byte
	Secret  bool
}

// Output is what a rendering gives.
type Output struct {
	Parts       []release.Part // by project, then by node
	Operator    []OperatorFile // in the same order
	Renders     int            // templates rendered
	Evaluations int            // references evaluated
}

// deployPrefix is the folder of the template tree that ships.
const deployPrefix = "_DEPLOY_/"

// Render renders every project on every node. Errors of all of them are reported together.
func Render(ctx context.Context, in Input) (Output, error) {
	type job struct {
		project *project
		node    facsimile.Node
	}
	var jobs []job
	for _, p := range in.Projects {
		prepared, err := prepare(in, p)
		if err != nil {
			return Output{}, err
		}
		defer prepared.close()
		for _, n := range in.View.Topology().Nodes {
			jobs = append(jobs, job{prepared, n.Name})
		}
	}
	results := make([]*part, len(jobs))
	errs := make([]error, len(jobs))
	var renders atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for i, j := range jobs {
		group.Go(func() error {
			results[i], errs[i] = renderPart(ctx, in, j.project, j.node, &renders)
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return Output{}, err
	}
	if err := joined(errs); err != nil {
		return Output{}, err
	}
	out := Output{Renders: int(renders.Load())}
	for _, r := range results {
		out.Parts = append(out.Parts, r.ship)
		out.Operator = append(out.Operator, r.operator...)
		out.Evaluations += r.c.Evaluations()
	}
	return out, nil
}

// joined makes one error of many, each said once: nodes that share a template share its faults.
func joined(errs []error) error {
	var all facsimile.Problems
	seen := map[string]bool{}
	for _, err := range errs {
		for _, p := range problemsIn(err) {
			if !seen[p.Error()] {
				seen[p.Error()] = true
				all = append(all, p)
			}
		}
	}
	return all.OrNil()
}

func problemsIn(err error) []*facsimile.Error {
	switch e := err.(type) {
	case nil:
		return nil
	case *facsimile.Error:
		return []*facsimile.Error{e}
	case facsimile.Problems:
		return e
	case interface{ Unwrap() []error }:
		var out []*facsimile.Error
		for _, one := range e.Unwrap() {
			out = append(out, problemsIn(one)...)
		}
		return out
	}
	return []*facsimile.Error{{Outcome: facsimile.BadInput, Msg: err.Error(), Err: err}}
}

// part collects the files of one project on one node.
type part struct {
	in       Input
	project  *project
	c        *view.Context
	ship     release.Part
	operator []OperatorFile
	placed   map[string]placed // by path
	renders  *atomic.Int64
}

// placed remembers who put a file at a path.
type placed struct {
	index int // in ship.Items
	by    string
	at    facsimile.Origin
}

func renderPart(ctx context.Context, in Input, p *project, n facsimile.Node, renders *atomic.Int64) (*part, error) {
	open := in.View.Open
	if in.Marks {
		open = in.View.At
	}
	c, err := open(p.Name, view.Scope{Node: n})
	if err != nil {
		return nil, err
	}
	r := &part{
		in: in, project: p, c: c, renders: renders,
		ship:   release.Part{Project: p.Name, Node: n},
		placed: map[string]placed{},
	}
	groups, err := readGroups(in.Sources, c)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, g := range groups {
		if !r.applies(g) {
			continue
		}
		errs = append(errs, r.install(ctx, g))
	}
	errs = append(errs, r.extra(), r.genconfig(), r.versionFile(), r.shared())
	if err := joined(errs); err != nil {
		return nil, err
	}
	slices.SortFunc(r.ship.Items, func(a, b *release.Item) int { return strings.Compare(a.File.Path, b.File.Path) })
	return r, nil
}

// applies says whether a group is for this node: on one of its targets, running one of its modules.
func (r *part) applies(g group) bool {
	if len(g.targets) > 0 && !slices.ContainsFunc(r.c.Node().Targets, func(t facsimile.Target) bool {
		return slices.Contains(g.targets, string(t))
	}) {
		return r.in.View.Topology().Local
	}
	return len(g.modules) == 0 || slices.ContainsFunc(g.modules, r.runs)
}

// runs says whether a module has a replica on this node, or no service at all.
func (r *part) runs(module string) bool {
	m := r.c.Root().Get("modules").Get(module)
	replicas := m.Get("replicas")
	if replicas.IsAbsent() {
		return !m.IsAbsent()
	}
	return slices.ContainsFunc(replicas.Items(), func(v facsimile.Value) bool {
		return v.Get("node").Str() == string(r.ship.Node)
	})
}

func (r *part) install(ctx context.Context, g group) error {
	if g.kind == "tmpl" {
		return r.templates(ctx, g)
	}
	return r.copies(g)
}

// put places a file of the release.
func (r *part) put(by string, g group, item *release.Item) error {
	f := &item.File
	f.Project = r.project.Name
	if len(g.modules) == 1 {
		f.Module = facsimile.Module(g.modules[0])
	}
	if f.Type == facsimile.RegularFile {
		if err := g.attributes(f); err != nil {
			if !g.at.IsZero() {
				err = err.WithAt(r.in.Sources.Position(g.at))
			}
			return err
		}
	}
	if err := facsimile.CheckTreePath(f.Path); err != nil {
		return r.fault(g.at, "%s: %v", by, err)
	}
	if r.project.excludes.match(f.Path, f.Type == facsimile.Directory) {
		return nil
	}
	if have, twice := r.placed[f.Path]; twice {
		old := r.ship.Items[have.index].File
		if f.Type == facsimile.Directory && old.Type == facsimile.Directory {
			return nil
		}
		if !g.override {
			return r.fault(g.at, "%s and %s both write %s", have.by, by, f.Path).
				WithAt(r.in.Sources.Position(g.at), r.in.Sources.Position(have.at)).
				WithHint("leave one out, or say override: true in the later group")
		}
		r.ship.Items[have.index] = item
		r.placed[f.Path] = placed{have.index, by, g.at}
		return nil
	}
	r.placed[f.Path] = placed{len(r.ship.Items), by, g.at}
	r.ship.Items = append(r.ship.Items, item)
	return nil
}

func (r *part) fault(at facsimile.Origin, format string, args ...any) *facsimile.Error {
	err := facsimile.Errorf(facsimile.BadInput, format, args...)
	if at.IsZero() {
		return err
	}
	return err.WithAt(r.in.Sources.Position(at))
}

// extra places the files of extra/, as they are.
func (r *part) extra() error {
	var errs []error
	for _, file := range r.project.files("extra") {
		if file.dir {
			errs = append(errs, r.put("extra/", group{}, &release.Item{File: facsimile.File{Path: file.rel, Type: facsimile.Directory, Mode: 0o755}}))
			continue
		}
		errs = append(errs, r.put("extra/", group{}, &release.Item{
			File: facsimile.File{Path: file.rel, Type: facsimile.RegularFile, Mode: file.mode()},
			Open: file.open,
		}))
	}
	return joined(errs)
}

// versionFile places etc/PROJECT.version, one line with the version.
func (r *part) versionFile() error {
	name := string(r.project.Name)
	if name == "" {
		name = r.in.View.Topology().Name
	}
	return r.put("the version file", group{}, &release.Item{
		File: facsimile.File{Path: "etc/" + name + ".version", Type: facsimile.RegularFile, Mode: 0o644},
		Open: release.Bytes([]byte(r.project.Version + "\n")),
	})
}

// shared places a link for each shared path, in the conglomerate's part: the path itself
// survives releases.
func (r *part) shared() error {
	if r.project.Name != "" {
		return nil
	}
	list, err := r.strings("deploy", "shared")
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range slices.Sorted(maps.Keys(list)) {
		clean := strings.Trim(p, "/")
		if err := facsimile.CheckTreePath(clean); err != nil {
			errs = append(errs, r.fault(list[p], "deploy.shared: %v", err))
			continue
		}
		errs = append(errs, r.put("deploy.shared", group{at: list[p]}, &release.Item{
			File: facsimile.File{Path: clean, Type: facsimile.Symlink, Link: facsimile.SharedLink(clean)},
		}))
	}
	return joined(errs)
}

// strings reads a list of strings of the definition, each with where it stands.
func (r *part) strings(path ...string) (map[string]facsimile.Origin, error) {
	if r.c.Root().Lookup(path).IsAbsent() {
		return nil, nil
	}
	v, err := r.c.Show(path)
	if err != nil {
		return nil, err
	}
	if v.Kind() != facsimile.List {
		return nil, r.fault(v.Origin(), "%s is %s, want a list of strings", facsimile.Path(path), v.Kind())
	}
	out := map[string]facsimile.Origin{}
	for _, item := range v.Items() {
		if item.Kind() != facsimile.String {
			return nil, r.fault(item.Origin(), "%s has %s in it, want strings", facsimile.Path(path), item.Kind())
		}
		out[item.Str()] = item.Origin()
	}
	return out, nil
}

// closeAll ends what a project holds open.
func closeAll(closers []func() error) error {
	var first error
	for _, c := range closers {
		if err := c(); err != nil && first == nil {
			first = fmt.Errorf("close: %w", err)
		}
	}
	return first
}
