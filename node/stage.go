package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
)

// Stage implements Node. What an earlier call left unfinished is picked up again: files that
// are whole are kept.
//
// Files are copied from the releases that the node has, and not linked: two paths that share an
// inode share its mode and its owner, and whoever writes to one in place would change the
// other. Where the file system can share blocks between copies, the copies do.
func (h *Host) Stage(ctx context.Context, b Ballot, o Order, c Content) (Staged, error) {
	tree, err := h.treeOf(o)
	if err != nil {
		return Staged{}, err
	}
	if o.Epoch != b.Epoch {
		return Staged{}, facsimile.Errorf(facsimile.Refused, "the order is of epoch %d and the ballot of epoch %d", o.Epoch, b.Epoch)
	}
	hm, err := h.openOwned()
	if err != nil {
		return Staged{}, err
	}
	defer hm.close()
	what := fmt.Sprintf("staging for epoch %d", b.Epoch)
	unlock, err := hm.lock(ctx, stageLockFile, what)
	if err != nil {
		return Staged{}, err
	}
	defer unlock()
	if err := hm.locked(ctx, what, func() error { return hm.checkBallot(b) }); err != nil {
		return Staged{}, err
	}
	s := &stager{hm: hm, digest: tree, ballot: b, content: c}
	defer s.close()
	if err := s.make(ctx); err != nil {
		return Staged{}, s.explain(err)
	}
	err = hm.locked(ctx, what, func() error {
		if err := hm.checkBallot(b); err != nil {
			return err
		}
		if err := s.giveName(); err != nil {
			return err
		}
		return hm.note(Event{Kind: EventStaged, Epoch: b.Epoch, Tree: tree, Order: &o})
	})
	if err != nil {
		return Staged{}, err
	}
	_ = removeCondemned(s.releases) // what cannot be removed is in nobody's way; Prune says so
	return s.staged, nil
}

// stager makes one tree.
type stager struct {
	hm      *home
	digest  facsimile.Digest
	ballot  Ballot
	content Content

	encoded  []byte
	tree     facsimile.Tree
	who      *identities
	keys     keyring
	sources  map[facsimile.Digest][]source
	kept     map[string]bool // paths that stand in staging already
	releases *dir
	staging  *dir // nil: the tree stands in releases already
	incoming *dir
	opened   []*dir

	mu     sync.Mutex
	staged Staged
}

func (s *stager) close() {
	for _, d := range append(s.opened, s.releases, s.staging, s.incoming) {
		if d != nil {
			d.close()
		}
	}
}

// make makes the tree in a folder that is no release yet, and proves it.
func (s *stager) make(ctx context.Context) (err error) {
	if s.releases, err = s.hm.mkdir(releasesDir, 0o755); err != nil {
		if isNotFolder(err) {
			err = facsimile.Errorf(facsimile.Refused, "%s is not a folder: %w", s.hm.join(releasesDir), err).WithHint("somebody replaced it: move it away, then deploy again")
		}
		return err
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	if ok, _, err := s.hm.exact(ctx, s.digest.Hex(), s.digest); err != nil || ok {
		s.staged.Reused = s.countFiles()
		return err
	}
	if err := s.who.check(s.hm.host.name, s.tree); err != nil {
		return err
	}
	if err := s.openStaging(); err != nil {
		return err
	}
	if err := s.findSources(); err != nil {
		return err
	}
	if err := s.findKeys(ctx); err != nil {
		return err
	}
	if err := s.keepWhole(ctx); err != nil {
		return err
	}
	if err := s.checkRoom(); err != nil {
		if left := s.releases.removeAll(s.stagingName()); left != nil {
			return errors.Join(err, left)
		}
		return err
	}
	if err := s.build(ctx); err != nil {
		return err
	}
	return s.prove(ctx)
}

// load gets the tree itself, from the node where it has it.
func (s *stager) load(ctx context.Context) error {
	uid, err := s.hm.uid()
	if err != nil {
		return err
	}
	s.who = newIdentities(uid)
	if t, keys, err := s.hm.tree(s.digest); err == nil {
		s.tree, s.keys, s.encoded = t, keys, nil
	} else {
		b, err := s.content.Tree(ctx, s.digest)
		if err != nil {
			return facsimile.Errorf(facsimile.Refused, "cannot get the tree %s for node %s: %w", s.digest.Short(), s.hm.host.name, err)
		}
		if got := facsimile.DigestOf(b); got != s.digest {
			return facsimile.Errorf(facsimile.Refused, "node %s was given another tree than %s: %s", s.hm.host.name, s.digest, got)
		}
		if s.tree, err = facsimile.DecodeTree(b); err != nil {
			return facsimile.Errorf(facsimile.Refused, "the tree %s for node %s is not one: %w", s.digest.Short(), s.hm.host.name, err)
		}
		s.encoded = b
	}
	if len(s.tree.Files) == 0 {
		return facsimile.Errorf(facsimile.Refused, "the tree %s for node %s is empty: switching to it would take everything away", s.digest.Short(), s.hm.host.name).
			WithHint("retire the node instead, or give its targets something to install")
	}
	if s.keys == nil {
		s.keys = keyring{}
	}
	return nil
}

func (s *stager) countFiles() (n int) {
	for _, f := range s.tree.Files {
		if f.Type == facsimile.RegularFile {
			n++
		}
	}
	return n
}

func (s *stager) stagingName() string { return stagingPrefix + s.digest.Hex() }

// openStaging opens the folder in which the tree is made. A whole copy that was never exchanged
// is one, too.
func (s *stager) openStaging() (err error) {
	name := s.stagingName()
	whole := wholePrefix + s.digest.Hex()
	if _, err := s.releases.lstat(whole); err == nil {
		if err := s.releases.removeAll(name); err != nil {
			return err
		}
		if err := s.releases.rename(whole, s.releases, name); err != nil {
			return err
		}
	}
	if st, err := s.releases.lstat(name); err == nil && !st.isDir() {
		if err := s.releases.remove(name); err != nil {
			return err
		}
	}
	if s.staging, err = s.releases.mkdir(name, 0o700); err != nil {
		return err
	}
	if err := s.staging.chmod(0o700); err != nil {
		return err
	}
	if err := s.hm.facs.removeAll(incomingDir); err != nil {
		return err
	}
	s.incoming, err = s.hm.facs.mkdir(incomingDir, 0o700)
	return err
}

// prove syncs what was made and then reads all of it again.
func (s *stager) prove(ctx context.Context) error {
	hm := s.hm
	if s.encoded == nil {
		s.encoded = s.tree.Encode()
	}
	if err := hm.keepTree(s.digest, s.encoded, s.keys); err != nil {
		return err
	}
	if err := s.staging.syncFS(); err != nil {
		return err
	}
	rec := hm.host.newRecorder()
	c, err := hm.check(ctx, s.stagingName(), s.digest, checkOptions{rec: rec})
	if err != nil {
		return err
	}
	fault, err := c.fault()
	if err != nil {
		return err
	}
	if fault != "" {
		return facsimile.Errorf(facsimile.Refused, "the tree %s came out wrong on node %s: %s (differences: %d)", s.digest.Short(), hm.host.name, fault, len(c.found))
	}
	return rec.keep(hm, s.digest)
}

// giveName makes the finished folder a release. Where a damaged one of that name is live, the
// finished one waits beside it for Activate; where it is not live, the two are exchanged.
func (s *stager) giveName() error {
	if s.staging == nil {
		return nil
	}
	final := s.digest.Hex()
	_, err := s.releases.lstat(final)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return err
	}
	current, _, err := s.hm.current()
	if err != nil {
		return err
	}
	switch {
	case absent:
		err = s.releases.rename(s.stagingName(), s.releases, final)
	case current == s.digest:
		err = s.releases.rename(s.stagingName(), s.releases, wholePrefix+final)
	default:
		err = s.replace(final)
	}
	if err != nil {
		return err
	}
	return s.releases.sync()
}

func (s *stager) replace(final string) error {
	err := s.releases.exchange(s.stagingName(), s.releases, final)
	if err == nil {
		return condemn(s.releases, s.stagingName())
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := condemn(s.releases, final); err != nil { // nothing is live here
		return err
	}
	return s.releases.rename(s.stagingName(), s.releases, final)
}

// explain says what staging failed at. It makes room on a full disk, on which something else is
// live.
func (s *stager) explain(err error) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return s.hm.host.explain("staging", err)
	}
	if s.releases != nil {
		err = errors.Join(err, s.releases.removeAll(s.stagingName()))
	}
	return facsimile.Errorf(facsimile.Refused, "the disk of node %s is full while staging: %w", s.hm.host.name, err).
		WithHint("make room under %s, then deploy again", s.hm.path)
}
