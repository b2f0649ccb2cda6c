package cli

import (
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/project"
)

// newServe makes the hidden "node serve", which a deployment over SSH starts on a node.
func newServe(a *app) *cobra.Command {
	var home, name string
	cmd := &cobra.Command{
		Use:         "serve",
		Short:       "Answer a deployment as a node",
		Long:        `Answers a deployment over standard input and output, as a node with a home on this machine. facs starts it on nodes that it reaches by SSH; it is of no use to people.`,
		Args:        takes,
		Hidden:      true,
		Annotations: statuses("023"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // an operator that hung up is told by the error of a write
			return project.ServeNode(cmd.Context(), a.env.Stdin, a.env.Stdout, home, facsimile.Node(name), "facs "+a.env.Version)
		},
	}
	cmd.Flags().StringVar(&home, "home", "", "the `FOLDER` of the releases, absolute")
	cmd.Flags().StringVar(&name, "name", "", "the `NODE`'s name")
	return cmd
}
