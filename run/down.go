package run

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"facsimile.dev/facsimile"
	"github.com/gofrs/flock"
)

// Stopped is what Down did.
type Stopped struct {
	WasRunning bool                `json:"was_running"` // a supervisor lived
	Replicas   []facsimile.Replica `json:"replicas"`    // that were running
	Killed     int                 `json:"killed"`      // processes that a killed supervisor had left behind
}

// Down stops the instance that has dir as its run folder, whoever started it, and returns once
// every process of it is gone. When ctx ends first the supervisor is killed rather than asked, and
// Down still cleans up. Nothing running is no error.
func Down(ctx context.Context, dir string) (Stopped, error) {
	if err := supported(); err != nil {
		return Stopped{}, err
	}
	var s Stopped
	if _, err := os.Stat(lockFile(dir)); errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if status, err := Ps(dir); err != nil {
		return s, err
	} else {
		s.WasRunning = status.Running
		for _, r := range status.Replicas {
			if r.State != Exited {
				s.Replicas = append(s.Replicas, r.Name)
			}
		}
	}
	lock := flock.New(lockFile(dir))
	defer lock.Unlock()
	if err := outlive(ctx, dir, lock); err != nil {
		return s, err
	}
	killed, err := endLeftovers(dir)
	s.Killed = killed
	return s, err
}

// outlive asks the supervisor to end, and has its lock when it returns.
func outlive(ctx context.Context, dir string, lock *flock.Flock) error {
	var asked ident
	var killed time.Time
	for {
		held, err := lock.TryLock()
		if err != nil || held {
			return err
		}
		// A supervisor that just started has the lock before it has a record: it is asked as soon as it has.
		r, err := readRecord(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if known := err == nil && r.lives(); known && asked != r.Supervisor {
			asked = r.Supervisor
			if err := asked.signal(syscall.SIGTERM); err != nil {
				return facsimile.Errorf(facsimile.Refused, "the supervisor, process %d, cannot be asked to stop: %w", asked.PID, err)
			}
		}
		if ctx.Err() != nil && killed.IsZero() {
			killed = time.Now()
			if err := asked.signal(syscall.SIGKILL); err != nil && asked != (ident{}) {
				return err
			}
		}
		if !killed.IsZero() && time.Since(killed) > supervisorsGrace {
			return facsimile.Errorf(facsimile.Refused, "somebody else holds %s: %w", lockFile(dir), ctx.Err())
		}
		select {
		case <-ctx.Done():
			time.Sleep(10 * time.Millisecond)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// endLeftovers ends what a killed supervisor left behind. The caller holds the lock.
func endLeftovers(dir string) (killed int, err error) {
	r, err := readRecord(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case r.Boot != bootID():
		return 0, nil // nothing outlives a boot
	}
	me, err := self()
	if err != nil {
		return 0, err
	}
	known := map[ident]bool{r.Supervisor: true}
	for _, id := range r.Processes {
		known[id] = true
	}
	return sweep(func() ([]process, error) {
		all, err := processes()
		return slices.DeleteFunc(all, func(p process) bool {
			if p.ident == me.ident {
				return true
			}
			run, _ := marked(p.PID)
			return !known[p.ident] && run != r.Run
		}), err
	})
}
