package wire

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// call is one of ours, from the request to the end of its answer. It is for one goroutine, but
// for took, which is for any.
type call struct {
	c      *conn
	ctx    context.Context // ends the call
	stop   context.CancelFunc
	id     uint32
	what   string // for people: what was asked
	since  time.Time
	window int
	loan   *loan // what the callee may take meanwhile
	wake   chan struct{}

	mu        sync.Mutex
	parts     [][]byte
	held      int // bytes of parts that came and were not taken
	taken     int // bytes that were taken and that the callee was not told of
	ended     bool
	end       []byte
	cancelled bool
}

// question is what a call asks.
type question struct {
	method string
	what   string // for people
	args   any
	window int   // how many bytes of parts may come ahead of what was taken
	loan   *loan // of a call of stage
}

// begin sends a request. The call must be ended with forget.
func (c *conn) begin(ctx context.Context, q question) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	body, err := encodeRequest(ctx, q.method, q.args, q.window)
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s to %s: %w", c.peer, q.what, err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("cannot ask %s to %s: the request has %d bytes, the most is %d", c.peer, q.what, len(body), maxBody)
	}
	k := &call{c: c, what: q.what, since: time.Now(), window: q.window, loan: q.loan, wake: make(chan struct{}, 1)}
	select {
	case c.slots <- struct{}{}:
	case <-c.dead:
		return nil, k.lost()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := c.register(ctx, k, body); err != nil {
		<-c.slots
		return nil, err
	}
	k.ctx, k.stop = context.WithCancel(ctx)
	return k, nil
}

// register queues the request. Ids go over the stream in their order, so a call gets its own
// when no other is about to be queued, and gives it back where it is not.
func (c *conn) register(ctx context.Context, k *call, body []byte) error {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-c.dead:
		return k.lost()
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	c.lastID++
	k.id = c.lastID
	c.calls[k.id] = k
	c.mu.Unlock()
	select {
	case c.frames <- frame{kind: kindRequest, id: k.id, body: body, shrink: true}:
		c.count.callsMade.Add(1)
		return nil
	case <-c.dead:
	case <-ctx.Done():
	}
	c.mu.Lock()
	c.lastID--
	delete(c.calls, k.id)
	c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return k.lost()
}

// forget ends the call on our side. What still comes for it is dropped.
func (k *call) forget() {
	k.stop()
	k.c.mu.Lock()
	delete(k.c.calls, k.id)
	k.c.mu.Unlock()
	k.mu.Lock()
	k.c.held.Add(-int64(k.held))
	k.held, k.parts, k.ended = 0, nil, true
	k.mu.Unlock()
	<-k.c.slots
}

// take is told by the reader what came.
func (k *call) take(f frame) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return nil // forgotten this moment
	}
	if f.kind == kindEnd {
		k.end, k.ended = f.body, true
	} else {
		if k.held+k.taken >= k.window {
			return brokenf("more than the %d bytes that may come for call %d", k.window, k.id)
		}
		if len(f.body) == 0 {
			return brokenf("an empty part of call %d", k.id)
		}
		k.held += len(f.body)
		k.parts = append(k.parts, f.body)
		if err := k.c.hold(len(f.body)); err != nil {
			return err
		}
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return nil
}

// next waits for a part of the answer; nil: the answer ended. When the context of the call ends
// the callee is told, and still has some time to say how the call ended: what it was asked to do
// may be done.
func (k *call) next() ([]byte, error) {
	done := k.ctx.Done()
	var grace <-chan time.Time
	for {
		if part, ended := k.pop(); part != nil || ended {
			return part, nil
		}
		select {
		case <-k.wake:
		case <-k.c.dead:
			if part, ended := k.pop(); part != nil || ended {
				return part, nil
			}
			return nil, k.lost()
		case <-done:
			// The callee has a deadline of its own, and ends with its own error.
			if k.ctx.Err() == context.Canceled {
				k.tellCancelled()
			}
			timer := time.NewTimer(k.c.grace)
			defer timer.Stop()
			grace, done = timer.C, nil
		case <-grace:
			k.tellCancelled()
			return nil, fmt.Errorf("%s was told to stop and did not say within %s whether it could %s: %w", k.c.peer, k.c.grace, k.what, k.ctx.Err())
		}
	}
}

func (k *call) pop() (part []byte, ended bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.parts) > 0 {
		part, k.parts = k.parts[0], k.parts[1:]
		return part, false
	}
	return nil, k.ended
}

// took says that n bytes of the parts are no longer held. The callee may send as many more, and
// is told before it has to wait for it.
func (k *call) took(n int) {
	k.mu.Lock()
	n = min(n, k.held)
	k.held -= n
	k.taken += n
	var credit int
	if k.taken >= max(k.window/4, 1) {
		credit, k.taken = k.taken, 0
	}
	k.mu.Unlock()
	k.c.held.Add(-int64(n))
	if credit > 0 {
		_ = k.c.put(k.ctx, frame{kind: kindCredit, id: k.id, body: binary.BigEndian.AppendUint32(nil, uint32(credit))}) // the call says why it cannot
	}
}

// tellCancelled tells the callee, once, that nobody wants the answer.
func (k *call) tellCancelled() {
	k.mu.Lock()
	told := k.cancelled || k.ended
	k.cancelled = true
	k.mu.Unlock()
	if told {
		return
	}
	timer := time.NewTimer(k.c.grace)
	defer timer.Stop()
	select {
	case k.c.frames <- frame{kind: kindCancel, id: k.id}:
	case <-k.c.dead:
	case <-timer.C:
	}
}

// drop cancels the call and waits until the callee stopped.
func (k *call) drop() {
	k.stop()
	for {
		part, err := k.next()
		if part == nil || err != nil {
			return
		}
		k.took(len(part))
	}
}

// lost is the error of a call whose connection ended.
func (k *call) lost() error {
	return &LostError{Peer: k.c.peer, Waiting: k.what, Since: time.Since(k.since), Err: k.c.err}
}

// reply is a call of the other side while it is being answered.
type reply struct {
	c      *conn
	id     uint32
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}

	mu     sync.Mutex
	credit int // bytes of parts that may still be sent
}

func newReply(c *conn, id uint32) *reply {
	r := &reply{c: c, id: id, wake: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(c.base)
	return r
}

// maxCredit is more than any caller allows.
const maxCredit = 1 << 30

func (r *reply) allow(n uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > maxCredit || r.credit+int(n) > maxCredit {
		return brokenf("a credit of %d bytes and %d more", r.credit, n)
	}
	r.credit += int(n)
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// send sends a part of the answer when there is credit for it. The last part may be larger than
// what is left.
func (r *reply) send(part []byte, shrink bool) error {
	for !r.spend(len(part)) {
		select {
		case <-r.wake:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
	return r.c.put(r.ctx, frame{kind: kindPart, id: r.id, body: part, shrink: shrink})
}

func (r *reply) spend(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.credit <= 0 {
		return false
	}
	r.credit -= n
	return true
}
