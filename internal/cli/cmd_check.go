package cli

import (
	"context"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

func newCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check [INSTANCE...]",
		Short: "Look for everything that is wrong with the definition",
		Long: `Checks the definition of every INSTANCE, or of all: files, layers, topology, references, templates and what they install. It shows everything that is wrong, not the first of it, each with its file, line and column.

Nothing is written, not even a missing password, and no key is needed. A warning is something that works and was probably not meant; warnings alone leave the status at 0.`,
		Example:           "  facs check\n  facs check prod -o json",
		Args:              takes,
		ValidArgsFunction: completesAll(a.instances),
		Annotations:       statuses("0123"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.check(cmd.Context(), args)
		},
	}
}

// findingDocument is a finding as JSON output has it.
type findingDocument struct {
	Severity string `json:"severity"` // error or warning
	ui.ErrorDocument
}

type checkDocument struct {
	Findings []findingDocument `json:"findings"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
}

func (a *app) check(ctx context.Context, args []string) error {
	var instances []facsimile.Instance
	for _, arg := range args {
		in, err := parseInstance(arg)
		if err != nil {
			return err
		}
		instances = append(instances, in)
	}
	return a.withOpened(ctx, project.OpenToCheck, func(p *project.Project) error {
		findings, err := p.Check(ctx, instances...)
		if err != nil {
			return err
		}
		doc := newCheckDocument(findings)
		if len(instances) == 0 {
			instances = p.Instances()
		}
		err = a.ui.Print(doc, func(page *ui.Page) { checkText(page, findings, doc, len(instances)) })
		if err != nil {
			return err
		}
		return yes(doc.Errors == 0)
	})
}

func newCheckDocument(findings []project.Finding) checkDocument {
	doc := checkDocument{Findings: []findingDocument{}}
	for _, f := range findings {
		one := findingDocument{Severity: "error", ErrorDocument: ui.NewErrorDocument(f.Error)}
		if f.Warning {
			one.Severity = "warning"
			doc.Warnings++
		} else {
			doc.Errors++
		}
		doc.Findings = append(doc.Findings, one)
	}
	return doc
}

func checkText(page *ui.Page, findings []project.Finding, doc checkDocument, instances int) {
	for _, f := range findings {
		label := "error: "
		if f.Warning {
			label = "warning: "
		}
		page.Problem(label, "hint: ", f.Error, f.Warning)
	}
	checked := ui.Count(instances, "instance") + " checked: "
	switch {
	case doc.Errors > 0:
		page.Line("%s%s, %s", checked, page.Bad(ui.Count(doc.Errors, "error")), ui.Count(doc.Warnings, "warning"))
	case doc.Warnings > 0:
		page.Line("%s%s", checked, page.Warn(ui.Count(doc.Warnings, "warning")))
	default:
		page.Line("%s%s", checked, page.Good("nothing is wrong"))
	}
}
