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
	status, err := Ps(dir)
	if err != nil {
		return s, err
	}
	s.WasRunning = status.Running
	for _, r := range status.Replicas {
		if r.State != Exited {
			s.Replicas = append(s.Replicas, r.Name)
		}
	}
	lock := flock.New(lockFile(dir))
	defer lock.Unlock()
	if err := outlive(ctx, dir, lock); err != nil {
		return s, err
	}
	s.Killed, err = endLeftovers(dir)
	return s, err
}

// outlive asks the supervisor to end, and has its lock when it returns.
func outlive(ctx context.Context, dir string, lock *flock.Flock) error {
	var asked ident
	for ctx.Err() == nil {
		held, err := lock.TryLock()
		if err != nil || held {
			return err
		}
		if asked, err = ask(dir, asked); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	if r, err := readRecord(dir); err == nil && r.lives() {
		if err := r.Supervisor.signal(syscall.SIGKILL); err != nil {
			return err
		}
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), supervisorsGrace)
	defer cancel()
	if held, err := lock.TryLockContext(patience, 10*time.Millisecond); !held {
		return facsimile.Errorf(facsimile.Refused, "somebody else holds %s: %w", lockFile(dir), err)
	}
	return nil
}

// ask sends the request to end to the supervisor that has dir, once. One that just started
// has the lock before it has a record: it is asked as soon as it has.
func ask(dir string, asked ident) (ident, error) {
	r, err := readRecord(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return asked, nil
	case err != nil:
		return asked, err
	case !r.lives() || r.Supervisor == asked:
		return asked, nil
	}
	if err := r.Supervisor.signal(syscall.SIGTERM); err != nil {
		return asked, facsimile.Errorf(facsimile.Refused, "the supervisor, process %d, cannot be asked to stop: %w", r.Supervisor.PID, err)
	}
	return r.Supervisor, nil
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
