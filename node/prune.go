package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	facsimile "facsimile.dev/facsimile"
)

// Prune implements Node. At least one confirmed release always stays, and so does what Revert
// would need.
func (h *Host) Prune(ctx context.Context, b Ballot, keep int, pinned []facsimile.Digest) ([]facsimile.Digest, error) {
	hm, err := h.openOwned()
	if err != nil {
		return nil, err
	}
	defer hm.close()
	what := fmt.Sprintf("pruning in epoch %d", b.Epoch)
	unlock, err := hm.lock(ctx, stageLockFile, what)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var gone []facsimile.Digest
	err = hm.locked(ctx, what, func() error {
		if err := hm.checkBallot(b); err != nil {
			return err
		}
		stay, err := hm.staying(keep, pinned)
		if err != nil {
			return err
		}
		gone, err = hm.condemn(stay)
		if err != nil || len(gone) == 0 {
			return err
		}
		names := make([]string, len(gone))
		for i, d := range gone {
			names[i] = d.Short()
		}
		return hm.note(Event{Kind: EventPruned, Epoch: b.Epoch, Note: strings.Join(names, " ")})
	})
	if err != nil {
		return nil, err
	}
	return gone, hm.sweep()
}

// staying gives the trees that must not be removed.
func (hm *home) staying(keep int, pinned []facsimile.Digest) (map[facsimile.Digest]bool, error) {
	stay := map[facsimile.Digest]bool{}
	for _, d := range pinned {
		stay[d] = true
	}
	current, _, err := hm.current()
	if err != nil {
		return nil, err
	}
	stay[current] = true
	last, err := hm.standing()
	if err != nil {
		return nil, err
	}
	stay[last.Tree] = true
	if !last.Confirmed {
		stay[last.Previous] = true
	}
	confirmed := map[facsimile.Digest]bool{}
	for r, err := range hm.receipts {
		if err != nil {
			return nil, err
		}
		if r.Confirmed && !r.Reverted && len(confirmed) < max(keep, 1) {
			confirmed[r.Tree], stay[r.Tree] = true, true
		}
	}
	return stay, nil
}

// condemn takes its name from every release that is not to stay, so that no release is ever
// found half removed, and from what staging left behind.
func (hm *home) condemn(stay map[facsimile.Digest]bool) ([]facsimile.Digest, error) {
	releases, err := hm.sub(releasesDir)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer releases.close()
	names, err := releases.names()
	if err != nil {
		return nil, err
	}
	var gone []facsimile.Digest
	for _, name := range names {
		d, err := facsimile.ParseDigest("sha256:" + name)
		isRelease := err == nil
		if isRelease && stay[d] || !isRelease && !strings.HasPrefix(name, stagingPrefix) && !strings.HasPrefix(name, wholePrefix) {
			continue
		}
		if err := condemn(releases, name); err != nil {
			return nil, err
		}
		if isRelease {
			gone = append(gone, d)
		}
	}
	return gone, releases.sync()
}

// condemn takes its name from a folder in releases.
func condemn(releases *dir, name string) error {
	return releases.rename(name, releases, removingPrefix+tempName())
}

// sweep removes what was condemned, and the records of trees that are gone. The caller holds
// the stage lock.
func (hm *home) sweep() error {
	releases, err := hm.sub(releasesDir)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer releases.close()
	names, err := releases.names()
	if err != nil {
		return err
	}
	if err := removeCondemned(releases); err != nil {
		return err
	}
	for _, folder := range []string{treesDir, keysDir, cacheDir, incomingDir} {
		if err := hm.sweepRecords(folder, names); err != nil {
			return err
		}
	}
	return nil
}

func removeCondemned(releases *dir) error {
	names, err := releases.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, removingPrefix) {
			if err := releases.removeAll(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepRecords removes the records of trees that are not among the releases of these names.
func (hm *home) sweepRecords(folder string, releases []string) error {
	d, err := hm.facs.sub(folder)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, has := slices.BinarySearch(releases, strings.TrimSuffix(name, ".json")); has {
			continue
		}
		if err := d.removeAll(name); err != nil {
			return err
		}
	}
	return nil
}
