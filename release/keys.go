package release

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	facsimile "facsimile.dev/facsimile"
)

// keysFormat is the first line of a keys document. A reader refuses any other. A later format
// needs a purpose of its own too, since a key seals exactly one message.
const keysFormat = `{"facsimile":"keys","format":1}`

// keyLine is one line of a keys document.
type keyLine struct {
	Blob facsimile.Digest `json:"blob"` // of the sealed bytes
	Key  string           `json:"key"`  // 64 hexadecimal digits
}

// encodeKeys writes a keys document, which is sealed before it is stored. The blobs stand in
// order of digest: the manifest fixes the sealed bytes and thereby the document, so that its key,
// which is derived from the release's digest, seals one message only.
func encodeKeys(keys map[facsimile.Digest][32]byte) []byte {
	var b bytes.Buffer
	b.WriteString(keysFormat + "\n")
	for _, d := range slices.SortedFunc(maps.Keys(keys), compareDigests) {
		k := keys[d]
		b.Write(encodeLine(keyLine{d, hex.EncodeToString(k[:])}))
	}
	return b.Bytes()
}

// decodeKeys reads what encodeKeys wrote. No error holds any of it.
func decodeKeys(b []byte) (map[facsimile.Digest][32]byte, error) {
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	if string(first) != keysFormat {
		return nil, fmt.Errorf("not a keys document of format 1")
	}
	keys := map[facsimile.Digest][32]byte{}
	for n := 1; len(rest) > 0; n++ {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		var line keyLine
		if decodeStrict(text, &line) != nil {
			return nil, fmt.Errorf("keys document: entry %d cannot be read", n)
		}
		key, err := hex.DecodeString(line.Key)
		if err != nil || len(key) != 32 || line.Blob.IsZero() {
			return nil, fmt.Errorf("keys document: entry %d is not a key", n)
		}
		keys[line.Blob] = [32]byte(key)
	}
	if !bytes.Equal(encodeKeys(keys), b) {
		return nil, fmt.Errorf("the keys document is not in canonical form")
	}
	return keys, nil
}

func compareDigests(a, b facsimile.Digest) int { return bytes.Compare(a[:], b[:]) }
