// Package cli is the command line: it parses, calls the package project, and prints through the
// package ui. What a command can do, a program can do with project; no decision is made here
// but how to ask and how to show.
//
// There is one file per command, cmd_NAME.go, each of one shape: the options of the command, its
// help and flags, a thin run, and what it prints. The list of them all is in commands.go, the
// exit statuses in exit.go. doc/reference is generated from the commands.
package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

// Env is the world that a command sees, so that a test can hold it all still. Only the demonstration reads
// more: it looks for git and Go where the process does.
type Env struct {
	Args    []string // without the name of the program
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Environ []string // KEY=VALUE
	Dir     string   // the current folder, absolute
	Program string   // the file of this program, for the supervisor of a detached up
	Version string   // of this program
	User    string
	Host    string
	Now     func() time.Time
	Random  io.Reader
}

// app is what the commands of one call share.
type app struct {
	env     Env
	environ map[string]string
	global  globals
	ui      *ui.UI
	groups  []group
}

// Run does what the arguments say and gives the exit status; see exit.go. It never exits itself.
func Run(ctx context.Context, env Env) int {
	a := newApp(env)
	root := newRoot(a)
	root.SetArgs(append([]string{}, env.Args...)) // cobra takes nil for those of the process
	err := root.ExecuteContext(ctx)
	if err == nil {
		return int(facsimile.Done)
	}
	var no answerIsNo
	if !errors.As(err, &no) {
		err = told(ctx, err)
		a.ui.Fail(err)
	}
	return int(outcome(err))
}

func newApp(env Env) *app {
	a := &app{env: env, environ: map[string]string{}}
	for _, pair := range env.Environ {
		if key, value, ok := strings.Cut(pair, "="); ok {
			a.environ[key] = value
		}
	}
	a.global = defaults(a.environ)
	if wantsJSON(env.Args) {
		a.global.output = ui.JSON // so that a wrong flag is told in the format that was asked for
	}
	a.makeUI()
	return a
}

// makeUI makes the UI for the flags as they are now.
func (a *app) makeUI() {
	a.ui = ui.New(ui.Options{
		In: a.env.Stdin, Out: a.env.Stdout, Err: a.env.Stderr,
		Format: a.global.output, Color: a.global.color, Quiet: a.global.quiet, Environ: a.environ,
	})
}

// with opens the definition, does f and tells what the user must know, also when f fails.
func (a *app) with(ctx context.Context, f func(p *project.Project) error) error {
	return a.withOpened(ctx, project.Open, f)
}

func (a *app) withOpened(ctx context.Context, open func(context.Context, project.Options) (*project.Project, error), f func(p *project.Project) error) error {
	p, err := open(ctx, a.options())
	if err != nil {
		return err
	}
	defer p.Close()
	err = f(p)
	for _, notice := range p.Notices() {
		a.ui.Notice(notice)
	}
	return err
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "facs",
		Short:         "Make exact copies of an environment",
		Long:          "facs makes exact copies of an environment: the same platform on a developer's machine, on staging and on production.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand(a),
		RunE:          func(cmd *cobra.Command, _ []string) error { return a.overview(cmd) },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			a.makeUI()
			return nil
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetIn(a.env.Stdin)
	root.SetOut(a.env.Stdout)
	root.SetErr(a.env.Stderr)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		a.makeUI()
		_ = a.help(cmd) // a reader that went away is no one to tell
	})
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().SortFlags = false
	a.global.register(root.PersistentFlags(), a.environ)
	a.groups = commands(a)
	for _, g := range a.groups {
		root.AddGroup(&cobra.Group{ID: g.name, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.name
			cmd.DisableFlagsInUseLine = true
			cmd.Flags().SortFlags = false
			root.AddCommand(cmd)
			if cmd.Name() == "help" {
				root.SetHelpCommand(cmd)
			}
		}
	}
	root.AddCommand(newSupervise(a))
	for name, words := range map[string][]string{"output": {"text", "json"}, "color": {"auto", "always", "never"}} {
		_ = root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	}
	return root
}
