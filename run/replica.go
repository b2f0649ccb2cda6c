package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"facsimile.dev/facsimile"
)

// replica is one service under supervision.
type replica struct {
	Service
	index   int
	session *session
	log     *replicaLog
	ready   chan struct{} // closed when it is healthy for the first time
	quit    chan struct{} // closed to stop it
	gone    chan struct{} // closed when it has stopped
}

// attempt is how one process of a replica went.
type attempt struct {
	reason     string        // how it ended
	healthyFor time.Duration // from its first healthy answer to its end
	stopped    bool          // because it was asked to
}

// live runs the replica until quit: it starts a process, another one when that ends, and stops the last.
func (r *replica) live() {
	defer close(r.gone)
	defer r.log.close()
	if !r.awaitOthers() {
		r.set(Exited, 0, "")
		return
	}
	pace := r.session.pace
	backoff, deadline := pace.minBackoff, time.Now().Add(r.Health.timeout())
	for endings := 1; ; endings++ {
		a := r.try(deadline)
		switch {
		case a.stopped:
			r.set(Exited, 0, a.reason)
			return
		case !closed(r.ready) && (endings > endingsAllowed || r.Health.Address == "" || time.Now().After(deadline)):
			r.set(Exited, 0, a.reason)
			r.session.fail(r.failure("did not start: " + a.reason))
			return
		case closed(r.ready) && r.session.endedEarly():
			r.set(Exited, 0, a.reason)
			r.session.fail(r.failure("ended before everything was healthy: " + a.reason))
			return
		case a.healthyFor >= pace.settled:
			backoff = pace.minBackoff
		}
		r.session.say("%s: %s; it is started again in %v", r.Name, a.reason, backoff)
		r.session.board.set(r.index, func(s *ReplicaStatus) {
			s.State, s.PID, s.Reason = Restarting, 0, a.reason
			s.Restarts++
		})
		select {
		case <-r.quit:
			r.set(Exited, 0, a.reason)
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, pace.maxBackoff)
	}
}

// awaitOthers waits for the modules that this one comes after; false if it is to stop before.
func (r *replica) awaitOthers() bool {
	for _, m := range r.session.plan.waits[r.Module] {
		for _, other := range r.session.replicas {
			if other.Module != m {
				continue
			}
			select {
			case <-other.ready:
			case <-r.quit:
				return false
			}
		}
	}
	return !closed(r.quit)
}

// try runs one process to its end. A replica that has never been healthy must be so by the deadline.
func (r *replica) try(deadline time.Time) attempt {
	cmd, drained, err := r.begin()
	if err != nil {
		return attempt{reason: err.Error()}
	}
	r.set(Starting, cmd.Process.Pid, "")
	exited := make(chan struct{})
	go func() { defer close(exited); awaitExit(cmd.Process.Pid) }()
	a := r.watch(cmd, exited, deadline)
	select {
	case <-drained:
	case <-time.After(time.Second): // somebody still holds its output; what it said is known
	}
	return a
}

// begin starts a process and the reader of its output, which closes drained at its end.
func (r *replica) begin() (cmd *exec.Cmd, drained <-chan struct{}, err error) {
	program, err := r.program()
	if err != nil {
		return nil, nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd = &exec.Cmd{
		Path: program, Args: r.Argv, Dir: r.Dir, Env: Environment(r.Service, r.session.family.run),
		Stdout: write, Stderr: write,
	}
	err = r.session.family.begin(cmd)
	write.Close()
	if err != nil {
		read.Close()
		return nil, nil, err
	}
	end := make(chan struct{})
	r.session.readers.Go(func() { defer close(end); defer read.Close(); r.log.follow(read) })
	return cmd, end, nil
}

// watch asks for the health of a process until it ends, is to be stopped, or is too late with its first
// healthy answer.
func (r *replica) watch(cmd *exec.Cmd, exited <-chan struct{}, deadline time.Time) attempt {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var healthySince time.Time
	answers := make(chan error, 1)
	question := time.NewTimer(r.firstQuestion())
	defer question.Stop()
	pause, failures, begun := r.session.pace.firstProbe, 0, time.Now()
	for {
		select {
		case <-exited:
			return r.ended(cmd, healthySince)
		case <-r.quit:
			return attempt{reason: r.stop(cmd, exited), stopped: true}
		case <-question.C:
			go func() { answers <- r.session.prober.ask(ctx, r.Health) }()
		case err := <-answers:
			switch {
			case err == nil && closed(exited): // it ended in the meantime
			case err == nil:
				failures, pause = 0, r.session.pace.steadyProbe
				healthySince = orNow(healthySince)
				r.healthy(cmd.Process.Pid)
			case healthySince.IsZero() && !closed(r.ready) && time.Now().After(deadline):
				r.stop(cmd, exited)
				return attempt{reason: fmt.Sprintf("it was not healthy within %v: %v", r.Health.timeout(), err)}
			case healthySince.IsZero() && time.Since(begun) < r.Health.timeout():
				pause = min(2*pause, r.session.pace.lastProbe)
			default:
				if failures++; failures > failuresAllowed {
					r.set(Unhealthy, cmd.Process.Pid, err.Error())
				}
				pause = r.session.pace.lastProbe
			}
			question.Reset(pause)
		}
	}
}

// ended is the attempt of a process that ended by itself.
func (r *replica) ended(cmd *exec.Cmd, healthySince time.Time) attempt {
	a := attempt{reason: r.session.family.bury(cmd, r.Name, time.Time{})}
	if !healthySince.IsZero() {
		a.healthyFor = time.Since(healthySince)
	}
	return a
}

func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

// firstQuestion is when a process is first asked for its health. One that cannot be asked has
// to show by living on that it started.
func (r *replica) firstQuestion() time.Duration {
	if r.Health.Address == "" {
		return r.session.pace.settling
	}
	return 0
}

// stop asks a process to end, ends what remains of it after its grace, and says how it ended.
func (r *replica) stop(cmd *exec.Cmd, exited <-chan struct{}) string {
	pid := cmd.Process.Pid
	r.set(Stopping, pid, "")
	patience := time.Now().Add(r.grace())
	signalGroup(pid, syscall.SIGTERM)
	signalGroup(pid, goOn) // one that was halted must hear it too
	select {
	case <-exited:
	case <-time.After(r.grace()):
		r.session.say("%s: it did not end within %v and is killed", r.Name, r.grace())
		signalGroup(pid, syscall.SIGKILL)
		<-exited
	}
	return r.session.family.bury(cmd, r.Name, patience)
}

func (r *replica) healthy(pid int) {
	r.set(Healthy, pid, "")
	if !closed(r.ready) {
		close(r.ready)
	}
}

// set notes a change of state; saying a state again is no change.
func (r *replica) set(state State, pid int, reason string) {
	r.session.board.set(r.index, func(s *ReplicaStatus) { s.State, s.PID, s.Reason = state, pid, reason })
}

// failure tells people what became of a replica, with what it said last.
func (r *replica) failure(what string) error {
	err := facsimile.Errorf(facsimile.RolledBack, "%s %s", r.Name, what)
	if tail := r.log.tail(); len(tail) > 0 {
		return err.WithHint("its last lines, of %s:\n  %s", r.log.file, strings.Join(tail, "\n  "))
	}
	return err.WithHint("it said nothing; its command is %s", r.Argv[0])
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
