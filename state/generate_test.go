package state

import (
	"context"
	"crypto/rand"
	"errors"

	"facsimile.dev/facsimile"
)

// generate allots what is missing and commits it, again and again until no other process was
// faster, as those who use this package do.
func generate(ctx context.Context, s Store, shared, own facsimile.Instance, needs Needs) (Snapshot, error) {
	for {
		result, err := generateOnce(ctx, s, shared, own, needs)
		if !errors.Is(err, ErrMoved) {
			return result, err
		}
	}
}

func loadBoth(ctx context.Context, s Store, shared, own facsimile.Instance) (sharedState, ownState Snapshot, err error) {
	if ownState, err = s.Load(ctx, own); err != nil {
		return Snapshot{}, Snapshot{}, err
	}
	sharedState, err = s.Load(ctx, shared)
	return sharedState, ownState, err
}

func generateOnce(ctx context.Context, s Store, shared, own facsimile.Instance, needs Needs) (Snapshot, error) {
	sharedState, ownState, err := loadBoth(ctx, s, shared, own)
	if err != nil {
		return Snapshot{}, err
	}
	a, err := Allot(needs, sharedState, ownState, rand.Reader)
	if err != nil {
		return Snapshot{}, err
	}
	a.Shared.Why, a.Own.Why = "test", "test"
	if _, err := s.Commit(ctx, shared, sharedState.Head(), a.Shared); err != nil {
		return Snapshot{}, err
	}
	if _, err := s.Commit(ctx, own, ownState.Head(), a.Own); err != nil {
		return Snapshot{}, err
	}
	sharedState, ownState, err = loadBoth(ctx, s, shared, own)
	return Combine(sharedState, ownState), err
}
