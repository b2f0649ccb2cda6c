package wire_test

import (
	"errors"
	"io"
	"sync"
	"time"
)

// link is a connection in memory between an operator and a node. It may be slow, and be cut.
type link struct {
	operator, node *linkEnd
}

var errCut = errors.New("the link was cut")

// newLink makes a link that takes latency one way.
func newLink(latency time.Duration) *link {
	there, back := newLane(latency), newLane(latency)
	return &link{operator: &linkEnd{in: back, out: there}, node: &linkEnd{in: there, out: back}}
}

// cut cuts the link now: nothing more arrives.
func (l *link) cut() {
	l.operator.out.fail(errCut, errCut)
	l.node.out.fail(errCut, errCut)
}

// linkEnd is an end of a link.
type linkEnd struct{ in, out *lane }

func (e *linkEnd) Read(b []byte) (int, error)  { return e.in.read(b) }
func (e *linkEnd) Write(b []byte) (int, error) { return e.out.write(b) }

// Close makes the other end read the end of the stream, behind what was written.
func (e *linkEnd) Close() error {
	e.out.fail(io.EOF, io.ErrClosedPipe)
	e.in.fail(io.ErrClosedPipe, io.ErrClosedPipe)
	return nil
}

// lane is one direction of a link.
type lane struct {
	latency time.Duration
	limit   int64  // bytes after which onLimit is called, once; negative: none
	onLimit func() // cuts the link

	mu       sync.Mutex
	more     sync.Cond
	chunks   []chunk
	written  int64
	stuck    bool  // nothing that is written arrives, and nobody says so
	readErr  error // when the chunks are read
	writeErr error
	sizes    []int // of the writes
}

type chunk struct {
	due  time.Time
	data []byte
}

func newLane(latency time.Duration) *lane {
	l := &lane{latency: latency, limit: -1}
	l.more.L = &l.mu
	return l
}

func (l *lane) write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writeErr != nil {
		return 0, l.writeErr
	}
	n := len(b)
	reached := l.limit >= 0 && l.written+int64(n) >= l.limit
	if reached {
		n = int(l.limit - l.written)
		l.limit = -1
	}
	l.written += int64(n)
	l.sizes = append(l.sizes, n)
	if !l.stuck {
		l.chunks = append(l.chunks, chunk{time.Now().Add(l.latency), append([]byte(nil), b[:n]...)})
	}
	l.more.Broadcast()
	if reached {
		l.mu.Unlock()
		l.onLimit()
		l.mu.Lock()
		return n, errCut
	}
	return n, nil
}

func (l *lane) read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if len(l.chunks) == 0 {
			if l.readErr != nil {
				return 0, l.readErr
			}
			l.more.Wait()
			continue
		}
		if wait := time.Until(l.chunks[0].due); wait > 0 {
			l.mu.Unlock()
			time.Sleep(wait)
			l.mu.Lock()
			continue
		}
		n := copy(b, l.chunks[0].data)
		if l.chunks[0].data = l.chunks[0].data[n:]; len(l.chunks[0].data) == 0 {
			l.chunks = l.chunks[1:]
		}
		return n, nil
	}
}

func (l *lane) fail(readErr, writeErr error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readErr == nil {
		l.readErr = readErr
	}
	if readErr != io.EOF {
		l.readErr, l.chunks = readErr, nil
	}
	if l.writeErr == nil {
		l.writeErr = writeErr
	}
	l.more.Broadcast()
}

func (l *lane) total() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}
