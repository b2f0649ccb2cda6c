package cli

import (
	"io"

	"github.com/spf13/cobra"

	"facsimile.dev/facsimile/project"
)

// superviseName is the hidden command that a detached up starts.
const superviseName = "supervise"

func newSupervise(a *app) *cobra.Command {
	return &cobra.Command{
		Use:         superviseName,
		Short:       "Run the services of a detached facs up",
		Long:        `Runs the services that it reads from standard input, until it is told to end. facs up --detach starts it; it is of no use to people.`,
		Args:        takes,
		Hidden:      true,
		Annotations: statuses("03"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return project.Supervise(cmd.Context(), a.env.Stdin, writeCloser(a.env.Stdout))
		},
	}
}

// writeCloser is w, closed when it can be.
func writeCloser(w io.Writer) io.WriteCloser {
	if c, ok := w.(io.WriteCloser); ok {
		return c
	}
	return nopCloser{w}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
