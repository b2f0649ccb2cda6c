package facsimile

import (
	"errors"
	"fmt"
)

// Outcome is how a command ended; its number is the exit status.
type Outcome int

// The outcomes, with the exit status of each.
const (
	Done        Outcome = 0 // done
	AnswerIsNo  Outcome = 1 // it ran and the answer is no: differences, a failed check
	BadInput    Outcome = 2 // wrong usage or a wrong definition
	Refused     Outcome = 3 // nothing was changed, because a precondition failed
	RolledBack  Outcome = 4 // it failed and everything is back as it was
	TwoReleases Outcome = 5 // two releases are live: resume or roll back
)

// Error is a failure told to people: what was attempted, on what, where that was defined and
// what to do. Msg is one sentence in lower case without a full stop. It never holds a secret.
type Error struct {
	Outcome Outcome    // the exit status it asks for; Done means BadInput
	Msg     string     // what cannot be done and why
	At      []Position // where it was defined, the most telling place first
	Hint    string     // what to do about it
	Err     error      // the cause, for callers that branch on it; not printed
}

// Error is the message with its first place.
func (e *Error) Error() string {
	if len(e.At) > 0 {
		return e.At[0].String() + ": " + e.Msg
	}
	return e.Msg
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a place.
func Errorf(o Outcome, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Outcome: o, Msg: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint is e with a hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	hinted := *e
	hinted.Hint = fmt.Sprintf(format, args...)
	return &hinted
}

// WithAt is e with places, the most telling first.
func (e *Error) WithAt(at ...Position) *Error {
	placed := *e
	placed.At = at
	return &placed
}

// Problems are several errors found together, in the order in which people should read them.
type Problems []*Error

// Error is the first problem, and how many more there are.
func (p Problems) Error() string {
	switch len(p) {
	case 0:
		return "no problems"
	case 1:
		return p[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", p[0].Error(), len(p)-1)
}

// Unwrap gives all of them.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, e := range p {
		errs[i] = e
	}
	return errs
}

// OrNil is p as an error, and nil where there are none.
func (p Problems) OrNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}
