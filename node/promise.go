package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
)

// Promise implements Node.
func (h *Host) Promise(ctx context.Context, b Ballot, owner Owner, lease time.Duration) (Report, error) {
	if err := h.checkPromise(b, owner, lease); err != nil {
		return Report{}, err
	}
	hm, err := h.claim(owner)
	if err != nil {
		return Report{}, err
	}
	defer hm.close()
	var before Report
	err = hm.locked(ctx, fmt.Sprintf("promise of epoch %d", b.Epoch), func() error {
		if err := hm.checkOwner(owner); err != nil {
			return err
		}
		have, err := hm.promised()
		if err != nil {
			return err
		}
		bootID, up, err := h.boot()
		if err != nil {
			return fmt.Errorf("cannot tell which boot of node %s this is: %w", h.name, err)
		}
		if err := h.grantable(have, b, bootID, up); err != nil {
			return err
		}
		if before, err = hm.look(ctx, facsimile.Digest{}); err != nil {
			return err
		}
		if err := hm.tidy(); err != nil {
			return err
		}
		if err := hm.mark(owner); err != nil {
			return hm.host.refuseAccess("write to", err)
		}
		if err := hm.checkWritable(); err != nil {
			return err
		}
		if err := writeRecord(hm.facs, promiseFile, promise{b.Epoch, b.Token, bootID, up + lease}); err != nil {
			return err
		}
		e := Event{Kind: EventPromised, Epoch: b.Epoch}
		if have.Epoch == b.Epoch {
			e.Note = "again"
		}
		return hm.note(e)
	})
	if err != nil {
		return Report{}, err
	}
	return before, nil
}

func (h *Host) checkPromise(b Ballot, owner Owner, lease time.Duration) error {
	switch {
	case b.Epoch == 0 || b.Token == "":
		return facsimile.Errorf(facsimile.BadInput, "a ballot needs an epoch from 1 and a token: got epoch %d", b.Epoch)
	case owner.Definition == "" || owner.Instance == "":
		return facsimile.Errorf(facsimile.BadInput, "nobody can own the home %s without a definition and an instance", h.home)
	case owner.Node != h.name:
		return facsimile.Errorf(facsimile.Refused, "this is node %s, not node %s", h.name, owner.Node)
	case lease <= 0:
		return facsimile.Errorf(facsimile.BadInput, "a lease of %s is none", lease)
	}
	return nil
}

// grantable says why b is not granted.
func (h *Host) grantable(have promise, b Ballot, bootID string, up time.Duration) error {
	if b.Epoch == have.Epoch && b.Token == have.Token {
		return nil
	}
	if b.Epoch <= have.Epoch {
		return facsimile.Errorf(facsimile.Refused, "node %s promised epoch %d already and grants only higher ones, not %d", h.name, have.Epoch, b.Epoch).
			WithHint("another rollout was here in between: look at the history, then deploy again")
	}
	if left := have.Until - up; have.Token != "" && have.Token != b.Token && have.Boot == bootID && left > 0 {
		return facsimile.Errorf(facsimile.Refused, "node %s is promised to the rollout of epoch %d for another %s", h.name, have.Epoch, max(left.Round(time.Second), time.Second)).
			WithHint("wait for it to end, or for its lease to run out")
	}
	return nil
}

// claim opens the home for owner, and makes it where it is missing. Nothing is changed in a
// home that is another's.
func (h *Host) claim(owner Owner) (*home, error) {
	room, err := statRoomNear(h.home)
	if err == nil && room.remote != "" {
		err = fmt.Errorf("it is on a %s file system, where locks and leases cannot be trusted", room.remote)
	}
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot use the home %s of node %s: %w", h.home, h.name, err).WithHint("choose a home on a disk of the node")
	}
	if err := h.makeHome(); err != nil {
		return nil, err
	}
	hm, err := h.open()
	if err != nil {
		return nil, err
	}
	if err := hm.prepare(owner); err != nil {
		hm.close()
		return nil, err
	}
	return hm, nil
}

// makeHome makes the home and the folders above it, each of them durable.
func (h *Host) makeHome() error {
	missing := []string{}
	at := h.home
	for ; ; at = filepath.Dir(at) {
		_, err := os.Stat(at)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return h.refuseAccess("make", err)
		}
		missing = append(missing, at)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		above, err := openDir(filepath.Dir(missing[i]), h.step)
		if err != nil {
			return h.refuseAccess("make", err)
		}
		made, err := above.mkdir(filepath.Base(missing[i]), 0o755)
		if err == nil {
			made.close()
			err = above.sync()
		}
		above.close()
		if err != nil {
			return h.refuseAccess("make", err)
		}
	}
	return nil
}

// prepare checks whose home it is, and makes .facs in a new one.
func (hm *home) prepare(owner Owner) error {
	if hm.facs != nil {
		return hm.checkOwner(owner)
	}
	if err := hm.checkEmpty(); err != nil {
		return err
	}
	d, err := hm.mkdir(facsDir, 0o700)
	if err != nil {
		return hm.host.refuseAccess("write", err)
	}
	hm.facs = d
	return hm.sync()
}

// checkEmpty refuses a home in which somebody else put something. The folder lost+found of a
// file system of its own is nobody's.
func (hm *home) checkEmpty() error {
	names, err := hm.names()
	if err != nil {
		return hm.host.refuseAccess("read", err)
	}
	var others []string
	for _, n := range names {
		if n != facsDir && n != "lost+found" {
			others = append(others, n)
		}
	}
	if len(others) == 0 {
		return nil
	}
	shown := others[:min(len(others), 3)]
	return facsimile.Errorf(facsimile.Refused, "the home %s of node %s is not empty and belongs to no instance: it holds %s (%d in all)", hm.path, hm.host.name, strings.Join(shown, ", "), len(others)).
		WithHint("choose another home for node %s, or move away what stands there", hm.host.name)
}

// checkOwner refuses a home of another instance.
func (hm *home) checkOwner(owner Owner) error {
	have, err := hm.owner()
	if err != nil {
		return err
	}
	if have == (Owner{}) {
		if err := hm.checkEmpty(); err != nil {
			return err
		}
	} else if have != owner {
		return facsimile.Errorf(facsimile.Refused, "the home %s belongs to node %s of instance %s of %s", hm.path, have.Node, have.Instance, have.Definition).
			WithHint("choose another home for node %s of instance %s of %s", owner.Node, owner.Instance, owner.Definition)
	}
	return nil
}

// checkUser refuses to change a home that another user keeps: of a mixture of files of two
// users neither can change all, and the next deployment would fail half way.
func (hm *home) checkUser() error {
	uid, err := hm.uid()
	if err != nil || uid == os.Geteuid() {
		return err
	}
	return facsimile.Errorf(facsimile.Refused, "the home %s is deployed to by %s, and this is %s", hm.path, userName(uid), userName(os.Geteuid())).
		WithHint("deploy as %s", userName(uid))
}

// checkWritable refuses a home in which a switch would fail half way, by making and removing a file in
// each folder that a rollout changes: a mode does not tell of a file system that is read only.
// It comes after mark: what a crash leaves of it stands in a home that is known to be ours.
func (hm *home) checkWritable() error {
	dirs := []*dir{hm.facs, hm.dir}
	if releases, err := hm.sub(releasesDir); err == nil { // one that cannot be opened is refused where it is used
		defer releases.close()
		dirs = append(dirs, releases)
	}
	for _, d := range dirs {
		if err := tryWrite(d); err != nil {
			return hm.host.refuseAccess("write to", err)
		}
	}
	return nil
}

// tryName is a file that tryWrite makes. It is one name, so that what a crash left is found again.
const tryName = tempPrefix + "try"

func tryWrite(d *dir) error {
	f, err := d.create(tryName)
	if errors.Is(err, fs.ErrExist) { // a crash left it
		if err := d.remove(tryName); err != nil {
			return err
		}
		f, err = d.create(tryName)
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), d.remove(tryName))
}

// uid is the user who deploys to this home: the owner of .facs.
func (hm *home) uid() (int, error) {
	st, err := statFile(hm.facs.f)
	return int(st.uid), err
}

// mark writes the owner mark of a new home.
func (hm *home) mark(owner Owner) error {
	have, err := hm.owner()
	if err != nil || have == owner {
		return err
	}
	return writeRecord(hm.facs, ownerFile, owner)
}

// tidy removes what a crash left of records that were being written.
func (hm *home) tidy() error {
	if err := removeTemporary(hm.facs); err != nil {
		return err
	}
	d, err := hm.facs.sub(receiptsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	return removeTemporary(d)
}

func removeTemporary(d *dir) error {
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasPrefix(n, tempPrefix) {
			if err := d.remove(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkBallot refuses a rollout that another one took over from, or that gave its ballot back.
func (hm *home) checkBallot(b Ballot) error {
	have, err := hm.promised()
	if err != nil {
		return err
	}
	if b.Token != "" && have.Epoch == b.Epoch && have.Token == b.Token {
		return nil
	}
	if have.Token == "" {
		return facsimile.Errorf(facsimile.Refused, "node %s is promised to no rollout: the ballot of epoch %d was given back or never granted", hm.host.name, b.Epoch)
	}
	return facsimile.Errorf(facsimile.Refused, "node %s is promised to the rollout of epoch %d, and this is that of epoch %d", hm.host.name, have.Epoch, b.Epoch).
		WithHint("another rollout took over: look at the history, then deploy again")
}

// checkLease refuses a switch by a rollout whose lease ran out: another may have been promised
// the other nodes since.
func (hm *home) checkLease(b Ballot) error {
	if err := hm.checkBallot(b); err != nil {
		return err
	}
	have, err := hm.promised()
	if err != nil {
		return err
	}
	bootID, up, err := hm.host.boot()
	if err != nil {
		return fmt.Errorf("cannot tell which boot of node %s this is: %w", hm.host.name, err)
	}
	if have.Boot != bootID {
		return facsimile.Errorf(facsimile.Refused, "node %s was restarted since it promised epoch %d, which ended the lease", hm.host.name, b.Epoch).WithHint("deploy again")
	}
	if up >= have.Until {
		return facsimile.Errorf(facsimile.Refused, "the lease of epoch %d on node %s ran out %s ago", b.Epoch, hm.host.name, (up - have.Until).Round(time.Second)).WithHint("deploy again")
	}
	return nil
}

// Release implements Node.
func (h *Host) Release(ctx context.Context, b Ballot) error {
	hm, err := h.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer hm.close()
	if hm.facs == nil {
		return nil
	}
	return hm.locked(ctx, fmt.Sprintf("giving back epoch %d", b.Epoch), func() error {
		have, err := hm.promised()
		if err != nil || have.Epoch != b.Epoch || have.Token != b.Token || b.Token == "" {
			return err
		}
		if err := writeRecord(hm.facs, promiseFile, promise{Epoch: have.Epoch}); err != nil {
			return err
		}
		return hm.note(Event{Kind: EventReleased, Epoch: b.Epoch})
	})
}
