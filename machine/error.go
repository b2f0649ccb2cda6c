package machine

import (
	"fmt"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
)

// ExitError says that a program ended with a status other than 0.
type ExitError struct {
	Status  int    // 128+n where signal n ended it, as shells say
	Program string // its name, without its folder
	Stderr  string // the last lines that it wrote to standard error
}

// Error names the program, its status and the last line that it wrote.
func (e *ExitError) Error() string {
	msg := fmt.Sprintf("%s ended with status %d", e.Program, e.Status)
	if e.Status > 128 && e.Status < 128+65 {
		msg = fmt.Sprintf("%s was ended by signal %d", e.Program, e.Status-128)
	}
	if last := lastLine(e.Stderr); last != "" {
		msg += ": " + last
	}
	return msg
}

func lastLine(s string) string {
	s = strings.TrimRight(s, "\n")
	return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
}

// told is what the errors of this package have in common: the words for people.
type told struct{ err *facsimile.Error }

// Error is the words for people.
func (t told) Error() string { return t.err.Error() }

// Unwrap gives the facsimile.Error, with its outcome and hint.
func (t told) Unwrap() error { return t.err }

// Hop is the SSH server that an error is about: the node itself, or one on the way to it.
type Hop struct {
	Node facsimile.Node
	Host string // as known_hosts names it: host, or [host]:port
	Jump bool   // it is on the way to the node, not the node itself
}

// String names the node, and the server where that is not the same.
func (h Hop) String() string {
	switch {
	case h.Jump:
		return fmt.Sprintf("%s, on the way to node %s", h.Host, h.Node)
	case h.Host == "" || h.Host == string(h.Node):
		return fmt.Sprintf("node %s", h.Node)
	}
	return fmt.Sprintf("node %s (%s)", h.Node, h.Host)
}

// HostKeyChanged says that a host shows another key than the one that is known: it was
// installed anew, or somebody stands in between. Nothing was sent to it.
type HostKeyChanged struct {
	told
	Hop
	Fingerprint string             // of the key that it shows, SHA256:…
	Known       facsimile.Position // file and line of the key that was expected
	Revoked     bool               // the key shown is marked as revoked there
}

// HostKeyUnknown says that no key of a host is known yet.
type HostKeyUnknown struct {
	told
	Hop
	Fingerprint string   // of the key that it shows, SHA256:…
	Line        string   // the line for known_hosts that accepts it; empty where it could not be had
	Files       []string // the files in which a key was looked for
}

// Reason says why a host could not be reached.
type Reason string

// The reasons.
const (
	RefusedPort  Reason = "refused"      // nothing listens on the port
	NoRoute      Reason = "no route"     // the network does not lead there
	TimedOut     Reason = "timeout"      // no answer to the attempt to connect
	Unresolvable Reason = "unresolvable" // the name has no address
	Dropped      Reason = "dropped"      // the server closed the connection before the login
	OtherReason  Reason = "other"
)

// Unreachable says that there is no way to a host.
type Unreachable struct {
	told
	Hop
	Reason Reason
}

// AuthFailed says that a host did not let the user in.
type AuthFailed struct {
	told
	Hop
	User  string
	Tried []string // the keys that were offered, as OpenSSH names them
}

// NoSudo says that sudo did not run the program without a password.
type NoSudo struct {
	told
	Node facsimile.Node
	Said string // what sudo said
}

// Hung says that something took longer than it may.
type Hung struct {
	told
	Hop
	Waited time.Duration
	For    string // what was waited for
}

// Lost says that the connection broke while a program ran. What the program did is not known.
type Lost struct {
	told
	Node facsimile.Node
	Said string // what the transport said
}

// NoShell says that the login worked but the login shell did not run the program: it printed
// something and ended, as for an account that may not log in.
type NoShell struct {
	told
	Hop
	Said string // what it printed
}
