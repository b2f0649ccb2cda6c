package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"facsimile.dev/facsimile/internal/ui"
)

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Say which version this is",
		Long:        `Says the version of facs, the version of Go that it was built with, and the system that it was built for.`,
		Example:     "  facs version",
		Args:        takes,
		Annotations: statuses("0"),
		RunE: func(*cobra.Command, []string) error {
			doc := versionDocument{a.env.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			return a.ui.Print(doc, func(p *ui.Page) { p.Line("facs %s (%s, %s)", doc.Version, doc.Go, doc.System) })
		},
	}
}

type versionDocument struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}
