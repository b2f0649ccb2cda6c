package project

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/internal/atomicfile"
)

//go:embed all:skeleton
var skeleton embed.FS

// Init writes the smallest definition that works into a folder: a project with one module, one
// template and an instance on this machine. It refuses a folder that has a definition, and
// overwrites nothing. It gives the files it wrote, relative to dir.
func Init(dir, name string) ([]string, error) {
	if name == "" {
		name = strings.ToLower(filepath.Base(dir))
	}
	if _, err := facsimile.ParseName("project", name); err != nil {
		return nil, facsimile.Errorf(facsimile.BadInput, "%v", err).WithHint("name it: facs init --name NAME")
	}
	location, err := define.Find(dir)
	if inside, relErr := filepath.Rel(dir, location.Dir); err == nil && relErr == nil && filepath.IsLocal(inside) {
		return nil, facsimile.Errorf(facsimile.Refused, "there is a definition in %s already", location.Dir)
	}
	files, err := skeletonFiles(name)
	if err != nil {
		return nil, err
	}
	for _, f := range files { // all or nothing: look before the first is written
		if exists(filepath.Join(dir, f.path)) {
			return nil, facsimile.Errorf(facsimile.Refused, "%s stands there already, and init overwrites nothing", filepath.Join(dir, f.path))
		}
	}
	var written []string
	for _, f := range files {
		to := filepath.Join(dir, filepath.FromSlash(f.path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return written, cannotWrite(to, err)
		}
		if err := atomicfile.WriteFile(to, f.content, 0o644); err != nil {
			return written, cannotWrite(to, err)
		}
		written = append(written, f.path)
	}
	return written, nil
}

type skeletonFile struct {
	path    string
	content []byte
}

func skeletonFiles(name string) ([]skeletonFile, error) {
	var files []skeletonFile
	err := fs.WalkDir(skeleton, "skeleton", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := skeleton.ReadFile(p)
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(p, "skeleton/")
		rel = path.Join(path.Dir(rel), strings.Replace(path.Base(rel), "dot-", ".", 1))
		files = append(files, skeletonFile{rel, []byte(strings.ReplaceAll(string(content), "PROJECT", name))})
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errors.New("the skeleton of a definition is empty")
	}
	return files, err
}
