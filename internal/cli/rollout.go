package cli

import (
	"context"
	"errors"
	"fmt"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

// rollout runs a deployment or a rollback with its progress, and prints how it ended, also beside an error.
func (a *app) rollout(in facsimile.Instance, run func(project.DeployOptions) (project.Result, error)) error {
	end := a.ui.Progress()
	defer end()
	result, err := run(a.deployOptions())
	end()
	for _, w := range result.Warnings {
		a.ui.Notice(w)
	}
	if err != nil && len(result.Nodes) == 0 {
		return err
	}
	present(&result.Nodes)
	return errors.Join(err, a.ui.Print(result, func(page *ui.Page) { resultText(page, in, result) }))
}

func (a *app) deployOptions() project.DeployOptions {
	return project.DeployOptions{
		Say: a.ui.Say,
		Progress: func(e project.Progress) {
			a.ui.Step(stepOf(e))
		},
	}
}

// warnedOf is the number of warnings that are told before a deployment.
const warnedOf = 5

// warn tells what of the definition works and was probably not meant, before it is on the nodes.
func (a *app) warn(ctx context.Context, p *project.Project, in facsimile.Instance) {
	if a.global.quiet || a.ui.Format() == ui.JSON {
		return
	}
	for i, w := range p.Warnings(ctx, in) {
		if i == warnedOf {
			a.ui.Remark("there are more warnings: facs check " + string(in) + " shows them all")
			return
		}
		text := "warning: " + w.Error()
		if w.Hint != "" {
			text += " (" + w.Hint + ")"
		}
		a.ui.Remark(text)
	}
}

// stepOf says in words how a phase goes on one node.
func stepOf(e project.Progress) ui.Step {
	s := ui.Step{Node: string(e.Node), Done: e.Done, Err: e.Err}
	s.Text, s.Mute = phaseText(e)
	return s
}

// phaseText says what a phase does or did; mute: where lines are not redrawn it is not worth one.
func phaseText(e project.Progress) (text string, mute bool) {
	begun, done := string(e.Phase), string(e.Phase)
	mute = true
	switch e.Phase {
	case "look":
		begun, done = "asking", "answered"
	case "promise":
		begun, done = "asking for the right to change", "may be changed"
	case "stage":
		begun, done, mute = "taking the release", stagedText(e.Staged.Received, e.Staged.Bytes, e.Staged.Reused), false
	case "activate":
		begun, done, mute = "switching", "switched", false
	case "read":
		begun, done = "reading back", "read back"
	case "confirm":
		begun, done = "confirming", "confirmed"
	case "revert":
		begun, done, mute = "switching back", "switched back", false
	case "prune":
		begun, done = "removing old releases", "done"
	case "release":
		begun, done = "finishing", "done"
	case "verify":
		begun, done = "reading every byte", "read"
	}
	if e.Done && e.Err == nil {
		return done, mute
	}
	return begun, mute
}

// The endings of a rollout that are told in their own way.
const (
	endDone       = "done"
	endUnchanged  = "unchanged"
	endRolledBack = "rolled-back"
)

// present makes a list that is missing an empty one, since JSON output has no null for a list.
func present[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

func stagedText(received int, bytes int64, reused int) string {
	if received+reused == 0 {
		return "has the release"
	}
	return "has the release: " + sentText(received, bytes, reused)
}

func sentText(received int, bytes int64, reused int) string {
	return fmt.Sprintf("%s sent (%s), %d there already", ui.Count(received, "file"), ui.Size(bytes), reused)
}

func resultText(page *ui.Page, in facsimile.Instance, r project.Result) {
	done := 0
	for _, n := range r.Nodes {
		if n.Result == endDone || n.Result == endUnchanged {
			done++
		}
	}
	if r.Result == endUnchanged {
		page.Line("%s is %s: %s on %s, all exact copies of it.", page.Bold(string(in)), page.Good("unchanged"),
			r.Digest.Short(), ui.Count(len(r.Nodes), "node"))
		return
	}
	var rows [][]string
	for _, n := range r.Nodes {
		sent := ""
		if n.Result == endDone {
			sent = sentText(n.Staged.Received, n.Staged.Bytes, n.Staged.Reused)
		}
		rows = append(rows, []string{page.Name(string(n.Node)), endingText(page, string(n.Result)), sent, ui.Visible(n.Error)})
	}
	page.Indented("  ", rows)
	if r.Result == endDone {
		page.Line("%s runs %s on %d of %d nodes (epoch %d).", page.Bold(string(in)), r.Digest.Short(), done, len(r.Nodes), r.Epoch)
		return
	}
	page.Line("%s: %s.", page.Bold(string(in)), endingText(page, string(r.Result)))
}

// endingText is how a rollout ended, painted.
func endingText(page *ui.Page, ending string) string {
	switch ending {
	case endDone, endUnchanged:
		return page.Good(ending)
	case endRolledBack:
		return page.Warn(ending)
	}
	return page.Bad(ending)
}

// confirm asks before something changes on nodes that are elsewhere; see the help of deploy.
func (a *app) confirm(ctx context.Context, p *project.Project, in facsimile.Instance, what string) error {
	if a.global.yes {
		return nil
	}
	away, err := elsewhere(ctx, p, in)
	if err != nil || len(away) == 0 {
		return err
	}
	if !a.ui.CanAsk() {
		return facsimile.Errorf(facsimile.Refused, "cannot ask whether to %s %s, which has nodes elsewhere (%s): there is no terminal", what, in, some(away, nodesWidth)).
			WithHint("facs %s %s --yes goes on without asking", what, in)
	}
	if what == "deploy" {
		doc, err := a.makePlan(ctx, p, in)
		if err != nil {
			return err
		}
		if err := a.ui.Print(doc, func(page *ui.Page) { planText(page, in, doc, false) }); err != nil {
			return err
		}
	}
	agreed, err := a.ui.Ask(ctx, fmt.Sprintf("Go on with the %s of %s, which has nodes elsewhere (%s)?", what, in, some(away, nodesWidth)))
	if err != nil {
		return err
	}
	if !agreed {
		return facsimile.Errorf(facsimile.Refused, "the %s of %s was not agreed to; nothing was changed", what, in)
	}
	return nil
}

// elsewhere names the nodes of an instance that are not on this machine.
func elsewhere(ctx context.Context, p *project.Project, in facsimile.Instance) ([]string, error) {
	nodes, err := p.List(ctx, "nodes", project.Filter{Instance: in})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range nodes {
		if !n.Local {
			names = append(names, n.Name)
		}
	}
	return names, nil
}

// nodesWidth is how much of a sentence the names of nodes may take.
const nodesWidth = 60
