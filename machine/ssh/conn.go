//go:build unix

package ssh

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/internal/child"
)

// attempts is how often a connection is tried that the server drops before the login, as one
// does that takes too many at once. Nothing was sent by then.
const attempts = 3

// Conn is a way to run programs on one host over one SSH connection.
type Conn struct {
	dialer *Dialer
	target machine.Target
	route  route
	dir    string

	turn chan struct{} // held by the Start that connects

	mu      sync.Mutex
	tries   int    // how many Starts have connected, or failed to
	failure error  // of the last of them
	log     string // of the ssh that is the master now
	session int    // in which the ssh processes to its jump hosts run
	closed  bool
	entered int
	logs    int
	running sync.WaitGroup
	cancels map[int]context.CancelCauseFunc
}

func newConn(d *Dialer, t machine.Target, r route, dir string) *Conn {
	return &Conn{dialer: d, target: t, route: r, dir: dir,
		turn: make(chan struct{}, 1), cancels: map[int]context.CancelCauseFunc{}}
}

func (c *Conn) socket() string { return filepath.Join(c.dir, socketName) }

// Start implements machine.Conn. The first one connects; those that come meanwhile wait for it,
// and fail as it fails.
func (c *Conn) Start(ctx context.Context, argv []string) (machine.Process, error) {
	if err := machine.CheckArgv(argv); err != nil {
		return nil, err
	}
	if c.live() {
		return orNothing(c.exec(ctx, argv))
	}
	c.mu.Lock()
	seen := c.tries
	c.mu.Unlock()
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-c.turn }()
	c.mu.Lock()
	tried, failure := c.tries > seen, c.failure
	c.mu.Unlock()
	if tried && failure != nil {
		return nil, failure
	}
	if tried && c.live() {
		return orNothing(c.exec(ctx, argv))
	}
	p, err := c.connect(ctx, argv)
	if ctx.Err() == nil {
		c.mu.Lock()
		c.tries, c.failure = c.tries+1, err
		c.mu.Unlock()
	}
	return orNothing(p, err)
}

// orNothing keeps a nil process from being a machine.Process that is not nil.
func orNothing(p *process, err error) (machine.Process, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// live reports whether the connection stands.
func (c *Conn) live() bool {
	_, err := os.Stat(c.socket())
	return err == nil && masterLives(c.socket())
}

// connect starts argv on a new connection.
func (c *Conn) connect(ctx context.Context, argv []string) (p *process, err error) {
	waiting, leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	release, err := c.dialer.admit(waiting, c.route.first())
	if err != nil {
		return nil, err
	}
	defer release()
	for i := 1; ; i++ {
		_ = os.Remove(c.socket()) // one of a master that is no more is in the way
		p, err = c.exec(ctx, argv)
		var away *machine.Unreachable
		if err == nil {
			c.mu.Lock()
			c.log, c.session = p.at.logs, p.Session()
			c.mu.Unlock()
			return p, nil
		}
		if i == attempts || !errors.As(err, &away) || away.Reason != machine.Dropped {
			return p, err
		}
		wait := time.NewTimer(time.Duration(i)*200*time.Millisecond + mathrand.N(300*time.Millisecond))
		select {
		case <-wait.C:
		case <-waiting.Done():
			wait.Stop()
			return nil, context.Cause(waiting)
		}
	}
}

// exec starts one ssh process and returns when argv runs on the host.
func (c *Conn) exec(ctx context.Context, argv []string) (*process, error) {
	full := argv
	if c.target.Become {
		full = append(machine.Sudo(), argv...)
	}
	ctx, leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	at := attempt{c.dialer.opts, c.target, c.route, c.newLog(), c.socket()}
	mark := "facs-" + rand.Text()
	start := time.Now()
	ch, err := child.Start(ctx, append([]string{at.opts.Program}, at.args(remoteCommand(mark, full))...), at.opts.Env)
	if err != nil {
		leave()
		return nil, err
	}
	p := &process{Child: ch, conn: c, argv: argv, at: at, done: make(chan struct{})}
	if err := p.awaitMark(mark, start.Add(at.opts.Start)); err != nil {
		ch.Kill(err)
		_, killed := ch.Wait() // whoever killed it first says why: the context, or this
		failure := p.diagnose(ctx, errors.Join(killed, err), time.Since(start))
		at.removeLogs()
		leave()
		return nil, failure
	}
	ch.Alone() // the connection outlives the program
	go func() {
		status, killed := ch.Wait()
		p.err = p.outcome(status, killed)
		leave()
		close(p.done)
	}()
	return p, nil
}

// enter gives a context that Close ends, and what must be called when that is no longer needed.
func (c *Conn) enter(ctx context.Context) (entered context.Context, leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, errClosed
	}
	c.entered++
	id := c.entered
	entered, cancel := context.WithCancelCause(ctx)
	c.cancels[id] = cancel
	c.running.Add(1)
	return entered, func() {
		cancel(nil)
		c.mu.Lock()
		delete(c.cancels, id)
		c.mu.Unlock()
		c.running.Done()
	}, nil
}

// newLog is the name of a log that was not used before.
func (c *Conn) newLog() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logs++
	return filepath.Join(c.dir, fmt.Sprintf("%d.log", c.logs))
}

// Close implements machine.Conn.
func (c *Conn) Close() error {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	for _, cancel := range c.cancels {
		cancel(errClosed)
	}
	c.mu.Unlock()
	c.running.Wait()
	if already {
		return nil
	}
	err := endMaster(c.socket())
	if c.session != 0 {
		awaitEnd(c.session)
	}
	c.dialer.forget(c)
	return errors.Join(err, os.RemoveAll(c.dir))
}
