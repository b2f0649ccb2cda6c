package wire

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// DialOptions says who asks, and how patiently.
type DialOptions struct {
	Name    facsimile.Node   // the node's name in orders: it is given what they name for it, and nothing else
	Version string           // of this facs; the node's must be the same
	Binary  facsimile.Digest // of the executable that must be running there; zero: any of that version
	Silence time.Duration    // without a sign of life until the node is given up; 0: one minute; at least four seconds
	Grace   time.Duration    // for the node to say how a call ended that was cancelled; 0: five seconds
}

const (
	defaultSilence = time.Minute
	minSilence     = 4 * time.Second
	defaultGrace   = 5 * time.Second
)

// Client is a node behind a stream. Its methods may be called at the same time.
type Client struct {
	c      *conn
	name   facsimile.Node
	count  *counters
	theirs Program
}

var _ node.Node = (*Client)(nil)

// Dial greets the node at the other end of rw, which Close closes; so does Dial when it fails.
// What comes before the node's first line, as from a login shell, is skipped up to 64 KiB. The
// error is a *HandshakeError where no facs answers, and a *MismatchError where another one does.
func Dial(ctx context.Context, rw io.ReadWriteCloser, opt DialOptions) (*Client, error) {
	cl := &Client{name: opt.Name, count: &counters{}}
	silence := silenceOf(opt.Silence)
	ours := Program{Protocol: Protocol, Version: opt.Version, Binary: opt.Binary, Silence: silence.Milliseconds()}
	closeStream := sync.OnceFunc(func() { _ = rw.Close() }) // nothing is owed to it any more
	c := newConn(peerName(opt.Name), rw, rw, closeStream, cl.count)
	c.answer, c.silence, c.grace = c.lend, silence, cmp.Or(opt.Grace, defaultGrace)
	var err error
	cl.theirs, err = within(ctx, silence, c.peer, closeStream, func() (Program, error) {
		theirs, err := readHello(c.reader.r, maxBanner, c.peer)
		if err == nil {
			err = mismatch(c.peer, ours, theirs)
		}
		if err == nil {
			err = writeHello(&countingWriter{rw, &cl.count.bytesSent}, ours)
		}
		return theirs, err
	})
	if err != nil {
		closeStream()
		return nil, fmt.Errorf("cannot talk to %s: %w", c.peer, err)
	}
	c.ping = pingFor(cl.theirs)
	cl.c = c
	c.start(ctx)
	return cl, nil
}

func peerName(name facsimile.Node) string {
	if name == "" {
		return "the node"
	}
	return "node " + string(name)
}

// newConn makes a connection that has to be greeted and started.
func newConn(peer string, in io.Reader, out io.Writer, closeStream func(), count *counters) *conn {
	c := &conn{peer: peer, out: out, close: closeStream, count: count, began: time.Now()}
	c.reader.r = bufio.NewReaderSize(&hearingReader{in, &count.bytesReceived, c.began, &c.heard}, 64<<10)
	return c
}

func silenceOf(d time.Duration) time.Duration {
	return max(cmp.Or(d, defaultSilence), minSilence)
}

// pingFor is how often the other side has to hear of us.
func pingFor(theirs Program) time.Duration {
	silence := min(theirs.Silence, defaultSilence.Milliseconds())
	return max(silenceOf(time.Duration(silence)*time.Millisecond), minSilence) / 4
}

// Remote says what runs on the node.
func (cl *Client) Remote() Program { return cl.theirs }

// Counters says what the connection cost so far.
func (cl *Client) Counters() Counters { return cl.count.snapshot() }

// Close ends the connection and whatever is asked over it.
func (cl *Client) Close() error {
	cl.c.end(ErrClosed, "")
	cl.c.wait()
	return nil
}

// ask makes a call whose answer is one value.
func ask[T any](ctx context.Context, c *conn, method, what string, args any) (result T, err error) {
	k, err := c.begin(ctx, question{method: method, what: what, args: args})
	if err != nil {
		return result, err
	}
	defer k.forget()
	if _, err := k.next(); err != nil {
		return result, err
	}
	err = decodeAnswer(k.end, &result, noLent)
	return result, c.explain(what, err)
}

// explain says whose answer broke the protocol; other errors are the node's own.
func (c *conn) explain(what string, err error) error {
	if broken, ok := err.(*ProtocolError); ok {
		return fmt.Errorf("%s was to %s, and its answer cannot be read: %w", c.peer, what, broken)
	}
	return err
}

// Look implements node.Node.
func (cl *Client) Look(ctx context.Context, tree facsimile.Digest) (node.Report, error) {
	return ask[node.Report](ctx, cl.c, methodLook, "say how it stands", treeArgs{tree})
}

// Promise implements node.Node.
func (cl *Client) Promise(ctx context.Context, b node.Ballot, owner node.Owner, lease time.Duration) (node.Report, error) {
	return ask[node.Report](ctx, cl.c, methodPromise, inEpoch("promise", b), promiseArgs{b, owner, int64(lease)})
}

// Activate implements node.Node.
func (cl *Client) Activate(ctx context.Context, b node.Ballot, o node.Order) (node.Receipt, error) {
	return ask[node.Receipt](ctx, cl.c, methodActivate, inEpoch("activate", b), orderArgs{b, o})
}

// Confirm implements node.Node.
func (cl *Client) Confirm(ctx context.Context, b node.Ballot, release facsimile.Digest) error {
	_, err := ask[none](ctx, cl.c, methodConfirm, inEpoch("confirm", b), confirmArgs{b, release})
	return err
}

// Revert implements node.Node.
func (cl *Client) Revert(ctx context.Context, b node.Ballot, o node.Order) error {
	_, err := ask[none](ctx, cl.c, methodRevert, inEpoch("revert", b), orderArgs{b, o})
	return err
}

// Prune implements node.Node.
func (cl *Client) Prune(ctx context.Context, b node.Ballot, keep int, pinned []facsimile.Digest) ([]facsimile.Digest, error) {
	gone, err := ask[[]facsimile.Digest](ctx, cl.c, methodPrune, inEpoch("prune", b), pruneArgs{b, keep, pinned})
	if len(gone) == 0 {
		gone = nil
	}
	return gone, err
}

// Release implements node.Node.
func (cl *Client) Release(ctx context.Context, b node.Ballot) error {
	_, err := ask[none](ctx, cl.c, methodRelease, inEpoch("release", b), releaseArgs{b})
	return err
}

func inEpoch(verb string, b node.Ballot) string { return fmt.Sprintf("%s (epoch %d)", verb, b.Epoch) }

// listWindow is how much of a list may come before it is read.
const listWindow = 256 << 10

// Verify implements node.Node.
func (cl *Client) Verify(ctx context.Context, tree facsimile.Digest) iter.Seq2[facsimile.Difference, error] {
	return func(yield func(facsimile.Difference, error) bool) {
		list(ctx, cl.c, methodVerify, "verify "+tree.Short(), treeArgs{tree}, func(d difference, err error) bool {
			if err == nil && d.Error != nil {
				err = d.Error.decode(noLent)
			}
			return yield(facsimile.Difference{Path: string(d.Path), Kind: d.Kind, Note: string(d.Note)}, err)
		})
	}
}

// Journal implements node.Node.
func (cl *Client) Journal(ctx context.Context, since uint64) iter.Seq2[node.Event, error] {
	return func(yield func(node.Event, error) bool) {
		list(ctx, cl.c, methodJournal, "give its journal", journalArgs{since}, func(e event, err error) bool {
			if err == nil && e.Error != nil {
				err = e.Error.decode(noLent)
			}
			return yield(e.Event, err)
		})
	}
}

// list makes a call whose answer is a list, which comes in parts of some items each.
func list[T any](ctx context.Context, c *conn, method, what string, args any, yield func(T, error) bool) {
	var zero T
	k, err := c.begin(ctx, question{method: method, what: what, args: args, window: listWindow})
	if err != nil {
		yield(zero, err)
		return
	}
	defer k.forget()
	for {
		part, err := k.next()
		if part == nil && err == nil {
			break
		}
		var items []T
		if err == nil {
			err = c.explain(what, decode(part, &items))
		}
		if err != nil {
			yield(zero, err)
			k.drop()
			return
		}
		for _, item := range items {
			if !yield(item, nil) {
				k.drop()
				return
			}
		}
		k.took(len(part))
	}
	if err := decodeAnswer(k.end, &none{}, noLent); err != nil {
		yield(zero, c.explain(what, err))
	}
}
