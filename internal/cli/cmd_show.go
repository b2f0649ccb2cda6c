package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

type showOptions struct {
	project string
	origins bool
}

func newShow(a *app) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:   "show INSTANCE[/NODE] [PATH]",
		Short: "Show the merged definition of an instance",
		Long: `Shows the value under PATH, or all of it, as the templates of INSTANCE see it: all layers merged and all references evaluated.

A secret is shown as its fingerprint, (secret 3f2a…): the same fingerprint is the same secret. What will be generated at first need is shown as (new), and what has another value on each node as (per node: …); name the node to see its value.

Nothing is written and no key is needed.`,
		Example:           "  facs show beta\n  facs show beta modules.api --origins\n  facs show prod/fe1.eu.example.net db.host",
		Args:              takes,
		ValidArgsFunction: completes(a.addresses, a.paths),
		Annotations:       statuses("023"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.show(cmd.Context(), args, o)
		},
	}
	cmd.Flags().StringVar(&o.project, "project", "", "as `PROJECT` sees it, with the layers of its source; the definition itself if left out")
	cmd.Flags().BoolVar(&o.origins, "origins", false, "say behind each value where it was written")
	return cmd
}

func (a *app) show(ctx context.Context, args []string, o showOptions) error {
	at, path, err := addressAndPath(args)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		v, err := p.Show(ctx, at, facsimile.Project(o.project), path)
		if err != nil {
			return err
		}
		var options ui.ValueOptions
		if o.origins {
			options.Origin = func(v facsimile.Value) string { return placeText(p.Place(v.Origin()), false) }
		}
		return a.ui.Print(v, func(page *ui.Page) { page.Value(v, options) })
	})
}

func addressAndPath(args []string) (project.Address, facsimile.Path, error) {
	at, err := parseAddress(args[0])
	if err != nil || len(args) == 1 {
		return at, nil, err
	}
	path, err := parsePath(args[1])
	return at, path, err
}

// placeText is FILE:LINE, or FILE:LINE:COLUMN; the layer where there is no file.
func placeText(at project.Place, column bool) string {
	switch {
	case at.File == "":
		return string(at.Layer)
	case at.Line == 0:
		return at.File
	case column && at.Column > 0:
		return fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Column)
	}
	return fmt.Sprintf("%s:%d", at.File, at.Line)
}
