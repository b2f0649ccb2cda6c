package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

func drawFrames(t *rapid.T) []frame {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) frame {
		f := frame{kind: kind(rapid.IntRange(int(kindRequest), int(kindEnd)).Draw(t, "kind")), id: rapid.Uint32().Draw(t, "id")}
		n := rapid.SampledFrom([]int{0, 1, 255, 256, 257, 5000, 300_000}).Draw(t, "size")
		f.body = bytes.Repeat([]byte(rapid.StringN(1, 20, 40).Draw(t, "text")), n)[:n]
		f.shrink = rapid.Bool().Draw(t, "shrink")
		return f
	}), 0, 12).Draw(t, "frames")
}

func writeFrames(t interface{ Fatal(...any) }, frames []frame) []byte {
	var b bytes.Buffer
	w := &frameWriter{w: bufio.NewWriter(&b)}
	for _, f := range frames {
		if err := w.write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFramesComeAsTheyWent checks that what is written is read, and that a stream that is cut
// anywhere but between frames is an error.
func TestFramesComeAsTheyWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := drawFrames(t)
		b := writeFrames(t, frames)
		cut := rapid.IntRange(0, len(b)).Draw(t, "cut")
		r := &frameReader{r: bufio.NewReader(bytes.NewReader(b[:cut]))}
		for i := 0; ; i++ {
			got, err := r.read()
			if err != nil {
				rest := writeFrames(t, frames[:i])
				if clean := errors.Is(err, io.EOF); clean != (len(rest) == cut) || !clean && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("after %d of %d bytes, %d frames: %v", cut, len(b), i, err)
				}
				return
			}
			if got.kind != frames[i].kind || got.id != frames[i].id || !bytes.Equal(got.body, frames[i].body) {
				t.Fatalf("frame %d: %v %d of %d bytes", i, got.kind, got.id, len(got.body))
			}
		}
	})
}

// TestRepeatedBodiesShrink checks that the compressed stream goes on from body to body.
func TestRepeatedBodiesShrink(t *testing.T) {
	body := make([]byte, 4000)
	for i := range body {
		body[i] = byte(i * i >> 3)
	}
	one := len(writeFrames(t, []frame{{kind: kindPart, body: body, shrink: true}}))
	two := len(writeFrames(t, []frame{{kind: kindPart, body: body, shrink: true}, {kind: kindPart, body: body, shrink: true}}))
	if two-one > 100 {
		t.Errorf("the second body of the same bytes takes %d bytes, the first %d", two-one, one)
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add(writeFrames(f, []frame{{kind: kindRequest, id: 1, body: []byte(`{"method":"look","args":{"tree":"none"}}`)}, {kind: kindPing}, {kind: kindBye, body: []byte("bye")}}))
	f.Add(writeFrames(f, []frame{{kind: kindPart, id: 1, body: bytes.Repeat([]byte("some text "), 100), shrink: true}, {kind: kindEnd, id: 1, body: bytes.Repeat([]byte("some text "), 50), shrink: true}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &frameReader{r: bufio.NewReader(bytes.NewReader(b))}
		for {
			got, err := r.read()
			if err != nil {
				var broken *ProtocolError
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &broken) {
					t.Errorf("an error of another kind: %v", err)
				}
				return
			}
			if len(got.body) > maxBody || got.kind < kindRequest || got.kind > kindBye {
				t.Errorf("a frame of kind %d and %d bytes was taken", got.kind, len(got.body))
			}
		}
	})
}

func FuzzFault(f *testing.F) {
	f.Add([]byte(`{"text":"no","is":"canceled","told":{"outcome":3,"msg":"m","hint":"h","at":[{"file":"f","line":1,"column":2}]},"causes":[{"text":"x","lent":1}]}`))
	f.Add([]byte(`{"text":"","problems":true,"causes":[{"text":"","told":{"outcome":9,"msg":""}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var in fault
		if decode(b, &in) != nil {
			return
		}
		err := in.decode(noLent)
		if err == nil {
			t.Fatal("an error came as none")
		}
		out, encodeErr := encode(encodeFault(err))
		if encodeErr != nil {
			t.Fatal(encodeErr)
		}
		var again fault
		if err := decode(out, &again); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	})
}
