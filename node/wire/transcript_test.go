package wire_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/wire"
)

// transcript reads one direction with nothing but what doc/format/protocol.md says.
func transcript(t *testing.T, who, sent string) string {
	t.Helper()
	var b strings.Builder
	hello, frames, ok := strings.Cut(sent, "\n")
	if !ok {
		t.Fatalf("%s does not greet: %q", who, sent)
	}
	fmt.Fprintf(&b, "%s: %s\n", who, hello)
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
		if len(text) > 1500 {
			text = text[:1500] + fmt.Sprintf("… %d bytes", len(text))
		}
		fmt.Fprintf(&b, "%s: %s %d%s: %s\n", who, kinds[kind], id, shrunk, text)
	}
	return b.String()
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
