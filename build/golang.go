package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"facsimile.dev/facsimile"
)

const errorLines = 20 // of the compiler, in an error

// goArguments are those of go build, but for the output. With them and goPinned the bytes depend
// on the source and the version of Go alone.
func goArguments() []string {
	return []string{"build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-buildid= -s -w"}
}

// goPinned is the part of the environment that can change the bytes.
func goPinned(arch string) []string {
	return []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOFLAGS=", "GOWORK=off", "GO111MODULE=on", "GOEXPERIMENT=",
		"GOAMD64=v1", "GOARM64=v8.0", "GOARM=7", "GOFIPS140=off", "GOENV=off", "LC_ALL=C"}
}

// goEnvironment lets through what the go command needs of the machine, the user's settings for fetching
// and caching (as `go env` knows them), and the project's own; what is pinned comes last and so counts.
func goEnvironment(r Request, environ, fetching []string) []string {
	machine := []string{"PATH", "HOME", "TMPDIR", "USER", "XDG_CACHE_HOME", "GOROOT", "NETRC", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"}
	var env []string
	for _, e := range environ {
		if name, _, _ := strings.Cut(e, "="); slices.Contains(machine, name) {
			env = append(env, e)
		}
	}
	return slices.Concat(env, fetching, ownSettings(r), goPinned(arch(r)))
}

// fetchSettings are the user's own, from the environment or the file of `go env -w`. That file is not read
// by the build itself, since it can also hold what changes the bytes.
func fetchSettings(ctx context.Context, r Request) ([]string, error) {
	names := []string{"GOPATH", "GOCACHE", "GOMODCACHE", "GOTOOLCHAIN", "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB",
		"GOINSECURE", "GOVCS", "GOAUTH"}
	text, err := runGo(ctx, r, r.BuildDir, os.Environ(), append([]string{"env", "-json"}, names...)...)
	if err != nil {
		return nil, err
	}
	var values map[string]string
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, fmt.Errorf("reading what go env printed: %w", err)
	}
	var settings []string
	for _, name := range names {
		settings = append(settings, name+"="+values[name])
	}
	return settings, nil
}

func ownSettings(r Request) []string {
	var own []string
	for name, value := range r.Env {
		own = append(own, name+"="+value)
	}
	slices.Sort(own)
	return own
}

func arch(r Request) string {
	if r.Arch == "" {
		return "amd64"
	}
	return r.Arch
}

// buildGo builds the main package at the top of a module into BuildDir/PROJECT.
func buildGo(ctx context.Context, r Request) (Result, error) {
	if _, err := os.Stat(filepath.Join(r.SrcDir, "go.mod")); err != nil {
		return Result{}, facsimile.Errorf(facsimile.Refused, "project %s has the class Go, but its source has no go.mod: %w", r.Project, err).
			WithHint("`go mod init` makes one; a project that is not built has the class Facsimile")
	}
	fetching, err := fetchSettings(ctx, r)
	if err != nil {
		return Result{}, err
	}
	env := goEnvironment(r, os.Environ(), fetching)
	version, err := runGo(ctx, r, r.SrcDir, env, "env", "GOVERSION") // there, since go.mod may choose it
	if err != nil {
		return Result{}, err
	}
	out := Result{Dir: r.BuildDir, Program: filepath.Join(r.BuildDir, string(r.Project)), Tool: strings.TrimSpace(version)}
	settings := strings.Join(slices.Concat(goArguments(), ownSettings(r), goPinned(arch(r))), "\x00")
	want := stamp{Format: stampFormat, Commit: r.Commit, Tool: out.Tool, Settings: facsimile.DigestOf([]byte(settings))}
	file := stampFile(r.BuildDir, r.Project)
	if have := readStamp(file); have.fits(want) && isExecutable(out.Program) {
		out.Digest, err = digestFile(out.Program)
		if out.Reused = err == nil && out.Digest == have.Digest; err != nil || out.Reused {
			return out, err
		}
	}
	if r.Begin != nil {
		r.Begin()
	}
	next := filepath.Join(r.BuildDir, "."+string(r.Project)+".next")
	defer os.Remove(next)
	if _, err := runGo(ctx, r, r.SrcDir, env, slices.Concat(goArguments(), []string{"-o", next, "."})...); err != nil {
		return Result{}, err
	}
	if out.Digest, err = digestFile(next); err != nil {
		return Result{}, err
	}
	if err := os.Rename(next, out.Program); err != nil {
		return Result{}, err
	}
	want.Digest = out.Digest
	return out, want.write(file)
}

// runGo runs the go command and gives what it printed.
func runGo(ctx context.Context, r Request, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.WaitDelay = 2 * time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case errors.Is(err, exec.ErrNotFound):
		return "", facsimile.Errorf(facsimile.Refused, "building %s needs Go, which is not installed: %w", r.Project, err).WithHint("install Go")
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	}
	text := lastLines(said.String(), errorLines)
	told := facsimile.Errorf(facsimile.Refused, "project %s cannot be built from %s: %w\n%s", r.Project, r.SrcDir, err, text)
	switch {
	case strings.Contains(text, "missing go.sum entry") || strings.Contains(text, "updates to go.mod needed"):
		return "", told.WithHint("run `go mod tidy` in its repository, commit and tag: a build changes no source")
	case strings.Contains(text, "GOTOOLCHAIN=local"):
		return "", told.WithHint("its go.mod asks for a newer Go: install it, or allow another GOTOOLCHAIN")
	}
	return "", told
}
