package state

import (
	"io"

	"facsimile.dev/facsimile"
)

// Allotment is what Allot found missing.
type Allotment struct {
	Shared Change // for the state that holds secrets and ids; empty where that is also Own's
	Own    Change
	Notes  facsimile.Problems // findings that stop nothing: a port that was taken, a weak policy
}

// Pending are the names of what is not there yet, for commands that never write: the keys of
// secrets, and replica.NAME.uiid, replica.NAME.place, directory.MODULE.NAME.
func (a Allotment) Pending() []string { return append(a.Shared.Names(), a.Own.Names()...) }

// Empty reports whether nothing is missing.
func (a Allotment) Empty() bool { return a.Shared.Empty() && a.Own.Empty() }

// Allot says what is missing. It is pure: the same needs, snapshots and random bytes give the
// same changes. Secrets and ids are sought in shared and everything else in own; where both are
// of one instance the whole change is in Own. All problems are reported together.
func Allot(needs Needs, shared, own Snapshot, random io.Reader) (Allotment, error) {
	return Allotment{}, facsimile.Errorf(facsimile.Refused, "not there yet")
}
