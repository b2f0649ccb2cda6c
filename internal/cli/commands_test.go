package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	facsimile "facsimile.dev/facsimile"
)

// testEnv is an empty folder, with nobody at the terminal.
func testEnv(t *testing.T, args ...string) (env Env, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return Env{
		Args: args, Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr,
		Dir: t.TempDir(), Version: "v1.2.3", User: "u", Host: "h",
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }, Random: strings.NewReader(""),
	}, stdout, stderr
}

func newTestRoot(t *testing.T) (*app, *cobra.Command) {
	env, _, _ := testEnv(t)
	a := newApp(env)
	return a, newRoot(a)
}

func TestCommandsAreDescribed(t *testing.T) {
	_, root := newTestRoot(t)
	for _, cmd := range root.Commands() {
		for what, missing := range map[string]bool{
			"Short":                               cmd.Short == "" || len(cmd.Short) > 60 || strings.HasSuffix(cmd.Short, "."),
			"Long of whole sentences":             len(cmd.Long) < 40 || !strings.Contains(cmd.Long, "."),
			"Example":                             cmd.Example == "" && !cmd.Hidden,
			"Args":                                cmd.Args == nil,
			"exit statuses":                       len(outcomes(cmd)) == 0 || outcomes(cmd)[0] != facsimile.Done,
			"group":                               cmd.GroupID == "" && !cmd.Hidden,
			"completion of its first argument":    strings.Contains(cmd.Use, "INSTANCE") && cmd.ValidArgsFunction == nil,
			"the status 2, which all usage needs": !cmd.Hidden && cmd.Name() != "version" && !strings.Contains(cmd.Annotations[statusKey], "2"),
		} {
			if missing {
				t.Errorf("facs %s: no %s, or not a good one", cmd.Name(), what)
			}
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			if cmd.Example != "" && !strings.HasPrefix(line, "  facs "+cmd.Name()) {
				t.Errorf("facs %s: the example %q is not of it", cmd.Name(), line)
			}
			if len(line) > 80 {
				t.Errorf("facs %s: the example %q is wider than 80", cmd.Name(), line)
			}
		}
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) { describedFlag(t, cmd.Name(), f) })
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { describedFlag(t, "", f) })
}

func describedFlag(t *testing.T, command string, f *pflag.Flag) {
	t.Helper()
	name, text := pflag.UnquoteUsage(f)
	if len(text) < 10 || strings.HasSuffix(text, ".") {
		t.Errorf("facs %s --%s: no description, or not a good one: %q", command, f.Name, text)
	}
	if f.Value.Type() != "bool" && name != strings.ToUpper(name) {
		t.Errorf("facs %s --%s: its value has no name in capitals, but %q", command, f.Name, name)
	}
}

func TestHelpFitsTheTerminal(t *testing.T) {
	_, root := newTestRoot(t)
	for _, cmd := range append(root.Commands(), root) {
		env, stdout, stderr := testEnv(t, strings.Fields("help "+cmd.Name())...)
		if cmd == root {
			env.Args = nil
		}
		if status := Run(t.Context(), env); status != 0 || stderr.Len() > 0 {
			t.Errorf("facs help %s: status %d, %s", cmd.Name(), status, stderr)
		}
		for line := range strings.SplitSeq(stdout.String(), "\n") {
			if len([]rune(line)) > 80 {
				t.Errorf("facs help %s: wider than 80: %q", cmd.Name(), line)
			}
		}
		env, flagged, _ := testEnv(t, cmd.Name(), "--help")
		if Run(t.Context(), env); cmd != root && flagged.String() != stdout.String() {
			t.Errorf("facs %s --help is not facs help %s", cmd.Name(), cmd.Name())
		}
	}
}

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		want string // of standard error
	}{
		{"chekc", "facs: error: there is no command \"chekc\"\nfacs: hint: did you mean check? facs help lists all commands and flags\n"},
		{"help dploy", "facs: error: there is no command \"dploy\"\nfacs: hint: did you mean deploy? facs help lists all commands and flags\n"},
		{"zzzzzz", "facs: error: there is no command \"zzzzzz\"\nfacs: hint: facs help lists all commands and flags\n"},
		{"deploy", "facs: error: facs deploy needs INSTANCE\nfacs: hint: usage: facs deploy INSTANCE; facs help deploy says what it takes\n"},
		{"diff a", "facs: error: facs diff needs INSTANCE[/NODE]\nfacs: hint: usage: facs diff INSTANCE[/NODE] INSTANCE[/NODE]; facs help diff says what it takes\n"},
		{"deploy a b", "facs: error: facs deploy does not take a further argument: \"b\"\nfacs: hint: usage: facs deploy INSTANCE; facs help deploy says what it takes\n"},
		{"version x", "facs: error: facs version takes no argument, but there is \"x\"\nfacs: hint: usage: facs version; facs help version says what it takes\n"},
		{"deploy --wyh x", "facs: error: facs deploy has no flag --wyh\nfacs: hint: did you mean --why? facs help deploy says what it takes\n"},
		{"deploy -z x", "facs: error: facs deploy has no flag -z\nfacs: hint: facs help deploy says what it takes\n"},
		{"deploy x --why", "facs: error: --why needs a value: --why REASON\nfacs: hint: facs help deploy says what it takes\n"},
		{"show -o yaml", "facs: error: cannot take \"yaml\" for --output: want text or json\nfacs: hint: facs help show says what it takes\n"},
		{"deploy prod/fe1", "facs: error: cannot take \"prod/fe1\" for an instance: instance name \"prod/fe1\" may not contain '/'\nfacs: hint: this command takes a whole instance, not one node of it\n"},
		{"verify prod/-fe1", "facs: error: cannot take \"prod/-fe1\" for INSTANCE/NODE: node name \"-fe1\" has a part that starts with \"-\"\n"},
		{"show prod a..b", "facs: error: cannot take \"a..b\" for the path of a value: path \"a..b\" has an empty part\nfacs: hint: keys are joined by dots; one that holds a dot is quoted: nodes.\"fe1.eu.example.net\".region\n"},
		{"completion tcsh", "facs: error: there is no completion for the shell \"tcsh\"\nfacs: hint: there is one for bash, zsh or fish\n"},
		{"list nods", "facs: error: facs list knows no kind \"nods\"\nfacs: hint: did you mean nodes? it lists instances, projects, modules, targets, nodes or regions\n"},
		{"demo -o json", `{"error":"the demonstration is for people, so there is no -o json of it","hint":"","at":[]}` + "\n"},
		{"deploy --wyh -o json", `{"error":"facs deploy has no flag --wyh","hint":"did you mean --why? facs help deploy says what it takes","at":[]}` + "\n"},
	} {
		t.Run(c.args, func(t *testing.T) {
			env, stdout, stderr := testEnv(t, strings.Fields(c.args)...)
			if status := Run(t.Context(), env); status != int(facsimile.BadInput) {
				t.Errorf("status %d, want 2", status)
			}
			if stderr.String() != c.want || stdout.Len() > 0 {
				t.Errorf("got\n%s%s\nwant\n%s", stdout, stderr, c.want)
			}
		})
	}
}

func TestOutcome(t *testing.T) {
	cause := errors.New("x")
	for _, c := range []struct {
		name string
		err  error
		want facsimile.Outcome
	}{
		{"nothing", nil, facsimile.Done},
		{"the answer is no", answerIsNo{}, facsimile.AnswerIsNo},
		{"as asked for", facsimile.Errorf(facsimile.RolledBack, "x"), facsimile.RolledBack},
		{"wrapped", fmt.Errorf("x: %w", facsimile.Errorf(facsimile.TwoReleases, "x")), facsimile.TwoReleases},
		{"not said", &facsimile.Error{Msg: "x"}, facsimile.BadInput},
		{"problems", facsimile.Problems{{Msg: "x"}, {Msg: "y", Outcome: facsimile.Refused}}, facsimile.BadInput},
		{"interrupted", context.Canceled, facsimile.Refused},
		{"interrupted, and told", &facsimile.Error{Msg: "x", Err: context.Canceled}, facsimile.Refused},
		{"interrupted in the middle", &facsimile.Error{Msg: "x", Err: context.Canceled, Outcome: facsimile.TwoReleases}, facsimile.TwoReleases},
		{"not planned", cause, facsimile.Refused},
		{"an answer that could not be written", errors.Join(facsimile.Errorf(facsimile.RolledBack, "x"), io.ErrShortWrite), facsimile.RolledBack},
	} {
		if got := outcome(c.err); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for o := facsimile.Done; o <= facsimile.TwoReleases; o++ {
		if meaning(o) == meaning(-1) {
			t.Errorf("the status %d has no meaning", o)
		}
	}
}

func TestInterruptedIsTold(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	planned := facsimile.Errorf(facsimile.Refused, "the rollout was interrupted: %w", context.Canceled)
	two := facsimile.Errorf(facsimile.TwoReleases, "two releases are live")
	lost := &facsimile.Error{Msg: "context canceled"} // its cause was lost on the way
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want string
	}{
		{t.Context(), lost, lost.Msg},
		{ended, lost, "interrupted; no node was changed"},
		{ended, fmt.Errorf("x: %w", context.Canceled), "interrupted; no node was changed"},
		{ended, planned, planned.Msg},
		{ended, two, two.Msg},
	} {
		got := told(c.ctx, c.err)
		if got.Error() != c.want {
			t.Errorf("%v is told as %q, want %q", c.err, got, c.want)
		}
		if c.ctx == ended && c.err != error(two) && outcome(got) != facsimile.Refused {
			t.Errorf("%v gives %d", c.err, outcome(got))
		}
	}
}

func TestEnvironmentSetsGlobals(t *testing.T) {
	for _, c := range []struct {
		environ []string
		args    []string
		check   func(*app) bool
	}{
		{[]string{"CI=true"}, nil, func(a *app) bool { return a.options().Frozen }},
		{[]string{"CI=false"}, nil, func(a *app) bool { return !a.options().Frozen }},
		{[]string{"CI=1"}, []string{"--frozen=false"}, func(a *app) bool { return !a.options().Frozen }},
		{nil, []string{"--frozen"}, func(a *app) bool { return a.options().Frozen }},
		{[]string{"FACS_DEFINE_DIR=x"}, nil, func(a *app) bool { return a.options().DefineDir == a.env.Dir+"/x" }},
		{[]string{"FACS_DEFINE_DIR=x"}, []string{"--define-dir", "/y"}, func(a *app) bool { return a.options().DefineDir == "/y" }},
		{[]string{"FACS_TOP_DIR=/t"}, nil, func(a *app) bool { return a.options().TopDir == "/t" }},
		{[]string{"FACS_IDENTITY=/a:b"}, nil, func(a *app) bool { return strings.Join(a.options().Identities, ":") == "/a:"+a.env.Dir+"/b" }},
		{[]string{"FACS_IDENTITY=/a"}, []string{"--identity", "/c", "--identity=/d"}, func(a *app) bool { return strings.Join(a.options().Identities, ":") == "/c:/d" }},
		{[]string{"HOME=/h"}, nil, func(a *app) bool { return a.options().ConfigDir == "/h/.config/facsimile" }},
		{[]string{"HOME=/h", "XDG_CONFIG_HOME=/x"}, nil, func(a *app) bool { return a.options().ConfigDir == "/x/facsimile" }},
		{[]string{"HOME=/h", "XDG_CONFIG_HOME=rel"}, nil, func(a *app) bool { return a.options().ConfigDir == "/h/.config/facsimile" }},
		{nil, nil, func(a *app) bool {
			return a.options().ConfigDir == "" && a.options().Who == "u@h" && a.options().Tool == "facs v1.2.3"
		}},
	} {
		env, _, _ := testEnv(t, append([]string{"version"}, c.args...)...)
		env.Environ = c.environ
		a := newApp(env)
		root := newRoot(a)
		root.SetArgs(env.Args)
		if err := root.ExecuteContext(t.Context()); err != nil || !c.check(a) {
			t.Errorf("%v %v: %+v, %v", c.environ, c.args, a.options(), err)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells() {
		env, stdout, stderr := testEnv(t, "completion", shell)
		if status := Run(t.Context(), env); status != 0 || !strings.Contains(stdout.String(), "__complete") || stderr.Len() > 0 {
			t.Errorf("%s: status %d, %d bytes, %s", shell, status, stdout.Len(), stderr)
		}
	}
	env, stdout, _ := testEnv(t, "__complete", "list", "no")
	if Run(t.Context(), env); !strings.HasPrefix(stdout.String(), "nodes\n") {
		t.Errorf("facs list no completes to %q", stdout)
	}
}
