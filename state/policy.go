package state

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"

	"facsimile.dev/facsimile"
)

// The alphabets of generated secrets.
const (
	lettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	hexDigits        = "0123456789abcdef"
	base64URL        = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

const (
	maxSecretLength = 1024
	uuidLength      = 36
	weakBits        = 64  // below it a finding
	strongBits      = 128 // from it on nobody guesses, even with the key of the fingerprint
)

// recipe is a policy that was checked: how to make a value.
type recipe struct {
	kind     string
	alphabet []rune
	length   int
}

// recipe checks a policy and fills in what it leaves open.
func (p Policy) recipe() (recipe, error) {
	r := recipe{kind: p.Type, length: p.Length}
	if r.kind == "" {
		r.kind = "password"
	}
	normal := 0
	switch r.kind {
	case "password":
		r.alphabet, normal = []rune(lettersAndDigits), 24
	case "hex":
		r.alphabet, normal = []rune(hexDigits), 64
	case "token":
		r.alphabet, normal = []rune(base64URL), 43
	case "uuid":
		normal = uuidLength
	case "ed25519", "x509":
		return recipe{}, fmt.Errorf("secrets of the type %s are not available in this version of facs", r.kind)
	default:
		return recipe{}, unknownType(r.kind)
	}
	if r.length == 0 {
		r.length = normal
	}
	if err := r.checkLength(); err != nil {
		return recipe{}, err
	}
	return r, r.useCharset(p.Charset)
}

func unknownType(kind string) error {
	types := []string{"password", "hex", "uuid", "token", "ed25519", "x509"}
	if near := facsimile.Nearest(kind, types); len(near) > 0 {
		return fmt.Errorf("there is no type of secrets %q: did you mean %s?", kind, strings.Join(near, " or "))
	}
	return fmt.Errorf("there is no type of secrets %q: there are %s", kind, strings.Join(types, ", "))
}

func (r *recipe) checkLength() error {
	switch {
	case r.kind == "uuid" && r.length != uuidLength:
		return fmt.Errorf("a uuid has %d characters, not %d", uuidLength, r.length)
	case r.length < 1 || r.length > maxSecretLength:
		return fmt.Errorf("a secret has from 1 to %d characters, not %d", maxSecretLength, r.length)
	}
	return nil
}

func (r *recipe) useCharset(charset string) error {
	if charset == "" {
		return nil
	}
	if r.kind != "password" {
		return fmt.Errorf("a secret of the type %s takes no charset", r.kind)
	}
	alphabet := []rune(charset)
	slices.Sort(alphabet)
	alphabet = slices.Compact(alphabet) // a letter given twice would come up twice as often
	switch {
	case len(alphabet) < 2 || len(alphabet) > 256:
		return fmt.Errorf("a charset has from 2 to 256 different characters, not %d", len(alphabet))
	case slices.ContainsFunc(alphabet, func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar }):
		return fmt.Errorf("a charset may not have control characters or bytes that are no UTF-8")
	}
	r.alphabet = alphabet
	return nil
}

// bits is how many random bits a value has.
func (r recipe) bits() int {
	if r.kind == "uuid" {
		return 122
	}
	return int(float64(r.length) * math.Log2(float64(len(r.alphabet))))
}

// make makes a value.
func (r recipe) make(random io.Reader) (facsimile.Secret, error) {
	if r.kind == "uuid" {
		return makeUUID(random)
	}
	// Bytes from the largest multiple of the alphabet's size up are thrown away: taking them
	// modulo the size would favour the first characters.
	limit := 256 / len(r.alphabet) * len(r.alphabet)
	value := make([]rune, 0, r.length)
	var b [1]byte
	for len(value) < r.length {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return facsimile.Secret{}, fmt.Errorf("no random bytes: %w", err)
		}
		if int(b[0]) < limit {
			value = append(value, r.alphabet[int(b[0])%len(r.alphabet)])
		}
	}
	return facsimile.NewSecret(string(value)), nil
}

// makeUUID makes a random UUID, version 4 of RFC 9562.
func makeUUID(random io.Reader) (facsimile.Secret, error) {
	var u [16]byte
	if _, err := io.ReadFull(random, u[:]); err != nil {
		return facsimile.Secret{}, fmt.Errorf("no random bytes: %w", err)
	}
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return facsimile.NewSecret(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])), nil
}
