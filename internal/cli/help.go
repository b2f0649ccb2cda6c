package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

// statusKey is the annotation with the exit statuses that a command can give, as digits.
const statusKey = "statuses"

// statuses annotates a command with the exit statuses that it can give.
func statuses(digits string) map[string]string { return map[string]string{statusKey: digits} }

// outcomes are the exit statuses that a command can give.
func outcomes(cmd *cobra.Command) []facsimile.Outcome {
	var list []facsimile.Outcome
	for _, digit := range cmd.Annotations[statusKey] {
		list = append(list, facsimile.Outcome(digit-'0'))
	}
	return list
}

// help writes the help of a command, wherever its answer would go.
func (a *app) help(cmd *cobra.Command) error {
	if !cmd.HasParent() {
		return a.printText(func(p *ui.Page) { rootHelp(p, cmd, a.groups) })
	}
	return a.printText(func(p *ui.Page) { commandHelp(p, cmd) })
}

// printText prints what is for people whatever the format.
func (a *app) printText(text func(*ui.Page)) error {
	return ui.New(ui.Options{Out: a.env.Stdout, Format: ui.Text, Color: a.global.color, Environ: a.environ}).Print(nil, text)
}

func commandHelp(p *ui.Page, cmd *cobra.Command) {
	p.Line("%s", p.Bold("facs "+cmd.Use))
	p.Line("")
	p.Para("", cmd.Long)
	if cmd.Example != "" {
		p.Line("")
		p.Line("%s", p.Bold("Examples"))
		p.Line("%s", strings.TrimRight(cmd.Example, "\n"))
	}
	if flags := flagRows(cmd.NonInheritedFlags()); len(flags) > 0 {
		p.Line("")
		p.Line("%s", p.Bold("Flags"))
		flagTable(p, flags)
	}
	p.Line("")
	p.Line("%s", p.Bold("Exit status"))
	for _, o := range outcomes(cmd) {
		p.Line("  %d  %s", o, meaning(o))
	}
	p.Line("")
	p.Line("%s", p.Faint("facs help lists the flags that every command takes."))
}

func rootHelp(p *ui.Page, root *cobra.Command, groups []group) {
	p.Para("", root.Long)
	p.Line("")
	p.Line("  facs COMMAND [ARGUMENT...] [FLAG...]")
	commandTable(p, groups)
	p.Line("")
	p.Line("%s", p.Bold("Flags of every command"))
	flagTable(p, flagRows(root.PersistentFlags()))
	p.Line("")
	p.Line("%s", p.Bold("Exit status"))
	for o := facsimile.Done; o <= facsimile.TwoReleases; o++ {
		p.Line("  %d  %s", o, meaning(o))
	}
	p.Line("")
	p.Line("%s", p.Faint("facs help COMMAND says more about one."))
}

// commandTable lists the commands by group.
func commandTable(p *ui.Page, groups []group) {
	label := 0
	for _, g := range groups {
		for _, cmd := range g.commands {
			label = max(label, len(cmd.Name()))
		}
	}
	for _, g := range groups {
		p.Line("")
		p.Line("%s", p.Bold(g.title))
		for _, cmd := range g.commands {
			p.Line("  %s%s  %s", p.Name(cmd.Name()), strings.Repeat(" ", label-len(cmd.Name())), cmd.Short)
		}
	}
}

// flagRows are the names and the description of each flag, but for --help, which help need not explain.
func flagRows(flags *pflag.FlagSet) [][]string {
	var rows [][]string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			rows = append(rows, []string{flagNames(f), flagText(f)})
		}
	})
	return rows
}

func flagTable(p *ui.Page, rows [][]string) {
	const text = 27 // where descriptions start
	for _, row := range rows {
		head := "  " + p.Name(row[0])
		if n := 2 + len(row[0]); n < text-1 {
			head += strings.Repeat(" ", text-n)
		} else {
			p.Line("%s", head)
			head = strings.Repeat(" ", text)
		}
		for _, line := range ui.Wrap(row[1], 80-text) {
			p.Line("%s%s", head, line)
			head = strings.Repeat(" ", text)
		}
	}
}

// flagNames is how a flag is written: -o, --output FORMAT.
func flagNames(f *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(f)
	text := "    --" + f.Name
	if f.Shorthand != "" {
		text = "-" + f.Shorthand + ", --" + f.Name
	}
	if name != "" && f.Value.Type() != "bool" {
		text += " " + name
	}
	return text
}

// flagText is what a flag does, and its default where that says something.
func flagText(f *pflag.Flag) string {
	_, text := pflag.UnquoteUsage(f)
	switch f.DefValue {
	case "", "false", "[]", "0":
		return text
	}
	return text + " (default " + f.DefValue + ")"
}

// overview greets who types facs alone.
func (a *app) overview(root *cobra.Command) error {
	here := a.whatIsHere(root.Context())
	return a.printText(func(p *ui.Page) {
		p.Line("%s makes exact copies of an environment.", p.Bold("facs"))
		p.Line("")
		for _, line := range here {
			p.Line("%s", line)
		}
		commandTable(p, a.groups)
		p.Line("")
		p.Line("  %s shows all of it at work, in a minute.", p.Name("facs demo"))
		p.Line("  %s says more about a command.", p.Name("facs help COMMAND"))
	})
}

// whatIsHere says which definition the commands would use, if there is one.
func (a *app) whatIsHere(ctx context.Context) []string {
	p, err := project.Open(ctx, a.options())
	if err != nil {
		if e := ui.Problems(err)[0]; len(e.At) > 0 {
			return []string{"The definition here cannot be read: facs check says why."}
		}
		return []string{"There is no definition here. facs init writes one to begin with."}
	}
	names := make([]string, 0, len(p.Instances()))
	for _, in := range p.Instances() {
		names = append(names, string(in))
	}
	return []string{"Here is " + p.Name() + ", with " + ui.Count(len(names), "instance") + ": " + some(names, 40) + "."}
}

// some joins names, the first few of many: as many as fit into width, and at least one.
func some(names []string, width int) string {
	shown, length := 0, 0
	for _, n := range names {
		if length += len(n) + 2; shown > 0 && length > width {
			break
		}
		shown++
	}
	text := strings.Join(names[:shown], ", ")
	if left := len(names) - shown; left > 0 {
		text += " and " + ui.Count(left, "other")
	}
	return text
}
