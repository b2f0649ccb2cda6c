package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	facsimile "facsimile.dev/facsimile"
)

// fault is an error as it crosses the wire: its text, what callers branch on, and its causes.
type fault struct {
	Text     string  `json:"text"`
	Is       string  `json:"is,omitzero"`       // the name of a known error that it is
	Told     *told   `json:"told,omitzero"`     // it is a facsimile.Error
	Problems bool    `json:"problems,omitzero"` // it is facsimile.Problems, which are its causes
	Lent     int     `json:"lent,omitzero"`     // it is an error of the operator's Content: its number from 1
	Causes   []fault `json:"causes,omitempty"`
}

// told is what a facsimile.Error holds besides its cause.
type told struct {
	Outcome facsimile.Outcome    `json:"outcome"`
	Msg     string               `json:"msg"`
	Hint    string               `json:"hint,omitempty"`
	At      []facsimile.Position `json:"at,omitempty"`
}

// An error has at most so many causes in all and so long a text. What is beyond is left out: the
// text of the first says it as well.
const (
	maxFaults = 200
	maxDepth  = 20
	maxText   = 16 << 10
)

type namedError struct {
	name string
	err  error
}

// knownErrors are those that callers branch on, most telling first. Their names are part of the
// protocol; numbers of errors differ between systems.
func knownErrors() []namedError {
	return []namedError{
		{"canceled", context.Canceled},
		{"deadline", context.DeadlineExceeded},
		{"no-space", syscall.ENOSPC},
		{"quota", syscall.EDQUOT},
		{"io", syscall.EIO},
		{"read-only", syscall.EROFS},
		{"not-exist", fs.ErrNotExist},
		{"exist", fs.ErrExist},
		{"permission", fs.ErrPermission},
		{"closed", fs.ErrClosed},
		{"unsupported", errors.ErrUnsupported},
		{"unexpected-eof", io.ErrUnexpectedEOF},
		{"eof", io.EOF},
	}
}

// encodeFault takes an error apart.
func encodeFault(err error) *fault {
	left := maxFaults
	f := encodeFaults(err, maxDepth, &left)
	return &f
}

func encodeFaults(err error, depth int, left *int) fault {
	*left--
	f := fault{Text: shorten(err.Error())}
	switch e := err.(type) {
	case *facsimile.Error:
		f.Told = &told{Outcome: e.Outcome, Msg: shorten(e.Msg), Hint: shorten(e.Hint), At: e.At}
	case facsimile.Problems:
		f.Problems = true
	case *lentError:
		f.Lent = e.ref
	}
	causes := causesOf(err)
	if len(causes) == 0 {
		f.Is = nameOf(err)
	}
	for _, cause := range causes {
		if cause == nil || depth == 0 || *left <= 0 {
			break
		}
		f.Causes = append(f.Causes, encodeFaults(cause, depth-1, left))
	}
	return f
}

func causesOf(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			return []error{cause}
		}
	}
	return nil
}

func nameOf(err error) string {
	for _, known := range knownErrors() {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	return ""
}

func shorten(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return s
}

// remoteError is an error of the other side. It is whatever its causes are.
type remoteError struct {
	text   string
	causes []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.causes }

// lentError is an error of the operator's Content as the node knows it. On its way back it is
// the operator's own error again.
type lentError struct {
	ref int
	err error
}

func (e *lentError) Error() string { return e.err.Error() }
func (e *lentError) Unwrap() error { return e.err }

// decode puts an error together. Lent gives the error of this side with a number, or nil.
func (f *fault) decode(lent func(ref int) error) error {
	if f.Lent <= 0 {
		return f.decodeOwn(lent)
	}
	if err := lent(f.Lent); err != nil {
		return err
	}
	return &lentError{f.Lent, f.decodeOwn(lent)}
}

func (f *fault) decodeOwn(lent func(ref int) error) error {
	var causes []error
	for i := range f.Causes {
		causes = append(causes, f.Causes[i].decode(lent))
	}
	for _, known := range knownErrors() {
		if known.name != f.Is {
			continue
		}
		if known.err.Error() == f.Text && len(causes) == 0 {
			return known.err
		}
		causes = append(causes, known.err)
	}
	switch {
	case f.Told != nil:
		return f.Told.decode(causes)
	case f.Problems:
		return decodeProblems(f.Text, causes)
	}
	return &remoteError{f.Text, causes}
}

func (t *told) decode(causes []error) error {
	e := &facsimile.Error{Outcome: t.Outcome, Msg: t.Msg, Hint: t.Hint, At: t.At}
	if t.Outcome < facsimile.Done || t.Outcome > facsimile.TwoReleases {
		e.Outcome = facsimile.Refused
	}
	if len(causes) == 1 {
		e.Err = causes[0]
	} else if len(causes) > 1 {
		e.Err = &remoteError{t.Msg, causes}
	}
	return e
}

func decodeProblems(text string, causes []error) error {
	var problems facsimile.Problems
	for _, cause := range causes {
		e, ok := cause.(*facsimile.Error)
		if !ok {
			return &remoteError{text, causes}
		}
		problems = append(problems, e)
	}
	if len(problems) == 0 {
		return &remoteError{text, nil}
	}
	return problems
}

// noLent is for sides that lend nothing.
func noLent(int) error { return nil }

// refuseMethod answers a call of a method that there is not.
func refuseMethod(method string) error { return fmt.Errorf("there is no method %.40q", method) }
