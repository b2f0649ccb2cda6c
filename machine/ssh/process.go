//go:build unix

package ssh

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/internal/child"
)

// maxNoise is how much of what a login shell prints is kept for an error, in bytes.
const maxNoise = 2048

// errSilent says that a child ended, or closed its output, before the mark came.
var errSilent = errors.New("the program did not start")

// process is a program on the host, behind an ssh process.
type process struct {
	*child.Child
	conn *Conn
	argv []string
	at   attempt

	noise []byte // what came before the mark, its beginning
	ahead []byte // what came with the mark

	done chan struct{}
	err  error // set when done is closed
}

// awaitMark reads standard output until the mark's line, which says that the program starts.
func (p *process) awaitMark(mark string, until time.Time) error {
	if err := p.ReadBefore(until); err != nil {
		return err
	}
	line := []byte(mark + "\n")
	var seen []byte
	buf := make([]byte, 4096)
	for {
		n, err := p.Child.Read(buf)
		if room := maxNoise - len(p.noise); room > 0 {
			p.noise = append(p.noise, buf[:min(n, room)]...)
		}
		seen = append(seen, buf[:n]...)
		if i := bytes.Index(seen, line); i >= 0 {
			p.ahead = seen[i+len(line):]
			return p.ReadBefore(time.Time{})
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			return errSilent
		}
		seen = seen[max(0, len(seen)-len(line)):] // a mark may come in two halves
	}
}

// Read implements machine.Process.
func (p *process) Read(b []byte) (int, error) {
	if len(p.ahead) > 0 {
		n := copy(b, p.ahead)
		p.ahead = p.ahead[n:]
		return n, nil
	}
	return p.Child.Read(b)
}

// Wait implements machine.Process.
func (p *process) Wait() error {
	<-p.done
	return p.err
}

// outcome says how the program ended. A status of 255 is the program's own as long as its
// connection stands.
func (p *process) outcome(status int, killed error) error {
	p.conn.mu.Lock()
	masterLog := p.conn.log
	p.conn.mu.Unlock()
	if masterLog != p.at.logs {
		defer p.at.removeLogs()
	}
	if killed != nil {
		return killed
	}
	if status == 255 {
		own := readLog(p.at.logs)
		if !p.conn.live() {
			return machine.NewLost(p.conn.target.Name, orElse(readLog(masterLog).last(), own.last()))
		}
		if own.broke() {
			return machine.NewLost(p.conn.target.Name, own.last())
		}
	}
	return machine.ProgramError(p.conn.target, p.argv, status, p.Stderr())
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// diagnose says why the program did not start: the first server on the way that has trouble.
func (p *process) diagnose(ctx context.Context, err error, waited time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	last := len(p.at.route) - 1
	for i := range p.at.route {
		l := readLog(p.at.log(i))
		f := failure{at: p.at, i: i, hop: p.hop(i), log: l, waited: waited}
		if f.hop.Jump && l.stage() == stageAuthenticated && !l.forwardFailed() {
			continue
		}
		if e := f.explain(ctx); e != nil {
			return e
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && (i == last || l.stage() != stageAuthenticated) {
			return machine.NewHung(f.hop, waited, l.stage().next())
		}
	}
	l := readLog(p.at.logs)
	said := strings.TrimSpace(child.Printable(string(p.noise)))
	if l.stage() == stageAuthenticated {
		return machine.NewNoShell(p.hop(last), strings.TrimSpace(said+"\n"+p.Stderr()))
	}
	return machine.NewUnreachable(p.hop(last), machine.OtherReason, orElse(orElse(l.last(), strings.TrimSpace(p.Stderr())), "ssh ended without a word"))
}

func (p *process) hop(i int) machine.Hop {
	return machine.Hop{Node: p.conn.target.Name, Host: p.at.route[i].known(), Jump: i < len(p.at.route)-1}
}

func (a attempt) removeLogs() {
	for i := range a.route {
		_ = os.Remove(a.log(i)) // it may never have been made; the folder goes in the end
	}
}

// position is a place in a file of host keys, with the line itself.
func position(file string, line int) facsimile.Position {
	pos := facsimile.Position{File: file, Line: line}
	text, err := os.ReadFile(file)
	if err != nil {
		return pos // the place is what matters
	}
	if lines := strings.Split(string(text), "\n"); line >= 1 && line <= len(lines) {
		pos.Text = lines[line-1]
	}
	return pos
}
