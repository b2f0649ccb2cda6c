package node

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	facsimile "facsimile.dev/facsimile"
)

// Verify implements Node. It takes no lock: a release never changes, and whoever changes one by
// hand is whom it is to find. All differences of a path come in order of their kinds. A path
// that cannot be read is an error that names it; the others are still given.
func (h *Host) Verify(ctx context.Context, tree facsimile.Digest) iter.Seq2[facsimile.Difference, error] {
	return func(yield func(facsimile.Difference, error) bool) {
		hm, err := h.open()
		if errors.Is(err, fs.ErrNotExist) {
			yield(facsimile.Difference{Path: currentLink, Kind: facsimile.ReleaseDiffers, Note: "there is no home " + h.home}, nil)
			return
		}
		if err != nil {
			yield(facsimile.Difference{}, err)
			return
		}
		defer hm.close()
		elsewhere, err := hm.elsewhere(tree)
		if err != nil {
			yield(facsimile.Difference{}, err)
			return
		}
		if elsewhere != "" && !yield(facsimile.Difference{Path: currentLink, Kind: facsimile.ReleaseDiffers, Note: elsewhere}, nil) {
			return
		}
		c, err := hm.check(ctx, tree.Hex(), tree, checkOptions{})
		if errors.Is(err, errNoTree) && elsewhere != "" {
			return // it never came here, and that is said
		}
		if err != nil {
			yield(facsimile.Difference{}, facsimile.Errorf(facsimile.Refused, "cannot verify %s on node %s: %w", tree.Short(), h.name, err))
			return
		}
		for _, f := range c.sorted() {
			if !yield(f.diff, f.err) {
				return
			}
		}
	}
}

// elsewhere says what is current instead of tree.
func (hm *home) elsewhere(tree facsimile.Digest) (string, error) {
	current, note, err := hm.current()
	switch {
	case err != nil || current == tree:
		return "", err
	case note != "":
		return note, nil
	}
	return "the current release is " + shortText(current), nil
}

// exact says whether a folder in releases is exactly the tree, as far as files that were right
// once and were not written to since can be trusted. Note says what is not. What cannot be read
// is not exact, so that a deployment makes it anew.
func (hm *home) exact(ctx context.Context, name string, tree facsimile.Digest) (ok bool, note string, err error) {
	if hm.facs == nil {
		return false, "", nil
	}
	c, err := hm.check(ctx, name, tree, checkOptions{trust: true, first: true})
	if errors.Is(err, errNoTree) {
		return false, err.Error(), nil
	}
	if err != nil {
		return false, "", err
	}
	note, err = c.fault()
	if err != nil {
		return false, err.Error(), nil
	}
	return note == "", note, nil
}

// check compares the folder of this name in releases with the tree that the node knows by
// the digest.
func (hm *home) check(ctx context.Context, name string, tree facsimile.Digest, o checkOptions) (*checker, error) {
	t, keys, err := hm.tree(tree)
	if err != nil {
		return nil, err
	}
	c, err := hm.newChecker(t, keys, o)
	if err != nil {
		return nil, err
	}
	if o.trust {
		c.trusted = hm.seenOf(tree)
	}
	top, err := hm.release(name)
	if isAbsent(err) {
		c.missingBelow("")
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	defer top.close()
	return c, c.run(ctx, top)
}

// isAbsent says that a path, or a folder above it, is not there or is no folder.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || isNotFolder(err)
}
