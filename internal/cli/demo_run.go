package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/example/shop"
	"facsimile.dev/facsimile/internal/ui"
)

// step is one part of the demonstration.
type step struct {
	title, text string
	do          func(context.Context) error
}

// demo is a demonstration in its folder.
type demo struct {
	app     *app
	dir     string
	keep    bool
	port    int // of the gateway
	started time.Time
	took    []timing
}

type timing struct {
	title string
	time  time.Duration
}

func (d *demo) run(ctx context.Context, s step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.print(func(p *ui.Page) {
		p.Line("")
		p.Line("%s", p.Bold(fmt.Sprintf("%d. %s", len(d.took)+1, s.title)))
		if s.text != "" {
			p.Para("   ", s.text)
		}
		p.Line("")
	})
	start := d.app.env.Now()
	err := s.do(ctx)
	d.took = append(d.took, timing{s.title, d.app.env.Now().Sub(start)})
	return err
}

// print writes for people. That nobody reads any more is found out by the next command.
func (d *demo) print(text func(*ui.Page)) { _ = d.app.printText(text) }

func (d *demo) line(format string, args ...any) {
	d.print(func(p *ui.Page) { p.Line(format, args...) })
}

func (d *demo) remark(text string) {
	d.print(func(p *ui.Page) {
		p.Line("")
		p.Para("   ", text)
	})
}

// prompt shows a command as it would be typed, in a folder of the demonstration.
func (d *demo) prompt(folder, command string) {
	d.print(func(p *ui.Page) {
		p.Line("%s %s", p.Faint(strings.TrimSpace(folder+" $")), p.Name(command))
	})
}

// facs runs a command of facs, with its real output, and fails when it ends in another way than it should.
func (d *demo) facs(ctx context.Context, want facsimile.Outcome, args ...string) error {
	d.prompt(shop.Definition, typed(args))
	return d.invoke(ctx, want, d.app.env.Stdout, args)
}

// facsHead is facs with only the first lines of the answer.
func (d *demo) facsHead(ctx context.Context, lines int, args ...string) error {
	d.prompt(shop.Definition, typed(args))
	var answer bytes.Buffer
	err := d.invoke(ctx, facsimile.Done, &answer, args)
	rest := strings.SplitAfter(strings.TrimSuffix(answer.String(), "\n"), "\n")
	for i, line := range rest {
		if i == lines && len(rest) > lines+2 {
			d.line("… and %d more lines, the last of which is:", len(rest)-lines-1)
			d.line("%s", rest[len(rest)-1])
			break
		}
		d.line("%s", strings.TrimSuffix(line, "\n"))
	}
	return err
}

func (d *demo) invoke(ctx context.Context, want facsimile.Outcome, out io.Writer, args []string) error {
	env := d.app.env
	env.Args, env.Dir, env.Stdout, env.Environ = args, d.definition(), out, d.environ()
	got := facsimile.Outcome(Run(ctx, env))
	if err := ctx.Err(); err != nil {
		return err
	}
	if got != want {
		return facsimile.Errorf(facsimile.RolledBack, "the demonstration ends here: %s gave the status %d (%s), where %d was due",
			typed(args), got, meaning(got), want)
	}
	return nil
}

// environ is that of the process, but for what would lead a command out of the demonstration: its keys are
// its own, and no setting of the user's has a say.
func (d *demo) environ() []string {
	var keep []string
	for _, pair := range d.app.env.Environ {
		key, _, _ := strings.Cut(pair, "=")
		if key != "CI" && key != "XDG_CONFIG_HOME" && !strings.HasPrefix(key, "FACS_") {
			keep = append(keep, pair)
		}
	}
	if d.app.ui.Colored() {
		keep = append(keep, "CLICOLOR_FORCE=1")
	}
	return append(keep, "XDG_CONFIG_HOME="+filepath.Join(d.dir, "config"))
}

// typed is a command as a person would type it.
func typed(args []string) string {
	words := []string{"facs"}
	for _, arg := range args {
		if strings.ContainsAny(arg, " '\"$") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

func (d *demo) finish() error {
	total := d.app.env.Now().Sub(d.started)
	d.print(func(p *ui.Page) {
		p.Line("")
		p.Line("%s", p.Bold(fmt.Sprintf("That was it, in %s:", seconds(total))))
		var rows [][]string
		for _, t := range d.took {
			rows = append(rows, []string{t.title, fmt.Sprintf("%8s", seconds(t.time))})
		}
		p.Indented("   ", rows)
		p.Line("")
	})
	return nil
}

func seconds(t time.Duration) string { return fmt.Sprintf("%.1f s", t.Seconds()) }

// cleanTime is how long cleaning up may take.
const cleanTime = 30 * time.Second

// clean stops what runs and removes the folder, also when ctx has ended.
func (d *demo) clean(ctx context.Context, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
	defer cancel()
	var problems []error
	if _, err := os.Stat(filepath.Join(d.definition(), ".facsimile")); err == nil {
		env := d.app.env
		env.Args, env.Dir, env.Environ = []string{"down", demoInstance, "--quiet"}, d.definition(), d.environ()
		env.Stdout = io.Discard
		if status := Run(ctx, env); status != 0 {
			problems = append(problems, fmt.Errorf("cannot stop the services of the demonstration: facs down gave the status %d", status))
		}
	}
	if d.keep {
		d.print(func(p *ui.Page) {
			p.Line("The folder stays: cd %s", filepath.Join(d.dir, shop.Definition))
			p.Line("Its keys are in %s: XDG_CONFIG_HOME=%s facs up %s runs it again.", "config/", filepath.Join(d.dir, "config"), demoInstance)
		})
	} else if err := removeAll(d.dir); err != nil {
		problems = append(problems, fmt.Errorf("cannot remove the folder of the demonstration: %w", err))
	} else if failed == nil {
		d.print(func(p *ui.Page) {
			p.Para("", fmt.Sprintf("The services are stopped and %s is removed; --keep would have left it.", d.dir))
		})
	}
	return errors.Join(problems...)
}

// interrupted says what an interruption left behind, when cleaning up ended with cleanErr.
func (d *demo) interrupted(cleanErr error) error {
	switch {
	case cleanErr != nil:
		return facsimile.Errorf(facsimile.AnswerIsNo, "the demonstration was interrupted: %w", cleanErr)
	case d.keep:
		return facsimile.Errorf(facsimile.AnswerIsNo, "the demonstration was interrupted; its services are stopped, and %s stays", d.dir)
	}
	return facsimile.Errorf(facsimile.RolledBack, "the demonstration was interrupted; its services are stopped, and %s is removed", d.dir)
}

// removeAll removes a folder with what it holds, read-only folders too.
func removeAll(dir string) error {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}
