package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify INSTANCE[/NODE]",
		Short: "Prove that every node is an exact copy",
		Long: `Has every node, or one, read every byte that it should have, and compares with the newest release that was put on any of them. It names each file that is missing, extra or changed, each mode, owner and link that is off, and says where another release is live.

The answer for a node is exact, differs or unknown. The status is 1 unless all are exact. facs deploy mends what it finds.`,
		Example:           "  facs verify beta\n  facs verify prod/fe1.eu.example.net -o json",
		Args:              takes,
		ValidArgsFunction: completes(a.addresses),
		Annotations:       statuses("0123"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verify(cmd.Context(), args[0])
		},
	}
}

func (a *app) verify(ctx context.Context, address string) error {
	at, err := parseAddress(address)
	if err != nil {
		return err
	}
	return a.with(ctx, func(p *project.Project) error {
		v, err := p.Verify(ctx, at)
		if err != nil {
			return err
		}
		present(&v.Nodes)
		for i := range v.Nodes {
			present(&v.Nodes[i].Differences)
		}
		if err := a.ui.Print(v, func(page *ui.Page) { verifyText(page, address, v) }); err != nil {
			return err
		}
		return yes(!v.Digest.IsZero() && v.Exact == v.Total)
	})
}

// verifyShown is the number of differences of one node up to which all are shown.
const verifyShown = 40

// verifyText shows what was found of an address. Only nodes that answered can say that they have nothing.
func verifyText(page *ui.Page, of string, v project.Verification) {
	silent := 0
	for _, n := range v.Nodes {
		if n.Answer == "unknown" {
			silent++
		}
		if n.Answer == "exact" || v.Digest.IsZero() && n.Error == "" {
			continue
		}
		page.Line("%s  %s", page.Name(string(n.Node)), page.Bad(string(n.Answer)))
		if n.Error != "" {
			page.Line("  %s", ui.Visible(n.Error))
		}
		differenceText(page, n.Differences)
	}
	switch {
	case v.Digest.IsZero() && silent == 0:
		page.Line("Nothing was ever deployed to %s.", of)
		return
	case v.Digest.IsZero():
		page.Line("%s", page.Bad(fmt.Sprintf("Cannot verify %s: %d of %d nodes could not be asked.", of, silent, len(v.Nodes))))
		return
	}
	count := fmt.Sprintf("%d of %d nodes are exact copies", v.Exact, v.Total)
	if v.Exact == v.Total {
		count = page.Good(count)
	} else {
		count = page.Bad(count)
	}
	page.Line("%s of %s.", count, short(v.Digest))
}

func differenceText(page *ui.Page, differences []facsimile.Difference) {
	var rows [][]string
	for i, d := range differences {
		if i == verifyShown && len(differences) > verifyShown+1 {
			break
		}
		sign := page.Warn("~")
		switch d.Kind {
		case facsimile.Missing:
			sign = page.Bad("-")
		case facsimile.Extra:
			sign = page.Good("+")
		}
		rows = append(rows, []string{sign + " " + ui.Visible(d.Path), string(d.Kind), page.Faint(ui.Visible(d.Note))})
	}
	page.Indented("  ", rows)
	if left := len(differences) - len(rows); left > 0 {
		page.Line("  %s", page.Faint(fmt.Sprintf("and %d more (all with -o json)", left)))
	}
}
