package machine

import (
	"fmt"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
)

// This file words the errors, so that every transport says the same. All of them mean that
// nothing was changed (facsimile.Refused), but for Lost.

func refused(hint, format string, args ...any) told {
	e := facsimile.Errorf(facsimile.Refused, format, args...)
	e.Hint = hint
	return told{e}
}

// NewHostKeyChanged words a changed or revoked key.
func NewHostKeyChanged(h Hop, fingerprint string, known facsimile.Position, revoked bool) *HostKeyChanged {
	what := "shows another host key than the one that is known"
	if revoked {
		what = "shows a host key that is marked as revoked"
	}
	t := refused(fmt.Sprintf("find out why before anything else: was the host installed anew, or does its address lead elsewhere now? "+
		"Ask whoever runs it for its fingerprint (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on the host); "+
		"only if it is the one above, remove the old key: ssh-keygen -R %s -f %s", shellWord(h.Host), shellWord(known.File)),
		"%s %s: %s, while %s holds another; nothing was sent to it", h, what, fingerprint, known)
	if revoked {
		t = refused("somebody who holds that key can pose as the host: have it make a new one",
			"%s %s in %s: %s; nothing was sent to it", h, what, known, fingerprint)
	}
	t.err.At = nil // the place is in the words; it is not one of the definition
	return &HostKeyChanged{t, h, fingerprint, known, revoked}
}

// NewHostKeyUnknown words a host whose key is not known. files are those that were searched,
// the user's own first; line is what accepts the key, if it could be had.
func NewHostKeyUnknown(h Hop, fingerprint, line string, files []string) *HostKeyUnknown {
	hint := "put its key into known_hosts"
	if line != "" {
		file := "~/.ssh/known_hosts"
		if len(files) > 0 {
			file = files[0]
		}
		hint = fmt.Sprintf("ask whoever runs the host for its fingerprint (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on the host); "+
			"if it is the one above, accept it with: echo %s >> %s; or put that line into a known_hosts beside the definition, for everybody",
			shellWord(line), shellWord(file))
	}
	return &HostKeyUnknown{
		refused(hint, "the host key of %s is not known: it shows %s", h, fingerprint),
		h, fingerprint, line, files}
}

// NewUnreachable words a host to which there is no way. said is what the transport said.
func NewUnreachable(h Hop, r Reason, said string) *Unreachable {
	hint := map[Reason]string{
		RefusedPort:  "is it the right port, and does sshd run there?",
		NoRoute:      "is this machine in the right network (a VPN, a jump host)?",
		TimedOut:     "is the host up, and does a firewall or another network stand between?",
		Unresolvable: "correct the name, or give the node an address: nodes." + string(h.Node) + ".ssh.address",
		Dropped:      "its sshd may take no more logins at once (MaxStartups), or refuse this machine (hosts.deny, fail2ban)",
	}[r]
	if hint == "" {
		hint = "try it by hand: ssh -v " + string(h.Node) + " true"
	}
	return &Unreachable{refused(hint, "%s cannot be reached: %s", h, said), h, r}
}

// NewAuthFailed words a login that was refused. methods are those that the host would take.
func NewAuthFailed(h Hop, user string, tried []string, methods, trouble string) *AuthFailed {
	keys := "no key was offered"
	if len(tried) > 0 {
		keys = "tried " + strings.Join(tried, ", ")
	}
	if trouble != "" {
		keys += "; " + trouble
	}
	hint := fmt.Sprintf("is %s the right user there, and is one of these keys in its authorized_keys? nodes.%s.ssh.user, --ssh-key and ssh-add change what is tried", user, h.Node)
	if len(tried) == 0 {
		hint = "name a key with --ssh-key, or load one into the agent with ssh-add"
	}
	return &AuthFailed{
		refused(hint, "%s does not let %s in: %s (it takes: %s)", h, user, keys, methods),
		h, user, tried}
}

func newNoSudo(t Target, said string) *NoSudo {
	user := t.User
	if user == "" {
		user = "the user"
	}
	return &NoSudo{
		refused("let the user run it without a password (NOPASSWD in sudoers), log in as root, or leave out become",
			"node %s: sudo does not let %s run programs as root: %s", t.Name, user, said),
		t.Name, said}
}

// NewHung words a step that took too long.
func NewHung(h Hop, waited time.Duration, what string) *Hung {
	waited = waited.Round(time.Second / 10)
	return &Hung{
		refused("try it by hand: ssh -v "+string(h.Node)+" true", "%s: waited %s for %s", h, waited, what),
		h, waited, what}
}

// NewLost words a connection that broke.
func NewLost(node facsimile.Node, said string) *Lost {
	if said == "" {
		said = "it ended without a word"
	}
	e := facsimile.Errorf(facsimile.AnswerIsNo, "the connection to node %s broke: %s", node, said)
	e.Hint = "what was under way there may have been done or not: ask again"
	return &Lost{told{e}, node, said}
}

// NewNoShell words a login shell that ends without running the program.
func NewNoShell(h Hop, said string) *NoShell {
	if said == "" {
		said = "nothing"
	}
	return &NoShell{
		refused("the account's login shell must run commands: see its line in /etc/passwd, and ForceCommand and command= on the host",
			"%s lets the user in, but its login shell did not run the command; it said: %s", h, said),
		h, said}
}

// shellWord quotes a word for the command lines in hints.
func shellWord(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
