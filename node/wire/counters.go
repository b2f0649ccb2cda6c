package wire

import (
	"io"
	"sync/atomic"
	"time"
)

// Counters says what a connection cost so far.
type Counters struct {
	Sent           int64 // bytes written to the stream, compressed, with the handshake
	Received       int64 // bytes read from it
	FramesSent     int64
	FramesReceived int64
	// Calls counts what the operator asked, Asked what the node asked for while it staged.
	Calls, Asked int64
	// RoundTrips is the most often that one side waited for the other: once for each call and for
	// each thing that a node asked for. Calls at the same time wait at the same time.
	RoundTrips int64
	Blobs      int64 // blobs that were sent to the node
	BlobBytes  int64 // their size before compression
}

type counters struct {
	bytesSent, bytesReceived   atomic.Int64
	framesSent, framesReceived atomic.Int64
	callsMade, callsServed     atomic.Int64
	blobs, blobBytes           atomic.Int64
}

func (c *counters) snapshot() Counters {
	made, served := c.callsMade.Load(), c.callsServed.Load()
	return Counters{
		Sent: c.bytesSent.Load(), Received: c.bytesReceived.Load(),
		FramesSent: c.framesSent.Load(), FramesReceived: c.framesReceived.Load(),
		Calls: made, Asked: served, RoundTrips: made + served,
		Blobs: c.blobs.Load(), BlobBytes: c.blobBytes.Load(),
	}
}

type countingWriter struct {
	w io.Writer
	n *atomic.Int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.n.Add(int64(n))
	return n, err
}

// hearingReader counts what is read and notes when.
type hearingReader struct {
	r     io.Reader
	n     *atomic.Int64
	began time.Time
	heard *atomic.Int64 // nanoseconds since began
}

func (r *hearingReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.n.Add(int64(n))
	if n > 0 {
		r.heard.Store(int64(time.Since(r.began)))
	}
	return n, err
}
