package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	facsimile "facsimile.dev/facsimile"
)

// The locks of a home; Host says what each is for and in which order they are taken.
const (
	lockFile      = "lock"
	stageLockFile = "stage.lock"
)

// lock takes a lock of the home, without which nothing of it is changed, and waits for it until
// ctx ends. The kernel frees it when its
// holder dies, so there is no stale one, and nobody may break it. What is said in the file is
// for the error of those who wait and decides nothing.
func (hm *home) lock(ctx context.Context, name, what string) (unlock func(), err error) {
	if err := hm.checkUser(); err != nil {
		return nil, err
	}
	f, err := hm.facs.openat(name, unix.O_RDWR|unix.O_CREAT, 0o600)
	if err != nil {
		return nil, hm.host.refuseAccess("lock", err)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := ctx.Err()
		if err == nil {
			err = again(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
		}
		if err == nil {
			break
		}
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = pause(ctx, wait)
		}
		if err != nil {
			err = facsimile.Errorf(facsimile.Refused, "cannot lock the home %s for %s: it is held by %s: %w", hm.path, what, holder(f), err).
				WithHint("wait for it to end; the lock goes with the process that holds it")
			_ = f.Close() // the lock is not held
			return nil, err
		}
	}
	note := fmt.Sprintf("process %d, %s, since %s\n", os.Getpid(), what, hm.host.now().UTC().Format(time.RFC3339))
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(note), 0) // who holds it is a courtesy
	}
	return func() { _ = f.Close() }, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func holder(f *os.File) string {
	b := make([]byte, 300)
	n, _ := f.ReadAt(b, 0)
	if note := strings.TrimSpace(string(b[:n])); note != "" {
		return note
	}
	return "a process that did not say who it is"
}
