package facsimile

import "strings"

// Change is the smallest change that makes a node's tree the one of a release: paths of the
// tree, in order.
type Change struct {
	Add    []string `json:"add"`
	Change []string `json:"change"`
	Remove []string `json:"remove"`
}

// Empty reports whether nothing would change.
func (c Change) Empty() bool { return len(c.Add)+len(c.Change)+len(c.Remove) == 0 }

// ChangeBetween compares two trees. Both are in order of path, so one walk does.
func ChangeBetween(from, to Tree) Change {
	var c Change
	a, b := from.Files, to.Files
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && strings.Compare(a[0].Path, b[0].Path) < 0:
			c.Remove = append(c.Remove, a[0].Path)
			a = a[1:]
		case len(a) == 0 || strings.Compare(a[0].Path, b[0].Path) > 0:
			c.Add = append(c.Add, b[0].Path)
			b = b[1:]
		default:
			if a[0] != b[0] {
				c.Change = append(c.Change, b[0].Path)
			}
			a, b = a[1:], b[1:]
		}
	}
	return c
}

// DifferenceKind says in what way a path on a node is not what the release says.
type DifferenceKind string

// The kinds of differences.
const (
	ContentDiffers DifferenceKind = "content"
	ModeDiffers    DifferenceKind = "mode"
	OwnerDiffers   DifferenceKind = "owner"
	LinkDiffers    DifferenceKind = "link"
	TypeDiffers    DifferenceKind = "type"
	Missing        DifferenceKind = "missing"
	Extra          DifferenceKind = "extra"
	UnitDiffers    DifferenceKind = "unit"
	ReleaseDiffers DifferenceKind = "release" // another release, or none, is current
)

// Difference is one way in which a node is not an exact copy.
type Difference struct {
	Path string         `json:"path"` // of the tree; "current" for ReleaseDiffers
	Kind DifferenceKind `json:"kind"`
	Note string         `json:"note,omitempty"` // for people: what was found and what was expected, never content
}
