package project

import (
	"context"
	"errors"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/render"
	"facsimile.dev/facsimile/state"
)

// preview is a state as it would be after an allotment, without committing anything: what is
// new is only in memory. It serves checks, and the trial before a commit.
type preview struct {
	state.Snapshot
	secrets     map[string]facsimile.Secret
	replicas    map[facsimile.Replica]state.Placed
	directories map[string]string // by MODULE NUL NAME
}

func newPreview(s state.Snapshot, a state.Allotment) *preview {
	p := &preview{
		Snapshot: s, secrets: map[string]facsimile.Secret{},
		replicas: map[facsimile.Replica]state.Placed{}, directories: map[string]string{},
	}
	for _, r := range s.Replicas() {
		p.replicas[r.Replica] = r
	}
	for _, c := range []state.Change{a.Shared, a.Own} {
		for _, s := range c.Secrets {
			p.secrets[s.Key] = s.Value
		}
		for _, id := range c.IDs {
			r := p.replicas[id.Replica]
			r.Replica, r.UIID, r.Module, r.LogicalName = id.Replica, id.UIID, id.Module, id.LogicalName
			p.replicas[id.Replica] = r
		}
		for _, place := range c.Places {
			r := p.replicas[place.Replica]
			r.Replica, r.Node, r.Port = place.Replica, place.Node, place.Port
			p.replicas[place.Replica] = r
		}
		for _, d := range c.Directories {
			p.directories[string(d.Module)+"\x00"+d.Name] = d.Path
		}
	}
	return p
}

// Secret implements view.State.
func (p *preview) Secret(key string) (state.Entry, bool) {
	if _, ok := p.secrets[key]; ok {
		return state.Entry{Generation: 1}, true
	}
	return p.Snapshot.Secret(key)
}

// Reveal implements view.State.
func (p *preview) Reveal(ctx context.Context, key string) (facsimile.Secret, error) {
	if s, ok := p.secrets[key]; ok {
		return s, nil
	}
	return p.Snapshot.Reveal(ctx, key)
}

// Replica implements view.State.
func (p *preview) Replica(name facsimile.Replica) (state.Placed, bool) {
	r, ok := p.replicas[name]
	return r, ok
}

// Directory implements view.State.
func (p *preview) Directory(m facsimile.Module, name string) (string, bool) {
	if path, ok := p.directories[string(m)+"\x00"+name]; ok {
		return path, true
	}
	return p.Snapshot.Directory(m, name)
}

// allot says what the state lacks.
func (i *instance) allot() (state.Allotment, error) {
	needs, err := i.view.Needs()
	if err != nil {
		return state.Allotment{}, err
	}
	return state.Allot(needs, i.states.shared, i.states.own, i.project.o.Random)
}

// try renders an instance to nowhere, as it would be after allotment, with marks in place of
// secrets: everything that Build could stumble over, but for the programs that it compiles.
func (p *Project) try(ctx context.Context, in facsimile.Instance) error {
	i, err := p.open(ctx, in, forLooking, nil)
	if err != nil {
		return err
	}
	a, err := i.allot()
	if err != nil {
		return err
	}
	return i.trial(ctx, a)
}

func (i *instance) trial(ctx context.Context, a state.Allotment) error {
	v, err := i.newView(newPreview(i.states.combined(), a))
	if err != nil {
		return err
	}
	in := i.renderInput(v)
	in.Marks = true
	in.Unbuilt = true
	if _, err = render.Render(ctx, in); err != nil {
		return err
	}
	_, err = i.services(v, false)
	return err
}

// generate commits what the state lacks, after a trial that nothing would fail for another
// reason, and gives the names of what is new. Somebody else's commit in between starts it again.
func (i *instance) generate(ctx context.Context, why string) ([]string, error) {
	const tries = 5
	for range tries {
		names, err := i.generateOnce(ctx, why)
		if !errors.Is(err, state.ErrMoved) {
			return names, err
		}
		if i.states, err = i.loadStates(ctx); err != nil {
			return nil, err
		}
		if i.view, err = i.newView(i.states.combined()); err != nil {
			return nil, err
		}
	}
	return nil, facsimile.Errorf(facsimile.Refused, "the state of instance %s changed %d times while this ran", i.name, tries).
		WithHint("somebody else generates: try again when they are done")
}

func (i *instance) generateOnce(ctx context.Context, why string) ([]string, error) {
	a, err := i.allot()
	if err != nil {
		return nil, err
	}
	for _, note := range a.Notes {
		i.project.notice(note.Error())
	}
	if i.states.own.Head() == (state.Head{}) {
		a.Own.Begin = true
	}
	if a.Empty() {
		return nil, i.states.combined().Verify()
	}
	names := a.Pending()
	if i.project.o.Frozen {
		return nil, facsimile.Errorf(facsimile.Refused, "instance %s needs what the state lacks, and --frozen refuses to generate it: %s",
			i.name, strings.Join(names, ", ")).WithHint("run facs build %s where the state may change, and commit the state", i.name)
	}
	if err := i.trial(ctx, a); err != nil {
		return nil, err
	}
	store, err := i.project.states()
	if err != nil {
		return nil, err
	}
	if !a.Shared.Empty() {
		a.Shared.Why = why
		if _, err := store.Commit(ctx, i.shared, i.states.shared.Head(), a.Shared); err != nil {
			return nil, err
		}
	}
	if !a.Own.Empty() {
		a.Own.Why = why
		if _, err := store.Commit(ctx, i.name, i.states.own.Head(), a.Own); err != nil {
			return nil, err
		}
	}
	if i.states, err = i.loadStates(ctx); err != nil {
		return nil, err
	}
	i.view, err = i.newView(i.states.combined())
	return names, err
}
