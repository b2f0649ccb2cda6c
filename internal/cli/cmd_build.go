package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newBuild(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "build INSTANCE",
		Short: "Make the release of an instance",
		Long: `Makes the release of an instance and keeps it in the store: generates what the state lacks, checks out and builds the sources, renders the templates, and names the whole by one digest. The same definition, state and sources give the same digest on any machine.

No node is touched.`,
		Example:           "  facs build beta\n  facs build prod --frozen -o json",
		Args:              takes,
		ValidArgsFunction: completes(a.instances),
		Annotations:       statuses("023"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.build(cmd.Context(), args[0])
		},
	}
}

func (a *app) build(ctx context.Context, name string) error {
	in, err := parseInstance(name)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		end := a.ui.Progress()
		defer end()
		b, err := p.Build(ctx, in, a.ui.Say)
		end()
		if err != nil {
			return err
		}
		present(&b.Generated)
		return a.ui.Print(b, func(page *ui.Page) { buildText(page, b, a.global.quiet) })
	})
}

func buildText(page *ui.Page, b project.Built, quiet bool) {
	page.Line("%s %s", page.Bold(string(b.Instance)), b.Digest)
	var rows [][]string
	for _, n := range slices.Sorted(maps.Keys(b.Nodes)) {
		files, bytes := treeSize(b.Trees[b.Nodes[n]])
		rows = append(rows, []string{page.Name(string(n)), b.Nodes[n].Short(), ui.Count(files, "file"), ui.Size(bytes)})
	}
	page.Indented("  ", rows)
	if quiet {
		return
	}
	if len(b.Generated) > 0 {
		page.Para("", fmt.Sprintf("Generated %s: %s.", ui.Count(len(b.Generated), "value"), some(b.Generated, 160)))
	}
	page.Para("", countsText(b.Counts))
	if b.Folder != "" {
		page.Line("The rendered files are in %s", b.Folder)
	}
}

func treeSize(t facsimile.Tree) (files int, bytes int64) {
	for _, f := range t.Files {
		if f.Type != facsimile.Directory {
			files++
		}
		bytes += f.Size
	}
	return files, bytes
}

func countsText(c project.Counts) string {
	return fmt.Sprintf("Rendered %s, evaluated %s, hashed %s, stored %d (%s).", ui.Count(c.Renders, "template"),
		ui.Count(c.Evaluations, "reference"), ui.Count(c.Files, "file"), c.Written, ui.Size(c.Bytes))
}
