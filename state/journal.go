package state

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"

	"facsimile.dev/facsimile"
)

// An entry of the journal is lines of JSON: who, when and why; one line for each thing that
// changed; a MAC over the lines before it. doc/format/state.md specifies it.

// formatNumber is the version of the format. A reader refuses any other.
const formatNumber = 1

// header is the first line of an entry.
type header struct {
	Facsimile  string             `json:"facsimile"` // always "state"
	Format     int                `json:"format"`
	Project    string             `json:"project"`
	Instance   facsimile.Instance `json:"instance"`
	Parents    []Head             `json:"parents"`
	Change     string             `json:"change"` // the ID of the Change
	Who        string             `json:"who"`
	Host       string             `json:"host"`
	When       time.Time          `json:"when"`
	Why        string             `json:"why"`
	Recipients []string           `json:"recipients,omitzero"` // only where they change
}

// item is one thing that changed. Exactly one of the first four fields is set and says what
// it is; a later item of the same thing has a higher generation and replaces it as a whole.
type item struct {
	Secret    string            `json:"secret,omitzero"`
	Replica   facsimile.Replica `json:"replica,omitzero"`
	Place     facsimile.Replica `json:"place,omitzero"`
	Directory string            `json:"directory,omitzero"`

	Generation int `json:"generation"`

	Type        string           `json:"type,omitzero"` // of a secret, and so on down to the fingerprint
	Bits        int              `json:"bits,omitzero"`
	Envelope    facsimile.Digest `json:"envelope,omitzero"`
	Fingerprint string           `json:"fingerprint,omitzero"`

	UIID        int              `json:"uiid,omitzero"`   // of a replica
	Module      facsimile.Module `json:"module,omitzero"` // of a replica and a directory
	LogicalName string           `json:"logical_name,omitzero"`

	Node facsimile.Node `json:"node,omitzero"` // of a place
	Port int            `json:"port,omitzero"`
	Base int            `json:"base,omitzero"`

	Path string `json:"path,omitzero"` // of a directory

	entry *entry // where it stands
}

// itemKey names a thing that an item is of.
type itemKey struct{ kind, name, sub string }

func secretKey(key string) itemKey              { return itemKey{kind: "secret", name: key} }
func replicaKey(name facsimile.Replica) itemKey { return itemKey{kind: "replica", name: string(name)} }
func placeKey(name facsimile.Replica) itemKey   { return itemKey{kind: "place", name: string(name)} }
func directoryKey(m facsimile.Module, name string) itemKey {
	return itemKey{kind: "directory", name: string(m), sub: name}
}

func (it *item) key() itemKey {
	switch {
	case it.Secret != "":
		return secretKey(it.Secret)
	case it.Replica != "":
		return replicaKey(it.Replica)
	case it.Place != "":
		return placeKey(it.Place)
	}
	return directoryKey(it.Module, it.Directory)
}

// name is the name of the thing, as Change.Names has it.
func (it *item) name() string {
	switch {
	case it.Secret != "":
		return it.Secret
	case it.Replica != "":
		return idName(it.Replica)
	case it.Place != "":
		return placeName(it.Place)
	}
	return directoryName(it.Module, it.Directory)
}

// check refuses what no writer writes.
func (it *item) check() error {
	kinds := 0
	for _, name := range []string{it.Secret, string(it.Replica), string(it.Place), it.Directory} {
		if name != "" {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("an item is of a secret, a replica, a place or a directory")
	}
	if it.Generation < 1 {
		return fmt.Errorf("%s has the generation %d", plain(it.name()), it.Generation)
	}
	return it.checkFields()
}

func (it *item) checkFields() error {
	name := plain(it.name())
	switch {
	case it.Secret != "" && it.Envelope.IsZero():
		return fmt.Errorf("%s has no envelope", name)
	case it.Replica != "" && it.UIID < 1:
		return fmt.Errorf("%s is %d", name, it.UIID)
	case it.Place != "" && (it.Node == "" || it.Port < 0 || it.Port > maxPort):
		return fmt.Errorf("%s is node %q, port %d", name, it.Node, it.Port)
	case it.Directory != "" && (it.Module == "" || it.Path == ""):
		return fmt.Errorf("%s has no module or no path", name)
	}
	return nil
}

// seal is the last line of an entry.
type seal struct {
	MAC string `json:"mac"` // hexadecimal
}

// entry is one entry as it was read.
type entry struct {
	header
	head   Head
	items  []*item
	signed []byte // the lines that the MAC is over
	mac    string
}

// told is e for people.
func (e *entry) told() string {
	return fmt.Sprintf("%s (%s on %s, %s)", e.head.Short(), plain(e.Who), plain(e.Host), e.When.UTC().Format(time.RFC3339))
}

// plain is text from a file, for people: quoted where it could do something to their terminal.
func plain(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.Quote(text)
	}
	return text
}

func (e *entry) public() JournalEntry {
	told := JournalEntry{Head: e.head, Parents: e.Parents, Who: e.Who, Host: e.Host, When: e.When, Why: e.Why}
	for _, it := range e.items {
		told.Names = append(told.Names, it.name())
	}
	return told
}

// encodeEntry gives the bytes of an entry; mac makes the MAC of the lines before it.
func encodeEntry(h header, items []*item, mac func([]byte) string) ([]byte, error) {
	var b bytes.Buffer
	line := func(v any) error {
		text, err := json.Marshal(v)
		b.Write(text)
		b.WriteByte('\n')
		return err
	}
	if err := line(h); err != nil {
		return nil, err
	}
	for _, it := range items {
		if err := it.check(); err != nil {
			return nil, err
		}
		if err := line(it); err != nil {
			return nil, err
		}
	}
	err := line(seal{mac(b.Bytes())})
	return b.Bytes(), err
}

// errFormat says that an entry was written by another version.
var errFormat = errors.New("written by another version of facs")

// decodeEntry reads what encodeEntry wrote. It checks form, not the MAC. It keeps b.
func decodeEntry(b []byte) (*entry, error) {
	body, ok := bytes.CutSuffix(b, []byte("\n"))
	if !ok {
		return nil, errors.New("the last line is not complete")
	}
	split := bytes.LastIndexByte(body, '\n') + 1
	if split == 0 {
		return nil, errors.New("there are not two lines")
	}
	e := &entry{head: Head{facsimile.DigestOf(b)}, signed: b[:split]}
	first, rest, _ := bytes.Cut(e.signed, []byte("\n"))
	if err := decodeHeader(first, &e.header); err != nil {
		return nil, err
	}
	strict := json.RejectUnknownMembers(true)
	for n := 2; len(rest) > 0; n++ {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		it := &item{entry: e}
		if err := json.Unmarshal(text, it, strict); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if err := it.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		e.items = append(e.items, it)
	}
	var s seal
	if err := json.Unmarshal(body[split:], &s, strict); err != nil {
		return nil, fmt.Errorf("the last line: %w", err)
	}
	e.mac = s.MAC
	return e, nil
}

// decodeHeader looks at the version before it is strict about the rest.
func decodeHeader(text []byte, h *header) error {
	if err := json.Unmarshal(text, h); err != nil {
		return fmt.Errorf("line 1: %w", err)
	}
	if h.Facsimile != "state" {
		return errors.New("line 1: this is no entry of a state")
	}
	if h.Format != formatNumber {
		return fmt.Errorf("%w: its format is %d and this one reads %d", errFormat, h.Format, formatNumber)
	}
	if err := json.Unmarshal(text, &header{}, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("line 1: %w", err)
	}
	return nil
}
