package cli

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// update writes the goldens of scripts and doc/reference anew.
var update = flag.Bool("update", false, "write the golden outputs and doc/reference anew")

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == superviseName {
		facs() // started by a detached up that runs in the process of a test
	}
	testscript.Main(m, map[string]func(){"facs": facs})
}

// facs is the program as scripts run it: the real one, but for the clock where a script sets it, and for
// words in its output that are never twice the same, which TEST_STEADY makes steady.
func facs() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	env := Env{
		Args: os.Args[1:], Environ: os.Environ(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Now: time.Now, Random: rand.Reader, Version: "v0.0.0-test", User: "tester", Host: "desk",
	}
	env.Dir, _ = os.Getwd()
	env.Program, _ = os.Executable()
	if at, err := time.Parse(time.RFC3339, os.Getenv("TEST_NOW")); err == nil {
		env.Now = func() time.Time { return at }
	}
	if dir := os.Getenv("TEST_STEADY"); dir != "" && len(env.Args) > 0 && env.Args[0] != superviseName {
		env.Stdout, env.Stderr = &steady{os.Stdout, dir}, &steady{os.Stderr, dir}
	}
	os.Exit(Run(ctx, env))
}

// steady replaces what differs from run to run by what does not: a digest by its number in the order of
// appearance, which all commands of a script share, a fingerprint by dots, who runs the test by USER, and the work folder by $WORK.
// Short digests keep their width, so that tables do.
type steady struct {
	io.Writer
	dir string
}

// Write expects whole lines, and gets them: an answer is written at once.
func (s *steady) Write(p []byte) (int, error) {
	text := strings.ReplaceAll(string(p), s.dir, "$WORK")
	text = regexp.MustCompile(`sha256:[0-9a-f]{12,64}`).ReplaceAllStringFunc(text, s.number)
	text = regexp.MustCompile(`\(secret [a-z]-[0-9a-f]+…\)`).ReplaceAllString(text, "(secret …)")
	text = regexp.MustCompile(`("secret": ?)"[a-z]-[0-9a-f]+"`).ReplaceAllString(text, `$1"…"`)
	if me, err := user.Current(); err == nil {
		text = strings.ReplaceAll(text, fmt.Sprintf("%s (uid %s)", me.Username, me.Uid), "USER")
	}
	if _, err := io.WriteString(s.Writer, text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// number is sha256:000000000001 for the first digest that a script shows, and so on; a long one ends in dots.
func (s *steady) number(digest string) string {
	const known = len("sha256:") + 12
	file := filepath.Join(s.dir, ".digests")
	list, _ := os.ReadFile(file)
	seen := strings.Fields(string(list))
	i := slices.Index(seen, digest[:known])
	if i < 0 {
		i = len(seen)
		_ = os.WriteFile(file, []byte(string(list)+digest[:known]+"\n"), 0o600)
	}
	dots := ""
	if len(digest) > known {
		dots = "…"
	}
	return fmt.Sprintf("sha256:%012d%s", i+1, dots)
}
