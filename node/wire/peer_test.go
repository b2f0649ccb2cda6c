package wire_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
	"facsimile.dev/facsimile/node/wire"
)

// untouched is a node that must not be asked for anything.
type untouched struct{ node.Node }

// Kinds of frames, as doc/format/protocol.md has them.
const (
	request = iota + 1
	part
	end
	cancel
	credit
	ping
	bye
)

// rawFrame makes a frame of an uncompressed body.
func rawFrame(kind byte, id uint32, body string) string {
	h := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	h = append(h, kind, 0)
	h = binary.BigEndian.AppendUint32(h, id)
	return string(h) + body
}

func flagged(flags byte, frame string) string {
	b := []byte(frame)
	b[5] = flags
	return string(b)
}

func lengthened(n uint32, frame string) string {
	b := []byte(frame)
	binary.BigEndian.PutUint32(b, n)
	return string(b)
}

const lookRequest = `{"method":"look","args":{"tree":"none"}}`

// blocked is a node whose Look waits to be cancelled.
type blocked struct {
	node.Node
	asked chan struct{}
}

func (b blocked) Look(ctx context.Context, _ facsimile.Digest) (node.Report, error) {
	if b.asked != nil {
		b.asked <- struct{}{}
	}
	<-ctx.Done()
	return node.Report{}, ctx.Err()
}

// TestNodeHangsUpOnNonsense checks that a node that is sent what the protocol does not allow says
// so, stops what runs, and does nothing else.
func TestNodeHangsUpOnNonsense(t *testing.T) {
	leaks(t)
	look := rawFrame(request, 1, lookRequest)
	for name, c := range map[string]struct{ says, want string }{
		"an unknown kind":       {rawFrame(99, 1, ""), "unknown kind 99"},
		"kind 0":                {rawFrame(0, 1, ""), "unknown kind 0"},
		"unknown flags":         {flagged(2, look), "unknown flags"},
		"a huge frame":          {lengthened(1<<31, look), "2147483648 bytes"},
		"a large frame":         {lengthened(9<<20, look), "9437184 bytes"},
		"a ping with a body":    {rawFrame(ping, 0, "x"), "a ping of 1 bytes"},
		"a short credit":        {look + rawFrame(credit, 1, "x"), "a credit of 1 bytes"},
		"a compressed ping":     {flagged(1, rawFrame(ping, 0, "12345")), "compressed ping"},
		"compressed, too short": {flagged(1, rawFrame(request, 1, "1234")), "of 4 bytes"},
		"compressed garbage":    {flagged(1, rawFrame(request, 1, "\x00\x00\x00\x10garbage")), "does not decompress"},
		"compressed, empty":     {flagged(1, rawFrame(request, 1, "\x00\x00\x00\x00garbage")), "0 bytes"},
		"compressed, huge":      {flagged(1, rawFrame(request, 1, "\xff\x00\x00\x00garbage")), "4278190080 bytes"},
		"a call out of turn":    {rawFrame(request, 2, lookRequest), "call 2 follows call 0"},
		"a call twice":          {look + look, "call 1 follows call 1"},
		"an end of nothing":     {rawFrame(end, 1, "{}"), "never made"},
		"a part of nothing":     {rawFrame(part, 7, "{}"), "never made"},
		"a cancel of nothing":   {rawFrame(cancel, 1, ""), "never made"},
		"too much credit":       {look + rawFrame(credit, 1, "\xff\xff\xff\xff"), "credit"},
		"text":                  {"GET / HTTP/1.1\r\nHost: app1\r\n\r\n", "unknown kind"},
		"calls without end":     {manyCalls(300), "more than 256 calls"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLink(0)
			served := make(chan error, 1)
			go func() {
				served <- wire.Serve(context.Background(), l.node, l.node, blocked{}, wire.ServeOptions{Version: version})
			}()
			_, _ = io.WriteString(l.operator, helloLine+c.says)
			err := <-served
			var broken *wire.ProtocolError
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Serve says %v, want %q", err, c.want)
			}
			said, _ := io.ReadAll(l.operator)
			if !strings.Contains(string(said), c.want) {
				t.Errorf("the operator is told %q", said)
			}
		})
	}
}

func manyCalls(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(rawFrame(request, uint32(i+1), lookRequest))
	}
	return b.String()
}

// TestRequestsThatCannotBeRead checks that a call that cannot be read is answered with an error,
// which repeats none of its values, and that the next one is answered as well.
func TestRequestsThatCannotBeRead(t *testing.T) {
	leaks(t)
	for _, body := range []string{
		"", "null", "{}", "[]", "hunter2", `{"method":"look"}`, `{"method":"look","args":{"tree":`,
		`{"method":"look","args":{"tree":"hunter2"}}`,
		`{"method":"look","args":{"tree":"none","tree":"none"}}`,
		`{"method":"look","args":{"tree":"none","more":"hunter2"}}`,
		`{"method":"look","args":{"tree":"none"},"more":"hunter2"}`,
		`{"method":"look","args":{"tree":"none"}} {}`,
		`{"method":"look","window":2000000000,"args":{"tree":"none"}}`,
		`{"method":"look","timeout":-1,"args":{"tree":"none"}}`,
		`{"method":"confirm","args":{"ballot":{"epoch":"hunter2","token":"hunter2"},"release":"none"}}`,
		`{"method":"blobs","args":{"stage":1,"blobs":""}}`,
	} {
		l := newLink(0)
		served := make(chan error, 1)
		go func() {
			served <- wire.Serve(context.Background(), l.node, l.node, untouched{}, wire.ServeOptions{Version: version})
		}()
		_, _ = io.WriteString(l.operator, helloLine+rawFrame(request, 1, body)+rawFrame(request, 2, `{"method":"nothing","args":{}}`))
		r := bufio.NewReader(l.operator)
		_, err := r.ReadString('\n')
		must(t, err)
		for range 2 {
			kind, id, answer := readRaw(t, r)
			if kind != end || !strings.HasPrefix(answer, `{"error":`) || strings.Contains(answer, "hunter2") {
				t.Errorf("%q: call %d is answered by a frame of kind %d: %q", body, id, kind, answer)
			}
		}
		must(t, l.operator.Close())
		must(t, <-served)
	}
}

// readRaw reads a frame that is not compressed.
func readRaw(t *testing.T, r io.Reader) (kind byte, id uint32, body string) {
	t.Helper()
	var h [10]byte
	_, err := io.ReadFull(r, h[:])
	must(t, err)
	b := make([]byte, binary.BigEndian.Uint32(h[:]))
	_, err = io.ReadFull(r, b)
	must(t, err)
	if h[5] != 0 {
		t.Fatalf("a frame of kind %d is compressed", h[4])
	}
	return h[4], binary.BigEndian.Uint32(h[6:]), string(b)
}

// fakeNode answers an operator with whatever it is told to.
func fakeNode(t *testing.T, answers func(ask func() uint32, say func(string))) (*wire.Client, func()) {
	t.Helper()
	l := newLink(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		say := func(s string) { _, _ = io.WriteString(l.node, s) }
		say(helloLine)
		r := bufio.NewReader(l.node)
		if _, err := r.ReadString('\n'); err != nil {
			return
		}
		answers(func() uint32 {
			var h [10]byte
			for {
				if _, err := io.ReadFull(r, h[:]); err != nil {
					return 0
				}
				if _, err := io.CopyN(io.Discard, r, int64(binary.BigEndian.Uint32(h[:]))); err != nil {
					return 0
				}
				if h[4] == request {
					return binary.BigEndian.Uint32(h[6:])
				}
			}
		}, say)
		_, _ = io.Copy(io.Discard, r)
	}()
	c, err := wire.Dial(t.Context(), l.operator, wire.DialOptions{Name: "app1", Version: version})
	must(t, err)
	return c, func() {
		must(t, c.Close())
		<-done
	}
}

// TestOperatorHangsUpOnNonsense checks the same of the operator.
func TestOperatorHangsUpOnNonsense(t *testing.T) {
	leaks(t)
	for name, c := range map[string]struct{ says, want string }{
		"an unknown kind":   {rawFrame(77, 1, ""), "unknown kind"},
		"a huge frame":      {lengthened(1<<30, rawFrame(end, 1, "")), "bytes"},
		"a part uncalled":   {rawFrame(part, 1, "[]"), "more than the 0 bytes"},
		"an end of nothing": {rawFrame(end, 9, "{}"), "never made"},
		"a bye":             {rawFrame(bye, 0, "\x1b[31mdisk on fire"), `\x1b[31mdisk on fire`},
	} {
		t.Run(name, func(t *testing.T) {
			client, hangUp := fakeNode(t, func(ask func() uint32, say func(string)) {
				ask()
				say(c.says)
			})
			defer hangUp()
			_, err := client.Look(t.Context(), facsimile.Digest{})
			if !isLost(err) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "app1") || !strings.Contains(err.Error(), "say how it stands") {
				t.Errorf("Look says %v", err)
			}
			if _, err := client.Look(t.Context(), facsimile.Digest{}); !isLost(err) {
				t.Errorf("the next Look says %v", err)
			}
		})
	}
}

// TestAnswersThatCannotBeRead checks that an answer of another shape is an error of that call.
func TestAnswersThatCannotBeRead(t *testing.T) {
	leaks(t)
	for _, body := range []string{
		"", "{}", "null", `{"result":null}`, `{"result":{"current":"hunter2"}}`, `{"result":{"more":1}}`, `{"result":{},"more":1}`, `{"result":[]}`, "hunter2",
	} {
		client, hangUp := fakeNode(t, func(ask func() uint32, say func(string)) {
			say(rawFrame(end, ask(), body))
			say(rawFrame(end, ask(), `{"error":{"text":"no"}}`))
		})
		_, err := client.Look(t.Context(), facsimile.Digest{})
		if body != `{"result":null}` && body != `{"result":{}}` && (err == nil || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: Look says %v", body, err)
		}
		if err := client.Release(t.Context(), nodetest.Ballot(1)); err == nil || err.Error() != "no" {
			t.Errorf("%q: the next call says %v", body, err)
		}
		hangUp()
	}
}

// TestMemoryIsBounded checks that a peer that sends more than was allowed is hung up on.
func TestMemoryIsBounded(t *testing.T) {
	leaks(t)
	item := `{"path":"x","kind":"extra"}`
	list := "[" + strings.Repeat(item+",", 2000) + item + "]"
	client, hangUp := fakeNode(t, func(ask func() uint32, say func(string)) {
		id := ask()
		for range 100 {
			say(rawFrame(part, id, list))
		}
	})
	defer hangUp()
	var err error
	for _, e := range client.Verify(t.Context(), facsimile.Digest{1}) {
		if err = e; err != nil {
			break
		}
		// Nothing more is taken until the connection is lost.
		if _, lost := client.Look(t.Context(), facsimile.Digest{}); !isLost(lost) {
			t.Fatalf("Look says %v", lost)
		}
	}
	if !isLost(err) || !strings.Contains(err.Error(), fmt.Sprint(256<<10)) {
		t.Errorf("Verify ends with %v", err)
	}
}
