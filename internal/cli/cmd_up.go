package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

type upOptions struct{ detach bool }

func newUp(a *app) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up INSTANCE",
		Short: "Run an instance on this machine",
		Long: `Deploys an instance whose nodes are all on this machine, as facs deploy does, and runs its services from there: in the order that they ask for, each replica with its health check, all logs in one stream. Ctrl-C stops them all.

With --detach it comes back when all are healthy, and facs down stops them.

Where a service cannot start all are stopped again. The release stays deployed then, and the status is 1.`,
		Example:           "  facs up beta\n  facs up beta --detach && facs ps beta && facs down beta",
		Args:              takes,
		ValidArgsFunction: completes(a.instances),
		Annotations:       statuses("012345"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.up(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().BoolVarP(&o.detach, "detach", "d", false, "come back when all is healthy, and leave it running")
	return cmd
}

func (a *app) up(ctx context.Context, name string, o upOptions) error {
	in, err := parseInstance(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		a.warn(ctx, p, in)
		end := a.ui.Progress()
		defer end()
		options := project.UpOptions{
			Detach: o.detach, Program: a.env.Program, Args: []string{superviseName},
			Deploy: a.deployOptions(),
			Log:    a.log(o.detach, end),
			Ready:  func() { a.ready(p, in) },
		}
		if _, err := p.Up(ctx, in, options); err != nil || !o.detach {
			return err
		}
		end()
		running, err := p.Running(in)
		if err != nil {
			return err
		}
		return a.printRunning(in, running)
	})
}

// log is where the lines of the services go: to the answer, for people who wait for them. The
// progress of the deployment ends where they begin.
func (a *app) log(detached bool, end func()) io.Writer {
	if detached || a.ui.Format() == ui.JSON {
		return nil
	}
	return logWriter{a.ui.Log(), end}
}

type logWriter struct {
	io.Writer
	first func()
}

func (w logWriter) Write(p []byte) (int, error) {
	w.first()
	return w.Writer.Write(p)
}

// ready tells that all is healthy, while it runs in the foreground. A failure to find that out
// changes nothing of what runs.
func (a *app) ready(p *project.Project, in facsimile.Instance) {
	running, err := p.Running(in)
	if err != nil {
		return
	}
	if a.ui.Format() == ui.JSON {
		_ = a.printRunning(in, running)
		return
	}
	a.ui.Remark(ui.Count(len(running.Replicas), "replica") + " of " + string(in) + ", all healthy; Ctrl-C stops them")
}
