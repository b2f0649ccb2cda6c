package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/project"
)

// takes checks the number of arguments against the words of the command's usage line: those in
// brackets may be left out, and a last one that ends in "..." may come again.
func takes(cmd *cobra.Command, args []string) error {
	_, words, _ := strings.Cut(cmd.Use, " ")
	least, most := 0, 0
	var missing []string
	for word := range strings.FieldsSeq(words) {
		most++
		if strings.HasSuffix(word, "...") || strings.HasSuffix(word, "...]") {
			most = len(args) + 1
		}
		if !strings.HasPrefix(word, "[") {
			least++
			if least > len(args) {
				missing = append(missing, word)
			}
		}
	}
	usage := "usage: " + strings.TrimSpace(cmd.CommandPath()+" "+words) + "; " + helpHint(cmd)
	switch {
	case len(missing) > 0:
		return facsimile.Errorf(facsimile.BadInput, "%s needs %s", cmd.CommandPath(), strings.Join(missing, " and ")).WithHint("%s", usage)
	case len(args) > most && most == 0:
		return facsimile.Errorf(facsimile.BadInput, "%s takes no argument, but there is %q", cmd.CommandPath(), args[0]).WithHint("%s", usage)
	case len(args) > most:
		return facsimile.Errorf(facsimile.BadInput, "%s does not take a further argument: %q", cmd.CommandPath(), args[most]).WithHint("%s", usage)
	}
	return nil
}

// parseAddress reads INSTANCE[/NODE].
func parseAddress(arg string) (project.Address, error) {
	name, host, hasNode := strings.Cut(arg, "/")
	in, err := parseInstance(name)
	if err != nil || !hasNode {
		return project.Address{Instance: in}, err
	}
	n, err := facsimile.ParseNode(host)
	if err != nil {
		return project.Address{}, facsimile.Errorf(facsimile.BadInput, "cannot take %q for INSTANCE/NODE: %w", arg, err)
	}
	return project.Address{Instance: in, Node: n}, nil
}

func parseInstance(arg string) (facsimile.Instance, error) {
	in, err := facsimile.ParseInstance(arg)
	if err != nil {
		e := facsimile.Errorf(facsimile.BadInput, "cannot take %q for an instance: %w", arg, err)
		if strings.Contains(arg, "/") {
			return "", e.WithHint("this command takes a whole instance, not one node of it")
		}
		return "", e.WithHint("facs list instances lists them")
	}
	return in, nil
}

func parsePath(arg string) (facsimile.Path, error) {
	p, err := facsimile.ParsePath(arg)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.BadInput, "cannot take %q for the path of a value: %w", arg, err).
			WithHint(`keys are joined by dots; one that holds a dot is quoted: nodes."fe1.eu.example.net".region`)
	}
	return p, nil
}

// unknownCommand refuses a first word that is no command, with the nearest.
func unknownCommand(a *app) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return noCommand(cmd, args[0])
	}
}

func noCommand(root *cobra.Command, word string) error {
	var names []string
	for _, sub := range root.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	hint := helpHint(root)
	if near := facsimile.Nearest(word, names); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %s? %s", alternatives(near), hint)
	}
	return facsimile.Errorf(facsimile.BadInput, "there is no command %q", word).WithHint("%s", hint)
}
