package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newPs(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "ps INSTANCE",
		Short: "Show what runs of an instance here",
		Long: `Shows the replicas of an instance that facs up runs on this machine, with their state, address and log.

The status is 1 when not all that runs is healthy, or nothing runs.`,
		Example:           "  facs ps beta\n  facs ps beta -o json",
		Args:              takes,
		ValidArgsFunction: completes(a.instances),
		Annotations:       statuses("0123"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ps(cmd.Context(), args[0])
		},
	}
}

func (a *app) ps(ctx context.Context, name string) error {
	in, err := parseInstance(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		running, err := p.Running(in)
		if err != nil {
			return err
		}
		if err := a.printRunning(in, running); err != nil {
			return err
		}
		healthy := running.Running
		for _, r := range running.Replicas {
			healthy = healthy && r.State == "healthy"
		}
		return yes(healthy)
	})
}

func (a *app) printRunning(in facsimile.Instance, r project.Running) error {
	present(&r.Replicas)
	return a.ui.Print(r, func(page *ui.Page) { runningText(page, in, r) })
}

func runningText(page *ui.Page, in facsimile.Instance, r project.Running) {
	if !r.Running {
		page.Line("Nothing of %s runs here.", in)
	}
	if len(r.Replicas) == 0 {
		return
	}
	rows := make([][]string, len(r.Replicas))
	for i, one := range r.Replicas {
		pid, restarts := "", ""
		if one.PID > 0 {
			pid = fmt.Sprint(one.PID)
		}
		if one.Restarts > 0 {
			restarts = fmt.Sprint(one.Restarts)
		}
		rows[i] = []string{page.Name(string(one.Name)), string(one.Node), stateText(page, string(one.State)), one.Address, pid, restarts,
			ui.Visible(one.Reason)}
	}
	page.Table([]string{"REPLICA", "NODE", "STATE", "ADDRESS", "PID", "RESTARTS", "REASON"}, rows)
}
