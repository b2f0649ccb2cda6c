//go:build unix

package ssh

import (
	"os"
	"regexp"
	"strings"

	"facsimile.dev/facsimile/machine/internal/child"
)

// stage is how far an ssh process came.
type stage int

const (
	stageNone          stage = iota
	stageShared              // a connection that stands was asked to take one more program
	stageResolving           // there is none
	stageConnecting          // to the address
	stageConnected           // the port is open
	stageGreeted             // the server said its version
	stageKeyed               // the keys are agreed on, the host key is good
	stageAuthenticated       // the user is in, or a master takes the session
)

// next is what comes after a stage: what is waited for.
func (s stage) next() string {
	return map[stage]string{
		stageNone:          "ssh to read its configuration",
		stageShared:        "the connection that stands to take one more program",
		stageResolving:     "the address to be looked up",
		stageConnecting:    "the host to take the connection",
		stageConnected:     "the server to say that it is an SSH server",
		stageGreeted:       "the server to agree on keys",
		stageKeyed:         "the server to let the user in",
		stageAuthenticated: "the login shell to run the command",
	}[s]
}

// What DEBUG1 says at each stage, the last first.
var stageWords = []struct {
	words string
	stage stage
}{
	{"Authenticated to ", stageAuthenticated},
	{"debug1: mux_client_request_session: ", stageAuthenticated},
	{"debug1: SSH2_MSG_NEWKEYS received", stageKeyed},
	{"debug1: Remote protocol version", stageGreeted},
	{"debug1: Connection established.", stageConnected},
	{"debug1: Executing proxy command", stageConnected},
	{"debug1: Local version string", stageConnected},
	{"debug1: Connecting to ", stageConnecting},
	{"debug1: Control socket ", stageResolving},
	{"debug1: auto-mux: Trying existing master", stageShared},
}

var (
	logUser     = regexp.MustCompile(`(?m)^debug1: Authenticating to .* as '(.*)'$`)
	logShownKey = regexp.MustCompile(`(?m)^debug1: Server host (?:key|certificate): (\S+) (SHA256:\S+)`)
	logOffered  = regexp.MustCompile(`(?m)^debug1: Offering public key: (.*)$`)
	logBadKey   = regexp.MustCompile(`(?m)^(?:Load key .*|.*UNPROTECTED PRIVATE KEY.*|no such identity: .*|sign_and_send_pubkey: .*|agent .*refused.*)$`)
	logBroke    = regexp.MustCompile(`(?m)^(?:Timeout, server .* not responding|client_loop: send disconnect: .*|Connection (?:to .* closed|reset) by .*|.*Broken pipe)`)
	logForward  = regexp.MustCompile(`(?m)^(?:stdio forwarding failed|channel \d+: open failed: (.*))`)
)

// sshLog is what an ssh process wrote to its log.
type sshLog string

// readLog reads a log; empty where there is none, as when ssh did not come to writing one.
func readLog(path string) sshLog {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return sshLog(strings.ReplaceAll(child.Printable(string(text)), "\r", ""))
}

// stage is how far ssh came.
func (l sshLog) stage() stage {
	for _, w := range stageWords {
		if strings.Contains("\n"+string(l), "\n"+w.words) {
			return w.stage
		}
	}
	return stageNone
}

// said is the log without its debugging lines.
func (l sshLog) said() string {
	var b strings.Builder
	for line := range strings.Lines(string(l)) {
		if !strings.HasPrefix(line, "debug") && !strings.HasPrefix(line, "Authenticated to ") && !strings.HasPrefix(line, "Transferred: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// last is the last line that is not for debugging.
func (l sshLog) last() string {
	s := strings.TrimRight(l.said(), "\n")
	return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
}

func (l sshLog) broke() bool         { return logBroke.MatchString(l.said()) }
func (l sshLog) forwardFailed() bool { return logForward.MatchString(l.said()) }

// fingerprint is that of the key that the server showed.
func (l sshLog) fingerprint() string { return submatch(logShownKey, string(l), 2) }

func (l sshLog) user() string { return submatch(logUser, string(l), 1) }

// offered are the keys that were tried, each as: file type fingerprint.
func (l sshLog) offered() []string {
	var keys []string
	for _, m := range logOffered.FindAllStringSubmatch(string(l), -1) {
		keys = append(keys, strings.TrimSuffix(m[1], " explicit"))
	}
	return keys
}

// trouble is what went wrong with the user's own keys.
func (l sshLog) trouble() string { return strings.Join(logBadKey.FindAllString(l.said(), -1), "; ") }

func submatch(re *regexp.Regexp, s string, i int) string {
	if m := re.FindStringSubmatch(s); m != nil {
		return m[i]
	}
	return ""
}
