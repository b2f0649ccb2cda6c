package ui

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Step tells how far one node is.
type Step struct {
	Node string
	Text string // what goes on or was done
	Done bool   // false: it begins
	Mute bool   // not worth a line of its own where lines are not redrawn
	Err  error
}

// progress shows steps. Its methods are called with the UI's lock held.
type progress interface {
	step(Step)
	above(line string) // writes a line that stays
	close()
}

// Progress shows how long work goes on: one redrawn line per node on a terminal, a line for each
// finished step elsewhere, nothing when the answer is for a program or quiet was asked for. The function
// that it returns ends it, and may be called twice.
func (u *UI) Progress() (end func()) {
	if u.opt.Format == JSON || u.opt.Quiet {
		return func() {}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if w, ok := terminalWidth(u.opt.Err); ok && isTerminal(u.opt.Err) && u.opt.Environ["TERM"] != "dumb" {
		u.progress = &redrawn{w: u.opt.Err, style: u.err, width: w}
	} else {
		u.progress = &plain{w: u.opt.Err, style: u.err}
	}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.progress != nil {
			u.progress.close()
			u.progress = nil
		}
	}
}

// Say notes what goes on; it is shown while a Progress is.
func (u *UI) Say(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.progress != nil {
		u.progress.above(Visible(text))
	}
}

// Step shows a step, while a Progress is shown.
func (u *UI) Step(s Step) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.progress != nil {
		u.progress.step(s)
	}
}

func (s Step) line(paint style) string {
	text := Visible(s.Text)
	if s.Err != nil {
		return paint.paint(red, text+" failed: "+Visible(s.Err.Error()))
	}
	return text
}

// plain writes one labelled line for each step that is finished.
type plain struct {
	w     io.Writer
	style style
}

func (p *plain) step(s Step) {
	if s.Err != nil || s.Done && !s.Mute {
		p.above(s.Node + ": " + s.line(p.style))
	}
}

func (p *plain) above(line string) { _, _ = io.WriteString(p.w, line+"\n") }

func (p *plain) close() {}

// redrawnMost is the number of nodes up to which each has a line of its own.
const redrawnMost = 16

// redrawn keeps one line per node at the end of the terminal, in the order of their names. Of more than redrawnMost nodes it shows how many do what.
type redrawn struct {
	w     io.Writer
	style style
	width int
	nodes []string
	last  map[string]Step
	drawn int // lines on the terminal
}

func (r *redrawn) step(s Step) {
	if r.last == nil {
		r.last = map[string]Step{}
	}
	if _, known := r.last[s.Node]; !known {
		r.nodes = append(r.nodes, s.Node)
		slices.Sort(r.nodes)
	}
	r.last[s.Node] = s
	r.draw("")
}

func (r *redrawn) above(line string) { r.draw(line + "\n") }

// close takes the lines away: the answer that follows says how each node ended.
func (r *redrawn) close() {
	r.nodes = nil
	r.draw("")
}

// draw writes first where the lines of the nodes began, and the lines again below it.
func (r *redrawn) draw(first string) {
	var b strings.Builder
	if r.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", r.drawn) // cursor up, and erase to the end of the screen
	}
	b.WriteString(first)
	lines := r.lines()
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	r.drawn = len(lines)
	_, _ = io.WriteString(r.w, b.String())
}

func (r *redrawn) lines() []string {
	if len(r.nodes) > redrawnMost {
		return []string{r.summary()}
	}
	label := 0
	for _, n := range r.nodes {
		label = max(label, width(n))
	}
	lines := make([]string, len(r.nodes))
	for i, n := range r.nodes {
		s := r.last[n]
		mark := r.style.paint(dim, "…")
		switch {
		case s.Err != nil:
			mark = r.style.paint(red, "✗")
		case s.Done:
			mark = r.style.paint(green, "✓")
		}
		text := cut(s.line(false), r.width-label-5)
		lines[i] = fmt.Sprintf("%s %s  %s", mark, r.style.paint(bold, pad(n, label)), text)
	}
	return lines
}

func (r *redrawn) summary() string {
	var order []string
	count := map[string]int{}
	for _, n := range r.nodes {
		text := r.last[n].Text
		if r.last[n].Err != nil {
			text = "failed"
		}
		if count[text] == 0 {
			order = append(order, text)
		}
		count[text]++
	}
	for i, text := range order {
		order[i] = fmt.Sprintf("%d %s", count[text], text)
	}
	return cut(fmt.Sprintf("%s: %s", Count(len(r.nodes), "node"), strings.Join(order, ", ")), r.width-1)
}

// cut keeps a line from running over the edge, where redrawing would lose count.
func cut(text string, most int) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if runes := []rune(text); len(runes) > most && most > 1 {
		return string(runes[:most-1]) + "…"
	}
	return text
}
