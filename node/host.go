package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
)

// HostOptions says which home a Host keeps, and as which node.
type HostOptions struct {
	Home string           // absolute; made by the first Promise
	Name facsimile.Node   // the node's name in orders
	Now  func() time.Time // the time in events and receipts; nil: time.Now
	// Boot says which boot of the host this is and how long ago it began. Leases are measured
	// by it alone, so that a clock that is set wrong ends none. Nil: the kernel's.
	Boot    func() (id string, since time.Duration, err error)
	Workers int // files handled at once; 0: the number of processors
}

// Host is a Node on the file system of this machine. It holds nothing between calls, so any
// number of them, in any number of processes, may keep the same home.
//
// Two locks order the work on a home, in this order and never the other way: one while a
// release is made or removed (.facs/stage.lock), which may take long, and one while it is
// decided who may switch and while it is switched (.facs/lock), which is short. Both are
// flock(2): the kernel frees them when the holder dies, and nobody breaks them.
type Host struct {
	home    string
	name    facsimile.Node
	now     func() time.Time
	boot    func() (string, time.Duration, error)
	workers int
	buffers *sync.Pool // of *[]byte, for reading files

	step func(op, path string) // told before each change of the disk; nil but in tests
	tick time.Duration         // see recorder
}

var _ Node = (*Host)(nil)

// NewHost checks the options. It touches nothing.
func NewHost(o HostOptions) (*Host, error) {
	if !filepath.IsAbs(o.Home) || filepath.Clean(o.Home) == "/" {
		return nil, facsimile.Errorf(facsimile.BadInput, "the home %q of node %s is not the absolute path of a folder", o.Home, o.Name)
	}
	if _, err := facsimile.ParseNode(string(o.Name)); err != nil {
		return nil, facsimile.Errorf(facsimile.BadInput, "cannot keep %s: %w", o.Home, err)
	}
	h := &Host{home: filepath.Clean(o.Home), name: o.Name, now: o.Now, boot: o.Boot, workers: o.Workers, tick: timestampTick}
	if h.now == nil {
		h.now = time.Now
	}
	if h.boot == nil {
		h.boot = bootClock
	}
	if h.workers <= 0 {
		h.workers = runtime.NumCPU()
	}
	h.buffers = &sync.Pool{New: func() any {
		b := make([]byte, 256<<10)
		return &b
	}}
	return h, nil
}

// The names under a home.
const (
	facsDir     = ".facs"
	releasesDir = "releases"
	sharedDir   = "shared"
	currentLink = "current"
)

// home is an open home. A home that is not ours yet has no facs.
type home struct {
	*dir
	host *Host
	facs *dir
}

// open opens the home. A missing one is fs.ErrNotExist.
func (h *Host) open() (*home, error) {
	d, err := openDir(h.home, h.step)
	if err != nil {
		return nil, h.refuseAccess("use", err)
	}
	hm := &home{dir: d, host: h}
	hm.facs, err = d.sub(facsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.close()
		return nil, h.refuseAccess("use", err)
	}
	return hm, nil
}

// openOwned opens a home that a Promise claimed.
func (h *Host) openOwned() (*home, error) {
	hm, err := h.open()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil || hm.facs == nil {
		if err == nil {
			hm.close()
		}
		return nil, facsimile.Errorf(facsimile.Refused, "the home %s of node %s belongs to no instance yet: a rollout must be promised it first", h.home, h.name)
	}
	return hm, nil
}

func (hm *home) close() {
	if hm.facs != nil {
		hm.facs.close()
	}
	hm.dir.close()
}

// refuseAccess tells why the home cannot be used, with the path that is in the way, who may
// change it, and who we are.
func (h *Host) refuseAccess(verb string, err error) error {
	var pe *fs.PathError
	at := h.home
	if errors.As(err, &pe) {
		at = pe.Path
	}
	if verb == "use" && errors.Is(err, fs.ErrNotExist) {
		return err
	}
	where, info, statErr := nearest(at)
	e := facsimile.Errorf(facsimile.Refused, "cannot %s the home %s of node %s as %s: %w", verb, h.home, h.name, userName(os.Geteuid()), err)
	if statErr == nil {
		e.Msg += fmt.Sprintf("; %s belongs to %s and has the mode %s", where, userName(int(info.uid)), info.mode)
		e = e.WithHint("choose another home for node %s, or let %s write to %s", h.name, userName(os.Geteuid()), where)
	}
	switch { // what no permission mends
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		e = e.WithHint("make room under %s", where)
	case errors.Is(err, unix.EROFS):
		e = e.WithHint("%s is mounted read-only: mount it writable, or choose another home for node %s", where, h.name)
	}
	return e
}

// nearest finds the first of path and the folders above it that exists.
func nearest(path string) (string, stat, error) {
	for {
		var st unix.Stat_t
		err := unix.Lstat(path, &st)
		if err == nil {
			return path, statOf(&st), nil
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path, stat{}, err
		}
		path = parent
	}
}

// userName is a user for people.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("%s (uid %d)", u.Username, uid)
	}
	return fmt.Sprintf("uid %d", uid)
}

// locked runs do while nobody else decides or switches on this home. Whatever a crash left
// half done is finished or undone first.
func (hm *home) locked(ctx context.Context, what string, do func() error) error {
	unlock, err := hm.lock(ctx, lockFile, what)
	if err != nil {
		return err
	}
	defer unlock()
	if err = hm.recover(ctx); err == nil {
		err = do()
	}
	return hm.host.explain(what, err)
}

// explain says what an error of the system happened in. Those that are told to people already,
// and that of an ended context, stay as they are.
func (h *Host) explain(what string, err error) error {
	var told *facsimile.Error
	if err == nil || errors.As(err, &told) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return facsimile.Errorf(facsimile.Refused, "node %s failed at %s: %w", h.name, what, err)
}

// treeOf is what an order gives this node.
func (h *Host) treeOf(o Order) (facsimile.Digest, error) {
	if o.Format != orderFormat {
		return facsimile.Digest{}, facsimile.Errorf(facsimile.Refused, "node %s does not know orders of format %d, only %d", h.name, o.Format, orderFormat).WithHint("use one version of facs everywhere")
	}
	d := o.Trees[h.name]
	if d.IsZero() {
		return d, facsimile.Errorf(facsimile.Refused, "the order of epoch %d has no tree for node %s", o.Epoch, h.name)
	}
	return d, nil
}

const orderFormat = 1
