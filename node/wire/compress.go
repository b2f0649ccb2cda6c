package wire

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/zstd"
)

// window is how far back the zstd stream of a direction refers. Both sides hold that much.
const window = 1 << 20

// deflater is the sending end of the zstd stream of a direction. The stream never ends; it is
// flushed after each body, so the other side can have each at once. Nothing is allocated before
// the first.
type deflater struct {
	enc *zstd.Encoder
	out bytes.Buffer
}

// deflate gives the piece of the stream that holds body. It is good until the next call.
func (d *deflater) deflate(body []byte) ([]byte, error) {
	d.out.Reset()
	if d.enc == nil {
		enc, err := zstd.NewWriter(&d.out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window),
			zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, err
		}
		d.enc = enc
	}
	if _, err := d.enc.Write(body); err != nil {
		return nil, err
	}
	if err := d.enc.Flush(); err != nil {
		return nil, err
	}
	return d.out.Bytes(), nil
}

// inflater is the receiving end. A piece must hold what it says and nothing else; after an error
// the stream cannot be used.
type inflater struct {
	dec *zstd.Decoder
	in  bytes.Reader
}

func (i *inflater) inflate(piece []byte, size int) ([]byte, error) {
	i.in.Reset(piece)
	if i.dec == nil {
		dec, err := zstd.NewReader(struct{ io.Reader }{&i.in}, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		i.dec = dec
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(i.dec, body); err != nil {
		return nil, brokenf("a body of %d bytes does not decompress: %v", size, err)
	}
	if i.in.Len() > 0 {
		return nil, brokenf("a body of %d bytes holds more than that", size)
	}
	return body, nil
}
