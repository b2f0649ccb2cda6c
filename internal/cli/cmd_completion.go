package cli

import (
	"bytes"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
)

// shells are those that completion can be written for.
func shells() []string { return []string{"bash", "zsh", "fish"} }

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write the completion script of a shell",
		Long: `Writes a script that lets bash, zsh or fish complete commands, flags, instances, nodes and paths.

For a shell that is open now, and for all later ones:

  bash  source <(facs completion bash)
        facs completion bash > /etc/bash_completion.d/facs
  zsh   source <(facs completion zsh)
        facs completion zsh > "${fpath[1]}/_facs"
  fish  facs completion fish | source
        facs completion fish > ~/.config/fish/completions/facs.fish`,
		Example: "  facs completion zsh",
		Args:    takes,
		ValidArgsFunction: completes(func(_ *cobra.Command, _ []string, prefix string) []string {
			return beginning(shells(), prefix)
		}),
		Annotations: statuses("02"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.completion(cmd.Root(), args[0])
		},
	}
}

func (a *app) completion(root *cobra.Command, shell string) error {
	var script bytes.Buffer
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&script, true)
	case "zsh":
		err = root.GenZshCompletion(&script)
	case "fish":
		err = root.GenFishCompletion(&script, true)
	default:
		return facsimile.Errorf(facsimile.BadInput, "there is no completion for the shell %q", shell).
			WithHint("there is one for %s", alternatives(shells()))
	}
	if err != nil {
		return err
	}
	_, err = a.env.Stdout.Write(script.Bytes())
	return err
}
