package project

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/run"
)

// Up deploys an instance whose nodes are all on this machine and runs its services: until ctx
// ends, or, detached, until Down. The result is that of the deployment. Where that succeeded and the
// services did not run the error has the outcome AnswerIsNo, and says both.
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
	return result, deployedOnly(ctx, in, result.Digest, p.runServices(ctx, in, o))
}

// runServices runs what was deployed, of a view with the state as the deployment left it.
func (p *Project) runServices(ctx context.Context, in facsimile.Instance, o UpOptions) error {
	i, err := p.open(ctx, in, forLooking, nil)
	if err != nil {
		return err
	}
	services, err := i.services(i.view, true)
	if err != nil {
		return err
	}
	if o.Detach {
		return run.Detach(ctx, run.Detached{Program: o.Program, Args: o.Args, Dir: p.runDir(in), Services: services})
	}
	return run.New(run.Options{Dir: p.runDir(in), Log: o.Log, Ready: o.Ready}).Run(ctx, services)
}

// deployedOnly says of an error after the deployment how that left things: the nodes have the release, and its
// services do not run. Neither was nothing changed, then, nor is everything back as it was. Processes that
// could not be ended keep the outcome with which they were reported.
func deployedOnly(ctx context.Context, in facsimile.Instance, release facsimile.Digest, err error) error {
	if err == nil {
		return nil
	}
	stands := fmt.Sprintf("release %s of instance %s is deployed", release.Short(), in)
	found := joined(err)
	left := slices.ContainsFunc(found, func(e *facsimile.Error) bool { return e.Outcome == facsimile.TwoReleases })
	switch {
	case left:
		stands += ", but its services are not all stopped: "
	case ctx.Err() != nil:
		return &facsimile.Error{Outcome: facsimile.AnswerIsNo, Msg: "interrupted: " + stands + ", and its services are stopped", Err: err}
	default:
		stands += ", but its services are stopped: "
	}
	for n, e := range found {
		one := *e
		one.Outcome = facsimile.AnswerIsNo
		if left {
			one.Outcome = facsimile.TwoReleases
		}
		if n == 0 {
			one.Msg = stands + e.Msg
		}
		found[n] = &one
	}
	return found
}

// joined are the problems in all errors that were joined to one.
func joined(err error) facsimile.Problems {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return problems(err)
	}
	var out facsimile.Problems
	for _, one := range several.Unwrap() {
		out = append(out, joined(one)...)
	}
	return out
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
