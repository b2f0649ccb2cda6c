package node

import (
	"context"
	"errors"
	"io/fs"

	facsimile "facsimile.dev/facsimile"
)

// recover finishes or undoes what a crash left half done. Whoever takes the lock does it first,
// so a switch that was begun and not closed is always the last event of the journal. The link
// is the truth: where it leads to the new release, the switch took place and lacks only its
// receipt; where it does not, nothing happened.
func (hm *home) recover(ctx context.Context) error {
	j, err := hm.openJournal()
	if err != nil {
		return err
	}
	defer j.close()
	e := j.last
	if e.Kind != EventSwitching || e.Order == nil {
		if j.torn == "" {
			return nil
		}
		return j.add(Event{Time: hm.host.now().UTC(), Kind: EventMended, Epoch: e.Epoch, Note: j.torn})
	}
	if err := hm.clearNext(); err != nil {
		return err
	}
	done, err := hm.tookPlace(ctx, e)
	if err != nil {
		return err
	}
	note := "a switch that was interrupted before it took place was undone"
	if done {
		if err := hm.sync(); err != nil {
			return err
		}
		if _, err := hm.settle(e); err != nil {
			return err
		}
		note = "a switch that was interrupted after it took place was finished"
	}
	if j.torn != "" {
		note += "; " + j.torn
	}
	e.Kind, e.Note, e.Time = EventUndone, note, hm.host.now().UTC()
	if !done {
		e.Tree, e.Previous = e.Previous, facsimile.Digest{}
	}
	return j.add(e)
}

// tookPlace says whether the switch that e announced took place. One that mends the live
// release does not move the link: it took place when the release is whole.
func (hm *home) tookPlace(ctx context.Context, e Event) (bool, error) {
	if e.Tree.IsZero() {
		_, err := hm.lstat(currentLink)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	}
	current, _, err := hm.current()
	if err != nil || current != e.Tree {
		return false, err
	}
	if e.Tree != e.Previous {
		return true, nil
	}
	whole, _, err := hm.exact(ctx, e.Tree.Hex(), e.Tree)
	return whole, err
}
