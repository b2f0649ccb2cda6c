package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// kind says what a frame carries.
type kind byte

// The kinds of frames. A call has an id, which its caller chose; request, cancel and credit go
// from the caller to the callee, part and end the other way.
const (
	kindRequest kind = iota + 1 // a call begins
	kindPart                    // a piece of a long answer
	kindEnd                     // the answer, or the rest of a long one
	kindCancel                  // the caller no longer wants the answer
	kindCredit                  // so many bytes of parts may be sent more
	kindPing                    // a sign of life
	kindBye                     // why the connection ends
)

func (k kind) String() string {
	names := [...]string{"", "request", "part", "end", "cancel", "credit", "ping", "bye"}
	if int(k) < len(names) && k > 0 {
		return names[k]
	}
	return fmt.Sprintf("frame of the unknown kind %d", byte(k))
}

const (
	// headerSize: length of what follows the header (4 bytes), kind, flags, id (4 bytes).
	headerSize = 10
	// maxBody is the most that the body of a frame holds, before and after compression. An order
	// for 10,000 nodes takes one million bytes.
	maxBody = 8 << 20
	// flagCompressed: the body is its size (4 bytes) and a piece of the direction's zstd stream.
	flagCompressed = 1
)

// frame is what goes over the stream at once.
type frame struct {
	kind   kind
	id     uint32
	body   []byte
	shrink bool // compress the body if that is worth it; never what is secret
}

// worthShrinking is the size from which a body is compressed.
const worthShrinking = 256

// ProtocolError says that the other side sent what the protocol does not allow.
type ProtocolError struct{ Msg string }

func (e *ProtocolError) Error() string { return "broken protocol: " + e.Msg }

func brokenf(format string, args ...any) error { return &ProtocolError{fmt.Sprintf(format, args...)} }

// frameReader reads frames. It is for one goroutine.
type frameReader struct {
	r        *bufio.Reader
	inflater inflater
}

// read gives the next frame; io.EOF where the stream ends between two.
func (r *frameReader) read() (frame, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: kind(h[4]), id: binary.BigEndian.Uint32(h[6:])}
	size, flags := binary.BigEndian.Uint32(h[:4]), h[5]
	if err := checkHeader(f, size, flags); err != nil {
		return frame{}, err
	}
	body, err := readBody(r.r, int(size))
	if err != nil {
		return frame{}, err
	}
	if f.body = body; flags == 0 {
		return f, nil
	}
	raw := binary.BigEndian.Uint32(body)
	if raw == 0 || raw > maxBody {
		return frame{}, brokenf("a %s of %d bytes; the most is %d", f.kind, raw, maxBody)
	}
	f.body, err = r.inflater.inflate(body[4:], int(raw))
	return f, err
}

func checkHeader(f frame, size uint32, flags byte) error {
	if f.kind < kindRequest || f.kind > kindBye {
		return brokenf("a %s", f.kind)
	}
	if flags&^flagCompressed != 0 {
		return brokenf("a %s with the unknown flags %#x", f.kind, flags)
	}
	least, most := uint32(0), uint32(maxBody)
	switch f.kind {
	case kindCancel, kindPing:
		most = 0
	case kindCredit:
		least, most = 4, 4
	}
	if flags&flagCompressed != 0 {
		least, most = 5, most+4
		if f.kind != kindRequest && f.kind != kindPart && f.kind != kindEnd {
			return brokenf("a compressed %s", f.kind)
		}
	}
	if size < least || size > most {
		return brokenf("a %s of %d bytes; it holds %d to %d", f.kind, size, least, most)
	}
	return nil
}

// readBody reads n bytes, and takes no memory for those that never come.
func readBody(r io.Reader, n int) ([]byte, error) {
	const step = 256 << 10
	body := make([]byte, min(n, step))
	for at := 0; ; {
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if at = len(body); at == n {
			return body, nil
		}
		grown := make([]byte, min(n, 4*at))
		copy(grown, body)
		body = grown
	}
}

// frameWriter writes frames into a buffer. It is for one goroutine.
type frameWriter struct {
	w        *bufio.Writer
	deflater deflater
}

func (w *frameWriter) write(f frame) error {
	var h [headerSize + 4]byte
	h[4] = byte(f.kind)
	binary.BigEndian.PutUint32(h[6:], f.id)
	header, body := h[:headerSize], f.body
	if len(body) > maxBody {
		return fmt.Errorf("cannot send a %s of %d bytes: the most is %d", f.kind, len(body), maxBody)
	}
	if f.shrink && len(body) >= worthShrinking {
		piece, err := w.deflater.deflate(body)
		if err != nil {
			return err
		}
		h[5] = flagCompressed
		binary.BigEndian.PutUint32(h[headerSize:], uint32(len(body)))
		header, body = h[:], piece
	}
	binary.BigEndian.PutUint32(h[:], uint32(len(header)-headerSize+len(body)))
	if _, err := w.w.Write(header); err != nil {
		return err
	}
	_, err := w.w.Write(body)
	return err
}
