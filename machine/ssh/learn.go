//go:build unix

package ssh

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// learn asks the i-th hop for its host key, over the same way but without a login, and gives
// the line for known_hosts with the key's fingerprint. ssh checks that the server holds the
// key. Both are empty where the server does not show it again.
func (a attempt) learn(ctx context.Context, i int) (line, fingerprint string) {
	dir, err := os.MkdirTemp(filepath.Dir(a.logs), "key")
	if err != nil {
		return "", ""
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "known_hosts")
	// ssh takes the first of several values.
	args := []string{
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + escapePercent(file),
		"-o", "GlobalKnownHostsFile=/dev/null", "-o", "HashKnownHosts=no", "-o", "CheckHostIP=no",
		"-o", "PreferredAuthentications=none", "-o", "ControlPath=none",
	}
	a.logs = filepath.Join(dir, "log")
	args = append(args, a.hopArgs(i)...)
	args = slices.Concat(args, []string{"-T", "--", a.route[i].host, "true"})
	ctx, cancel := context.WithTimeout(ctx, a.opts.Connect+5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.opts.Program, args...)
	cmd.Env = a.opts.Env
	cmd.WaitDelay = time.Second
	_ = cmd.Run() // it ends without a login; what counts is the file
	text, err := os.ReadFile(file)
	if err != nil {
		return "", ""
	}
	line, _, _ = strings.Cut(string(text), "\n")
	words := strings.Fields(line)
	if len(words) < 3 {
		return "", ""
	}
	blob, err := base64.StdEncoding.DecodeString(words[2])
	if err != nil {
		return "", ""
	}
	sum := sha256.Sum256(blob)
	return strings.Join(words[:3], " "), "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
