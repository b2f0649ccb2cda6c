// Package remote is a node on a host that is reached by a connection: it sees to it that the
// same program stands there, by digest, starts it, and speaks node/wire with it.
//
// The first thing sent is the command that serves the node. Only where the program is missing it
// is put there, under ~/.facsimile/bin, and started again: a host that has it costs one command
// on one connection.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sync"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/wire"
)

// Program is the executable that serves a node.
type Program struct {
	Path   string // of the file, on this machine
	Digest facsimile.Digest
	Size   int64
}

// Programs finds the executable for a system, as in linux and arm64. The error says how to
// get one.
type Programs func(goos, goarch string) (Program, error)

// Options say which node it is and how it is served.
type Options struct {
	Dial     func(ctx context.Context) (machine.Conn, error) // called once, when the node is first asked
	Name     facsimile.Node
	Home     string // absolute, on the host
	Version  string // of this program
	Programs Programs
	Likely   Program // the one to try first: that of this machine's own system
}

// Node is a node.Node behind a connection. It connects when it is first asked, and again when
// it is asked after the connection broke.
type Node struct {
	o Options

	mu       sync.Mutex
	conn     machine.Conn
	client   *wire.Client
	used     Program   // that runs there
	failure  error     // why the last attempt to connect failed
	failedAt time.Time // when it ended
}

const (
	// silence is how long a node may give no sign of life.
	silence = 20 * time.Second
	// patience is for how long a host that could not be reached is not tried again: the steps of a
	// rollout that come after each other within it share one answer.
	patience = 10 * time.Second
)

// New makes the node. Nothing is connected yet.
func New(o Options) *Node { return &Node{o: o, used: o.Likely} }

// Close hangs up. What runs on the host notices, and ends.
func (n *Node) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.client != nil {
		_ = n.client.Close() // the connection below it goes next, whatever it says
		n.client = nil
	}
	if n.conn == nil {
		return nil
	}
	return n.conn.Close()
}

// Counters are the measures of the work that the connection did.
func (n *Node) Counters() wire.Counters {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.client == nil {
		return wire.Counters{}
	}
	return n.client.Counters()
}

// unreachable reports whether trying again at once would fail in the same way, and take as long.
func unreachable(err error) bool {
	var away *machine.Unreachable
	var hung *machine.Hung
	return errors.As(err, &away) || errors.As(err, &hung)
}

// missing is what the start script says where the program is not there.
const missing = "facs-is-missing"

// Path is where the program of a digest stands on a host, from where a login starts.
func Path(d facsimile.Digest) string { return ".facsimile/bin/" + d.Hex() + "/facs" }

// start runs the program at its first argument with the others, or says that it is missing. The words
// after the script are its arguments, so that nothing of them is interpreted.
const start = `f="./$1"; shift; [ -x "$f" ] && exec "$f" "$@"; echo ` + missing

// connect gives the connection that there is, or makes one.
func (n *Node) connect(ctx context.Context) (*wire.Client, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.client != nil {
		return n.client, nil
	}
	if n.conn == nil {
		conn, err := n.o.Dial(ctx)
		if err != nil {
			return nil, n.explain(err)
		}
		n.conn = conn
	}
	if n.failure != nil && time.Since(n.failedAt) < patience {
		return nil, n.failure
	}
	client, err := n.reach(ctx)
	n.failure = nil
	if err != nil {
		err = n.explain(err)
		if unreachable(err) {
			n.failure, n.failedAt = err, time.Now()
		}
		return nil, err
	}
	n.client = client
	return client, nil
}

// reach starts the program that is likely there; on a host of another system the one for that;
// and puts it there if it is missing.
func (n *Node) reach(ctx context.Context) (*wire.Client, error) {
	client, err := n.serve(ctx)
	if err != nil || client != nil {
		return client, err
	}
	goos, goarch, err := machine.System(ctx, n.conn)
	if err != nil {
		return nil, err
	}
	program, err := n.o.Programs(goos, goarch)
	if err != nil {
		return nil, err
	}
	if program.Digest != n.used.Digest {
		n.used = program
		if client, err = n.serve(ctx); err != nil || client != nil {
			return client, err
		}
	}
	open := func() (io.ReadCloser, error) { return os.Open(program.Path) }
	if err := machine.Put(ctx, n.conn, open, program.Digest, program.Size, Path(program.Digest)); err != nil {
		return nil, unput(err)
	}
	if client, err = n.serve(ctx); err == nil && client == nil {
		err = fmt.Errorf("facs was put on it for %s/%s, and is not there", goos, goarch)
	}
	return client, err
}

// unput says what to do where the program could not be put on a host, unless err does.
func unput(err error) error {
	if told, ok := err.(*facsimile.Error); ok && told.Hint == "" { //nolint:errorlint // only what is told last is for people
		return told.WithHint("whoever logs in there must have room and the right to write under ~/.facsimile, which is root's after a deployment with become; facs node prepare looks at it")
	}
	return err
}

// serve starts the program; where it is missing there is no client and no error.
func (n *Node) serve(ctx context.Context) (*wire.Client, error) {
	// The connection outlives the call that made it, so it does not end with that call's ctx.
	process, err := n.conn.Start(context.WithoutCancel(ctx), []string{
		"sh", "-c", start, "facs", Path(n.used.Digest), "node", "serve", "--home", n.o.Home, "--name", string(n.o.Name),
	})
	if err != nil {
		return nil, err
	}
	client, err := wire.Dial(ctx, stream{process}, wire.DialOptions{
		Name: n.o.Name, Version: n.o.Version, Binary: n.used.Digest, Silence: silence,
	})
	var handshake *wire.HandshakeError
	if !errors.As(err, &handshake) {
		return client, err
	}
	if slices.Contains(handshake.Said, missing) {
		return nil, nil
	}
	if ended := process.Wait(); ended != nil { // the way to the host knows better why nobody answered
		return nil, ended
	}
	return nil, err
}

// explain gives an error the name of the node and an outcome, unless it has them.
func (n *Node) explain(err error) error {
	var told *facsimile.Error
	if errors.As(err, &told) || errors.Is(err, context.Canceled) {
		return err
	}
	out := &facsimile.Error{Outcome: facsimile.Refused, Msg: fmt.Sprintf("node %s: %v", n.o.Name, err), Err: err}
	var mismatch *wire.MismatchError
	if errors.As(err, &mismatch) {
		out.Hint = fmt.Sprintf("another facs answers: remove ~/%s on the node, and try again", Path(n.used.Digest))
	}
	return out
}

// stream is a process as one stream.
type stream struct{ machine.Process }

// Write writes to the standard input.
func (s stream) Write(b []byte) (int, error) { return s.Stdin().Write(b) }

// Close ends the standard input, by which the program learns that nobody asks any more.
func (s stream) Close() error { return s.Stdin().Close() }

var (
	_ io.ReadWriteCloser = stream{}
	_ node.Node          = (*Node)(nil)
)

// lost forgets a connection that broke, so that the next call makes another.
func (n *Node) lost(client *wire.Client, err error) error {
	var broken *wire.LostError
	if errors.As(err, &broken) {
		n.mu.Lock()
		if n.client == client {
			n.client = nil
		}
		n.mu.Unlock()
	}
	return err
}

// ask does one call over the connection.
func ask[T any](ctx context.Context, n *Node, call func(*wire.Client) (T, error)) (T, error) {
	client, err := n.connect(ctx)
	if err != nil {
		var zero T
		return zero, err
	}
	answer, err := call(client)
	return answer, n.lost(client, err)
}

// tell does a call that has no answer but an error.
func tell(ctx context.Context, n *Node, call func(*wire.Client) error) error {
	_, err := ask(ctx, n, func(c *wire.Client) (struct{}, error) { return struct{}{}, call(c) })
	return err
}

// Look implements node.Node.
func (n *Node) Look(ctx context.Context, tree facsimile.Digest) (node.Report, error) {
	return ask(ctx, n, func(c *wire.Client) (node.Report, error) { return c.Look(ctx, tree) })
}

// Promise implements node.Node.
func (n *Node) Promise(ctx context.Context, b node.Ballot, o node.Owner, lease time.Duration) (node.Report, error) {
	return ask(ctx, n, func(c *wire.Client) (node.Report, error) { return c.Promise(ctx, b, o, lease) })
}

// Stage implements node.Node.
func (n *Node) Stage(ctx context.Context, b node.Ballot, o node.Order, content node.Content) (node.Staged, error) {
	return ask(ctx, n, func(c *wire.Client) (node.Staged, error) { return c.Stage(ctx, b, o, content) })
}

// Activate implements node.Node.
func (n *Node) Activate(ctx context.Context, b node.Ballot, o node.Order) (node.Receipt, error) {
	return ask(ctx, n, func(c *wire.Client) (node.Receipt, error) { return c.Activate(ctx, b, o) })
}

// Confirm implements node.Node.
func (n *Node) Confirm(ctx context.Context, b node.Ballot, release facsimile.Digest) error {
	return tell(ctx, n, func(c *wire.Client) error { return c.Confirm(ctx, b, release) })
}

// Revert implements node.Node.
func (n *Node) Revert(ctx context.Context, b node.Ballot, o node.Order) error {
	return tell(ctx, n, func(c *wire.Client) error { return c.Revert(ctx, b, o) })
}

// Prune implements node.Node.
func (n *Node) Prune(ctx context.Context, b node.Ballot, keep int, pinned []facsimile.Digest) ([]facsimile.Digest, error) {
	return ask(ctx, n, func(c *wire.Client) ([]facsimile.Digest, error) { return c.Prune(ctx, b, keep, pinned) })
}

// Release implements node.Node.
func (n *Node) Release(ctx context.Context, b node.Ballot) error {
	return tell(ctx, n, func(c *wire.Client) error { return c.Release(ctx, b) })
}

// Verify implements node.Node.
func (n *Node) Verify(ctx context.Context, tree facsimile.Digest) iter.Seq2[facsimile.Difference, error] {
	return listen(ctx, n, func(c *wire.Client) iter.Seq2[facsimile.Difference, error] { return c.Verify(ctx, tree) })
}

// Journal implements node.Node.
func (n *Node) Journal(ctx context.Context, since uint64) iter.Seq2[node.Event, error] {
	return listen(ctx, n, func(c *wire.Client) iter.Seq2[node.Event, error] { return c.Journal(ctx, since) })
}

// listen passes on an answer in parts.
func listen[T any](ctx context.Context, n *Node, call func(*wire.Client) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		client, err := n.connect(ctx)
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for part, err := range call(client) {
			if !yield(part, n.lost(client, err)) {
				return
			}
		}
	}
}
