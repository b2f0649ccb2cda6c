// Package viewtest makes a view from a definition written in a test, with a state in memory.
package viewtest

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/state"
	"facsimile.dev/facsimile/view"
)

// Files makes a file system of text by path.
func Files(text map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, content := range text {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		fsys[name] = &fstest.MapFile{Data: []byte(content), Mode: mode}
	}
	return fsys
}

// Made is a view with what it was made of.
type Made struct {
	View     *view.View
	Sources  *facsimile.Sources
	FS       fs.FS
	Resolved map[facsimile.Project]*define.Resolved
	State    *State
}

// New resolves an instance of a definition, with the own layers of its projects by name.
func New(t testing.TB, files map[string]string, in facsimile.Instance, own map[facsimile.Project]fs.FS) Made {
	t.Helper()
	made, err := Try(files, in, own)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Try is New for definitions that may be wrong.
func Try(files map[string]string, in facsimile.Instance, own map[facsimile.Project]fs.FS) (Made, error) {
	ctx := context.Background()
	made := Made{
		Sources: &facsimile.Sources{}, FS: Files(files), Resolved: map[facsimile.Project]*define.Resolved{},
		State: &State{Placed: map[facsimile.Replica]state.Placed{}, Secrets: map[string]string{}},
	}
	d, err := define.Load(made.FS, made.Sources, define.Options{})
	if err != nil {
		return made, err
	}
	topology, err := d.Topology(ctx, in)
	if err != nil {
		return made, err
	}
	inputs := view.Inputs{
		Definition: topology.Name, Dir: "/definition", Instance: in, Topology: topology, State: made.State, Secrets: in, Sources: made.Sources,
	}
	for _, decl := range append([]define.ProjectDecl{{}}, topology.Projects...) {
		r, err := d.Resolve(ctx, in, decl.Name, own[decl.Name])
		if err != nil {
			return made, err
		}
		made.Resolved[decl.Name] = r
		inputs.Projects = append(inputs.Projects, view.Project{Name: decl.Name, Version: decl.Version, Resolved: r})
	}
	made.View, err = view.New(inputs)
	return made, err
}

// State is a state in memory. Secrets are by key; every other one is not generated.
type State struct {
	Secrets map[string]string
	Placed  map[facsimile.Replica]state.Placed
	reveals atomic.Int64
}

// Reveals is how many secrets were opened.
func (s *State) Reveals() int { return int(s.reveals.Load()) }

// Allot places every replica that the view needs on its first candidate, with ids from 1 and
// ports that go up on each node, and generates every secret as "secret-" and its key.
func (s *State) Allot(t testing.TB, v *view.View) {
	t.Helper()
	needs, err := v.Needs()
	if err != nil {
		t.Fatal(err)
	}
	used := map[facsimile.Node]int{}
	for i, r := range needs.Replicas {
		node := r.Candidates[i%len(r.Candidates)]
		port := 0
		if r.Port != 0 {
			port = r.Port + used[node]
			used[node]++
		}
		s.Placed[r.Replica] = state.Placed{Replica: r.Replica, UIID: i + 1, Module: r.Module, Node: node, Port: port}
	}
	for _, need := range needs.Secrets {
		s.Secrets[need.Key] = "secret-" + need.Key
	}
}

// Take makes s hold what another state does.
func (s *State) Take(other *State) { s.Secrets, s.Placed = other.Secrets, other.Placed }

// Secret implements view.State.
func (s *State) Secret(key string) (state.Entry, bool) {
	_, ok := s.Secrets[key]
	return state.Entry{Generation: 1, Fingerprint: "fp:" + key}, ok
}

// Reveal implements view.State.
func (s *State) Reveal(_ context.Context, key string) (facsimile.Secret, error) {
	s.reveals.Add(1)
	text, ok := s.Secrets[key]
	if !ok {
		return facsimile.Secret{}, fmt.Errorf("no secret %s", key)
	}
	return facsimile.NewSecret(text), nil
}

// Replica implements view.State.
func (s *State) Replica(name facsimile.Replica) (state.Placed, bool) {
	p, ok := s.Placed[name]
	return p, ok
}

// Replicas implements view.State.
func (s *State) Replicas() []state.Placed {
	var out []state.Placed
	for _, p := range s.Placed {
		out = append(out, p)
	}
	return out
}

// Directory implements view.State.
func (s *State) Directory(facsimile.Module, string) (string, bool) { return "", false }
