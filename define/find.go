package define

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define/syntax"
)

// topDir is the folder that holds generated state and the work area.
const topDir = ".facsimile"

// Location is where a definition lives. Both folders are absolute.
type Location struct {
	Dir string // the folder of the definition
	Top string // the folder that holds .facsimile
}

// Find walks up from a folder to the nearest definition: facsimile.yaml (or another format),
// the folders facsimile and config/facsimile, or config/facsimile.yaml. One that stands inside
// a folder which an outer definition lists as a project's repo, or inside a top dir, is not
// taken silently: the error names both.
func Find(dir string) (Location, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return Location{}, facsimile.Errorf(facsimile.BadInput, "cannot find the definition: %w", err)
	}
	if _, err := os.Stat(start); err != nil {
		return Location{}, facsimile.Errorf(facsimile.BadInput, "cannot find the definition: %w", err)
	}
	for at := start; ; at = filepath.Dir(at) {
		if found, ok := definitionIn(at); ok {
			l := Location{Dir: found, Top: topOf(found)}
			return l, checkOuter(l)
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return Location{}, facsimile.Errorf(facsimile.BadInput, "no definition in %s or any folder above it", start).
		WithHint("facs init writes one; --define-dir names one that stands elsewhere")
}

// At is the location of the definition in a folder that was named. Nothing is checked but that
// it is there: who names a folder means it.
func At(dir string) (Location, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return Location{}, facsimile.Errorf(facsimile.BadInput, "cannot open the definition: %w", err)
	}
	if info, err := os.Stat(at); err != nil || !info.IsDir() {
		return Location{}, facsimile.Errorf(facsimile.BadInput, "there is no folder %s to hold a definition", at)
	}
	return Location{Dir: at, Top: topOf(at)}, nil
}

// definitionIn looks for a definition that starts in one folder on the way up.
func definitionIn(at string) (dir string, ok bool) {
	if hasLayer(at, topName) {
		return at, true
	}
	for _, dir := range []string{filepath.Join(at, topName), filepath.Join(at, "config", topName)} {
		if hasLayer(dir, "") {
			return dir, true
		}
	}
	if dir := filepath.Join(at, "config"); hasLayer(dir, topName) {
		return dir, true
	}
	return "", false
}

// hasLayer reports whether a folder holds the layer of a name, or any layer for "". A folder
// that merely has the right name, of a program's source say, holds none.
func hasLayer(dir, name string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		layer, _, ok := syntax.FormatOf(e.Name())
		return ok && !e.IsDir() && (name == "" || layer == name) || name == "" && e.IsDir() && e.Name() == defineDir
	})
}

// topOf is the folder that holds .facsimile for a definition in dir: dir itself, but the folder
// around for a dir that is called facsimile or config, so that it is the same from wherever the
// definition was found. A dir called facsimile that is a repository, or has a .facsimile
// already, keeps it.
func topOf(dir string) string {
	parent := filepath.Dir(dir)
	switch filepath.Base(dir) {
	case "config":
		return parent
	case topName:
		if filepath.Base(parent) == "config" {
			return filepath.Dir(parent)
		}
		if !exists(filepath.Join(dir, topDir)) && !exists(filepath.Join(dir, ".git")) {
			return parent
		}
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// checkOuter refuses a definition that belongs to another one.
func checkOuter(l Location) error {
	const hint = "--define-dir %s takes the outer one, --define-dir %s this one"
	for at := l.Top; at != filepath.Dir(at); at = filepath.Dir(at) {
		outer, ok := definitionIn(filepath.Dir(at))
		if filepath.Base(at) == topDir {
			if !ok {
				return facsimile.Errorf(facsimile.BadInput, "the definition in %s stands inside the top dir %s", l.Dir, at).
					WithHint("change to the folder of the definition that you mean, or name it by --define-dir")
			}
			return facsimile.Errorf(facsimile.BadInput, "the definition in %s stands inside the top dir %s of the definition in %s", l.Dir, at, outer).
				WithHint(hint, outer, l.Dir)
		}
		if !ok || outer == l.Dir {
			continue
		}
		if p, repo := repoAround(outer, l.Dir); p != "" {
			return facsimile.Errorf(facsimile.BadInput, "the definition in %s stands inside %s, the repo of project %q of the definition in %s", l.Dir, repo, p, outer).
				WithHint(hint, outer, l.Dir)
		}
	}
	return nil
}

// repoAround finds the project of an outer definition whose repo is a folder around dir. An
// outer definition that cannot be read lists nothing: it is not the one that was asked for.
func repoAround(outer, dir string) (facsimile.Project, string) {
	root, err := os.OpenRoot(outer)
	if err != nil {
		return "", ""
	}
	defer root.Close()
	d, err := Load(root.FS(), new(facsimile.Sources), Options{})
	if err != nil {
		return "", ""
	}
	top, problems := d.shelf.top()
	if len(problems) > 0 {
		return "", ""
	}
	for p, repo := range reposOf(top.layer.body) {
		if !filepath.IsAbs(repo) {
			repo = filepath.Join(outer, repo)
		}
		if rel, err := filepath.Rel(repo, dir); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return p, repo
		}
	}
	return "", ""
}

// reposOf gives the projects of a layer whose repo is a path.
func reposOf(body *part) map[facsimile.Project]string {
	repos := map[facsimile.Project]string{}
	var collect func(*part)
	collect = func(p *part) {
		projects, ok := p.find("projects")
		if !ok || !projects.part.isMap() {
			return
		}
		for k := range projects.part.each {
			if !k.part.isMap() {
				continue
			}
			if repo, ok := k.part.find("repo"); ok && repo.part.value.Str() != "" && !strings.Contains(repo.part.value.Str(), ":") {
				repos[facsimile.Project(k.name)] = repo.part.value.Str()
			}
			collect(k.part)
		}
	}
	collect(body)
	return repos
}
