package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newHistory(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "history INSTANCE",
		Short: "List the rollouts of an instance",
		Long: `Lists the rollouts of an instance, the newest first, from the journals of its nodes: when, who, what, which release, and how it ended.

Times are by the clock of whoever deployed.`,
		Example:           "  facs history beta\n  facs history prod -o json",
		Args:              takes,
		ValidArgsFunction: completes(a.instances),
		Annotations:       statuses("023"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.history(cmd.Context(), args[0])
		},
	}
}

func (a *app) history(ctx context.Context, name string) error {
	in, err := parseInstance(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		entries, err := p.History(ctx, in)
		if err != nil {
			return err
		}
		present(&entries)
		return a.ui.Print(entries, func(page *ui.Page) { historyText(page, in, entries) })
	})
}

func historyText(page *ui.Page, in facsimile.Instance, entries []project.Rollout) {
	if len(entries) == 0 {
		page.Line("Nothing was ever deployed to %s.", in)
		return
	}
	rows := make([][]string, len(entries))
	for i, e := range entries {
		rows[i] = []string{fmt.Sprint(e.Epoch), e.Time.Local().Format("2006-01-02 15:04"), e.What, endingText(page, string(e.Result)),
			short(e.Digest), versionsText(e.Versions), ui.Visible(e.Who), ui.Visible(e.Why)}
	}
	page.Table([]string{"EPOCH", "TIME", "WHAT", "RESULT", "RELEASE", "VERSIONS", "WHO", "WHY"}, rows)
}

func versionsText(of map[facsimile.Project]string) string {
	var parts []string
	for _, p := range slices.Sorted(maps.Keys(of)) {
		if of[p] != "" {
			parts = append(parts, string(p)+" "+of[p])
		}
	}
	return strings.Join(parts, ", ")
}
