package run

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"facsimile.dev/facsimile"
	"github.com/gofrs/flock"
)

// Options are those of a supervisor.
type Options struct {
	Dir   string    // the run folder; made if it is missing
	Log   io.Writer // the labelled lines of all replicas; nil: only their files
	Ready func()    // called once, when every replica has been healthy; may be nil
}

// Supervisor runs the replicas of one instance.
type Supervisor struct {
	options Options
	pace    pace
}

// New makes a supervisor. Nothing is touched before Run.
func New(o Options) *Supervisor { return &Supervisor{options: o, pace: usualPace()} }

// Run starts services, keeps them running until ctx ends, and stops them. It returns nil after a
// clean stop, and an error where something could not start (all that had started is
// stopped again then) or could not be stopped.
//
// A process can run one instance at a time: the subreaper is the whole process, and what it
// takes for its own is every process under it outside its own session.
func (s *Supervisor) Run(ctx context.Context, services []Service) error {
	if err := supported(); err != nil {
		return err
	}
	p, err := newPlan(services)
	if err != nil {
		return err
	}
	lock, err := takeLock(s.options.Dir)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if _, err := endLeftovers(s.options.Dir); err != nil {
		return err
	}
	if err := p.checkAddresses(); err != nil {
		return err
	}
	run, err := s.newSession(p)
	if err != nil {
		return err
	}
	return run.supervise(ctx, s.options.Ready)
}

// takeLock makes the run folder and holds its lock; the kernel lets go of it when this process ends.
func takeLock(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(lockFile(dir))
	held, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !held {
		by := "another process"
		if r, err := readRecord(dir); err == nil && r.lives() {
			by = fmt.Sprintf("process %d, since %s", r.Supervisor.PID, r.Since.Local().Format(time.DateTime))
		}
		return nil, facsimile.Errorf(facsimile.Refused, "the instance runs already: %s has %s", by, dir).
			WithHint("`facs ps` shows it, `facs down` stops it")
	}
	return lock, nil
}

func lockFile(dir string) string { return filepath.Join(dir, "lock") }

// session is one Run.
type session struct {
	plan     plan
	pace     pace
	family   *family
	board    *board
	mux      *mux
	prober   prober
	replicas []*replica
	failures chan error     // the first one counts
	readers  sync.WaitGroup // of the output of replicas

	mu    sync.Mutex
	up    bool // every replica has been healthy
	early bool // one ended before that, after it had been healthy
}

func (s *Supervisor) newSession(p plan) (*session, error) {
	run := rand.Text()
	f, err := newFamily(run)
	if err != nil {
		return nil, err
	}
	b, err := newBoard(s.options.Dir, run, p.services)
	if err != nil {
		return nil, err
	}
	out := &session{plan: p, pace: s.pace, family: f, board: b, prober: newProber(s.pace.answer), failures: make(chan error, 1),
		mux: &mux{out: s.options.Log, width: len("facs")}}
	for i, service := range p.services {
		out.mux.width = max(out.mux.width, len(service.Name))
		l, err := newReplicaLog(s.options.Dir, service.Name, out.mux)
		if err != nil {
			return nil, err
		}
		out.replicas = append(out.replicas, &replica{Service: service, index: i, session: out, log: l,
			ready: make(chan struct{}), quit: make(chan struct{}), gone: make(chan struct{})})
	}
	return out, nil
}

// supervise runs the replicas until ctx ends or one of them cannot start, and ends every process.
func (s *session) supervise(ctx context.Context, ready func()) (err error) {
	if err := setSubreaper(true); err != nil {
		return fmt.Errorf("becoming the parent of orphans: %w", err)
	}
	defer func() { err = errors.Join(err, setSubreaper(false)) }()
	done := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Go(func() { s.family.serve(done) })
	helpers.Go(func() { s.look(done) })
	for _, r := range s.replicas {
		go r.live()
	}
	select {
	case <-s.allReady():
		if ready != nil {
			ready()
		}
		select {
		case <-ctx.Done():
		case err = <-s.failures:
		}
	case <-ctx.Done():
	case err = <-s.failures:
	}
	s.stop()
	_, lost := s.family.endAll()
	if lost == nil {
		s.readers.Wait()
	}
	close(done)
	helpers.Wait()
	s.family.adopt()
	return errors.Join(err, lost, s.board.end())
}

// allReady is closed when every replica has been healthy and none ended, which may be never.
func (s *session) allReady() <-chan struct{} {
	all := make(chan struct{})
	go func() {
		for _, r := range s.replicas {
			select {
			case <-r.ready:
			case <-r.gone:
				return
			}
		}
		if s.allUp() {
			close(all)
		}
	}()
	return all
}

// allUp notes that every replica has been healthy; false where one of them ended before.
func (s *session) allUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = !s.early
	return s.up
}

// endedEarly notes that a replica which had been healthy ended, and reports whether others never were.
func (s *session) endedEarly() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.early = s.early || !s.up
	return s.early
}

// stop ends the replicas in the reverse order of their start.
func (s *session) stop() {
	for _, level := range slices.Backward(s.plan.levels) {
		var of []*replica
		for _, r := range s.replicas {
			if slices.Contains(level, r.Module) {
				close(r.quit)
				of = append(of, r)
			}
		}
		for _, r := range of {
			<-r.gone
		}
	}
}

// look reaps orphans and notes what processes there are, until done.
func (s *session) look(done <-chan struct{}) {
	children := make(chan os.Signal, 1)
	signal.Notify(children, childEnded)
	defer signal.Stop(children)
	tick := time.NewTicker(s.pace.watch)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-children:
			s.family.adopt()
		case <-tick.C:
			s.family.adopt()
			if ids, err := s.family.idents(); err == nil {
				s.board.see(ids)
			}
		}
	}
}

// fail ends the session with an error.
func (s *session) fail(err error) {
	select {
	case s.failures <- err:
	default: // another one failed first
	}
}

// say adds a line of the supervisor's own to the log.
func (s *session) say(format string, args ...any) { s.mux.line("facs", fmt.Sprintf(format, args...)) }
