package project

import (
	"slices"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/deploy"
)

// TestRestorable holds that only what could be put back is named, and each release once.
func TestRestorable(t *testing.T) {
	a, b, c := facsimile.Digest{1}, facsimile.Digest{2}, facsimile.Digest{3}
	here := map[facsimile.Digest]bool{a: true, b: true}
	entry := func(d facsimile.Digest, how deploy.Ending) Rollout { return Rollout{Digest: d, Result: how} }
	for _, k := range []struct {
		what    string
		entries []Rollout // the newest first
		want    []facsimile.Digest
	}{
		{"nothing was deployed", nil, nil},
		{"only the live one", []Rollout{entry(a, deploy.EndDone)}, nil},
		{"each once", []Rollout{entry(a, deploy.EndDone), entry(b, deploy.EndDone), entry(a, deploy.EndDone), entry(b, deploy.EndDone)}, []facsimile.Digest{b}},
		{"one that is not in the store", []Rollout{entry(a, deploy.EndDone), entry(c, deploy.EndDone)}, nil},
		{"one that was rolled back", []Rollout{entry(b, deploy.EndRolledBack), entry(a, deploy.EndDone)}, nil},
		{"two releases are live", []Rollout{entry(b, deploy.EndFailed), entry(a, deploy.EndDone)}, []facsimile.Digest{a}},
	} {
		var got []facsimile.Digest
		for _, e := range restorable(k.entries, here) {
			got = append(got, e.Digest)
		}
		if !slices.Equal(got, k.want) {
			t.Errorf("%s: %v, want %v", k.what, got, k.want)
		}
	}
}
