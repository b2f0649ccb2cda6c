package facsimile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const digestPrefix = "sha256:"

// Digest is a SHA-256 sum. Its text form is that of OCI: sha256: and 64 hexadecimal digits.
type Digest [sha256.Size]byte

// DigestOf sums bytes.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads the text form.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	digits, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(digits) != 2*len(d) || strings.ToLower(digits) != digits {
		return Digest{}, fmt.Errorf("%q is not a digest: want sha256: and 64 lower-case hexadecimal digits", s)
	}
	if _, err := hex.Decode(d[:], []byte(digits)); err != nil {
		return Digest{}, fmt.Errorf("%q is not a digest: want sha256: and 64 lower-case hexadecimal digits", s)
	}
	return d, nil
}

// IsZero reports whether no digest was set. No content has the zero digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// Hex is the 64 digits alone, as used in file names.
func (d Digest) Hex() string { return hex.EncodeToString(d[:]) }

// Short is the form for people: sha256: and the first 12 digits.
func (d Digest) Short() string { return digestPrefix + d.Hex()[:12] }

// String is the full text form; "none" for the zero digest.
func (d Digest) String() string {
	if d.IsZero() {
		return "none"
	}
	return digestPrefix + d.Hex()
}

// MarshalText makes a digest its text form in JSON, also as the key of a map.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the text form and "none".
func (d *Digest) UnmarshalText(text []byte) (err error) {
	if string(text) == "none" {
		*d = Digest{}
		return nil
	}
	*d, err = ParseDigest(string(text))
	return err
}
