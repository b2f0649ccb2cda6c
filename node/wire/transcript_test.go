package wire_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/wire"
)

type line struct {
	id   uint32
	text string
}

// transcript reads one direction with nothing but what doc/format/protocol.md says. It gives the
// calls first and then the answers, each in order of their ids: calls go on at the same time.
func transcript(t *testing.T, who, sent string) string {
	t.Helper()
	var calls, answers []line
	hello, frames, ok := strings.Cut(sent, "\n")
	if !ok {
		t.Fatalf("%s does not greet: %q", who, sent)
	}
	kinds := []string{"", "request", "part", "end", "cancel", "credit", "ping", "bye"}
	pieces, stream := io.Pipe()
	defer stream.Close()
	zstream, err := zstd.NewReader(pieces)
	must(t, err)
	for len(frames) > 0 {
		head := []byte(frames[:10])
		length, kind, flags, id := binary.BigEndian.Uint32(head), head[4], head[5], binary.BigEndian.Uint32(head[6:])
		body := frames[10 : 10+length]
		frames = frames[10+length:]
		shrunk := ""
		if flags == 1 {
			shrunk = ", compressed"
			plain := make([]byte, binary.BigEndian.Uint32([]byte(body)))
			go func() { _, _ = io.WriteString(stream, body[4:]) }()
			_, err := io.ReadFull(zstream, plain)
			must(t, err)
			body = string(plain)
		}
		if kinds[kind] == "credit" {
			continue // as it happens
		}
		text := body
		if kinds[kind] == "part" && body[0] != '[' {
			text = fmt.Sprintf("%q", body)
		}
		if len(text) > 600 {
			text = text[:600] + fmt.Sprintf("… %d bytes", len(text))
		}
		l := line{id, fmt.Sprintf("%s: %s %d%s: %s\n", who, kinds[kind], id, shrunk, text)}
		if kinds[kind] == "request" {
			calls = append(calls, l)
		} else {
			answers = append(answers, l)
		}
	}
	slices.SortStableFunc(answers, func(a, b line) int { return int(a.id) - int(b.id) })
	text := fmt.Sprintf("%s: %s\n", who, hello)
	for _, l := range append(calls, answers...) {
		text += l.text
	}
	return text
}

// TestTranscript keeps what goes over the wire as it is. Who changes it changes wire.Protocol.
func TestTranscript(t *testing.T) {
	leaks(t)
	l := newLink(0)
	o, n := &recorder{linkEnd: l.operator}, &recorder{linkEnd: l.node}
	served := make(chan error, 1)
	go func() {
		served <- wire.Serve(context.Background(), n, n, quick{}, wire.ServeOptions{Version: version})
	}()
	c, err := wire.Dial(t.Context(), o, wire.DialOptions{Name: "app1", Version: version, Binary: numberedDigest(7)})
	must(t, err)
	askAll(t, c)
	must(t, c.Confirm(t.Context(), nodetest.Ballot(1), numberedDigest(1)))
	must(t, c.Release(t.Context(), nodetest.Ballot(1)))
	must(t, c.Close())
	must(t, <-served)
	golden(t, fmt.Sprintf("testdata/protocol-%d.golden", wire.Protocol), transcript(t, "operator", o.sent.String())+transcript(t, "node", n.sent.String()))
}
