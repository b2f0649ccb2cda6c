package wire

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrSilent is the cause of a LostError where the other side gave no sign of life for too long.
var ErrSilent = errors.New("no sign of life")

// ErrClosed is the cause of a LostError where this side closed the connection.
var ErrClosed = errors.New("the connection was closed here")

// LostError says that the connection ended while an answer was waited for. Whether that took
// place is not known: the node says so to whoever asks it over another connection.
type LostError struct {
	Peer    string        // for people: the other side
	Waiting string        // what was waited for
	Since   time.Duration // for how long
	Err     error         // why: ErrSilent, ErrClosed, a *ProtocolError, or what reading or writing gave
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the connection to %s ended while it was to %s (for %s): %v", e.Peer, e.Waiting, e.Since.Round(time.Second), whyEnded(e.Err))
}

// Unwrap gives why the connection ended.
func (e *LostError) Unwrap() error { return e.Err }

func whyEnded(err error) error {
	if err == io.EOF {
		return errors.New("it hung up")
	}
	return err
}

// byeError is why the other side ended the connection.
type byeError struct{ msg string }

func (e *byeError) Error() string { return fmt.Sprintf("it ended the connection: %q", e.msg) }
