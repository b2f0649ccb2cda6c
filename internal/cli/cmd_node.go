package cli

import (
	"context"

	"github.com/spf13/cobra"

	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newNode(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "node",
		Short:       "See to single nodes",
		Long:        `What concerns a host rather than a release. facs node prepare looks at hosts for all that a deployment needs of them.`,
		Args:        unknownCommand(a),
		Example:     "  facs node prepare prod",
		Annotations: statuses("02"),
		RunE:        func(cmd *cobra.Command, _ []string) error { return a.help(cmd) },
	}
	cmd.AddCommand(newNodePrepare(a), newServe(a))
	return cmd
}

func newNodePrepare(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "prepare INSTANCE[/NODE]",
		Short: "Look at nodes for what a deployment needs",
		Long: `Looks at every node of an instance, or at one: whether and as whom it can be reached, whether facs is there, whether its home can be used, how much room there is. It changes nothing, and says what the first deployment would do and what somebody has to do before.

The status is 1 when a node is not ready.`,
		Example:           "  facs node prepare prod\n  facs node prepare prod/app1.eu.example.net",
		Args:              takes,
		ValidArgsFunction: completes(a.addresses),
		Annotations:       statuses("0123"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.nodePrepare(cmd.Context(), args[0])
		},
	}
}

func (a *app) nodePrepare(ctx context.Context, name string) error {
	at, err := parseAddress(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		found, err := p.Prepare(ctx, at)
		if err != nil {
			return err
		}
		ready := 0
		for _, n := range found {
			if n.Ready {
				ready++
			}
		}
		err = a.ui.Print(found, func(page *ui.Page) {
			for _, n := range found {
				preparationText(page, n)
			}
			page.Line("%d of %d nodes are ready.", ready, len(found))
		})
		if err != nil {
			return err
		}
		return yes(ready == len(found))
	})
}

func preparationText(page *ui.Page, n project.Preparation) {
	page.Line("%s", page.Name(string(n.Node)))
	var rows [][]string
	for _, c := range n.Checks {
		mark := page.Good("ok")
		if !c.OK {
			mark = page.Bad("no")
		}
		rows = append(rows, []string{mark, c.What, ui.Visible(c.Found)})
		if c.Do != "" {
			rows = append(rows, []string{"", "", page.Faint(ui.Visible(c.Do))})
		}
	}
	page.Indented("  ", rows)
}
