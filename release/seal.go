package release

import (
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// MaxSealed is the most bytes that one sealed message holds. A secret file is sealed and opened
// in memory, so it has a limit.
const MaxSealed = 16 << 20

// SealOverhead is how much longer a sealed message is than its content.
const SealOverhead = chacha20poly1305.Overhead

// Seal encrypts plain under key with ChaCha20-Poly1305 (RFC 8439), the zero nonce and no
// additional data. The same content under the same key gives the same bytes, which is the point:
// sealed files are content-addressed too. It is safe only because each key seals exactly one
// message: a key is derived from the digest of what it seals (see Keys).
// Unseal refuses a message longer than MaxSealed; whoever seals checks first.
func Seal(key [32]byte, plain []byte) []byte {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // only for a key of another length, which the type excludes
	}
	var nonce [chacha20poly1305.NonceSize]byte
	return aead.Seal(make([]byte, 0, len(plain)+SealOverhead), nonce[:], plain, nil)
}

// Unseal opens what Seal made, and refuses anything that is not exactly that.
func Unseal(key [32]byte, sealed []byte) ([]byte, error) {
	if len(sealed) > MaxSealed+SealOverhead {
		return nil, fmt.Errorf("a sealed message of %d bytes is longer than the %d that are taken", len(sealed), MaxSealed+SealOverhead)
	}
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		return nil, err
	}
	var nonce [chacha20poly1305.NonceSize]byte
	plain, err := aead.Open(nil, nonce[:], sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("a sealed message of %d bytes does not open: the key is another's or the bytes are damaged", len(sealed))
	}
	return plain, nil
}
