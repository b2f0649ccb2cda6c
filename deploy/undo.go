package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// giveUp ends a rollout before its first switch. Nothing live was changed anywhere.
func (r *rollout) giveUp(ctx context.Context, failed []*seat) (Result, error) {
	for _, s := range r.seats {
		s.end = EndUnchanged
	}
	r.giveBack(context.WithoutCancel(ctx))
	if err := ctx.Err(); err != nil {
		return r.conclude(EndInterrupted), facsimile.Errorf(facsimile.Refused, "%s was interrupted: nothing was changed: %w", r.what(), err).
			WithHint("the same command starts again")
	}
	for _, s := range failed {
		s.end = EndFailed
	}
	return r.conclude(EndFailed), r.failure(facsimile.Refused, failed, "nothing was changed", "")
}

// refused ends a rollout before any node was asked for anything.
func (r *rollout) refused(err error) (Result, error) {
	for _, s := range r.seats {
		s.end = EndUnchanged
	}
	return r.conclude(EndFailed), err
}

// undo switches back every node that may have switched. Whether it did is read back from each,
// after its ballot was given back, so that no late switch can follow.
func (r *rollout) undo(ctx context.Context, failed []*seat) (Result, error) {
	t := r.opt.Timeouts
	each(ctx, r.Deployer, PhaseRevert, 2*t.Activate, r.seats, func(ctx context.Context, s *seat) error {
		return twice(ctx, t.Activate, func(ctx context.Context) error { return s.Node.Revert(ctx, r.ballot, r.order) })
	})
	reverted := make(map[facsimile.Node]error, len(r.seats))
	for _, s := range r.seats {
		reverted[s.Name] = errors.Unwrap(s.err) // without the phase, which the next error names
	}
	r.giveBack(ctx)
	astray := each(ctx, r.Deployer, PhaseRevert, 2*t.Look, r.seats, func(ctx context.Context, s *seat) error {
		report, err := lookTwice(ctx, t.Look, s, s.before.Current)
		switch {
		case err != nil:
			s.end = EndUnknown
			return errors.Join(reverted[s.Name], err)
		case report.Current == s.before.Current && report.Last.Order.Epoch == s.before.Last.Order.Epoch:
			s.end = EndRolledBack
			return nil
		}
		s.end = EndFailed
		if o := report.Last.Order; o.Epoch > r.ballot.Epoch {
			return fmt.Errorf("the %s of epoch %d by %s took over", o.Kind, o.Epoch, o.Who)
		}
		if err := reverted[s.Name]; err != nil {
			return err
		}
		return fmt.Errorf("it was switched back, and runs %s", report.Current.Short())
	})
	const hint = "the same command again finishes the rollout; a rollback goes back to the last release that stood"
	if len(astray) > 0 {
		return r.conclude(EndFailed), r.failure(facsimile.TwoReleases, failed, fmt.Sprintf("and %s is not back: %s", names(astray[:1]), oneLine(astray[0].err)), hint)
	}
	if live := r.liveBefore(); live > 1 {
		return r.conclude(EndRolledBack), r.failure(facsimile.TwoReleases, failed, fmt.Sprintf("all nodes are back as they were, which is on %d releases", live), hint)
	}
	return r.conclude(EndRolledBack), r.failure(facsimile.RolledBack, failed, "all nodes are back as they were", "")
}

// liveBefore counts the releases that the nodes ran before.
func (r *rollout) liveBefore() int {
	live := map[facsimile.Digest]bool{}
	for _, s := range r.seats {
		if last := s.before.Last; !last.Order.Release.IsZero() {
			live[last.Order.Release] = true
		}
	}
	return len(live)
}

// leave ends a rollout that stands on every node that answers, but that not every node noted as
// confirmed. Going back would undo what others confirmed already.
func (r *rollout) leave(ctx context.Context, failed []*seat) (Result, error) {
	r.giveBack(ctx)
	return r.conclude(EndFailed), r.failure(facsimile.TwoReleases, failed,
		"every node was switched and read back, and "+names(failed)+" did not confirm", "the same command again finishes the rollout")
}

// what names the rollout in errors.
func (r *rollout) what() string {
	verb := "the deployment of"
	if r.order.Kind == kindRollback {
		verb = "the rollback to"
	}
	return fmt.Sprintf("%s %s on %s", verb, r.rel.Digest.Short(), r.opt.Instance)
}

// failure is the error of a rollout: where it failed first, and how things stand now.
func (r *rollout) failure(o facsimile.Outcome, failed []*seat, stands, hint string) error {
	return failure(r.what(), o, failed, stands, hint)
}

func failure(what string, o facsimile.Outcome, failed []*seat, stands, hint string) error {
	s := failed[0]
	cause := s.cause
	if cause == nil {
		cause = s.err
	}
	var more string
	if n := len(failed) - 1; n == 1 {
		more = " (and one more node)"
	} else if n > 1 {
		more = fmt.Sprintf(" (and %d more nodes)", n)
	}
	e := facsimile.Errorf(o, "%s failed on node %s%s: %s; %s", what, s.Name, more, oneLine(cause), stands)
	e.Err = cause
	var told *facsimile.Error
	if hint == "" && errors.As(cause, &told) {
		hint = told.Hint
	}
	e.Hint = hint
	return e
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// names lists nodes for people.
func names(seats []*seat) string {
	list := make([]string, 0, 3)
	for _, s := range seats[:min(3, len(seats))] {
		list = append(list, string(s.Name))
	}
	text := "node " + list[0]
	if len(list) > 1 {
		text = "nodes " + strings.Join(list, ", ")
	}
	if more := len(seats) - len(list); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// twice calls again what failed once, where a half-done rollout would be worse than the wait and
// the call may be repeated. Each call has the limit for itself.
func twice(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	err := within(ctx, limit, do)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return within(ctx, limit, do)
}

func lookTwice(ctx context.Context, limit time.Duration, s *seat, tree facsimile.Digest) (report node.Report, err error) {
	err = twice(ctx, limit, func(ctx context.Context) (err error) {
		report, err = s.Node.Look(ctx, tree)
		return err
	})
	return report, err
}
