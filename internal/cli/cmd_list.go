package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

type listOptions struct{ region, target string }

func newList(a *app) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list [KIND] [INSTANCE]",
		Short: "List instances, projects, modules, nodes, …",
		Long: `Lists things of a kind: ` + alternatives(project.ListKinds()) + `. Without a kind it lists the instances.

All but the instances are those of one, so they need INSTANCE.`,
		Example:           "  facs list\n  facs list nodes prod --region eu\n  facs list modules beta -o json",
		Args:              takes,
		ValidArgsFunction: completes(a.kinds, a.instances),
		Annotations:       statuses("023"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.list(cmd.Context(), args, o)
		},
	}
	cmd.Flags().StringVar(&o.region, "region", "", "only what is in `REGION`")
	cmd.Flags().StringVar(&o.target, "target", "", "only what is of `TARGET`")
	return cmd
}

func (a *app) list(ctx context.Context, args []string, o listOptions) error {
	kind := "instances"
	if len(args) > 0 {
		kind = args[0]
	}
	if !slices.Contains(project.ListKinds(), kind) {
		return a.noKind(ctx, kind)
	}
	filter := project.Filter{Region: facsimile.Region(o.region), Target: facsimile.Target(o.target)}
	if len(args) > 1 {
		in, err := parseInstance(args[1])
		if err != nil {
			return err
		}
		filter.Instance = in
	}
	return a.with(ctx, func(p *project.Project) error {
		items, err := p.List(ctx, kind, filter)
		if err != nil {
			return err
		}
		present(&items)
		return a.ui.Print(items, func(page *ui.Page) { listText(page, items) })
	})
}

func (a *app) noKind(ctx context.Context, kind string) error {
	hint := "it lists " + alternatives(project.ListKinds())
	if near := facsimile.Nearest(kind, project.ListKinds()); len(near) > 0 {
		hint = "did you mean " + alternatives(near) + "? " + hint
	}
	if slices.Contains(a.instanceNames(ctx), kind) {
		hint = "that is an instance: facs list nodes " + kind + ", say"
	}
	return facsimile.Errorf(facsimile.BadInput, "facs list knows no kind %q", kind).WithHint("%s", hint)
}

func listText(page *ui.Page, items []project.Item) {
	if len(items) == 0 {
		page.Line("There are none.")
		return
	}
	rows := make([][]string, len(items))
	for i, it := range items {
		rows[i] = []string{
			page.Name(it.Name), it.Version, it.Class, it.Region, strings.Join(it.Targets, ", "), some(it.Nodes, 24),
			some(it.Replicas, 24), remark(it), it.Repo, page.Faint(it.At),
		}
	}
	page.Table([]string{"NAME", "VERSION", "CLASS", "REGION", "TARGETS", "NODES", "REPLICAS", "", "REPO", "DEFINED"}, rows)
}

func remark(it project.Item) string {
	switch {
	case it.Abstract:
		return "a layer"
	case it.Local:
		return "on this machine"
	}
	return ""
}
