package render

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// copies places what a copy group names: single files, files by pattern, whole folders, links.
func (r *part) copies(g group) error {
	var errs []error
	for _, name := range g.files {
		errs = append(errs, r.copyFile(g, name, false))
	}
	for _, name := range g.optfiles {
		errs = append(errs, r.copyFile(g, name, true))
	}
	for _, pattern := range g.glob {
		errs = append(errs, r.copyGlob(g, pattern))
	}
	if g.dir != "" {
		errs = append(errs, r.copyDir(g))
	}
	for _, e := range g.links.Entries() {
		errs = append(errs, r.put("link "+e.Key, g, &release.Item{
			File: facsimile.File{Path: e.Key, Type: facsimile.Symlink, Link: e.Value.Str()},
		}))
	}
	return joined(errs)
}

// locate finds the folder that a path of a group starts in, and the path below it.
func (r *part) locate(g group, name string) (*root, string, error) {
	from, rel := r.project.source, name
	if rest, ok := strings.CutPrefix(name, buildToken); ok {
		from, rel = r.project.build, rest
	} else if rest, ok := strings.CutPrefix(name, srcToken); ok {
		rel = rest
	} else if path.IsAbs(name) || strings.HasPrefix(name, "$") {
		return nil, "", r.fault(g.at, "%s is outside of the project's source and build folders", name).
			WithHint("what a release holds may not come from elsewhere on this machine: use $SRC_DIR$/… or $BUILD_DIR$/…")
	}
	rel = path.Clean(strings.TrimPrefix(rel, "/"))
	if from == nil {
		return nil, rel, fs.ErrNotExist
	}
	return from, rel, nil
}

// destination is where a file goes: as the pattern says, or for a relative path the same one;
// what would still start at a folder of this machine goes by its last name.
func (g group) destination(name string) string {
	to := name
	if g.pattern != nil {
		to = g.pattern.ReplaceAllString(name, g.replace)
	}
	if path.IsAbs(to) || strings.HasPrefix(to, "$") {
		to = path.Base(to)
	}
	return path.Clean(to)
}

func (r *part) copyFile(g group, name string, optional bool) error {
	from, rel, err := r.locate(g, name)
	var info fs.FileInfo
	if err == nil {
		info, err = from.Stat(rel)
	}
	if r.in.Unbuilt && strings.HasPrefix(name, buildToken) {
		optional = true
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && optional:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return r.fault(g.at, "cannot install %s: there is no such file", name).
			WithHint("write it under optfiles if it may be missing")
	case err != nil:
		return r.unreadable(g, name, err)
	case !info.Mode().IsRegular():
		return r.fault(g.at, "cannot install %s: it is no regular file", name).WithHint("whole folders are installed by dir:")
	}
	return r.putCopy(g, name, g.destination(name), from, rel, info)
}

func (r *part) unreadable(g group, name string, err error) error {
	var placed *facsimile.Error
	if errors.As(err, &placed) {
		return err
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return r.fault(g.at, "cannot install %s: %v", name, err)
}

func (r *part) putCopy(g group, name, to string, from *root, rel string, info fs.FileInfo) error {
	return r.put(name, g, &release.Item{
		File: facsimile.File{Path: to, Type: facsimile.RegularFile, Mode: plainMode(info)},
		Open: func() (io.ReadCloser, error) { return os.OpenInRoot(from.dir, rel) }, // from is closed by then
	})
}

// copyGlob installs the files that match a pattern of package path, below the source or build.
func (r *part) copyGlob(g group, pattern string) error {
	from, rel, err := r.locate(g, pattern)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names, err := fs.Glob(from.FS(), rel)
	if err != nil {
		return r.fault(g.at, "glob %s: %v", pattern, err)
	}
	prefix := strings.TrimSuffix(pattern, rel)
	var errs []error
	for _, name := range names {
		if info, err := from.Stat(name); err == nil && info.Mode().IsRegular() && !g.skips(name) {
			errs = append(errs, r.copyFile(g, prefix+name, false))
		}
	}
	return joined(errs)
}

// copyDir installs a folder: files where the pattern says, or below the same relative path;
// empty folders too, links to files as files.
func (r *part) copyDir(g group) error {
	from, top, err := r.locate(g, g.dir)
	var info fs.FileInfo
	if err == nil {
		info, err = from.Stat(top)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && r.in.Unbuilt && strings.HasPrefix(g.dir, buildToken):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		var trees []fs.FS
		if from != nil {
			trees = append(trees, from.FS())
		}
		return r.missingFolder(g, top, "there is no folder", trees...)
	case err != nil:
		return r.unreadable(g, g.dir, err)
	case !info.IsDir():
		return r.fault(g.at, "cannot install %s: it is no folder", g.dir).WithHint("single files are installed by files:")
	}
	found, err := r.walk(g, from, top)
	if err != nil {
		return r.unreadable(g, g.dir, err)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(found)) {
		below := strings.TrimPrefix(strings.TrimPrefix(name, top), "/")
		if g.skips(below) {
			continue
		}
		to := g.destinationBelow(below)
		if found[name].IsDir() {
			errs = append(errs, r.put(g.dir, g, &release.Item{File: facsimile.File{Path: to, Type: facsimile.Directory, Mode: 0o755}}))
			continue
		}
		errs = append(errs, r.putCopy(g, path.Join(g.dir, below), to, from, name, found[name]))
	}
	return joined(errs)
}

// walk finds the files and the empty folders below a folder; what git keeps is left out.
func (r *part) walk(g group, from *root, top string) (map[string]fs.FileInfo, error) {
	found := map[string]fs.FileInfo{}
	err := fs.WalkDir(from.FS(), top, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		}
		info, err := from.Stat(name) // follows links, inside the folder only
		if err != nil {
			return r.unreadable(g, name, err)
		}
		emptyFolder := d.IsDir() && name != top && emptyDir(from.FS(), name)
		if info.Mode().IsRegular() || emptyFolder {
			found[name] = info
		}
		return nil
	})
	return found, err
}

// destinationBelow is where a file of a folder goes. Without a pattern a folder of this machine
// stands for the root of the release.
func (g group) destinationBelow(below string) string {
	if g.pattern == nil && strings.HasPrefix(g.dir, "$") {
		_, inner, _ := strings.Cut(strings.TrimPrefix(g.dir, "$"), "$")
		return path.Join(strings.Trim(inner, "/"), below)
	}
	return g.destination(path.Join(g.dir, below))
}
