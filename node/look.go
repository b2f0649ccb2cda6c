package node

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"strings"

	facsimile "facsimile.dev/facsimile"
)

// Look implements Node. It takes no lock and makes no file, so what it says of different things
// may be of moments that differ by as much as it takes to read them.
func (h *Host) Look(ctx context.Context, tree facsimile.Digest) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	hm, err := h.open()
	if errors.Is(err, fs.ErrNotExist) {
		r := Report{System: system()}
		room, err := statRoomNear(h.home)
		r.Free = room.free
		return r, err
	}
	if err != nil {
		return Report{}, err
	}
	defer hm.close()
	return hm.look(ctx, tree)
}

func (hm *home) look(ctx context.Context, tree facsimile.Digest) (Report, error) {
	r := Report{System: system()}
	room, err := statRoomNear(hm.path)
	if err != nil {
		return Report{}, err
	}
	r.Free = room.free
	if r.Owner, err = hm.owner(); err != nil {
		return Report{}, err
	}
	p, err := hm.promised()
	if err != nil {
		return Report{}, err
	}
	r.Promised = p.Epoch
	if r.Current, _, err = hm.current(); err != nil {
		return Report{}, err
	}
	if r.Last, err = hm.standing(); err != nil {
		return Report{}, err
	}
	if tree.IsZero() {
		return r, nil
	}
	if r.Staged, _, err = hm.exact(ctx, tree.Hex(), tree); err != nil {
		return Report{}, err
	}
	r.Exact = r.Staged && r.Current == tree
	if !r.Staged {
		r.Staged, err = hm.canMend(ctx, tree)
	}
	return r, err
}

func system() string { return runtime.GOOS + "/" + runtime.GOARCH }

// statRoomNear asks the file system of the nearest folder that exists.
func statRoomNear(path string) (room, error) {
	at, _, err := nearest(path)
	if err != nil {
		return room{}, err
	}
	return statRoom(at)
}

// current gives the tree that the link points to. Where something else stands in its place the
// digest is zero and note says what.
func (hm *home) current() (d facsimile.Digest, note string, err error) {
	st, err := hm.lstat(currentLink)
	if errors.Is(err, fs.ErrNotExist) {
		return d, "there is no current release", nil
	}
	if err != nil {
		return d, "", err
	}
	if !st.isLink() {
		return d, "a " + st.String() + " stands where the link to the current release should be", nil
	}
	to, err := hm.readlink(currentLink)
	if err != nil {
		return d, "", err
	}
	digits, ok := strings.CutPrefix(to, releasesDir+"/")
	if ok {
		d, err = facsimile.ParseDigest("sha256:" + digits)
	}
	if !ok || err != nil {
		return facsimile.Digest{}, "current points to " + to + ", which is no release of this home", nil
	}
	return d, "", nil
}

// release opens the folder of a release by its name in releases.
func (hm *home) release(name string) (*dir, error) {
	releases, err := hm.sub(releasesDir)
	if err != nil {
		return nil, err
	}
	defer releases.close()
	return releases.sub(name)
}
