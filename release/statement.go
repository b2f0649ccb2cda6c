package release

import (
	"time"

	facsimile "facsimile.dev/facsimile"
)

// Statement says how a release came about. It stands beside the manifest and is no part of the
// digest. It never holds a secret.
type Statement struct {
	Versions  map[facsimile.Project]string `json:"versions,omitempty"`
	Commits   map[facsimile.Project]string `json:"commits,omitempty"` // source commit of each project; "" is the definition
	StateHead string                       `json:"state_head,omitempty"`
	Tool      string                       `json:"tool,omitempty"`    // name and version of what built it
	Environ   map[string]string            `json:"environ,omitempty"` // variables read; of a secret one its fingerprint
	Who       string                       `json:"who,omitempty"`
	Built     time.Time                    `json:"built"`
}

// Record is what a store lists of a release.
type Record struct {
	Digest     facsimile.Digest   `json:"digest"`
	Definition string             `json:"definition"`
	Instance   facsimile.Instance `json:"instance"`
	Statement  Statement          `json:"statement"`
}

// Release is a release that stands complete in a store.
type Release struct {
	Record
	Manifest Manifest
	Nodes    map[facsimile.Node]facsimile.Digest // the tree of each node: the union of its parts
}

// Stats counts what Put did.
type Stats struct {
	Files   int   `json:"files"`   // items hashed
	Bytes   int64 `json:"bytes"`   // their size
	Written int   `json:"written"` // blobs that were not in the store yet, trees and documents included
	Stored  int64 `json:"stored"`  // their size
}
