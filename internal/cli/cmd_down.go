package cli

import (
	"context"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newDown(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "down INSTANCE",
		Short: "Stop what facs up started",
		Long: `Stops all services of an instance on this machine, whoever started them, and comes back when every process of them is gone. Files stay as they are.

That nothing runs is no error.`,
		Example:           "  facs down beta",
		Args:              takes,
		ValidArgsFunction: completes(a.instances),
		Annotations:       statuses("023"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.down(cmd.Context(), args[0])
		},
	}
}

func (a *app) down(ctx context.Context, name string) error {
	in, err := parseInstance(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		s, err := p.Down(ctx, in)
		if err != nil {
			return err
		}
		present(&s.Replicas)
		return a.ui.Print(s, func(page *ui.Page) { stoppedText(page, in, s) })
	})
}

func stoppedText(page *ui.Page, in facsimile.Instance, s project.Stopped) {
	if !s.WasRunning && s.Killed == 0 {
		page.Line("Nothing of %s was running.", in)
		return
	}
	page.Line("Stopped %s of %s.", ui.Count(len(s.Replicas), "replica"), page.Bold(string(in)))
	if s.Killed > 0 {
		page.Line("%s had to be found and killed.", ui.Count(s.Killed, "process"))
	}
}
