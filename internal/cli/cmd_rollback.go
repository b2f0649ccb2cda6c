package cli

import (
	"context"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

type rollbackOptions struct {
	why    string
	dryRun bool
}

func newRollback(a *app) *cobra.Command {
	var o rollbackOptions
	cmd := &cobra.Command{
		Use:   "rollback INSTANCE [RELEASE]",
		Short: "Put an older release back",
		Long: `Deploys an older release again, by the same way as facs deploy: the one named by its digest, of which the first digits are enough, or else the last good one before the one that is live. facs history lists them.

It asks as facs deploy does: only where nodes are elsewhere than on this machine.`,
		Example:           "  facs rollback beta\n  facs rollback prod sha256:3f2a91c0 --why \"orders were lost\"",
		Args:              takes,
		ValidArgsFunction: completes(a.instances, a.releases),
		Annotations:       statuses("02345"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rollback(cmd.Context(), args, o)
		},
	}
	cmd.Flags().StringVar(&o.why, "why", "", "the `REASON`, for the history")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "only say which releases could be put back")
	return cmd
}

func (a *app) rollback(ctx context.Context, args []string, o rollbackOptions) error {
	in, err := parseInstance(args[0])
	if err != nil {
		return err
	}
	to := ""
	if len(args) > 1 {
		to = args[1]
	}
	return a.with(ctx, func(p *project.Project) error {
		if o.dryRun {
			return a.rollbackTargets(ctx, p, in)
		}
		if err := a.confirm(ctx, p, in, "rollback"); err != nil {
			return err
		}
		return a.rollout(in, func(d project.DeployOptions) (project.Result, error) {
			d.Why = o.why
			return p.Rollback(ctx, in, to, d)
		})
	})
}

// rollbackTargets shows what could be put back.
func (a *app) rollbackTargets(ctx context.Context, p *project.Project, in facsimile.Instance) error {
	entries, err := p.Restorable(ctx, in)
	if err != nil {
		return err
	}
	return a.ui.Print(entries, func(page *ui.Page) {
		if len(entries) == 0 {
			page.Line("There is no release that could be put back on %s.", in)
			return
		}
		historyText(page, in, entries)
	})
}

// releases completes the digest of a release.
func (a *app) releases(cmd *cobra.Command, args []string, prefix string) []string {
	p, err := project.Open(cmd.Context(), a.options())
	if err != nil {
		return nil
	}
	entries, err := p.History(cmd.Context(), facsimile.Instance(args[0]))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Digest.String())
	}
	return beginning(names, prefix)
}
