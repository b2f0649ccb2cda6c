package project

import (
	"context"
	"errors"
	"io"

	facsimile "facsimile.dev/facsimile"
)

// Project is an open definition.
type Project struct{}

var errSoon = errors.New("not written yet")

// Open finds the definition and reads its top. The error is that of define.Find where there is none.
func Open(ctx context.Context, o Options) (*Project, error) { return nil, errSoon }

// Init writes the smallest definition that works into a folder: a project with one module, one
// template and an instance on this machine. It refuses a folder that has a definition. It gives
// the files it wrote, relative to dir.
func Init(dir, name string) ([]string, error) { return nil, errSoon }

// Name is the definition's name.
func (p *Project) Name() string { return "" }

// Dir is the folder of the definition; positions in files are relative to it.
func (p *Project) Dir() string { return "" }

// Notices are things that the user must be told once, such as that a key was made and how to
// back it up. They are taken by the call.
func (p *Project) Notices() []string { return nil }

// Instances are the names that can be given as an instance, for completion and hints.
func (p *Project) Instances() []facsimile.Instance { return nil }

// ListKinds are the kinds of things that List lists.
func ListKinds() []string {
	return []string{"instances", "projects", "modules", "targets", "nodes", "regions"}
}

// List lists things of a kind: one of ListKinds.
func (p *Project) List(ctx context.Context, kind string, f Filter) ([]Item, error) {
	return nil, errSoon
}

// Show gives the value under a path (nil: all), of the project named (usually ""), with every
// reference evaluated and every secret hidden.
func (p *Project) Show(ctx context.Context, at Address, project facsimile.Project, path facsimile.Path) (facsimile.Value, error) {
	return facsimile.Value{}, errSoon
}

// Place resolves an origin of a value that Show gave.
func (p *Project) Place(o facsimile.Origin) Place { return Place{} }

// Explain says why the value under a path is what it is.
func (p *Project) Explain(ctx context.Context, at Address, project facsimile.Project, path facsimile.Path) (Explanation, error) {
	return Explanation{}, errSoon
}

// Check looks at everything that can be wrong, in some instances or, with none given, in all.
// It renders every template where no secret is needed to do so. Findings come in reading order.
func (p *Project) Check(ctx context.Context, instances ...facsimile.Instance) ([]Finding, error) {
	return nil, errSoon
}

// Diff compares two instances by value.
func (p *Project) Diff(ctx context.Context, a, b Address) (Comparison, error) {
	return Comparison{}, errSoon
}

// Build makes the release of an instance: generates and commits what the state lacks, checks
// out and builds the sources, renders, and stores.
func (p *Project) Build(ctx context.Context, in facsimile.Instance, say func(string)) (Built, error) {
	return Built{}, errSoon
}

// Plan says what Deploy would change. Where the state lacks something there is no digest yet:
// then the plan is empty and Pending says what is missing.
func (p *Project) Plan(ctx context.Context, in facsimile.Instance, say func(string)) (Plan, Pending, error) {
	return Plan{}, Pending{}, errSoon
}

// Deploy builds and rolls out.
func (p *Project) Deploy(ctx context.Context, in facsimile.Instance, o DeployOptions) (Result, error) {
	return Result{}, errSoon
}

// Rollback rolls out an older release: the one named, by digest or an unambiguous beginning of
// its digits, or the last good one before the current where to is "".
func (p *Project) Rollback(ctx context.Context, in facsimile.Instance, to string, o DeployOptions) (Result, error) {
	return Result{}, errSoon
}

// Verify re-reads every byte on every node, or on one.
func (p *Project) Verify(ctx context.Context, at Address) (Verification, error) {
	return Verification{}, errSoon
}

// Status asks every node what it runs.
func (p *Project) Status(ctx context.Context, in facsimile.Instance) (Status, error) {
	return Status{}, errSoon
}

// History gives the rollouts of an instance, the newest first.
func (p *Project) History(ctx context.Context, in facsimile.Instance) ([]Rollout, error) {
	return nil, errSoon
}

// Up deploys an instance whose nodes are all on this machine and runs its services: until ctx
// ends, or, detached, until Down.
func (p *Project) Up(ctx context.Context, in facsimile.Instance, o UpOptions) error { return errSoon }

// Supervise is the other end of a detached Up: the program named there calls it, with its
// standard input and output.
func Supervise(ctx context.Context, in io.Reader, out io.WriteCloser) error { return errSoon }

// Running says what runs of an instance on this machine.
func (p *Project) Running(in facsimile.Instance) (Running, error) { return Running{}, errSoon }

// Down stops what Up started, and returns when every process is gone.
func (p *Project) Down(ctx context.Context, in facsimile.Instance) (Stopped, error) {
	return Stopped{}, errSoon
}
