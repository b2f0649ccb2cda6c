package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/example/shop"
	"facsimile.dev/facsimile/internal/ui"
)

type demoOptions struct {
	dir  string
	keep bool
}

func newDemo(a *app) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show all of it at work, on this machine",
		Long: `Lays out a small shop of three programs in a folder, and does with it what facs is for: checks its definition, builds and deploys its instance beta to two nodes (two folders), runs its services, proves that the nodes are exact copies, damages one, finds and mends the damage, compares beta with production, and explains a value. Each step is a command that you could type, run by the same code, with its real output.

It takes less than a minute, needs git and Go, and leaves nothing behind: the services are stopped and the folder is removed at the end, also after Ctrl-C or a failure. With --keep the folder stays, to play with. Keys are made in it too, not in your configuration folder.`,
		Example:     "  facs demo\n  facs demo --dir /tmp/shop --keep",
		Args:        takes,
		Annotations: statuses("01234"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.dir, "dir", "", "the `FOLDER` to lay it out in, empty or missing; a new one for temporary files if left out")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the folder there")
	return cmd
}

func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	if a.ui.Format() == ui.JSON {
		return facsimile.Errorf(facsimile.BadInput, "the demonstration is for people, so there is no -o json of it")
	}
	for _, tool := range []string{"git", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return facsimile.Errorf(facsimile.Refused, "cannot find %s, with which the demonstration makes and builds its programs", tool).
				WithHint("install %s, or put the folder that it is in into PATH", tool)
		}
	}
	d, err := a.newDemo(o)
	if err != nil {
		return err
	}
	defer func() {
		cleanErr := d.clean(ctx, err)
		switch {
		case err == nil:
			err = cleanErr
		case ctx.Err() != nil:
			err = d.interrupted(cleanErr)
		}
	}()
	for _, step := range d.steps() {
		if err := d.run(ctx, step); err != nil {
			return err
		}
	}
	return d.finish()
}

func (a *app) newDemo(o demoOptions) (*demo, error) {
	d := &demo{app: a, keep: o.keep, dir: a.absolute(o.dir), started: a.env.Now()}
	if d.dir == "" {
		dir, err := os.MkdirTemp(a.environ["TMPDIR"], "facs-demo-")
		if err != nil {
			return nil, facsimile.Errorf(facsimile.Refused, "cannot make a folder for the demonstration: %w", err)
		}
		d.dir = dir
		return d, nil
	}
	entries, err := os.ReadDir(d.dir)
	switch {
	case err == nil && len(entries) > 0:
		return nil, facsimile.Errorf(facsimile.Refused, "cannot lay out the demonstration in %s: it is not empty", d.dir).
			WithHint("name a folder that is empty or missing")
	case err != nil && !os.IsNotExist(err):
		return nil, facsimile.Errorf(facsimile.Refused, "cannot lay out the demonstration in %s: %w", d.dir, err)
	}
	return d, nil
}

// steps is the demonstration.
func (d *demo) steps() []step {
	return []step{
		{"Lay it out", "Three programs, each a git repository with a tag for its version, and the definition that puts them on nodes.", d.layOut},
		{"Is the definition right?", "Every instance, every template, every reference; nothing is written.", d.check},
		{"Deploy beta", "Passwords and ids are generated once, the programs are built, the files rendered. Both nodes get the whole release beside the live one, then each switches by one rename.", d.deploy},
		{"Run it", "The services, from the release that was deployed: the api first, then what comes after it. up is back when all are healthy.", d.up},
		{"Ask it", "The gateway spreads requests over the replicas of the api. Each has a uiid, which never changes.", d.call},
		{"Prove it", "Every byte on every node is read again.", d.verify},
		{"Damage it", "One blank, at the end of one file, on one node.", d.damage},
		{"Mend it", "The same release once more. Only what is damaged travels.", d.mend},
		{"Beta and production", "What is different, where each side was written, and what of it is meant.", d.diff},
		{"Why is it three?", "Every value knows its file and line, and which values it overrode.", d.explain},
		{"Once more", "A deployment that has nothing to do says so.", d.again},
		{"Stop it", "", d.down},
	}
}

// definition is the folder of the definition.
func (d *demo) definition() string { return filepath.Join(d.dir, shop.Definition) }
