package run

import (
	"context"
	"errors"
	"io"
)

// Options are those of a supervisor.
type Options struct {
	Dir   string    // the run folder; made if it is missing
	Log   io.Writer // the labelled lines of all replicas; nil: only their files
	Ready func()    // called once, when every replica has been healthy; may be nil
}

// Supervisor runs the replicas of one instance.
type Supervisor struct{ options Options }

// New makes a supervisor. Nothing is touched before Run.
func New(o Options) *Supervisor { return &Supervisor{options: o} }

// Run starts services, keeps them running until ctx ends, and stops them. It returns nil after a
// clean stop, and an error where something could not start (all that had started is
// stopped again then) or could not be stopped.
func (s *Supervisor) Run(ctx context.Context, services []Service) error {
	return errors.New("not yet")
}
