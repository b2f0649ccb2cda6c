package state

import (
	"context"
	"errors"
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
	for {
		result, notes, err := g.once(ctx, s)
		if !errors.Is(err, ErrMoved) {
			return result, notes, err
		}
		if err := ctx.Err(); err != nil {
			return Snapshot{}, nil, err
		}
	}
}

func (g Generation) load(ctx context.Context, s Store) (shared, own Snapshot, err error) {
	own, err = s.Load(ctx, g.Own)
	if err != nil || g.Shared == g.Own {
		return own, own, err
	}
	shared, err = s.Load(ctx, g.Shared)
	return shared, own, err
}

func (g Generation) once(ctx context.Context, s Store) (Snapshot, facsimile.Problems, error) {
	shared, own, err := g.load(ctx, s)
	if err != nil {
		return Snapshot{}, nil, err
	}
	needs, err := g.Needs(shared, own)
	if err != nil {
		return Snapshot{}, nil, err
	}
	a, err := Allot(needs, shared, own, g.Random)
	if err != nil || a.Empty() {
		return Combine(shared, own), a.Notes, err
	}
	a.Shared.Why, a.Own.Why = g.Why, g.Why
	// Ids first: a crash between the two leaves ids without a place, which the next run gives.
	if _, err := s.Commit(ctx, g.Shared, shared.Head(), a.Shared); err != nil {
		return Snapshot{}, nil, err
	}
	if _, err := s.Commit(ctx, g.Own, own.Head(), a.Own); err != nil {
		return Snapshot{}, nil, err
	}
	shared, own, err = g.load(ctx, s)
	return Combine(shared, own), a.Notes, err
}

// PerNode names the replicas of a module that has n of them on each node, so that a replica
// keeps its name while its node stays: those that stand on a node of nodes keep it, new ones get
// the lowest number above all that the module ever had. name gives the name of a number. The
// result has Replica and Candidates set, in order of the nodes.
func PerNode(own Snapshot, nodes []facsimile.Node, n int, name func(number int) facsimile.Replica) []ReplicaNeed {
	standing := map[facsimile.Node][]facsimile.Replica{}
	next := 0
	for i := range len(own.ownVersion().items) {
		if p, ok := own.Replica(name(i)); ok && p.Node != "" {
			standing[p.Node] = append(standing[p.Node], p.Replica)
			next = i + 1
		}
	}
	var needs []ReplicaNeed
	for _, node := range nodes {
		for i := range n {
			replica := name(next)
			if i < len(standing[node]) {
				replica = standing[node][i]
			} else {
				next++
			}
			needs = append(needs, ReplicaNeed{Replica: replica, Candidates: []facsimile.Node{node}})
		}
	}
	return needs
}
