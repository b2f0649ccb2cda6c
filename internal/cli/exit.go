package cli

import (
	"context"
	"errors"

	facsimile "facsimile.dev/facsimile"
)

// meaning says what each exit status means, for help and for the reference.
func meaning(o facsimile.Outcome) string {
	switch o {
	case facsimile.Done:
		return "done"
	case facsimile.AnswerIsNo:
		return "it ran, and the answer is no: there are differences, or a check failed"
	case facsimile.BadInput:
		return "wrong usage, or a wrong definition"
	case facsimile.Refused:
		return "nothing was changed, because a precondition failed"
	case facsimile.RolledBack:
		return "it failed, and everything is back as it was"
	case facsimile.TwoReleases:
		return "two releases are live: deploy again or roll back"
	}
	return "unknown"
}

// outcome is the exit status for an error, decided here and nowhere else. An error that asks for one
// gets it. Without: an interruption is 3, since what was interrupted later says so itself; what people
// wrote wrong is 2; and a failure of the machine that nobody planned for is 3.
func outcome(err error) facsimile.Outcome {
	var no answerIsNo
	e, planned := errors.AsType[*facsimile.Error](err)
	switch {
	case err == nil:
		return facsimile.Done
	case errors.As(err, &no):
		return facsimile.AnswerIsNo
	case planned && e.Outcome != facsimile.Done:
		return e.Outcome
	case interrupted(err):
		return facsimile.Refused
	case planned:
		return facsimile.BadInput
	}
	return facsimile.Refused
}

// told is err as people are told it. Where ctx has ended, an error that does not say how that left things
// is no news: whatever failed, failed because it was interrupted.
func told(ctx context.Context, err error) error {
	_, planned := errors.AsType[*facsimile.Error](err)
	switch o := outcome(err); {
	case ctx.Err() == nil || o != facsimile.BadInput && o != facsimile.Refused:
		return err
	case planned && o == facsimile.Refused && interrupted(err):
		return err
	}
	return facsimile.Errorf(facsimile.Refused, "interrupted; no node was changed")
}

func interrupted(err error) bool { return errors.Is(err, context.Canceled) }

// answerIsNo ends a command that printed its answer, and the answer is no.
type answerIsNo struct{}

func (answerIsNo) Error() string { return "the answer is no" }

// yes is nil where the answer is yes.
func yes(answer bool) error {
	if answer {
		return nil
	}
	return answerIsNo{}
}
