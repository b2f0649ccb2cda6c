package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

type diffOptions struct{ check bool }

func newDiff(a *app) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff INSTANCE[/NODE] INSTANCE[/NODE]",
		Short: "Compare two instances, value by value",
		Long: `Compares two instances, or two nodes, by value, and says for each difference where either side was written. Secrets are compared by fingerprint and never shown.

A difference that parity: in the definition lists is meant, and shown with its reason. With --check only the others are shown, and if there is one the status is 1.`,
		Example:           "  facs diff beta prod\n  facs diff beta prod --check",
		Args:              takes,
		ValidArgsFunction: completes(a.addresses, a.addresses),
		Annotations:       statuses("0123"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.diff(cmd.Context(), args, o)
		},
	}
	cmd.Flags().BoolVar(&o.check, "check", false, "show only what is not meant, and fail if there is any")
	return cmd
}

func (a *app) diff(ctx context.Context, args []string, o diffOptions) error {
	left, err := parseAddress(args[0])
	if err != nil {
		return err
	}
	right, err := parseAddress(args[1])
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		c, err := p.Diff(ctx, left, right)
		if err != nil {
			return err
		}
		meant := 0
		shown := []project.Difference{}
		for _, d := range c.Differences {
			if d.Meant {
				meant++
			}
			if !d.Meant || !o.check {
				shown = append(shown, d)
			}
		}
		unmeant := len(c.Differences) - meant
		c.Differences = shown
		if err := a.ui.Print(c, func(page *ui.Page) { diffText(page, args, shown, meant, unmeant) }); err != nil {
			return err
		}
		return yes(!o.check || unmeant == 0)
	})
}

func diffText(page *ui.Page, names []string, shown []project.Difference, meant, unmeant int) {
	for _, d := range shown {
		sign := page.Warn("~")
		switch {
		case d.Right == nil:
			sign = page.Bad("-")
		case d.Left == nil:
			sign = page.Good("+")
		}
		reason := ""
		if d.Meant {
			reason = page.Faint("  meant: " + ui.Visible(d.Reason))
		}
		page.Line("%s %s%s", sign, page.Bold(d.Path.String()), reason)
		page.Indented("    ", [][]string{side(page, names[0], d.Left), side(page, names[1], d.Right)})
	}
	switch {
	case meant+unmeant == 0:
		page.Line("%s", page.Good(names[0]+" and "+names[1]+" have the same values."))
	case unmeant == 0:
		page.Line("%s, %s.", ui.Count(meant, "difference"), page.Good("all meant"))
	case meant == 0:
		page.Line("%s, %s.", ui.Count(unmeant, "difference"), page.Warn("none of them meant"))
	default:
		page.Line("%s, %s.", ui.Count(meant+unmeant, "difference"), page.Warn(fmt.Sprintf("%d of them not meant", unmeant)))
	}
}

func side(page *ui.Page, name string, s *project.Side) []string {
	if s == nil {
		return []string{page.Faint(name), page.Faint("(nothing)"), ""}
	}
	return []string{page.Faint(name), ui.Inline(s.Value, 48), page.Faint(placeText(s.Origin, false))}
}
