package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status INSTANCE",
		Short: "Ask every node what it runs",
		Long: `Asks every node of an instance which release it has and what runs there. It believes what the nodes say of themselves; facs verify reads every byte.

The status is 1 when a node does not answer, or the nodes do not all have the same release.`,
		Example:           "  facs status beta\n  facs status prod -o json",
		Args:              takes,
		ValidArgsFunction: completes(a.instances),
		Annotations:       statuses("0123"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.status(cmd.Context(), args[0])
		},
	}
}

func (a *app) status(ctx context.Context, name string) error {
	in, err := parseInstance(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		s, err := p.Status(ctx, in)
		if err != nil {
			return err
		}
		present(&s.Nodes)
		for i := range s.Nodes {
			present(&s.Nodes[i].Services)
			present(&s.Nodes[i].Targets)
		}
		if err := a.ui.Print(s, func(page *ui.Page) { statusText(page, s) }); err != nil {
			return err
		}
		return yes(agree(s))
	})
}

// agree reports whether all nodes answer and were last changed by the same rollout.
func agree(s project.Status) bool {
	for _, n := range s.Nodes {
		if n.Error != "" || n.Epoch != s.Nodes[0].Epoch {
			return false
		}
	}
	return true
}

func statusText(page *ui.Page, s project.Status) {
	rows := make([][]string, len(s.Nodes))
	for i, n := range s.Nodes {
		var targets, services []string
		for _, t := range n.Targets {
			targets = append(targets, string(t))
		}
		for _, service := range n.Services {
			services = append(services, service.Name+" "+stateText(page, service.State))
		}
		epoch := ""
		if n.Epoch > 0 {
			epoch = fmt.Sprint(n.Epoch)
		}
		rows[i] = []string{page.Name(string(n.Node)), string(n.Region), strings.Join(targets, ", "), short(n.Release), epoch,
			strings.Join(services, ", "), page.Bad(ui.Visible(n.Error))}
	}
	page.Table([]string{"NODE", "REGION", "TARGETS", "RELEASE", "EPOCH", "SERVICES", ""}, rows)
}

// stateText is the state of a service, painted.
func stateText(page *ui.Page, state string) string {
	switch state {
	case "healthy", "running":
		return page.Good(state)
	case "unhealthy", "exited", "failed":
		return page.Bad(state)
	}
	return page.Warn(state)
}
