package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
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

// sameButTime reports whether two statements say the same, apart from when.
func (s Statement) sameButTime(other Statement) bool {
	s.Built, other.Built = time.Time{}, time.Time{}
	return reflect.DeepEqual(s.normal(), other.normal())
}

// normal is s as it is read back from disk: without empty maps.
func (s Statement) normal() Statement {
	if len(s.Versions) == 0 {
		s.Versions = nil
	}
	if len(s.Commits) == 0 {
		s.Commits = nil
	}
	if len(s.Environ) == 0 {
		s.Environ = nil
	}
	s.Built = s.Built.UTC().Round(0)
	return s
}

// Record is what a store lists of a release.
type Record struct {
	Digest     facsimile.Digest   `json:"digest"`
	Definition string             `json:"definition"`
	Instance   facsimile.Instance `json:"instance"`
	Statement  Statement          `json:"statement"`
}

// The marks of a record on disk. A reader refuses any other.
const (
	recordKind   = "release"
	recordFormat = 1
)

// recordFile is the form of a record on disk.
type recordFile struct {
	Kind       string             `json:"facsimile"`
	Format     int                `json:"format"`
	Release    facsimile.Digest   `json:"release"`
	Definition string             `json:"definition"`
	Instance   facsimile.Instance `json:"instance"`
	Keys       facsimile.Digest   `json:"keys,omitzero"` // blob of the sealed keys document; zero: no file is secret
	Statement  Statement          `json:"statement"`
}

func (r recordFile) record() Record {
	return Record{r.Release, r.Definition, r.Instance, r.Statement}
}

func decodeRecord(b []byte, want facsimile.Digest) (recordFile, error) {
	var mark struct {
		Kind   string `json:"facsimile"`
		Format int    `json:"format"`
	}
	if err := json.Unmarshal(b, &mark); err != nil {
		return recordFile{}, err
	}
	if mark.Kind != recordKind || mark.Format != recordFormat {
		return recordFile{}, fmt.Errorf("not a release record of format %d: it says %.40q, format %d", recordFormat, mark.Kind, mark.Format)
	}
	var r recordFile
	if err := decodeStrict(bytes.TrimSpace(b), &r); err != nil {
		return recordFile{}, err
	}
	if r.Release != want {
		return recordFile{}, fmt.Errorf("it is named %s and describes %s", want.Short(), r.Release.Short())
	}
	return r, nil
}

// Release is a release that stands complete in a store.
type Release struct {
	Record
	Manifest Manifest
	Nodes    map[facsimile.Node]facsimile.Digest // the tree of each node: the union of its parts
}

// Stats counts what Put did.
type Stats struct {
	Files   int   `json:"files"`   // contents read
	Bytes   int64 `json:"bytes"`   // their size
	Written int   `json:"written"` // blobs that were not in the store yet, trees and documents included
	Stored  int64 `json:"stored"`  // their size
}
