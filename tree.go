package facsimile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FileType is what stands at a path of a tree.
type FileType string

// The types of files that a tree can hold.
const (
	RegularFile FileType = "file"
	Directory   FileType = "dir"
	Symlink     FileType = "link"
)

// Mode is the permission, setuid, setgid and sticky bits of a file as chmod(2) takes them: 0 to
// 07777. Its text form is four octal digits, as in 0644.
type Mode uint16

// ParseMode reads three or four octal digits.
func ParseMode(s string) (Mode, error) {
	m, err := strconv.ParseUint(s, 8, 16)
	if err != nil || m > 0o7777 || len(s) < 3 || len(s) > 4 {
		return 0, fmt.Errorf("%q is not a file mode: want octal digits, as in 0644", s)
	}
	return Mode(m), nil
}

// String is four octal digits.
func (m Mode) String() string { return fmt.Sprintf("%04o", uint16(m)) }

// MarshalText makes a mode four octal digits in JSON.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (m *Mode) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMode(string(text))
	return err
}

// File describes one path of a tree; its bytes are elsewhere, by Digest.
type File struct {
	Path    string   `json:"path"` // relative to the root of the release, slash-separated
	Type    FileType `json:"type"`
	Mode    Mode     `json:"mode"`            // 0 for a link
	Owner   string   `json:"owner,omitempty"` // user name; empty: whoever deploys
	Group   string   `json:"group,omitempty"` // group name; empty: that of whoever deploys
	Size    int64    `json:"size"`            // of a file's bytes; 0 otherwise
	Digest  Digest   `json:"digest,omitzero"` // of a file's bytes; where Secret, of its sealed bytes
	Link    string   `json:"link,omitempty"`  // where a link points, as it is written
	Project Project  `json:"project,omitempty"`
	Module  Module   `json:"module,omitempty"`
	Secret  bool     `json:"secret,omitempty"` // a secret went into it
}

// Tree is a set of files by path: in order of path, each once, each with its parent folders.
type Tree struct {
	Files []File `json:"files"`
}

// NewTree sorts files, adds the parent folders that nobody listed (mode 0755) and checks the
// result: clean relative paths of valid UTF-8 without control characters, no path twice, no
// path below a file or a link, no link that leads out of the release (shared paths excepted,
// see SharedLink). All faults are reported together.
func NewTree(files []File) (Tree, error) {
	byPath := make(map[string]File, len(files))
	var faults []error
	for _, f := range files {
		if err := f.check(); err != nil {
			faults = append(faults, err)
			continue
		}
		if have, twice := byPath[f.Path]; twice {
			if f.Type != Directory || have.Type != Directory || have.Mode != f.Mode {
				faults = append(faults, fmt.Errorf("%q stands twice in one tree (project %q and project %q)", f.Path, have.Project, f.Project))
			}
			continue
		}
		byPath[f.Path] = f
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "." && dir != "/" && len(faults) == 0; dir = path.Dir(dir) {
			parent, ok := byPath[dir]
			if !ok {
				byPath[dir] = File{Path: dir, Type: Directory, Mode: 0o755}
			} else if parent.Type != Directory {
				faults = append(faults, fmt.Errorf("%q cannot stand below %q, which is a %s", f.Path, dir, parent.Type))
			}
		}
	}
	if len(faults) > 0 {
		return Tree{}, errors.Join(faults...)
	}
	t := Tree{Files: make([]File, 0, len(byPath))}
	for _, f := range byPath {
		t.Files = append(t.Files, f)
	}
	slices.SortFunc(t.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return t, nil
}

func (f File) check() error {
	if err := CheckTreePath(f.Path); err != nil {
		return err
	}
	if f.Mode&^0o7777 != 0 {
		return fmt.Errorf("%q has the mode %#o, which is more than permissions", f.Path, uint16(f.Mode))
	}
	switch f.Type {
	case RegularFile:
		if f.Digest.IsZero() {
			return fmt.Errorf("the file %q has no digest", f.Path)
		}
	case Directory:
	case Symlink:
		if f.Link == "" || strings.IndexFunc(f.Link, unicode.IsControl) >= 0 {
			return fmt.Errorf("the link %q points to %q", f.Path, f.Link)
		}
		if to := path.Join(path.Dir(f.Path), f.Link); f.Link != SharedLink(f.Path) && !path.IsAbs(f.Link) && (to == ".." || strings.HasPrefix(to, "../")) {
			return fmt.Errorf("the link %q points to %q, out of the release", f.Path, f.Link)
		}
	default:
		return fmt.Errorf("%q has the unknown type %q", f.Path, f.Type)
	}
	return nil
}

// CheckTreePath checks that p can be a path of a tree: relative, clean, inside, no longer than
// a system call takes, of valid UTF-8 without control characters.
func CheckTreePath(p string) error {
	switch {
	case p == "" || p == "." || !fs.ValidPath(p):
		return fmt.Errorf("%q is not a clean path inside a release", p)
	case len(p) > 3500:
		return fmt.Errorf("a path of %d bytes is too long: %.60q…", len(p), p)
	case !utf8.ValidString(p):
		return fmt.Errorf("the path %q is not valid UTF-8", p)
	case strings.IndexFunc(p, unicode.IsControl) >= 0 || strings.Contains(p, "\\"):
		return fmt.Errorf("the path %q holds a character that no release takes", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if len(part) > 255 {
			return fmt.Errorf("the path %.60q… has a name of %d bytes, which is too long", p, len(part))
		}
	}
	return nil
}

// SharedLink is what the link at tree path p holds when p is shared: it survives releases,
// since it lives in HOME/shared, two levels above the root of a release in HOME/releases.
func SharedLink(p string) string {
	return strings.Repeat("../", 2+strings.Count(p, "/")) + "shared/" + p
}

// Find finds a path.
func (t Tree) Find(p string) (File, bool) {
	i, ok := slices.BinarySearchFunc(t.Files, p, func(f File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return File{}, false
	}
	return t.Files[i], true
}

// Encode is the canonical form, whose digest names the tree: a line with the format, then one
// line of JSON per file in order of path. doc/format/release.md specifies it.
func (t Tree) Encode() []byte {
	var b bytes.Buffer
	b.WriteString(treeFormat + "\n")
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, f := range t.Files {
		_ = enc.Encode(f) // strings and numbers always encode, into a buffer that always takes them
	}
	return b.Bytes()
}

// treeFormat is the first line of an encoded tree. A reader refuses any other.
const treeFormat = `{"facsimile":"tree","format":1}`

// DecodeTree reads what Encode wrote, and nothing else: bytes that would not encode to the
// same bytes again are refused, so that one tree has one digest.
func DecodeTree(b []byte) (Tree, error) {
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	if string(first) != treeFormat {
		return Tree{}, fmt.Errorf("not a tree of format 1: it starts with %.60q", first)
	}
	var files []File
	dec := json.NewDecoder(bytes.NewReader(rest))
	dec.DisallowUnknownFields()
	for dec.More() {
		var f File
		if err := dec.Decode(&f); err != nil {
			return Tree{}, fmt.Errorf("tree entry %d: %w", len(files)+1, err)
		}
		files = append(files, f)
	}
	t, err := NewTree(files)
	if err != nil {
		return Tree{}, err
	}
	if !bytes.Equal(t.Encode(), b) {
		return Tree{}, errors.New("the tree is not in canonical form")
	}
	return t, nil
}

// Digest names the tree.
func (t Tree) Digest() Digest { return DigestOf(t.Encode()) }
