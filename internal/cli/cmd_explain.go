package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

type explainOptions struct{ project string }

func newExplain(a *app) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain INSTANCE[/NODE] PATH",
		Short: "Say why a value is what it is",
		Long: `Says which file and line gives the value under PATH, which values it overrode, the nearest first, and, for a reference, what it read and where that was written.

It is the same walk over the layers that makes the value, so what it says is what is deployed.`,
		Example:           "  facs explain beta modules.api.service.n_instances\n  facs explain prod/fe1.eu.example.net db.host",
		Args:              takes,
		ValidArgsFunction: completes(a.addresses, a.paths),
		Annotations:       statuses("023"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.explain(cmd.Context(), args, o)
		},
	}
	cmd.Flags().StringVar(&o.project, "project", "", "as `PROJECT` sees it, with the layers of its source; the definition itself if left out")
	return cmd
}

func (a *app) explain(ctx context.Context, args []string, o explainOptions) error {
	at, path, err := addressAndPath(args)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		e, err := p.Explain(ctx, at, facsimile.Project(o.project), path)
		if err != nil {
			return err
		}
		present(&e.Overrode)
		present(&e.Reads)
		return a.ui.Print(e, func(page *ui.Page) { explainText(page, e) })
	})
}

// shownValue is the most of a value that is shown in one line.
const shownValue = 72

func explainText(page *ui.Page, e project.Explanation) {
	page.Line("%s = %s", page.Bold(e.Path.String()), ui.Inline(e.Value, shownValue))
	placeLines(page, "  ", e.Origin)
	if e.StateKey != "" {
		page.Line("  generated, and kept in the state as %s", page.Name(e.StateKey))
	}
	if e.Project != "" {
		page.Line("  by the layers of %s", page.Name(string(e.Project)))
	}
	if e.Expression != "" {
		page.Line("  written as %s", ui.Visible(strings.TrimSpace(e.Expression)))
	}
	for _, lost := range e.Overrode {
		page.Line("over %s", ui.Inline(lost.Value, shownValue))
		placeLines(page, "  ", lost.Origin)
	}
	if len(e.Reads) > 0 {
		page.Line("reads")
		for _, r := range e.Reads {
			page.Line("  %s", page.Bold(r.Path.String()))
			placeLines(page, "    ", r.Origin)
		}
	}
}

// placeLines writes where something stands, with the line itself.
func placeLines(page *ui.Page, indent string, at project.Place) {
	text := placeText(at, true)
	if text == "" {
		return
	}
	if at.File != "" && at.Layer != "" {
		text = page.Name(text) + page.Faint(" (layer "+string(at.Layer)+")")
	}
	page.Line("%s%s", indent, text)
	if line := strings.TrimSpace(at.Text); line != "" {
		page.Line("%s  %s %s", indent, page.Faint("|"), ui.Visible(line))
	}
}
