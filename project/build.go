package project

import (
	"context"
	"os"
	"path/filepath"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/build"
	"facsimile.dev/facsimile/release"
	"facsimile.dev/facsimile/render"
	"facsimile.dev/facsimile/state"
	"github.com/gofrs/flock"
)

// Build makes the release of an instance: generates and commits what the state lacks, checks
// out and builds the sources, renders, and stores.
func (p *Project) Build(ctx context.Context, in facsimile.Instance, say func(string)) (Built, error) {
	i, err := p.open(ctx, in, forShipping, say)
	if err != nil {
		return Built{}, err
	}
	made, err := i.build(ctx, "facs build "+string(in), say)
	return made.built, err
}

// made is a release with all that a rollout needs besides.
type made struct {
	release release.Release
	built   Built
}

func (i *instance) build(ctx context.Context, why string, say func(string)) (made, error) {
	generated, err := i.generate(ctx, why)
	if err != nil {
		return made{}, err
	}
	if err := i.compile(ctx, say); err != nil {
		return made{}, err
	}
	m, out, err := i.assemble(ctx)
	if err != nil {
		return made{}, err
	}
	m.built.Generated = generated
	m.built.Folder, err = i.writeRendered(ctx, out)
	return m, err
}

// compile builds every part of a class that builds.
func (i *instance) compile(ctx context.Context, say func(string)) error {
	for n := range i.parts {
		one := &i.parts[n]
		if one.decl.Class == "" || one.decl.Class == string(build.Facsimile) {
			continue
		}
		if one.source.Dir == "" {
			return facsimile.Errorf(facsimile.BadInput, "project %s has the class %s and no repo: there is nothing to build", one.decl.Name, one.decl.Class).
				WithAt(i.project.sources.Position(one.decl.At))
		}
		result, err := build.Build(ctx, build.Request{
			Class: build.Class(one.decl.Class), Project: one.decl.Name, SrcDir: one.source.Dir, Commit: one.source.Commit,
			BuildDir: i.project.tmpDir("BUILD", versionOr(one.decl.Version, "HEAD"), string(i.name), string(one.decl.Name)),
			Begin:    func() { tell(say, "building", one.decl) },
		})
		if err != nil {
			return placed(err, i.project.sources.Position(one.decl.At))
		}
		one.program, one.tool = result.Program, result.Tool
	}
	return nil
}

func versionOr(version, other string) string {
	if version == "" {
		return other
	}
	return version
}

// assemble renders and stores.
func (i *instance) assemble(ctx context.Context) (made, render.Output, error) {
	out, err := render.Render(ctx, i.renderInput(i.view))
	if err != nil {
		return made{}, out, err
	}
	store, err := i.project.releases()
	if err != nil {
		return made{}, out, err
	}
	rel, stats, err := store.Put(ctx, release.Draft{
		Definition: i.project.name, Instance: i.name, Parts: out.Parts, Statement: i.statement(),
	}, i.keys())
	if err != nil {
		return made{}, out, err
	}
	b := Built{
		Digest: rel.Digest, Instance: i.name, Versions: i.versions(), Nodes: rel.Nodes,
		Trees: map[facsimile.Digest]facsimile.Tree{},
		Counts: Counts{
			Renders: out.Renders, Evaluations: out.Evaluations, Files: stats.Files, Written: stats.Written, Bytes: stats.Stored,
		},
	}
	for _, d := range rel.Nodes {
		if b.Trees[d], err = store.Tree(d); err != nil {
			return made{}, out, err
		}
	}
	return made{rel, b}, out, nil
}

func (i *instance) statement() release.Statement {
	s := release.Statement{
		Versions: i.versions(), Commits: map[facsimile.Project]string{}, Tool: i.project.o.Tool,
		StateHead: i.states.heads(), Who: i.project.o.Who, Built: i.now(),
	}
	for _, one := range i.parts {
		if one.source.Commit != "" {
			s.Commits[one.decl.Name] = one.source.Commit
		}
	}
	return s
}

func (i *instance) now() time.Time {
	if i.project.o.Now != nil {
		return i.project.o.Now()
	}
	return time.Now()
}

// keys derives the keys of the instance's sealed files.
func (i *instance) keys() release.Keys { return stateKeys{i.states.combined()} }

// stateKeys makes the keys of a release out of the state's. The state knows one purpose, the
// content of a file; any other gets a sum that no content has, with the purpose in it.
type stateKeys struct{ s state.Snapshot }

// DeriveKey implements release.Keys.
func (k stateKeys) DeriveKey(purpose string, sum facsimile.Digest) ([32]byte, error) {
	if purpose != release.PurposeBlob {
		sum = facsimile.DigestOf([]byte("facsimile " + purpose + "\n" + sum.String()))
	}
	return k.s.BlobKey(sum)
}

// writeRendered writes what the operator may want to look at or use: RELEASE/VERSION/INSTANCE/PROJECT
// with the files beside _DEPLOY_, and under _DEPLOY_ what templates and groups made of small files.
// What differs by node stands under _NODES_/NODE. Everything from an earlier build is removed.
// Of two builds of an instance at once the one waits for the other.
func (i *instance) writeRendered(ctx context.Context, out render.Output) (string, error) {
	if err := i.project.makeTmp(); err != nil {
		return "", err
	}
	file := i.project.tmpDir("rendered-" + string(i.name) + ".lock")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", cannotWrite(file, err)
	}
	lock := flock.New(file)
	held, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case !held:
		return "", cannotWrite(file, err)
	}
	defer lock.Unlock()
	var first string
	for n, one := range i.parts {
		name := string(one.decl.Name)
		if n == 0 {
			name = i.project.name
		}
		dir := i.project.tmpDir("RELEASE", one.decl.Version, string(i.name), name)
		if first == "" {
			first = dir
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", cannotWrite(dir, err)
		}
		if err := i.writePart(dir, one.decl.Name, out); err != nil {
			return "", err
		}
	}
	return first, nil
}

func (i *instance) writePart(dir string, p facsimile.Project, out render.Output) error {
	files, err := operatorFiles(p, out)
	if err != nil {
		return err
	}
	for path, byNode := range files {
		same := sameEverywhere(byNode, len(i.topology.Nodes))
		for node, f := range byNode {
			to := filepath.Join(dir, "_NODES_", string(node), filepath.FromSlash(path))
			if same {
				to = filepath.Join(dir, filepath.FromSlash(path))
			}
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return cannotWrite(to, err)
			}
			if err := f.write(to); err != nil {
				return cannotWrite(to, err)
			}
			if same {
				break
			}
		}
	}
	return nil
}
