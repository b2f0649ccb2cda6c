package run

import (
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"facsimile.dev/facsimile"
)

// family starts the replicas of one run and knows all processes that came of them.
type family struct {
	run    string // the mark in their environments
	me     process
	starts chan start

	mu      sync.Mutex
	leaders map[int]bool // not reaped yet: those who started them do that
}

type start struct {
	cmd  *exec.Cmd
	done chan error
}

func newFamily(run string) (*family, error) {
	me, err := self()
	if err != nil {
		return nil, err
	}
	return &family{run: run, me: me, starts: make(chan start), leaders: map[int]bool{}}, nil
}

// serve starts what is asked for until done. It keeps its thread to itself and alive: the
// kernel takes the end of the thread that started a process for the end of the parent.
func (f *family) serve(done <-chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case s := <-f.starts:
			s.done <- f.launch(s.cmd)
		case <-done:
			return
		}
	}
}

func (f *family) launch(cmd *exec.Cmd) error {
	lead(cmd)
	f.mu.Lock() // until the leader is known, so that adopt does not take it for an orphan
	defer f.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	f.leaders[cmd.Process.Pid] = true
	return nil
}

// begin starts a command as the leader of a session and a process group of its own.
func (f *family) begin(cmd *exec.Cmd) error {
	s := start{cmd: cmd, done: make(chan error, 1)}
	f.starts <- s
	return <-s.done
}

// bury ends what a leader that has ended left in its session, at once or, until patience runs
// out, when it ends by itself; then what it left elsewhere; and says how the leader ended.
func (f *family) bury(cmd *exec.Cmd, name facsimile.Replica, patience time.Time) (ending string) {
	pid := cmd.Process.Pid
	for time.Now().Before(patience) && f.hasMembers(pid) {
		time.Sleep(10 * time.Millisecond)
	}
	signalGroup(pid, syscall.SIGKILL)
	f.mu.Lock()
	err := cmd.Wait()
	delete(f.leaders, pid)
	f.mu.Unlock()
	if _, lost := sweep(func() ([]process, error) { return f.strays(name) }); lost != nil {
		return lost.Error()
	}
	if err != nil {
		return err.Error()
	}
	return "exit status 0"
}

func (f *family) hasMembers(session int) bool {
	all, err := processes()
	return err == nil && slices.ContainsFunc(all, func(p process) bool {
		return p.session == session && p.PID != session && !p.zombie
	})
}

// strays are the processes that bear the mark of a replica.
func (f *family) strays(name facsimile.Replica) ([]process, error) {
	all, err := f.descendants()
	return slices.DeleteFunc(all, func(p process) bool {
		run, replica := marked(p.PID)
		return run != f.run || replica != string(name)
	}), err
}

// descendants are the processes under the supervisor, those of other sessions than its own: whatever else the program
// has started stays in its session.
func (f *family) descendants() ([]process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	under := map[int]bool{f.me.PID: true}
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if !under[p.PID] && under[p.parent] {
				under[p.PID], grew = true, true
			}
		}
	}
	return slices.DeleteFunc(all, func(p process) bool {
		return !under[p.PID] || p.session == f.me.session
	}), nil
}

// adopt reaps the orphans that came to the supervisor and have ended.
func (f *family) adopt() {
	all, err := processes()
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range all {
		if p.zombie && p.parent == f.me.PID && p.session != f.me.session && !f.leaders[p.PID] {
			reap(p.PID)
		}
	}
}

// idents lists who is alive under the supervisor, in a fixed order.
func (f *family) idents() ([]ident, error) {
	all, err := f.descendants()
	if err != nil {
		return nil, err
	}
	var ids []ident
	for _, p := range all {
		if !p.zombie {
			ids = append(ids, p.ident)
		}
	}
	slices.SortFunc(ids, func(a, b ident) int { return a.PID - b.PID })
	return ids, nil
}

// endAll kills everything under the supervisor.
func (f *family) endAll() (killed int, err error) { return sweep(f.descendants) }

// sweep kills what list gives until it gives nothing that lives, since a process may start
// another while it is being looked for. It counts the processes that it found.
func sweep(list func() ([]process, error)) (killed int, err error) {
	deadline := time.Now().Add(sweepTimeout)
	seen := map[ident]bool{}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		all, err := list()
		if err != nil {
			return len(seen), err
		}
		all = slices.DeleteFunc(all, func(p process) bool { return p.zombie })
		if len(all) == 0 {
			return len(seen), nil
		}
		var refused error
		for _, p := range all {
			seen[p.ident] = true
			if err := p.signal(syscall.SIGKILL); err != nil {
				refused = err
			}
		}
		if time.Now().After(deadline) {
			return len(seen), survivors(all, refused)
		}
		time.Sleep(pause)
	}
}

func survivors(all []process, refused error) error {
	err := facsimile.Errorf(facsimile.TwoReleases, "%d processes could not be ended, the first is %d", len(all), all[0].PID)
	if refused != nil {
		err = facsimile.Errorf(facsimile.TwoReleases, "%d processes could not be ended, the first is %d: %w", len(all), all[0].PID, refused)
	}
	return err.WithHint("`ps -fp %d` shows what it is and whose", all[0].PID)
}
