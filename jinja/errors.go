package jinja

import (
	"fmt"
	"strings"
)

// ErrorKind is the class of an [*Error]. The names follow the Python
// exceptions that the same template raises there.
type ErrorKind uint8

const (
	// ErrSyntax is a template that cannot be parsed.
	ErrSyntax ErrorKind = iota + 1
	// ErrUndefined is a use of something that does not exist.
	ErrUndefined
	// ErrType is an operation on values of the wrong type.
	ErrType
	// ErrValue is a value outside of what an operation accepts.
	ErrValue
	// ErrLookup is an index or key that a method could not find.
	ErrLookup
	// ErrZeroDivision is a division by zero.
	ErrZeroDivision
	// ErrOverflow is a number too large for its type.
	ErrOverflow
	// ErrNotFound is a template that the loader does not have.
	ErrNotFound
	// ErrRuntime is a misuse of the template language found while rendering.
	ErrRuntime
	// ErrLimit is a rendering that went over one of its [Limits].
	ErrLimit
	// ErrCanceled is a rendering whose context ended.
	ErrCanceled
	// ErrCaller is an error returned by the caller's own code: a Mapping,
	// Sequence, Func or Loader. Err holds it.
	ErrCaller
)

// String names the kind in a few words.
func (k ErrorKind) String() string {
	names := [...]string{"error", "syntax error", "undefined", "type error", "value error",
		"lookup error", "division by zero", "overflow", "template not found", "runtime error",
		"limit exceeded", "canceled", "caller's error"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Error is a template that could not be parsed or rendered, and where. None
// of its texts holds the contents of a value, except that Err is whatever
// the caller's own code returned.
type Error struct {
	Kind ErrorKind
	Pos  Pos
	// Source is the line of the template at Pos.
	Source string
	// Expr is the template text of the expression that failed, if known.
	Expr string
	// Message says what is wrong, without the place.
	Message string
	// Name is the missing name or key, for kind ErrUndefined.
	Name string
	// Keys are the names that do exist where Name was looked for, in their
	// order, and Nearest the one most like Name, or empty.
	Keys    []string
	Nearest string
	// Stack holds the includes, macro calls and blocks that led to Pos,
	// outermost first.
	Stack []Pos
	// Err is the cause, if it came from outside of this package.
	Err error
}

// Error gives place and message in one line:
// "template:line:column: message".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Pos.Line > 0 {
		fmt.Fprintf(&b, "%s:%d:%d: ", e.Pos.Template, e.Pos.Line, e.Pos.Column)
	}
	b.WriteString(e.Message)
	if e.Nearest != "" {
		fmt.Fprintf(&b, " (did you mean %q?)", e.Nearest)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorList holds the syntax errors of one template, in source order.
// [errors.As] with an [*Error] target finds the first.
type ErrorList []*Error

// Error gives one line for each error.
func (l ErrorList) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors.
func (l ErrorList) Unwrap() []error {
	out := make([]error, len(l))
	for i, e := range l {
		out[i] = e
	}
	return out
}

// asError returns nil, the only error, or the whole list.
func (l ErrorList) asError() error {
	switch len(l) {
	case 0:
		return nil
	case 1:
		return l[0]
	}
	return l
}

// failf makes an error that has no place yet; the node that was being
// evaluated adds it.
func failf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}
