package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

type initOptions struct{ name string }

func newInit(a *app) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a definition to begin with",
		Long: `Writes the smallest definition that works into FOLDER, or here: a project with one module, one template, and an instance whose one node is a folder of this machine.

It refuses a folder that has a definition already, and changes no file that exists.`,
		Example:     "  facs init\n  facs init --name shop shop",
		Args:        takes,
		Annotations: statuses("023"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.init(args, o)
		},
	}
	cmd.Flags().StringVar(&o.name, "name", "", "`NAME` of the project; that of the folder if left out")
	return cmd
}

func (a *app) init(args []string, o initOptions) error {
	dir := a.env.Dir
	if len(args) > 0 {
		dir = a.absolute(args[0])
	}
	name := o.name
	if name == "" {
		name = filepath.Base(dir)
	}
	files, err := project.Init(dir, name)
	if err != nil {
		return err
	}
	doc := initDocument{dir, name, files}
	return a.ui.Print(doc, func(p *ui.Page) {
		p.Line("%s is defined in %s:", p.Bold(name), dir)
		for _, f := range files {
			p.Line("  %s", p.Name(f))
		}
		p.Line("")
		p.Line("Next: facs check, facs list, facs deploy INSTANCE.")
	})
}

type initDocument struct {
	Dir   string   `json:"dir"`
	Name  string   `json:"name"`
	Files []string `json:"files"`
}
