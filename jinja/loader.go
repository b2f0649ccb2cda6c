package jinja

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Loader finds the source of a template by name. It must be safe for use by
// many goroutines.
type Loader interface {
	// Load returns the source of the named template. An error that wraps
	// [fs.ErrNotExist] means that there is no such template, which
	// {% include … ignore missing %} forgives; any other error ends the
	// rendering.
	Load(name string) (source string, err error)
}

// FSLoader returns a [Loader] that reads templates from fsys. Names are
// slash-separated; empty and "." segments are dropped as Jinja2 does, and a
// name with a ".." segment or a backslash is reported as not found, so that
// no name can leave fsys.
func FSLoader(fsys fs.FS) Loader {
	return fsLoader{fsys}
}

type fsLoader struct{ fsys fs.FS }

// Load implements [Loader].
func (l fsLoader) Load(name string) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." || strings.ContainsAny(part, "\\\x00") {
			return "", fmt.Errorf("the name leaves the template folder: %w", fs.ErrNotExist)
		}
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	path := strings.Join(parts, "/")
	if path == "" {
		return "", fs.ErrNotExist
	}
	b, err := fs.ReadFile(l.fsys, path)
	if err != nil {
		if info, statErr := fs.Stat(l.fsys, path); statErr == nil && info.IsDir() {
			return "", fmt.Errorf("is a folder: %w", fs.ErrNotExist)
		}
		return "", err
	}
	return string(b), nil
}

// MapLoader returns a [Loader] over sources held in memory, by name. The map
// must not change while the loader is used.
func MapLoader(sources map[string]string) Loader {
	return mapLoader(sources)
}

type mapLoader map[string]string

// Load implements [Loader].
func (l mapLoader) Load(name string) (string, error) {
	if src, ok := l[name]; ok {
		return src, nil
	}
	return "", fs.ErrNotExist
}

// isNotFound tells a missing template from one that could not be read.
func isNotFound(err error) bool {
	return errors.Is(err, fs.ErrNotExist)
}
