package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	facsimile "facsimile.dev/facsimile"
)

// Protocol is the version of the protocol that this package speaks. Two sides speak the same or
// do not speak.
const Protocol = 1

// Program is what a side says of itself in the handshake.
type Program struct {
	Protocol int              `json:"protocol"`
	Version  string           `json:"version"`           // of facs
	Binary   facsimile.Digest `json:"binary,omitzero"`   // of its executable file, where it is known
	Silence  int64            `json:"silence,omitempty"` // milliseconds without a sign of life after which it gives up
}

func (p Program) String() string {
	s := fmt.Sprintf("facs %s (protocol %d", p.Version, p.Protocol)
	if !p.Binary.IsZero() {
		s += ", binary " + p.Binary.Short()
	}
	return s + ")"
}

// MismatchError says that the two sides are not the same program.
type MismatchError struct {
	Peer         string // for people: the other side
	Ours, Theirs Program
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s runs %s, and this is %s", e.Peer, e.Theirs, e.Ours)
}

// HandshakeError says that what is at the other end did not answer as facs.
type HandshakeError struct {
	Peer string   // for people: the other side
	Said []string // the first lines of what came instead
	Err  error    // why no more was read
}

func (e *HandshakeError) Error() string {
	msg := fmt.Sprintf("%s did not answer as facs: %v", e.Peer, e.Err)
	if len(e.Said) > 0 {
		msg += fmt.Sprintf("; it said %q", strings.Join(e.Said, "\n"))
	}
	return msg
}

// Unwrap gives why no more was read.
func (e *HandshakeError) Unwrap() error { return e.Err }

// The first line of a side is magic and a Program in JSON. The node's may stand behind whatever
// a login shell says; the operator's is the first that the node reads.
const (
	magic     = "facsimile-wire: "
	maxHello  = 4 << 10
	maxBanner = 64 << 10

	saidLines = 5   // how much of a banner an error repeats
	saidBytes = 200 // of each line
)

var (
	errBanner = errors.New("there is no handshake where it should be")
	errEnded  = errors.New("it ended before the handshake")
)

func writeHello(w io.Writer, p Program) error {
	line, err := json.Marshal(p)
	if err == nil {
		_, err = w.Write(append(append([]byte(magic), line...), '\n'))
	}
	return err
}

// readHello finds the other side's first line, behind up to skip bytes that are none.
func readHello(r *bufio.Reader, skip int, peer string) (Program, error) {
	var banner []byte
	for {
		b, err := r.ReadByte()
		if err == nil {
			banner = append(banner, b)
			if bytes.HasSuffix(banner, []byte(magic)) {
				var line []byte
				if line, err = readLine(r, maxHello); err == nil {
					if p, ok := parseHello(line); ok {
						return p, nil
					}
				}
				banner = append(banner, line...)
			}
		}
		if err == nil && len(banner) >= skip+len(magic) {
			err = errBanner
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errEnded
			}
			return Program{}, &HandshakeError{Peer: peer, Said: firstLines(banner), Err: err}
		}
	}
}

// readLine reads up to a line feed, or most bytes where the line is longer. An error comes with
// what was read before it.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for len(line) < most {
		b, err := r.ReadByte()
		if err != nil {
			return line, err
		}
		if line = append(line, b); b == '\n' {
			break
		}
	}
	return line, nil
}

// parseHello takes fields that it does not know: another version may have them.
func parseHello(line []byte) (Program, bool) {
	var p Program
	err := json.Unmarshal(line, &p)
	return p, err == nil && p.Protocol > 0 && p.Silence >= 0
}

func firstLines(b []byte) (lines []string) {
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) > saidBytes {
			line = line[:saidBytes] + "…"
		}
		if lines = append(lines, line); len(lines) == saidLines {
			break
		}
	}
	return lines
}

// mismatch says why two programs do not talk to each other. A digest is compared where both
// sides know theirs; the operator leaves its own out where the node's system is another.
func mismatch(peer string, ours, theirs Program) error {
	if ours.Protocol == theirs.Protocol && ours.Version == theirs.Version &&
		(ours.Binary.IsZero() || theirs.Binary.IsZero() || ours.Binary == theirs.Binary) {
		return nil
	}
	return &MismatchError{Peer: peer, Ours: ours, Theirs: theirs}
}

// within runs a handshake, which ends when ctx does or after limit: then the stream is closed.
// Where even that does not end it, as a pipe that a hanging process holds, it is left behind.
func within(ctx context.Context, limit time.Duration, peer string, closeStream func(), handshake func() (Program, error)) (Program, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w for %s", ErrSilent, limit))
	defer cancel()
	type outcome struct {
		theirs Program
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		theirs, err := handshake()
		ended <- outcome{theirs, err}
	}()
	select {
	case o := <-ended:
		return o.theirs, o.err
	case <-ctx.Done():
	}
	closeStream()
	late := &HandshakeError{Peer: peer, Err: context.Cause(ctx)}
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case o := <-ended:
		var h *HandshakeError
		if errors.As(o.err, &h) {
			late.Said = h.Said
		}
	case <-timer.C:
	}
	return Program{}, late
}
