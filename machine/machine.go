// Package machine is the way to a host: run programs there, nothing else.
//
// A Conn starts programs and gives their standard input and output. What the programs say to
// each other is not its business: package node speaks over such a Process. Transports are
// packages of their own: machine/ssh runs OpenSSH, machine/local runs child processes, and
// machine/machinetest holds the rules that every one of them keeps.
//
// What can go wrong on the way has a type (HostKeyChanged, Unreachable, AuthFailed, …) so that
// callers can branch on it; each unwraps to a facsimile.Error with a hint.
package machine

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	facsimile "facsimile.dev/facsimile"
)

// Conn is a way to run programs on a host. Its methods may be called by several goroutines.
type Conn interface {
	// Start runs argv on the host and returns once it runs. Each word arrives as it is: no
	// shell expands, splits or drops any of it. When ctx ends, the program is cut off: its
	// standard input and output close, and what still runs of the transport is killed.
	//
	// A host that cannot be reached or refuses is told by one of the types of this package.
	Start(ctx context.Context, argv []string) (Process, error)

	// Close cuts off every program that still runs and ends the connection, and returns when
	// nothing of it is left on this machine. A second Close does nothing.
	Close() error
}

// Process is a program that was started. Read gives its standard output, without what a login
// shell printed before it; it stays readable after Wait.
type Process interface {
	io.Reader

	// Stdin is the program's standard input. Closing it is how the program learns of the end.
	Stdin() io.WriteCloser

	// Stderr gives the last lines that the program wrote to standard error so far.
	Stderr() string

	// Wait returns when the program has ended: nil for exit status 0, *ExitError for another,
	// *Lost where the connection broke, *NoSudo where sudo refused, and the cause of the
	// context that ended it. Calling it is not needed to free anything; it may be called
	// more than once. A program that writes more than a pipe holds ends only when it is read.
	Wait() error
}

// Target says how to reach a host. Only Name is needed: the rest is what the definition or
// the command line say over the user's own SSH configuration.
type Target struct {
	Name       facsimile.Node
	Address    string   // host name or IP address; empty: what the user's configuration says of Name
	Port       int      // 0: likewise
	User       string   // empty: likewise
	Become     bool     // run programs as root, by sudo
	KnownHosts []string // files of host keys, besides the user's own
	Identity   []string // files of private keys; empty: the user's keys and agent
}

// Check refuses what could be taken for an option or mean something to a program on the way.
func (t Target) Check() error {
	if _, err := facsimile.ParseNode(string(t.Name)); err != nil {
		return facsimile.Errorf(facsimile.BadInput, "%w", err)
	}
	if err := checkAddress(t.Address); err != nil {
		return t.bad("address", t.Address, err)
	}
	if t.Port < 0 || t.Port > 65535 {
		return t.bad("port", fmt.Sprint(t.Port), fmt.Errorf("want 1 to 65535"))
	}
	if err := checkUser(t.User); err != nil {
		return t.bad("user", t.User, err)
	}
	for _, p := range t.KnownHosts {
		if err := checkFile(p); err != nil {
			return t.bad("file of host keys", p, err)
		}
	}
	for _, p := range t.Identity {
		if err := checkFile(p); err != nil {
			return t.bad("file of a private key", p, err)
		}
	}
	return nil
}

func (t Target) bad(what, value string, err error) error {
	return facsimile.Errorf(facsimile.BadInput, "node %s: %q cannot be its %s: %w", t.Name, value, what, err)
}

func checkAddress(s string) error {
	if s == "" {
		return nil
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		if addr.Zone() != "" {
			return fmt.Errorf("an address with a zone means something only on one machine")
		}
		return nil
	}
	if _, err := facsimile.ParseNode(s); err != nil {
		return fmt.Errorf("want a host name or an IP address")
	}
	return nil
}

func checkUser(s string) error {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.+@", r))
	}
	switch {
	case s == "":
		return nil
	case len(s) > 128:
		return fmt.Errorf("longer than 128 bytes")
	case strings.ContainsRune("-.+@", rune(s[0])) || strings.ContainsFunc(s, odd):
		return fmt.Errorf("want letters, digits and _ - . + @, the first a letter, a digit or _")
	}
	return nil
}

// checkFile refuses names that OpenSSH would not take as they are: it splits lists of files at
// blanks and quotes, and expands variables.
func checkFile(p string) error {
	switch {
	case p == "":
		return fmt.Errorf("the name is empty")
	case strings.Contains(p, "${"):
		return fmt.Errorf("its name holds a variable")
	case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '"' || r == '\\' }):
		return fmt.Errorf("its name holds a quote, a backslash or a control character")
	}
	return nil
}
