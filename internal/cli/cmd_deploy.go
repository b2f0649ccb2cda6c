package cli

import (
	"context"

	"github.com/spf13/cobra"

	"facsimile.dev/facsimile/project"
)

type deployOptions struct {
	why    string
	dryRun bool
}

func newDeploy(a *app) *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "deploy INSTANCE",
		Short: "Put the release of an instance on its nodes",
		Long: `Builds the release of an instance and puts it on all its nodes, or on none: every node gets the whole of it beside the live one, and only when all have it does each switch, by one rename. Then each is read back. What a node has already does not travel, and a file that was damaged there is mended.

Where an instance has nodes elsewhere than on this machine it shows the plan and asks; --yes goes on without. It does not ask for an instance that is all on this machine.

Ctrl-C before the first node switched changes nothing; after it the rollout is finished or undone first. When facs itself is killed, the same command again finishes it.

On local nodes this writes files; facs up runs the services.`,
		Example:           "  facs deploy beta\n  facs deploy prod --why \"new price list\" --yes\n  facs deploy prod --dry-run",
		Args:              takes,
		ValidArgsFunction: completes(a.instances),
		Annotations:       statuses("02345"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deploy(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.why, "why", "", "the `REASON`, for the history")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "only say what would change, as facs plan does")
	return cmd
}

func (a *app) deploy(ctx context.Context, name string, o deployOptions) error {
	if o.dryRun {
		return a.plan(ctx, name, planOptions{})
	}
	in, err := parseInstance(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		a.warn(ctx, p, in)
		if err := a.confirm(ctx, p, in, "deploy"); err != nil {
			return err
		}
		return a.rollout(in, func(d project.DeployOptions) (project.Result, error) {
			d.Why = o.why
			return p.Deploy(ctx, in, d)
		})
	})
}
