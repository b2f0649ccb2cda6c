package project

import (
	"context"
	"io"
	"slices"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/run"
)

// Up deploys an instance whose nodes are all on this machine and runs its services: until ctx
// ends, or, detached, until Down. The result is that of the deployment.
func (p *Project) Up(ctx context.Context, in facsimile.Instance, o UpOptions) (Result, error) {
	i, err := p.open(ctx, in, forShipping, o.Deploy.Say)
	if err != nil {
		return Result{}, err
	}
	for _, n := range i.topology.Nodes {
		if n.Transport != define.Local {
			return Result{}, facsimile.Errorf(facsimile.Refused, "instance %s has nodes elsewhere (%s), and up runs what is on this machine", in, n.Name).
				WithAt(p.sources.Position(n.At)).
				WithHint("make an instance that inherits it and whose nodes are local")
		}
	}
	running, err := run.Ps(p.runDir(in))
	if err != nil {
		return Result{}, err
	}
	if running.Running {
		return Result{}, facsimile.Errorf(facsimile.Refused, "instance %s runs already, since %s (process %d)",
			in, running.Since.Format(time.DateTime), running.PID).WithHint("facs down %s stops it", in)
	}
	if !i.hasServices() {
		return Result{}, facsimile.Errorf(facsimile.Refused, "instance %s has no services to run", in).
			WithHint("a module with service: {exec: …} has one")
	}
	result, err := i.deploy(ctx, o.Deploy)
	if err != nil {
		return result, err
	}
	// A view with the state as the deployment left it.
	if i, err = p.open(ctx, in, forLooking, nil); err != nil {
		return result, err
	}
	services, err := i.services(i.view, true)
	if err != nil {
		return result, err
	}
	if o.Detach {
		return result, run.Detach(ctx, run.Detached{Program: o.Program, Args: o.Args, Dir: p.runDir(in), Services: services})
	}
	return result, run.New(run.Options{Dir: p.runDir(in), Log: o.Log, Ready: o.Ready}).Run(ctx, services)
}

// hasServices reports whether any module has a replica.
func (i *instance) hasServices() bool {
	c, err := i.at(Address{Instance: i.name}, "")
	return err == nil && slices.ContainsFunc(c.Root().Get("modules").Entries(), func(m facsimile.Entry) bool {
		return m.Value.Get("replicas").Len() > 0
	})
}

// Supervise is the other end of a detached Up: the program named there calls it, with its
// standard input and output.
func Supervise(ctx context.Context, in io.Reader, out io.WriteCloser) error {
	return run.Supervise(ctx, in, out)
}

// Running says what runs of an instance on this machine.
func (p *Project) Running(in facsimile.Instance) (Running, error) {
	if err := p.known(in); err != nil {
		return Running{}, err
	}
	return run.Ps(p.runDir(in))
}

// Down stops what Up started, and returns when every process is gone.
func (p *Project) Down(ctx context.Context, in facsimile.Instance) (Stopped, error) {
	if err := p.known(in); err != nil {
		return Stopped{}, err
	}
	return run.Down(ctx, p.runDir(in))
}
