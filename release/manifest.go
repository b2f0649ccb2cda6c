package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	facsimile "facsimile.dev/facsimile"
)

// The marks that a manifest starts with. A reader refuses any other.
const (
	manifestKind   = "manifest"
	manifestFormat = 1
)

// Manifest says which node has which tree of each project. Its digest names the release.
type Manifest struct {
	Definition string // the definition's name
	Instance   facsimile.Instance
	// Parts holds the digest of the tree of each part. The project "" is the conglomerate itself.
	Parts map[facsimile.Project]map[facsimile.Node]facsimile.Digest
}

// document is the form of a manifest on disk; the order of its fields is part of the format.
type document struct {
	Kind       string                                                    `json:"facsimile"`
	Format     int                                                       `json:"format"`
	Definition string                                                    `json:"definition"`
	Instance   facsimile.Instance                                        `json:"instance"`
	Parts      map[facsimile.Project]map[facsimile.Node]facsimile.Digest `json:"parts"`
}

// Encode is the canonical form: one line of JSON, names in byte order.
// doc/format/release.md specifies it.
func (m Manifest) Encode() []byte {
	return encodeLine(document{manifestKind, manifestFormat, m.Definition, m.Instance, m.Parts})
}

// Digest names the release.
func (m Manifest) Digest() facsimile.Digest { return facsimile.DigestOf(m.Encode()) }

// DecodeManifest reads what Encode wrote, and nothing else: bytes that would not encode to the
// same bytes again are refused, so that one release has one digest.
func DecodeManifest(b []byte) (Manifest, error) {
	var mark struct {
		Kind   string `json:"facsimile"`
		Format int    `json:"format"`
	}
	if err := json.Unmarshal(b, &mark); err != nil {
		return Manifest{}, fmt.Errorf("not a manifest: %w", err)
	}
	if mark.Kind != manifestKind || mark.Format != manifestFormat {
		return Manifest{}, fmt.Errorf("not a manifest of format %d: it says %.40q, format %d", manifestFormat, mark.Kind, mark.Format)
	}
	var doc document
	if err := decodeStrict(b, &doc); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	m := Manifest{doc.Definition, doc.Instance, doc.Parts}
	if err := m.check(); err != nil {
		return Manifest{}, err
	}
	if !bytes.Equal(m.Encode(), b) {
		return Manifest{}, errors.New("the manifest is not in canonical form")
	}
	return m, nil
}

// Nodes lists the nodes that have any part, by name.
func (m Manifest) Nodes() []facsimile.Node {
	seen := map[facsimile.Node]bool{}
	for _, nodes := range m.Parts {
		for n := range nodes {
			seen[n] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func (m Manifest) check() error {
	if m.Definition == "" || !utf8.ValidString(m.Definition) || strings.IndexFunc(m.Definition, unicode.IsControl) >= 0 {
		return fmt.Errorf("%q cannot name a definition in a manifest", m.Definition)
	}
	if _, err := facsimile.ParseInstance(string(m.Instance)); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if len(m.Parts) == 0 {
		return errors.New("the manifest names no part: a release of nothing is refused")
	}
	for p, nodes := range m.Parts {
		if p != "" {
			if _, err := facsimile.ParseName("project", string(p)); err != nil {
				return fmt.Errorf("manifest: %w", err)
			}
		}
		if len(nodes) == 0 {
			return fmt.Errorf("the manifest names %s without a node", describe(p))
		}
		for n, d := range nodes {
			if _, err := facsimile.ParseNode(string(n)); err != nil {
				return fmt.Errorf("manifest, %s: %w", describe(p), err)
			}
			if d.IsZero() {
				return fmt.Errorf("the manifest has no tree for %s on node %s", describe(p), n)
			}
		}
	}
	return nil
}

// describe names a project in an error.
func describe(p facsimile.Project) string {
	if p == "" {
		return "the conglomerate's own part"
	}
	return fmt.Sprintf("project %q", p)
}

// encodeLine writes a value as one line of JSON, as the formats of this package have it.
func encodeLine(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // strings, numbers and maps of them always encode, into a buffer that always takes them
	return b.Bytes()
}

// decodeStrict reads one JSON document into v, and refuses unknown fields and trailing bytes.
func decodeStrict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}
