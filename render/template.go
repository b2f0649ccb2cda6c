package render

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/jinja"
	"facsimile.dev/facsimile/release"
	"facsimile.dev/facsimile/view"
)

// templates renders every file of a template folder. What comes to stand under _DEPLOY_/ ships,
// the rest is the operator's.
func (r *part) templates(ctx context.Context, g group) error {
	dir, err := r.project.templateDir(g.dir)
	if err != nil {
		return err
	}
	if len(dir.files) == 0 {
		if err := r.missingTemplates(g); err != nil {
			return err
		}
	}
	var errs []error
	for _, f := range dir.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if g.skips(f.rel) {
			continue
		}
		errs = append(errs, r.template(ctx, g, dir, f))
	}
	return joined(errs)
}

// missingTemplates refuses a template folder that stands in no folder of the project. One that
// only has nothing for the layers of this instance is as it should be.
func (r *part) missingTemplates(g group) error {
	var trees []fs.FS
	for _, folder := range r.project.Folders {
		if isFolder(folder.FS, g.dir) {
			return nil
		}
		trees = append(trees, folder.FS)
	}
	return r.missingFolder(g, g.dir, "there is no folder of templates", trees...)
}

// missingFolder is the error of a group whose folder is in none of some trees, where its name
// stands for rel.
func (r *part) missingFolder(g group, rel, what string, trees ...fs.FS) error {
	err := r.fault(g.at, "cannot install %s: %s of that name", g.dir, what)
	parent, base := path.Split(path.Clean(rel))
	var names []string
	for _, tree := range trees {
		entries, _ := fs.ReadDir(tree, path.Clean(parent)) // what cannot be read has no near name
		for _, e := range entries {
			if isFolder(tree, path.Join(parent, e.Name())) && !slices.Contains(names, e.Name()) {
				names = append(names, e.Name())
			}
		}
	}
	if near := facsimile.Nearest(base, names); len(near) > 0 {
		return err.WithHint("did you mean %s?", strings.TrimSuffix(g.dir, rel)+path.Join(parent, near[0]))
	}
	return err.WithHint("make the folder, or leave the group out")
}

func isFolder(tree fs.FS, name string) bool {
	info, err := fs.Stat(tree, path.Clean(name))
	return err == nil && info.IsDir()
}

func (r *part) template(ctx context.Context, g group, dir *templates, f layeredFile) error {
	ships := strings.HasPrefix(f.rel, deployPrefix)
	if f.dir {
		if !ships {
			return nil
		}
		return r.put(f.label(), g, &release.Item{File: facsimile.File{
			Path: strings.TrimPrefix(f.rel, deployPrefix), Type: facsimile.Directory, Mode: 0o755,
		}})
	}
	tmpl, err := dir.env.Load(f.rel)
	if err != nil {
		return relabel(view.TemplateError(err, facsimile.Position{}), dir)
	}
	r.renders.Add(1)
	taint := &taint{Context: r.c}
	content, err := tmpl.Render(ctx, withFilename{r.c, strings.TrimPrefix(f.rel, deployPrefix)}, taint)
	if err != nil {
		return relabel(view.TemplateError(err, facsimile.Position{}), dir)
	}
	if !ships {
		r.operator = append(r.operator, OperatorFile{
			Project: r.project.Name, Node: r.ship.Node, Path: f.rel, Content: content, Secret: taint.secret,
		})
		return nil
	}
	return r.put(f.label(), g, &release.Item{
		File: facsimile.File{
			Path: strings.TrimPrefix(f.rel, deployPrefix), Type: facsimile.RegularFile, Mode: f.mode(), Secret: taint.secret,
		},
		Open: release.Bytes(content),
	})
}

// taint notes whether a secret reached a file: by a value, or by a condition that let text in
// or kept it out.
type taint struct {
	*view.Context
	secret bool
}

// Emit implements jinja.Tracker.
func (t *taint) Emit(s jinja.Span) {
	t.secret = t.secret || t.Secret(s.Value) || t.Secret(s.Control)
}

// withFilename adds the name of the file being rendered, as templates of the earlier system
// see it.
type withFilename struct {
	*view.Context
	name string
}

// Get implements jinja.Mapping.
func (w withFilename) Get(key string) (jinja.Value, bool, error) {
	if key == "filename" {
		return jinja.String(w.name), true, nil
	}
	return w.Context.Get(key)
}

// Keys implements jinja.Mapping.
func (w withFilename) Keys() ([]string, error) {
	keys, err := w.Context.Keys()
	return append(keys, "filename"), err
}

// relabel makes the template names in an error the paths that a person can open.
func relabel(err error, dir *templates) error {
	var problems facsimile.Problems
	for _, p := range problemsIn(err) {
		at := make([]facsimile.Position, len(p.At))
		for i, pos := range p.At {
			if f, ok := dir.by[pos.File]; ok {
				pos.File = f.label()
			}
			at[i] = pos
		}
		problems = append(problems, p.WithAt(at...))
	}
	if len(problems) == 1 {
		return problems[0]
	}
	if len(problems) == 0 {
		return errors.New("unknown error in a template")
	}
	return problems
}
