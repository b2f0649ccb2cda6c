package cli

import (
	"context"

	"github.com/spf13/cobra"
)

type demoOptions struct {
	dir  string
	keep bool
}

func newDemo(a *app) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:  "demo",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), o) },
	}
	return cmd
}
func (a *app) demo(ctx context.Context, o demoOptions) error { return nil }
