// Package machinetest holds the rules that every machine.Conn keeps, as tests. A transport is
// done when they pass against the real thing.
package machinetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"facsimile.dev/facsimile/machine"
)

// patience bounds every test of the suite; nothing is measured with it.
const patience = 2 * time.Minute

// Run runs the suite. open gives a Conn to a host that shares this machine's files. A suite of
// one subtest uses one Conn.
func Run(t *testing.T, open func(t *testing.T) machine.Conn) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, context.Context, machine.Conn)
	}{
		{"Words", words},
		{"StandardInput", standardInput},
		{"Bulk", bulk},
		{"ExitStatus", exitStatus},
		{"Signals", signals},
		{"StandardError", standardError},
		{"NoProgram", noProgram},
		{"Cancel", cancel},
		{"CancelledBefore", cancelledBefore},
		{"Parallel", parallel},
		{"Put", putOnce},
		{"PutOfLies", putOfLies},
		{"System", system},
		{"Close", closing},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			conn := open(t)
			c.run(t, ctx, conn)
			for range 2 {
				if err := conn.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		})
	}
}

// output runs a program to its end, with input.
func output(ctx context.Context, conn machine.Conn, input string, argv ...string) (string, error) {
	p, err := conn.Start(ctx, argv)
	if err != nil {
		return "", err
	}
	if input != "" {
		if _, err := io.WriteString(p.Stdin(), input); err != nil {
			return "", err
		}
	}
	if err := p.Stdin().Close(); err != nil {
		return "", err
	}
	out, err := io.ReadAll(p)
	return string(out), errors.Join(err, p.Wait())
}

func start(t *testing.T, ctx context.Context, conn machine.Conn, argv ...string) machine.Process {
	t.Helper()
	p, err := conn.Start(ctx, argv)
	if err != nil {
		t.Fatalf("Start %q: %v", argv, err)
	}
	return p
}

// Words are what a shell on the way could mistake.
func Words() []string {
	return []string{
		"", " ", "a b", "a  b ", "'", `"`, `it's`, `\`, `\\`, `a\'b`, `\n`, "$HOME", "${x}", "`id`", "$(id)", "*", "?", "[a]",
		"~", "~root", "!", "!!", "a!b", "#", "-n", "--", "-e", ";", "&", "|", "<", ">", "(", ")", "{a,b}", "%", "%s", "%%", "^", "=",
		"a\nb", "\n", "\t", "\r", "\x01", "\x7f", "ä", "日本", "\xff\xfe", "\\0101", "\\c", "@", "a=b", strings.Repeat("x", 5000),
	}
}

func words(t *testing.T, ctx context.Context, conn machine.Conn) {
	for _, ws := range [][]string{Words(), {"plain", "two words", "*", "$HOME"}} {
		got, err := output(ctx, conn, "", append([]string{"printf", `%s\0`}, ws...)...)
		if want := strings.Join(ws, "\x00") + "\x00"; err != nil || got != want {
			t.Errorf("words came as %q, %v; want %q", got, err, want)
		}
	}
	if _, err := conn.Start(ctx, []string{"echo", "a\x00b"}); err == nil {
		t.Error("a word with a NUL was taken")
	}
	if _, err := conn.Start(ctx, nil); err == nil {
		t.Error("no program was taken")
	}
}

func standardInput(t *testing.T, ctx context.Context, conn machine.Conn) {
	if got, err := output(ctx, conn, "hello\n", "cat"); got != "hello\n" || err != nil {
		t.Errorf("cat gave %q, %v", got, err)
	}
	// Talking back and forth works while both are open.
	p := start(t, ctx, conn, "cat")
	for i := range 3 {
		line := fmt.Sprintf("line %d\n", i)
		if _, err := io.WriteString(p.Stdin(), line); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(line))
		if _, err := io.ReadFull(p, got); err != nil || string(got) != line {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	p.Stdin().Close()
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	// What was written is readable after the end.
	p = start(t, ctx, conn, "echo", "late")
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(p); string(got) != "late\n" || err != nil {
		t.Errorf("after Wait: %q, %v", got, err)
	}
}

func bulk(t *testing.T, ctx context.Context, conn machine.Conn) {
	const size = 50 << 20
	p := start(t, ctx, conn, "cat")
	sent := sha256.New()
	random := rand.NewChaCha8([32]byte{1})
	var sending sync.WaitGroup
	sending.Go(func() {
		defer p.Stdin().Close()
		if _, err := io.CopyN(io.MultiWriter(p.Stdin(), sent), random, size); err != nil {
			t.Error(err)
		}
	})
	got := sha256.New()
	n, err := io.Copy(got, p)
	sending.Wait()
	if err := errors.Join(err, p.Wait()); err != nil || n != size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Errorf("%d bytes of %d came back, the same: %t; %v", n, size, bytes.Equal(got.Sum(nil), sent.Sum(nil)), err)
	}
}

func exitStatus(t *testing.T, ctx context.Context, conn machine.Conn) {
	for _, want := range []int{0, 1, 2, 3, 100, 126, 127, 254, 255} {
		_, err := output(ctx, conn, "", "sh", "-c", fmt.Sprintf("exit %d", want))
		if got := status(err); got != want {
			t.Errorf("exit %d was told as %d: %v", want, got, err)
		}
	}
}

func signals(t *testing.T, ctx context.Context, conn machine.Conn) {
	for name, want := range map[string]int{"KILL": 137, "TERM": 143} {
		_, err := output(ctx, conn, "", "sh", "-c", "kill -"+name+" $$")
		if got := status(err); got != want {
			t.Errorf("the end by SIG%s was told as %d: %v", name, got, err)
		}
	}
}

// status is that of an ExitError; 0 for nil and -1 for any other error.
func status(err error) int {
	var exit *machine.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Status
	}
	return -1
}

func standardError(t *testing.T, ctx context.Context, conn machine.Conn) {
	p := start(t, ctx, conn, "sh", "-c", `i=0; while [ $i -lt 5000 ]; do echo "line $i of noise" >&2; i=$((i+1)); done; echo out; exit 4`)
	out, err := io.ReadAll(p)
	if string(out) != "out\n" || err != nil {
		t.Errorf("standard output was %q, %v", out, err)
	}
	err = p.Wait()
	var exit *machine.ExitError
	if !errors.As(err, &exit) || exit.Status != 4 || !strings.HasSuffix(exit.Stderr, "line 4999 of noise\n") || len(exit.Stderr) > 64<<10 {
		t.Errorf("got %#v; want status 4 and the last lines, few of them", err)
	}
	if exit != nil && exit.Stderr != p.Stderr() {
		t.Errorf("Stderr() is %q, the error has %q", p.Stderr(), exit.Stderr)
	}
}

func noProgram(t *testing.T, ctx context.Context, conn machine.Conn) {
	if _, err := output(ctx, conn, "", "/nonexistent/program"); status(err) != 127 {
		t.Errorf("a program that is not there: %v; want status 127", err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := output(ctx, conn, "", plain); status(err) != 126 {
		t.Errorf("a file that may not be run: %v; want status 126", err)
	}
}

func cancel(t *testing.T, ctx context.Context, conn machine.Conn) {
	other := start(t, ctx, conn, "cat")
	cause := errors.New("enough of it")
	limited, stop := context.WithCancelCause(ctx)
	p := start(t, limited, conn, "cat")
	stop(cause)
	if err := p.Wait(); !errors.Is(err, cause) {
		t.Errorf("Wait gave %v; want the cause of the context's end", err)
	}
	if _, err := io.ReadAll(p); !errors.Is(err, cause) && err != nil {
		t.Errorf("Read gave %v; want the end or the cause", err)
	}
	if _, err := io.Copy(p.Stdin(), rand.NewChaCha8([32]byte{})); err == nil {
		t.Error("standard input takes more after the end")
	}
	// Others on the same Conn are not touched, and new ones can start.
	if _, err := io.WriteString(other.Stdin(), "still here\n"); err != nil {
		t.Error(err)
	}
	other.Stdin().Close()
	if out, err := io.ReadAll(other); string(out) != "still here\n" || err != nil {
		t.Errorf("the other program gave %q, %v", out, err)
	}
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
	if out, err := output(ctx, conn, "", "echo", "again"); out != "again\n" || err != nil {
		t.Errorf("after a cancelled program: %q, %v", out, err)
	}
}

func cancelledBefore(t *testing.T, ctx context.Context, conn machine.Conn) {
	cause := errors.New("never mind")
	ended, stop := context.WithCancelCause(ctx)
	stop(cause)
	if _, err := conn.Start(ended, []string{"true"}); !errors.Is(err, cause) {
		t.Errorf("Start gave %v; want the cause of the context's end", err)
	}
	if _, err := output(ctx, conn, "", "true"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func parallel(t *testing.T, ctx context.Context, conn machine.Conn) {
	var running sync.WaitGroup
	for i := range 20 {
		running.Go(func() {
			word := strings.Repeat(fmt.Sprint(i), 10000)
			if out, err := output(ctx, conn, word, "sh", "-c", fmt.Sprintf("cat; exit %d", i)); out != word || status(err) != i {
				t.Errorf("program %d gave %d bytes, %v", i, len(out), err)
			}
		})
	}
	running.Wait()
	// A program that ends is told while another runs.
	long := start(t, ctx, conn, "cat")
	if _, err := output(ctx, conn, "", "true"); err != nil {
		t.Error(err)
	}
	long.Stdin().Close()
	if err := long.Wait(); err != nil {
		t.Error(err)
	}
}

func system(t *testing.T, ctx context.Context, conn machine.Conn) {
	goos, goarch, err := machine.System(ctx, conn)
	if err != nil || goos == "" || goarch == "" {
		t.Errorf("got %q, %q, %v", goos, goarch, err)
	}
}

func closing(t *testing.T, ctx context.Context, conn machine.Conn) {
	p := start(t, ctx, conn, "cat")
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Wait(); err == nil {
		t.Error("a program that was cut off by Close ended well")
	}
	if _, err := conn.Start(ctx, []string{"true"}); err == nil {
		t.Error("a closed Conn started a program")
	}
}
