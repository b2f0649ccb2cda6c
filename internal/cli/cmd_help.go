package cli

import (
	"github.com/spf13/cobra"
)

func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "help [COMMAND]",
		Short:             "Say more about a command",
		Long:              `Says what a command does, which arguments and flags it takes, and which exit statuses it can give. Without COMMAND it lists all commands and the flags that each takes.`,
		Example:           "  facs help deploy",
		Args:              takes,
		ValidArgsFunction: completes(a.commandNames),
		Annotations:       statuses("02"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.help(cmd.Root())
			}
			for _, sub := range cmd.Root().Commands() {
				if sub.Name() == args[0] {
					return a.help(sub)
				}
			}
			return noCommand(cmd.Root(), args[0])
		},
	}
}

func (a *app) commandNames(cmd *cobra.Command, _ []string, prefix string) []string {
	var names []string
	for _, sub := range cmd.Root().Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return beginning(names, prefix)
}
