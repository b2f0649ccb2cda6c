package define

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"facsimile.dev/facsimile"
)

// tree makes a file system of a text in which each file starts with a line "-- NAME --".
func tree(text string) fstest.MapFS {
	fsys := fstest.MapFS{}
	name := ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "-- "); ok {
			name = strings.TrimSuffix(strings.TrimSpace(rest), " --")
			fsys[name] = &fstest.MapFile{Mode: 0o644}
			continue
		}
		if name != "" {
			fsys[name].Data = append(fsys[name].Data, line...)
		}
	}
	return fsys
}

// load opens a definition of such a text.
func load(t testing.TB, text string) *Definition {
	t.Helper()
	d, err := Load(tree(text), new(facsimile.Sources), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// resolve resolves the top of an instance.
func resolve(t testing.TB, d *Definition, in facsimile.Instance) *Resolved {
	t.Helper()
	r, err := d.Resolve(context.Background(), in, "", nil)
	if err != nil {
		t.Fatalf("%s: %v", in, err)
	}
	return r
}

// text is a value as JSON.
func text(v facsimile.Value) string {
	b, err := v.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// at is the value at a path as JSON, "absent" where there is none.
func at(t testing.TB, r *Resolved, path string) string {
	t.Helper()
	p, err := facsimile.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Root().Lookup(p); !v.IsAbsent() {
		return text(v)
	}
	return "absent"
}

// explain writes the fold of a path, one contribution after the other.
func explain(t testing.TB, r *Resolved, path string) string {
	t.Helper()
	p, err := facsimile.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for c := range r.Fold(p) {
		line := fmt.Sprintf("%s %s %s", c.Layer, c.Op, r.d.sources.Position(c.At))
		if c.Op != Remove {
			line += " " + text(c.Value)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// problemsOf resolves an instance that is wrong, and writes all problems with their places.
func problemsOf(t testing.TB, d *Definition, in facsimile.Instance) string {
	t.Helper()
	_, err := d.Resolve(context.Background(), in, "", nil)
	return allOf(err)
}

func allOf(err error) string {
	if err == nil {
		return "no problem"
	}
	var out []string
	for _, e := range asProblems(err) {
		out = append(out, written(e))
	}
	return strings.Join(out, "\n")
}

// written is an error with all its places and its hint.
func written(e *facsimile.Error) string {
	var places []string
	for _, p := range e.At {
		places = append(places, p.String())
	}
	line := strings.Join(places, " ") + ": " + e.Msg
	if e.Hint != "" {
		line += " [" + e.Hint + "]"
	}
	return line
}
