//go:build unix

package ssh

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"facsimile.dev/facsimile/machine"
)

// persist is how long a master without sessions stays, in seconds. It bounds what a killed
// program leaves; a Conn that was idle for longer connects anew.
const persist = "60"

// cheapCiphers and cheapKex are preferred, in this order, where the configuration allows them.
// AES-GCM is several times faster than ChaCha20 where the processor helps. The hybrid key
// exchange of newer OpenSSH costs hardly more than Curve25519 alone, that of older ones
// (sntrup761) 180 ms of processor time for each connection.
var (
	cheapCiphers = []string{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com"}
	cheapKex     = []string{"mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org"}
)

// attempt is one ssh process to be.
type attempt struct {
	opts   Options
	target machine.Target
	route  route
	logs   string // its log; those of the jump hosts are beside it
	socket string // the control socket
}

// args are the arguments of ssh, without the program's name.
func (a attempt) args(command string) []string {
	last := len(a.route) - 1
	args := a.hopArgs(last)
	args = append(args,
		"-T",
		"-o", "ControlMaster=auto", "-o", "ControlPersist="+persist, "-o", "ControlPath="+escapePercent(a.socket))
	return append(args, "--", a.route[last].host, command)
}

// log is where the ssh of the i-th hop writes its log.
func (a attempt) log(i int) string {
	if i == len(a.route)-1 {
		return a.logs
	}
	return fmt.Sprintf("%s.jump%d", a.logs, i)
}

// hopArgs are the arguments for the i-th hop, up to its name.
func (a attempt) hopArgs(i int) []string {
	h := a.route[i]
	args := append(slices.Clone(h.base), a.common(h)...)
	args = append(args, "-E", a.log(i))
	if i < len(a.route)-1 { // a user's own keys, or those that were named, and no master of ours
		args = append(args, identityArgs(a.target.Identity)...)
		args = append(args, "-o", "ControlMaster=no")
	}
	if i > 0 {
		args = append(args, "-o", "ProxyJump=none", "-o", "ProxyCommand="+a.proxyCommand(i-1))
	}
	return args
}

// proxyCommand leads through the i-th hop to the next. ssh puts the next host and port in.
func (a attempt) proxyCommand(i int) string {
	words := append([]string{a.opts.Program}, a.hopArgs(i)...)
	words = append(words, "-T", "-W")
	return escapePercent(shellJoin(words)) + " '[%h]:%p' -- " + escapePercent(shellJoin([]string{a.route[i].host}))
}

func escapePercent(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// common is what this program needs of every hop, whatever the configuration says.
func (a attempt) common(h hop) []string {
	want := []string{
		"BatchMode=yes",
		"StrictHostKeyChecking=yes",
		"LogLevel=DEBUG1", // the log says how far it came, which keys were tried and shown
		fmt.Sprintf("ConnectTimeout=%d", seconds(a.opts.Connect)),
		fmt.Sprintf("ServerAliveInterval=%d", seconds(a.opts.Alive)), "ServerAliveCountMax=3",
		"ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "Tunnel=no",
		"PermitLocalCommand=no", "RemoteCommand=none", "RequestTTY=no",
	}
	// Older versions know no such words, and have no such behaviour.
	for _, newer := range []string{"SessionType=default", "StdinNull=no", "ForkAfterAuthentication=no", "UpdateHostKeys=no", "VisualHostKey=no"} {
		key, _, _ := strings.Cut(newer, "=")
		if h.get(strings.ToLower(key)) != "" {
			want = append(want, newer)
		}
	}
	if list := prefer(h.get("ciphers"), cheapCiphers); list != "" {
		want = append(want, "Ciphers="+list)
	}
	if list := prefer(h.get("kexalgorithms"), cheapKex); list != "" {
		want = append(want, "KexAlgorithms="+list)
	}
	if len(a.target.KnownHosts) > 0 {
		want = append(want, "UserKnownHostsFile="+knownHostsList(h.files(a.target.KnownHosts)))
	}
	args := make([]string, 0, 2*len(want))
	for _, w := range want {
		args = append(args, "-o", w)
	}
	return args
}

func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }

// prefer moves first to the front of a comma-separated list, as far as it has them.
func prefer(list string, first []string) string {
	if list == "" {
		return ""
	}
	all := strings.Split(list, ",")
	var front []string
	for _, f := range first {
		if slices.Contains(all, f) {
			front = append(front, f)
		}
	}
	rest := slices.DeleteFunc(all, func(s string) bool { return slices.Contains(front, s) })
	return strings.Join(append(front, rest...), ",")
}

func knownHostsList(files []string) string {
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = `"` + escapePercent(filepath.ToSlash(f)) + `"`
	}
	return strings.Join(quoted, " ")
}
