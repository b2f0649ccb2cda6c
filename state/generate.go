package state

import (
	"context"
	"io"

	"facsimile.dev/facsimile"
)

// Generation is what Generate is asked to do.
type Generation struct {
	Shared, Own facsimile.Instance                        // whose secrets and ids, whose places; often the same
	Needs       func(shared, own Snapshot) (Needs, error) // may be called more than once
	Random      io.Reader
	Why         string // for the journal
}

// Generate allots what is missing and commits it, again and again until no other process was
// faster, and gives the result, combined, with the notes of the last Allot.
func Generate(ctx context.Context, s Store, g Generation) (Snapshot, facsimile.Problems, error) {
	return Snapshot{}, nil, nil
}

// PerNode names the replicas of a module that has n of them on each node, so that a replica
// keeps its name while its node stays: those that stand on a node of nodes keep it, new ones get
// the lowest number above all that the module ever had. name gives the name of a number. The
// result has the numbers in order, each with the node on which it must stand.
func PerNode(own Snapshot, nodes []facsimile.Node, n int, name func(number int) facsimile.Replica) []ReplicaNeed {
	return nil
}
