package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

// globals are the flags that every command takes.
type globals struct {
	defineDir  string
	topDir     string
	output     ui.Format
	color      ui.ColorMode
	identities []string
	sshKeys    []string
	sshConfig  string
	frozen     bool
	quiet      bool
	yes        bool
}

// defaults are what holds where no flag is given.
func defaults(environ map[string]string) globals {
	return globals{
		defineDir:  environ["FACS_DEFINE_DIR"],
		topDir:     environ["FACS_TOP_DIR"],
		output:     ui.Text,
		color:      ui.ColorAuto,
		identities: split(environ["FACS_IDENTITY"]),
		sshKeys:    split(environ["FACS_SSH_KEY"]),
		sshConfig:  environ["FACS_SSH_CONFIG"],
		frozen:     environ["CI"] != "" && environ["CI"] != "false",
	}
}

// split takes a list of files apart as PATH does.
func split(list string) []string {
	if list == "" {
		return nil
	}
	return filepath.SplitList(list)
}

func (g *globals) register(f *pflag.FlagSet, environ map[string]string) {
	f.StringVar(&g.defineDir, "define-dir", g.defineDir, "the `FOLDER` of the definition; no search (FACS_DEFINE_DIR)")
	f.StringVar(&g.topDir, "top-dir", g.topDir, "the `FOLDER` to use in place of .facsimile (FACS_TOP_DIR)")
	f.VarP(&choice[ui.Format]{&g.output, []ui.Format{ui.Text, ui.JSON}}, "output", "o", "`FORMAT` of the answer: text or json")
	f.Var(&choice[ui.ColorMode]{&g.color, []ui.ColorMode{ui.ColorAuto, ui.ColorAlways, ui.ColorNever}}, "color",
		"`WHEN` to use colour: auto, always or never")
	f.StringArrayVar(&g.identities, "identity", g.identities, "a `FILE` with an age or SSH key that opens secrets; may be given again (FACS_IDENTITY)")
	f.StringArrayVar(&g.sshKeys, "ssh-key", g.sshKeys, "a `FILE` with a private key for hosts, tried before yours; may be given again (FACS_SSH_KEY)")
	f.StringVar(&g.sshConfig, "ssh-config", g.sshConfig, "the `FILE` to read in place of your SSH configuration (FACS_SSH_CONFIG)")
	f.BoolVar(&g.frozen, "frozen", g.frozen, "refuse to generate what the state lacks; the default where CI is set")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "no progress and no remarks, only the answer and errors")
	f.BoolVarP(&g.yes, "yes", "y", false, "go on where a person would be asked")
	for _, name := range []string{"define-dir", "top-dir", "identity", "ssh-key", "ssh-config", "frozen"} {
		f.Lookup(name).DefValue = "" // what the environment says is not the default of the program
	}
}

// options are those of the definition that a command opens.
func (a *app) options() project.Options {
	return project.Options{
		Dir:        a.env.Dir,
		DefineDir:  a.absolute(a.global.defineDir),
		TopDir:     a.absolute(a.global.topDir),
		ConfigDir:  a.configDir(),
		Identities: a.allAbsolute(a.global.identities),
		SSHKeys:    a.allAbsolute(a.global.sshKeys),
		SSHConfig:  a.absolute(a.global.sshConfig),
		Environ:    a.environ,
		Who:        a.env.User + "@" + a.env.Host,
		Host:       a.env.Host,
		Tool:       "facs " + a.env.Version,
		Frozen:     a.global.frozen,
		Now:        a.env.Now,
		Random:     a.env.Random,
	}
}

// absolute makes a path of the user's absolute; "" stays.
func (a *app) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.env.Dir, path)
}

func (a *app) allAbsolute(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = a.absolute(p)
	}
	return out
}

// configDir is the user's configuration folder, by the XDG Base Directory Specification; "" where
// there is no home.
func (a *app) configDir() string {
	if dir := a.environ["XDG_CONFIG_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "facsimile")
	}
	if home := a.environ["HOME"]; home != "" {
		return filepath.Join(home, ".config", "facsimile")
	}
	return ""
}

// choice is a flag that takes one of a few words.
type choice[T ~string] struct {
	value *T
	of    []T
}

func (c *choice[T]) String() string {
	if c.value == nil {
		return ""
	}
	return string(*c.value)
}

func (c *choice[T]) Type() string { return "word" }

func (c *choice[T]) Set(s string) error {
	if !slices.Contains(c.of, T(s)) {
		return fmt.Errorf("want %s", alternatives(c.of))
	}
	*c.value = T(s)
	return nil
}

// alternatives joins words as people do: a, b or c.
func alternatives[T ~string](words []T) string {
	text := make([]string, len(words))
	for i, w := range words {
		text[i] = string(w)
	}
	if len(text) < 2 {
		return strings.Join(text, "")
	}
	return strings.Join(text[:len(text)-1], ", ") + " or " + text[len(text)-1]
}

// wantsJSON looks for the format among arguments that may be wrong otherwise.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		switch arg {
		case "--":
			return false
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			return i+1 < len(args) && args[i+1] == string(ui.JSON)
		}
	}
	return false
}

// flagError tells a wrong flag, with the flags that may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	wrong := facsimile.Errorf(facsimile.BadInput, "%s", err)
	hint := helpHint(cmd)
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		wrong = facsimile.Errorf(facsimile.BadInput, "%s has no flag %s", cmd.CommandPath(), dashed(unknown))
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if near := facsimile.Nearest(unknown.GetSpecifiedName(), names); len(near) > 0 {
			hint = "did you mean --" + alternatives(near) + "? " + hint
		}
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		wrong = facsimile.Errorf(facsimile.BadInput, "cannot take %q for --%s: %v", invalid.GetValue(), invalid.GetFlag().Name, invalid.Unwrap())
	}
	if bare, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name, _ := pflag.UnquoteUsage(bare.GetFlag())
		wrong = facsimile.Errorf(facsimile.BadInput, "--%s needs a value: --%s %s", bare.GetFlag().Name, bare.GetFlag().Name, name)
	}
	return wrong.WithHint("%s", hint)
}

func dashed(e *pflag.NotExistError) string {
	if e.GetSpecifiedShortnames() != "" {
		return "-" + e.GetSpecifiedName()
	}
	return "--" + e.GetSpecifiedName()
}

func helpHint(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "facs help lists all commands and flags"
	}
	return "facs help " + cmd.Name() + " says what it takes"
}
