package wire

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// ServeOptions says what answers.
type ServeOptions struct {
	Version string           // of this facs; the operator's must be the same
	Binary  facsimile.Digest // of this executable file; zero: not known
	Silence time.Duration    // without a sign of life until the operator is given up; 0: one minute; at least four seconds
}

// Serve answers one operator until the stream ends or ctx does. Calls that still run are then
// cancelled, and Serve returns when they have ended: no lock outlives it. It is nil where the
// operator hung up with nothing left to answer. In and out are closed where they can be.
//
// A process that serves its standard output must ignore SIGPIPE: otherwise it is killed in the
// middle of whatever it does when the operator is gone. A read of a standard input that cannot
// be interrupted may go on when Serve has returned; it ends with the process.
func Serve(ctx context.Context, in io.Reader, out io.Writer, host node.Node, opt ServeOptions) error {
	const peer = "the operator"
	silence := silenceOf(opt.Silence)
	ours := Program{Protocol: Protocol, Version: opt.Version, Binary: opt.Binary, Silence: silence.Milliseconds()}
	c := newConn(peer, in, out, sync.OnceFunc(func() { closeBoth(in, out) }), &counters{})
	s := &server{c: c, host: host}
	c.answer, c.silence, c.grace = s.answer, silence, defaultGrace
	theirs, err := within(ctx, silence, peer, c.close, func() (Program, error) {
		if err := writeHello(out, ours); err != nil {
			return Program{}, err
		}
		theirs, err := readHello(c.reader.r, 0, peer)
		if err == nil {
			err = mismatch(peer, ours, theirs)
		}
		return theirs, err
	})
	if err != nil {
		c.close()
		return fmt.Errorf("cannot serve: %w", err)
	}
	c.ping = pingFor(theirs)
	c.start(ctx)
	select {
	case <-c.dead:
	case <-ctx.Done():
		c.end(ctx.Err(), "the node's side was stopped")
	}
	busy := c.busy()
	c.wait()
	if c.err == io.EOF && busy == 0 {
		return nil
	}
	return fmt.Errorf("cannot serve the operator any more (calls that were stopped: %d): %w", busy, whyEnded(c.err))
}

func closeBoth(in io.Reader, out io.Writer) {
	for _, end := range []any{out, in} {
		if c, ok := end.(io.Closer); ok {
			_ = c.Close() // nothing is owed to it any more
		}
	}
}

// busy counts the calls that are not answered yet.
func (c *conn) busy() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.serving)
}

// server answers an operator.
type server struct {
	c    *conn
	host node.Node
}

func (s *server) answer(ctx context.Context, r *reply, q request) (any, error) {
	switch q.Method {
	case methodLook:
		return with(q, func(a treeArgs) (node.Report, error) { return s.host.Look(ctx, a.Tree) })
	case methodPromise:
		return with(q, func(a promiseArgs) (node.Report, error) {
			return s.host.Promise(ctx, a.Ballot, a.Owner, time.Duration(a.Lease))
		})
	case methodStage:
		return with(q, func(a orderArgs) (node.Staged, error) { return s.stage(ctx, r, a) })
	case methodActivate:
		return with(q, func(a orderArgs) (node.Receipt, error) { return s.host.Activate(ctx, a.Ballot, a.Order) })
	case methodConfirm:
		return with(q, func(a confirmArgs) (none, error) { return none{}, s.host.Confirm(ctx, a.Ballot, a.Release) })
	case methodRevert:
		return with(q, func(a orderArgs) (none, error) { return none{}, s.host.Revert(ctx, a.Ballot, a.Order) })
	case methodVerify:
		return with(q, func(a treeArgs) (none, error) { return none{}, sendList(r, differences(s.host.Verify(ctx, a.Tree))) })
	case methodJournal:
		return with(q, func(a journalArgs) (none, error) { return none{}, sendList(r, events(s.host.Journal(ctx, a.Since))) })
	case methodPrune:
		return with(q, func(a pruneArgs) ([]facsimile.Digest, error) {
			return s.host.Prune(ctx, a.Ballot, a.Keep, a.Pinned)
		})
	case methodRelease:
		return with(q, func(a releaseArgs) (none, error) { return none{}, s.host.Release(ctx, a.Ballot) })
	}
	return nil, refuseMethod(q.Method)
}

func (s *server) stage(ctx context.Context, r *reply, a orderArgs) (node.Staged, error) {
	b := newBorrowed(ctx, s.c, r.id)
	defer b.end()
	return s.host.Stage(ctx, a.Ballot, a.Order, b)
}

func differences(from iter.Seq2[facsimile.Difference, error]) iter.Seq[difference] {
	return func(yield func(difference) bool) {
		for d, err := range from {
			item := difference{Path: text(d.Path), Kind: d.Kind, Note: text(d.Note)}
			if err != nil {
				item.Error = encodeFault(err)
			}
			if !yield(item) {
				return
			}
		}
	}
}

func events(from iter.Seq2[node.Event, error]) iter.Seq[event] {
	return func(yield func(event) bool) {
		for e, err := range from {
			item := event{Event: e}
			if err != nil {
				item.Error = encodeFault(err)
			}
			if !yield(item) {
				return
			}
		}
	}
}

// listPart is the size from which the items of a list are sent.
const listPart = 32 << 10

// sendList sends a list in parts of some items each.
func sendList[T any](r *reply, items iter.Seq[T]) error {
	part := []byte("[")
	flush := func() error {
		if len(part) == 1 {
			return nil
		}
		part[len(part)-1] = ']'
		err := r.send(part, true)
		part = []byte("[")
		return err
	}
	for item := range items {
		body, err := encode(item)
		if err != nil {
			return err
		}
		if part = append(append(part, body...), ','); len(part) >= listPart {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
