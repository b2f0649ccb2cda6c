package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	facsimile "facsimile.dev/facsimile"
)

const (
	maxCalls   = 128             // of ours at once; more wait
	maxServing = 2 * maxCalls    // of theirs at once: those that we gave up may still go on there
	maxHeld    = 128 << 20       // bytes that came and that nobody took yet, in all
	queued     = 4               // frames that wait to be written
	lastWords  = 1 * time.Second // to say why the connection ends, and to stop reading and writing
)

// conn is one side of a connection after the handshake. One goroutine reads, one writes, one
// watches for silence, and one runs for each call of the other side. The reader never waits for
// anything but the stream: what comes in is bounded by what was allowed to come.
type conn struct {
	peer    string // for people: the other side
	reader  frameReader
	out     io.Writer
	close   func() // the stream
	answer  answerer
	silence time.Duration // of the other side: how long it may last
	ping    time.Duration // how often we are to be heard
	grace   time.Duration // for the other side to stop a call
	count   *counters

	frames   chan frame    // to the writer
	dead     chan struct{} // closed when the connection ended
	base     context.Context
	stop     context.CancelFunc
	ending   sync.Once
	err      error         // why it ended; read it after dead
	bye      string        // what to tell the other side of that
	slots    chan struct{} // one for each call of ours; see maxCalls
	turn     chan struct{} // one for the call that is being queued
	heard    atomic.Int64  // when something came last, in nanoseconds since began
	began    time.Time
	held     atomic.Int64   // see maxHeld
	loops    sync.WaitGroup // reader, writer, watch
	handlers sync.WaitGroup

	mu      sync.Mutex
	calls   map[uint32]*call  // ours that have no end yet
	lastID  uint32            // of ours
	serving map[uint32]*reply // theirs that we have not answered yet
	lastReq uint32            // the last id of theirs
}

// answerer answers a call of the other side.
type answerer func(ctx context.Context, r *reply, q request) (any, error)

// start begins to read and to write. It goes on until end, whatever becomes of ctx.
func (c *conn) start(ctx context.Context) {
	c.base, c.stop = context.WithCancel(context.WithoutCancel(ctx)) // end ends it
	c.frames, c.dead = make(chan frame, queued), make(chan struct{})
	c.slots, c.turn = make(chan struct{}, maxCalls), make(chan struct{}, 1)
	c.calls, c.serving = map[uint32]*call{}, map[uint32]*reply{}
	c.heard.Store(int64(time.Since(c.began)))
	c.loops.Go(c.read)
	c.loops.Go(c.write)
	c.loops.Go(c.watch)
}

// end ends the connection, once: whoever waits gets err, and the other side is told bye, if
// there is anything to tell.
func (c *conn) end(err error, bye string) {
	c.ending.Do(func() {
		c.err, c.bye = err, bye
		close(c.dead)
		c.stop()                           // after that, so that no call that it ends is answered as if the caller had ended it
		time.AfterFunc(lastWords, c.close) // unless the writer does it before
	})
}

// wait waits for what runs on behalf of the other side, and for the goroutines of the connection
// as long as they can be stopped: a read of a terminal or a pipe may not be.
func (c *conn) wait() {
	c.handlers.Wait()
	stopped := make(chan struct{})
	go func() {
		c.loops.Wait()
		close(stopped)
	}()
	timer := time.NewTimer(2 * lastWords)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
	}
}

// put queues a frame, as long as somebody wants it to be sent.
func (c *conn) put(ctx context.Context, f frame) error {
	select {
	case <-c.dead:
		return c.err
	default:
	}
	select {
	case c.frames <- f:
		return nil
	case <-c.dead:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read takes what comes until the stream ends.
func (c *conn) read() {
	for {
		f, err := c.reader.read()
		c.count.framesReceived.Add(1)
		if err == nil {
			err = c.take(f)
		}
		if err == nil {
			continue
		}
		var broken *ProtocolError
		var bye string
		if errors.As(err, &broken) {
			bye = broken.Msg
		}
		c.end(err, bye)
		return
	}
}

func (c *conn) take(f frame) error {
	switch f.kind {
	case kindRequest:
		return c.takeRequest(f)
	case kindPart, kindEnd:
		return c.takeAnswer(f)
	case kindCancel, kindCredit:
		return c.takeWish(f)
	case kindBye:
		return &byeError{string(f.body[:min(len(f.body), 1000)])}
	}
	return nil // a sign of life
}

// hold counts bytes that wait to be taken.
func (c *conn) hold(n int) error {
	if held := c.held.Add(int64(n)); held > maxHeld {
		return brokenf("%d bytes that nobody asked for yet", held)
	}
	return nil
}

func (c *conn) takeRequest(f frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.id != c.lastReq+1 {
		return brokenf("call %d follows call %d", f.id, c.lastReq)
	}
	if len(c.serving) == maxServing {
		return brokenf("more than %d calls at once", maxServing)
	}
	if err := c.hold(len(f.body)); err != nil {
		return err
	}
	c.lastReq = f.id
	c.count.callsServed.Add(1)
	r := newReply(c, f.id)
	c.serving[f.id] = r
	c.handlers.Go(func() { c.serve(r, f.body) })
	return nil
}

// takeAnswer gives a part or an end to the call that waits for it, if that one still does.
func (c *conn) takeAnswer(f frame) error {
	c.mu.Lock()
	k, last := c.calls[f.id], c.lastID
	c.mu.Unlock()
	if k != nil {
		return k.take(f)
	}
	if f.id == 0 || f.id > last {
		return brokenf("a %s of call %d, which was never made", f.kind, f.id)
	}
	return nil
}

func (c *conn) takeWish(f frame) error {
	c.mu.Lock()
	r, last := c.serving[f.id], c.lastReq
	c.mu.Unlock()
	switch {
	case f.id == 0 || f.id > last:
		return brokenf("a %s of call %d, which was never made", f.kind, f.id)
	case r == nil: // it is answered
	case f.kind == kindCancel:
		r.cancel()
	default:
		return r.allow(binary.BigEndian.Uint32(f.body))
	}
	return nil
}

// serve answers one call.
func (c *conn) serve(r *reply, body []byte) {
	result, err := c.answerBody(r, body)
	c.held.Add(-int64(len(body)))
	end, encodeErr := encodeAnswer(result, err)
	if encodeErr != nil {
		end, _ = encodeAnswer(nil, facsimile.Errorf(facsimile.Refused, "cannot send the answer: %w", encodeErr))
	}
	r.cancel()
	c.mu.Lock()
	delete(c.serving, r.id)
	c.mu.Unlock()
	_, secret := result.(interface{ secret() })
	_ = c.put(c.base, frame{kind: kindEnd, id: r.id, body: end, shrink: !secret}) // the connection says why it cannot
}

func (c *conn) answerBody(r *reply, body []byte) (any, error) {
	q, err := decodeRequest(body)
	if err != nil {
		return nil, err
	}
	if q.Timeout > 0 {
		var cancel context.CancelFunc
		r.ctx, cancel = context.WithTimeout(r.ctx, time.Duration(q.Timeout)*time.Millisecond)
		defer cancel()
	}
	if err := r.allow(q.Window); err != nil {
		return nil, err
	}
	return c.answer(r.ctx, r, q)
}

// write sends what is queued, and a sign of life where there is nothing else to say.
func (c *conn) write() {
	defer c.close()
	counted := &countingWriter{c.out, &c.count.bytesSent}
	w := &frameWriter{w: bufio.NewWriterSize(counted, 64<<10)}
	tick := time.NewTicker(c.ping)
	defer tick.Stop()
	for quiet := true; ; {
		var err error
		select {
		case f := <-c.frames:
			quiet = false
			err = c.writeQueued(w, f)
		case <-tick.C:
			if quiet {
				err = c.writeQueued(w, frame{kind: kindPing})
			}
			quiet = true
		case <-c.dead:
			if c.bye != "" {
				_ = c.writeQueued(w, frame{kind: kindBye, body: []byte(c.bye)}) // nobody may be there to hear it
			}
			return
		}
		if err != nil {
			c.endUnlessTold(err)
			return
		}
	}
}

// endUnlessTold ends the connection because of a failed write. Where the other side hung up it
// said why, and the reader is about to hear that.
func (c *conn) endUnlessTold(err error) {
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-c.dead:
	case <-timer.C:
		c.end(err, "")
	}
}

// writeQueued writes a frame and those that wait behind it, all in one go.
func (c *conn) writeQueued(w *frameWriter, f frame) error {
	for {
		if err := w.write(f); err != nil {
			return err
		}
		c.count.framesSent.Add(1)
		select {
		case f = <-c.frames:
		default:
			return w.w.Flush()
		}
	}
}

// watch ends the connection when nothing came for too long.
func (c *conn) watch() {
	timer := time.NewTimer(c.silence)
	defer timer.Stop()
	for {
		select {
		case <-c.dead:
			return
		case <-timer.C:
		}
		quiet := time.Since(c.began) - time.Duration(c.heard.Load())
		if quiet >= c.silence {
			c.end(fmt.Errorf("%w for %s", ErrSilent, quiet.Round(time.Second)), "you were silent for "+quiet.Round(time.Second).String())
			return
		}
		timer.Reset(c.silence - quiet)
	}
}
