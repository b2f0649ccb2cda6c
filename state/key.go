package state

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"facsimile.dev/facsimile"
)

const rootSize = 32

// key is what key.age holds. Package fmt looks into unexported fields without asking their
// Format, but not into a function, so that is where it is held.
type key struct {
	held func() (identity *age.X25519Identity, root [rootSize]byte)
}

func holdKey(identity *age.X25519Identity, root [rootSize]byte) *key {
	return &key{func() (*age.X25519Identity, [rootSize]byte) { return identity, root }}
}

// identity is what secrets are sealed to.
func (k *key) identity() *age.X25519Identity {
	identity, _ := k.held()
	return identity
}

// root is the root of all other keys.
func (k *key) root() [rootSize]byte {
	_, root := k.held()
	return root
}

// newKey makes a key. The root comes from random; age takes its own from the system.
func newKey(random io.Reader) (*key, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("no new key: %w", err)
	}
	var root [rootSize]byte
	if _, err := io.ReadFull(random, root[:]); err != nil {
		return nil, fmt.Errorf("no random bytes: %w", err)
	}
	return holdKey(identity, root), nil
}

// The lines of key.age, once it is open. All but the identity are comments to age itself, which
// so takes the text as an identity file.
const (
	keyFirstLine     = "# facsimile key 1"
	keyProjectPrefix = "# project: "
	keyInstPrefix    = "# instance: "
	keyRootPrefix    = "# root: "
)

// text is the plain content of key.age.
func (k *key) text(project string, in facsimile.Instance) string {
	root := k.root()
	return strings.Join([]string{
		keyFirstLine,
		keyProjectPrefix + project,
		keyInstPrefix + string(in),
		keyRootPrefix + hex.EncodeToString(root[:]),
		k.identity().String(), "",
	}, "\n")
}

// parseKey reads what text wrote, for one instance of one project. Its errors quote nothing.
func parseKey(text, project string, in facsimile.Instance) (*key, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[0] != keyFirstLine || lines[5] != "" {
		return nil, errors.New("it does not hold a key of this version of facs")
	}
	if lines[1] != keyProjectPrefix+project || lines[2] != keyInstPrefix+string(in) {
		return nil, errors.New("it holds the key of another project or instance")
	}
	digits, ok := strings.CutPrefix(lines[3], keyRootPrefix)
	root, err := hex.DecodeString(digits)
	if !ok || err != nil || len(root) != rootSize {
		return nil, errors.New("its root is damaged")
	}
	identity, err := age.ParseX25519Identity(lines[4])
	if err != nil {
		return nil, errors.New("its identity is damaged") // err could quote it
	}
	return holdKey(identity, [rootSize]byte(root)), nil
}

// derive makes a key for one purpose.
func (k *key) derive(purpose string) []byte {
	root := k.root()
	out, err := hkdf.Key(sha256.New, root[:], nil, purpose, sha256.Size)
	if err != nil {
		panic(err) // only for a length over 8160 bytes, which is fixed above
	}
	return out
}

// mac is the seal of a journal entry, in hexadecimal.
func (k *key) mac(signed []byte) string {
	m := hmac.New(sha256.New, k.derive("facsimile state entry 1"))
	m.Write(signed)
	return hex.EncodeToString(m.Sum(nil))
}

// made reports whether an entry was sealed with k.
func (k *key) made(e *entry) bool { return hmac.Equal([]byte(k.mac(e.signed)), []byte(e.mac)) }

// blob is the key for content with a sum.
func (k *key) blob(sum facsimile.Digest) [32]byte {
	return [32]byte(k.derive("blob" + string(sum[:])))
}

// fingerprint is that of a secret that must not be guessed; see projectFingerprint for others.
func (k *key) fingerprint(value string) string {
	id := hashFor(k.derive("facsimile fingerprint id 1"), "", fingerprintIDSize)
	return perInstance + id + "-" + hashFor(k.derive("facsimile fingerprint 1"), value, fingerprintSize)
}

// seal makes the envelope of a secret.
func (k *key) seal(value facsimile.Secret) ([]byte, error) {
	return encrypt(value.Reveal(), k.identity().Recipient())
}

// open gives what seal sealed.
func (k *key) open(envelope []byte) (facsimile.Secret, error) {
	text, err := decrypt(envelope, k.identity())
	if err != nil {
		return facsimile.Secret{}, err
	}
	return facsimile.NewSecret(text), nil
}

func encrypt(text string, to ...age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

func decrypt(sealed []byte, with ...age.Identity) (string, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), with...)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// parseRecipient reads a public key: of age, or of SSH as in authorized_keys.
func parseRecipient(text string) (age.Recipient, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "age1pq1"):
		return age.ParseHybridRecipient(text)
	case strings.HasPrefix(text, "age1"):
		return age.ParseX25519Recipient(text)
	case strings.HasPrefix(text, "AGE-SECRET-KEY-"):
		return nil, errors.New("this is a private key: a recipient is the public one, and the private one must now be thought of as known")
	case strings.HasPrefix(text, "ssh-"):
		return agessh.ParseRecipient(text)
	}
	return nil, errors.New("not a public key of age (age1…) or SSH (ssh-ed25519 …, ssh-rsa …)")
}

// parseIdentities reads a private key file of age or SSH. Its errors quote nothing.
func parseIdentities(text []byte) ([]age.Identity, error) {
	if bytes.Contains(text, []byte("-----BEGIN")) {
		identity, err := agessh.ParseIdentity(text)
		if err != nil {
			return nil, errors.New("this SSH key cannot be used: it must be an Ed25519 or RSA one without a passphrase")
		}
		return []age.Identity{identity}, nil
	}
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("there is no private key of age (AGE-SECRET-KEY-1…) or SSH in it")
	}
	return identities, nil
}
