//go:build unix

package ssh

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"facsimile.dev/facsimile/machine"
)

// failure is an ssh process that did not get through to one server.
type failure struct {
	at     attempt
	i      int // which hop of the way
	hop    machine.Hop
	log    sshLog
	waited time.Duration
}

// rule turns words of ssh into an error. m are the submatches of words.
type rule struct {
	words *regexp.Regexp
	err   func(ctx context.Context, f failure, m []string) error
}

// rules are tried in this order on what ssh said without its debugging lines; the first that
// matches counts. The words are those of OpenSSH 7.4 to 10.
var rules = []rule{
	{regexp.MustCompile(`REVOKED HOST KEY DETECTED|was revoked and you have requested`), revokedKey},
	{regexp.MustCompile(`HOST IDENTIFICATION HAS CHANGED|has changed and you have requested strict`), changedKey},
	{regexp.MustCompile(`(?m)^No (?:matching |\S+ )?host (?:key|certificate) is known for (\S+)`), unknownKey},
	{regexp.MustCompile(`(?m)^ssh: (Could not resolve hostname .*)$`), unreachable(machine.Unresolvable)},
	{regexp.MustCompile(`(?m)^(?:ssh: connect to host \S+ port \d+|channel \d+: open failed: .*): (Connection refused)`), unreachable(machine.RefusedPort)},
	{regexp.MustCompile(`(?m)^(?:ssh: connect to host \S+ port \d+|channel \d+: open failed: .*): (No route to host|Network is unreachable|Host is unreachable|Host is down)`), unreachable(machine.NoRoute)},
	{regexp.MustCompile(`(?m)^(?:ssh: connect to host \S+ port \d+|channel \d+: open failed: .*): (Connection timed out|Operation timed out)`), unreachable(machine.TimedOut)},
	{regexp.MustCompile(`(?m)^channel \d+: open failed: .*: (Name or service not known|.*could not resolve.*|nodename nor servname .*|Temporary failure in name resolution)`), unreachable(machine.Unresolvable)},
	{regexp.MustCompile(`(?m)^(?:ssh: connect to host .*: |channel \d+: open failed: )(.*)$`), unreachable(machine.OtherReason)},
	{regexp.MustCompile(`Connection timed out during banner exchange|(?m)^Connection to \S+ port \d+ timed out|^ssh_dispatch_run_fatal: .*: Connection timed out|Timeout, server .* not responding`), hung},
	{regexp.MustCompile(`(?m)^(?:\S+: )?(Permission denied \(([^)]*)\))`), authFailed},
	{regexp.MustCompile(`(?m)(Too many authentication failures)`), authFailed},
	{regexp.MustCompile(`(?m)^(Unable to negotiate with .*)$`), unreachable(machine.OtherReason)},
	{regexp.MustCompile(`(?m)^((?:kex_exchange_identification|ssh_exchange_identification|banner exchange): .*)$`), unreachable(machine.Dropped)},
	{regexp.MustCompile(`(?m)^(Connection (?:closed|reset) by .*|ssh_dispatch_run_fatal: .*(?:Broken pipe|reset by peer|closed).*|.*Not allowed at this time.*|Received disconnect from .*)$`), unreachable(machine.Dropped)},
	{regexp.MustCompile(`(?m)^(?:.*: )?((?:Bad owner or permissions on|Bad configuration option|.*terminating, \d+ bad configuration).*)$`), unreachable(machine.OtherReason)},
	{regexp.MustCompile(`(?m)^(Host key verification failed\.)$`), unreachable(machine.OtherReason)},
}

// explain gives the error of what the log says; nil where no rule knows it.
func (f failure) explain(ctx context.Context) error {
	said := f.log.said()
	for _, r := range rules {
		if m := r.words.FindStringSubmatch(said); m != nil {
			return r.err(ctx, f, m)
		}
	}
	return nil
}

func unreachable(reason machine.Reason) func(context.Context, failure, []string) error {
	return func(_ context.Context, f failure, m []string) error {
		hop, said := f.hop, m[1]
		if f.log.forwardFailed() && f.hop.Jump { // the jump host works: it cannot reach the next
			next := f.at.route[f.i+1]
			said = fmt.Sprintf("%s, seen from %s", said, f.hop.Host)
			hop.Host, hop.Jump = next.known(), f.i+1 < len(f.at.route)-1
		}
		return machine.NewUnreachable(hop, reason, said)
	}
}

func hung(_ context.Context, f failure, _ []string) error {
	return machine.NewHung(f.hop, f.waited, f.log.stage().next())
}

func authFailed(_ context.Context, f failure, m []string) error {
	methods := m[1]
	if len(m) > 2 {
		methods = m[2]
	}
	user := orElse(f.log.user(), f.at.route[f.i].get("user"))
	return machine.NewAuthFailed(f.hop, user, f.log.offered(), methods, f.log.trouble())
}

// offendingKey is where ssh found the key that is not the one shown.
var offendingKey = regexp.MustCompile(`(?m)^Offending .*key (?:for IP )?in (.*):(\d+)$`)

func changedKey(_ context.Context, f failure, _ []string) error {
	return f.keyChanged(false)
}

func revokedKey(_ context.Context, f failure, _ []string) error {
	return f.keyChanged(true)
}

// revokedIn is where ssh found a revoked key; only its debugging lines say so.
var revokedIn = regexp.MustCompile(`(?m)^debug\d: .*?(?:[Rr]evoked|Found @revoked) .*?(\S+):(\d+)$`)

func (f failure) keyChanged(revoked bool) error {
	m := offendingKey.FindStringSubmatch(string(f.log))
	if revoked && m == nil {
		m = revokedIn.FindStringSubmatch(string(f.log))
	}
	file, line := strings.Join(f.files(), " "), 0
	if m != nil {
		file = m[1]
		line, _ = strconv.Atoi(m[2]) // digits; too many of them are no line
	}
	return machine.NewHostKeyChanged(f.hop, f.fingerprint(), position(file, line), revoked)
}

func unknownKey(ctx context.Context, f failure, m []string) error {
	if m[1] != "" {
		f.hop.Host = m[1]
	}
	fingerprint, line := f.fingerprint(), ""
	if l, sum := f.at.learn(ctx, f.i); fingerprint == sum {
		line = l
	}
	return machine.NewHostKeyUnknown(f.hop, fingerprint, line, f.files())
}

func (f failure) fingerprint() string {
	return orElse(f.log.fingerprint(), "a key whose fingerprint ssh did not tell")
}

func (f failure) files() []string { return f.at.route[f.i].files(f.at.target.KnownHosts) }
