package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/project"
)

// completer completes one argument. It never fails: what cannot be known is not offered.
type completer func(cmd *cobra.Command, args []string, prefix string) []string

// completes gives the arguments of a command their completers, in order; what comes after them has none.
func completes(each ...completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(each) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		offers := each[len(args)](cmd, args, prefix)
		directive := cobra.ShellCompDirectiveNoFileComp
		if len(offers) == 1 && (strings.HasSuffix(offers[0], "/") || strings.HasSuffix(offers[0], ".")) {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return offers, directive
	}
}

// completesAll gives every argument the same completer.
func completesAll(c completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return c(cmd, args, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) instances(cmd *cobra.Command, _ []string, prefix string) []string {
	return beginning(a.instanceNames(cmd.Context()), prefix)
}

// instanceNames are the instances of the definition here, if there is one.
func (a *app) instanceNames(ctx context.Context) []string {
	p, err := project.Open(ctx, a.options())
	if err != nil {
		return nil
	}
	var names []string
	for _, in := range p.Instances() {
		names = append(names, string(in))
	}
	return names
}

// addresses completes INSTANCE, and NODE once the slash is there.
func (a *app) addresses(cmd *cobra.Command, args []string, prefix string) []string {
	in, _, hasNode := strings.Cut(prefix, "/")
	if !hasNode {
		return a.instances(cmd, args, prefix)
	}
	p, err := project.Open(cmd.Context(), a.options())
	if err != nil {
		return nil
	}
	nodes, err := p.List(cmd.Context(), "nodes", project.Filter{Instance: facsimile.Instance(in)})
	if err != nil {
		return nil
	}
	var names []string
	for _, n := range nodes {
		names = append(names, in+"/"+n.Name)
	}
	return beginning(names, prefix)
}

func (a *app) kinds(_ *cobra.Command, _ []string, prefix string) []string {
	return beginning(project.ListKinds(), prefix)
}

// paths completes one more key of the path of a value, in the instance that the first argument names.
func (a *app) paths(cmd *cobra.Command, args []string, prefix string) []string {
	at, err := parseAddress(args[0])
	if err != nil {
		return nil
	}
	p, err := project.Open(cmd.Context(), a.options())
	if err != nil {
		return nil
	}
	var above facsimile.Path
	stem := prefix[:strings.LastIndexByte(prefix, '.')+1]
	if stem != "" {
		if above, err = facsimile.ParsePath(strings.TrimSuffix(stem, ".")); err != nil {
			return nil
		}
	}
	v, err := p.Show(cmd.Context(), at, "", above)
	if err != nil {
		return nil
	}
	var names []string
	for key, value := range v.All() {
		name := above.Child(key).String()
		if value.Kind() == facsimile.Map {
			name += "."
		}
		names = append(names, name)
	}
	return beginning(names, prefix)
}

func beginning(names []string, prefix string) []string {
	var out []string
	for _, n := range names {
		if strings.HasPrefix(n, prefix) {
			out = append(out, n)
		}
	}
	return out
}
