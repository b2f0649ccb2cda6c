package source

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"facsimile.dev/facsimile"
)

// gitFailed is git's own answer to a command that failed.
type gitFailed struct {
	said string // its last lines, without passwords
	err  error
}

func (e *gitFailed) Error() string {
	if e.said == "" {
		return e.err.Error()
	}
	return e.said
}

func (e *gitFailed) Unwrap() error { return e.err }

// pinned are settings that decide which bytes a checkout has or what git may run, whatever the
// user's own configuration says. That configuration is read otherwise, since it knows the way to the repository:
// credentials, proxies, other names of hosts.
func pinned() []string {
	return []string{
		"-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.safecrlf=false",
		"-c", "core.fileMode=true", "-c", "core.symlinks=true", "-c", "core.ignoreCase=false",
		"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "core.attributesFile=" + os.DevNull,
		"-c", "core.excludesFile=" + os.DevNull, "-c", "core.quotePath=false",
		"-c", "protocol.ext.allow=never", "-c", "submodule.recurse=false", "-c", "gc.auto=0",
		"-c", "advice.detachedHead=false", "-c", "init.defaultBranch=main",
	}
}

// environment drops what a surrounding git command, a hook say, would impose on ours.
func environment(environ []string) []string {
	keep := map[string]bool{"GIT_SSH": true, "GIT_SSH_COMMAND": true, "GIT_SSH_VARIANT": true, "GIT_ASKPASS": true, "GIT_CONFIG_GLOBAL": true,
		"GIT_SSL_CAINFO": true, "GIT_SSL_CAPATH": true, "GIT_PROXY_COMMAND": true}
	env := []string{"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C"}
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		// GIT_CONFIG_COUNT and its kin are how CI systems pass credentials; -c goes over them.
		given := keep[name] || name == "GIT_CONFIG_COUNT" || strings.HasPrefix(name, "GIT_CONFIG_KEY_") || strings.HasPrefix(name, "GIT_CONFIG_VALUE_")
		if strings.HasPrefix(name, "LC_") || name == "LANGUAGE" || strings.HasPrefix(name, "GIT_") && !given {
			continue
		}
		env = append(env, e)
	}
	return env
}

// git runs git in dir and gives what it printed.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append(pinned(), args...)...)
	cmd.Dir, cmd.Env = dir, environment(os.Environ())
	cmd.WaitDelay = 2 * time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	switch {
	case err == nil:
		return strings.TrimSpace(out.String()), nil
	case errors.Is(err, exec.ErrNotFound):
		return "", facsimile.Errorf(facsimile.Refused, "fetching source needs git, which is not installed: %w", err).WithHint("install git")
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case interrupted(err):
		return "", context.Canceled
	}
	return "", &gitFailed{said: lastLines(said.String()), err: err}
}

// interrupted reports whether git was ended as by Ctrl-C, which a terminal sends to git too: it may
// be gone before ctx ends.
func interrupted(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGINT
}

// lastLines are those in which git says why, without its prefixes.
func lastLines(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	for i, line := range lines {
		line = strings.TrimSpace(line)
		line = strings.TrimPrefix(line, "fatal: ")
		lines[i] = withoutPassword(line)
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// withoutPassword blanks what stands between a scheme and an @ in every URL of a text.
func withoutPassword(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("://")
		end := strings.IndexAny(after, "/ '\"\t")
		if end < 0 {
			end = len(after)
		}
		if at := strings.LastIndexByte(after[:end], '@'); at >= 0 {
			user, _, hasPassword := strings.Cut(after[:at], ":")
			if hasPassword {
				b.WriteString(user + ":…")
			} else {
				b.WriteString(user)
			}
			after = after[at:]
		}
		s = after
	}
}
