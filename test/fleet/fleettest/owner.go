package fleettest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// cacheDir is where the tool keeps the base of the hosts, and this package its fleets.
func cacheDir() (string, error) {
	if dir := os.Getenv("FACS_FLEET_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	return "/var/cache/facsimile-fleet", nil
}

// findScript finds the tool in the checkout that the working folder is in.
func findScript() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		script := filepath.Join(dir, "test", "fleet", "fleet")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no folder above %s has test/fleet/fleet", wd)
		}
	}
}

// ownership is a fleet's folder, and what sees to it that the fleet ends with this process: a
// lock that the kernel drops then, by which the next fleet knows, and a guard that reads from a
// pipe which the kernel closes then.
type ownership struct {
	dir   string
	lock  *flock.Flock
	alive *os.File // the pipe's end; never written to
	guard *exec.Cmd
	said  *os.File // what the guard said, in a file that outlives this process
}

// own makes a folder for a fleet, when it has removed the fleets that nobody owns any more.
func own(ctx context.Context, script string) (*ownership, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	run := filepath.Join(cache, "run")
	if err := os.MkdirAll(run, 0o755); err != nil {
		return nil, err
	}
	// A folder is not seen without its owner's lock.
	all := flock.New(filepath.Join(run, "lock"))
	if err := all.Lock(); err != nil {
		return nil, err
	}
	defer all.Close()
	if err := sweep(ctx, script, run); err != nil {
		return nil, fmt.Errorf("remove what an earlier fleet has left: %w", err)
	}
	dir, err := os.MkdirTemp(run, "fleet-")
	if err != nil {
		return nil, err
	}
	// Users of a host may read what is theirs below Disk, and known_hosts is for any client.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	o := &ownership{dir: dir, lock: flock.New(filepath.Join(dir, "owner"))}
	if err := o.lock.Lock(); err != nil {
		return nil, err
	}
	if err := o.startGuard(script); err != nil {
		return nil, errors.Join(err, o.lock.Close(), os.RemoveAll(dir))
	}
	return o, nil
}

// sweep removes the fleets in run whose owner has ended.
func sweep(ctx context.Context, script, run string) error {
	entries, err := os.ReadDir(run)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(run, e.Name())
		if !e.IsDir() {
			continue
		}
		lock := flock.New(filepath.Join(dir, "owner"))
		free, err := lock.TryLock()
		if errors.Is(err, fs.ErrNotExist) {
			continue // its guard was faster
		}
		if err != nil {
			return err
		}
		if !free {
			continue
		}
		f := &Fleet{script: script, env: append(os.Environ(), "FACS_FLEET_DIR="+dir)}
		_, err = f.run(ctx, "down")
		err = errors.Join(err, lock.Close())
		if _, gone := os.Stat(dir); err != nil && !errors.Is(gone, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (o *ownership) startGuard(script string) error {
	said, err := os.CreateTemp("", "fleet-guard-")
	if err != nil {
		return err
	}
	if err := os.Remove(said.Name()); err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	o.alive, o.said = write, said
	o.guard = exec.Command(script, "_guard")
	o.guard.Env = append(os.Environ(), "FACS_FLEET_DIR="+o.dir)
	o.guard.Stdin, o.guard.Stdout, o.guard.Stderr = read, said, said
	o.guard.SysProcAttr = ownSession() // Ctrl-C is for the test alone
	if err := o.guard.Start(); err != nil {
		return errors.Join(err, write.Close(), said.Close())
	}
	return nil
}

// end has the guard remove the fleet.
func (o *ownership) end() error {
	err := errors.Join(o.alive.Close(), o.guard.Wait())
	if err != nil {
		said, _ := io.ReadAll(io.NewSectionReader(o.said, 0, 1<<20))
		err = fmt.Errorf("fleet down: %w: %s", err, complaint(string(said)))
	} else if left, readErr := os.ReadDir(o.dir); readErr == nil {
		var names []string
		for _, e := range left {
			names = append(names, e.Name())
		}
		err = fmt.Errorf("fleet down: %s still holds %s", o.dir, strings.Join(names, ", "))
	}
	return errors.Join(err, o.said.Close(), o.lock.Close())
}
