package wire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node/wire"
)

const helloLine = `facsimile-wire: {"protocol":1,"version":"1.2.3"}` + "\n"

// dialTo dials something that says these bytes and hangs up.
func dialTo(t *testing.T, says string, opt wire.DialOptions) (*wire.Client, error) {
	t.Helper()
	l := newLink(0)
	go func() {
		_, _ = io.WriteString(l.node, says)
		l.node.out.fail(io.EOF, io.ErrClosedPipe)
	}()
	opt.Name, opt.Version = "app1", version
	c, err := wire.Dial(t.Context(), l.operator, opt)
	if err == nil {
		t.Cleanup(func() { must(t, c.Close()) })
	} else if _, err := l.operator.Write([]byte("x")); err == nil {
		t.Error("a failed Dial left the stream open")
	}
	return c, err
}

func TestBannersAreSkipped(t *testing.T) {
	leaks(t)
	for name, banner := range map[string]string{
		"none":              "",
		"lines":             "Welcome to app1\r\nYou have mail.\n\n",
		"no end of line":    "app1% ",
		"no UTF-8":          "\xff\xfe\x00\x1b[31m\n",
		"like a handshake":  "facsimile-wire: no such thing\nfacsimile-wire: {}\nfacsimile-wire",
		"long line":         strings.Repeat("=", 20_000),
		"just not too long": strings.Repeat("x", 64<<10-1),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := dialTo(t, banner+helloLine, wire.DialOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Remote(); got.Version != version || got.Protocol != wire.Protocol {
				t.Errorf("the node says it is %v", got)
			}
		})
	}
}

func TestWhatIsNoHandshakeIsShown(t *testing.T) {
	leaks(t)
	for name, c := range map[string]struct {
		says string
		want []string
	}{
		"nothing":         {"", []string{"it ended"}},
		"no program":      {"bash: facs: command not found\n", []string{"command not found", "it ended"}},
		"many lines":      {"one\ntwo\n\nthree\nfour\nfive\nsix\n", []string{`one\ntwo\nthree\nfour\nfive"`}},
		"a long line":     {strings.Repeat("x", 1000) + "\n", []string{strings.Repeat("x", 200) + "…"}},
		"escapes":         {"\x1b[2Jcleared\n", []string{`\x1b[2Jcleared`}},
		"too much":        {strings.Repeat("motd\n", 20_000) + helloLine, []string{`motd\nmotd`, "no handshake"}},
		"half a greeting": {helloLine[:30], []string{"facsimile-wire", "it ended"}},
		"a long greeting": {"facsimile-wire: {\"version\":\"" + strings.Repeat("v", 70_000) + "\"}\n", []string{"no handshake"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dialTo(t, c.says, wire.DialOptions{})
			var h *wire.HandshakeError
			if !errors.As(err, &h) {
				t.Fatalf("Dial says %v", err)
			}
			for _, w := range append(c.want, "app1") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if len(err.Error()) > 2000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestAnotherProgramIsRefused(t *testing.T) {
	leaks(t)
	one, two := facsimile.DigestOf([]byte("one")), facsimile.DigestOf([]byte("two"))
	for name, c := range map[string]struct {
		theirs string
		binary facsimile.Digest
		want   []string // nil: it is taken
	}{
		"the same":         {`{"protocol":1,"version":"1.2.3","binary":"` + one.String() + `"}`, one, nil},
		"an unknown field": {`{"protocol":1,"version":"1.2.3","later":[1]}`, facsimile.Digest{}, nil},
		"no binary asked":  {`{"protocol":1,"version":"1.2.3","binary":"` + one.String() + `"}`, facsimile.Digest{}, nil},
		"no binary known":  {`{"protocol":1,"version":"1.2.3"}`, one, nil},
		"protocol":         {`{"protocol":2,"version":"1.2.3"}`, facsimile.Digest{}, []string{"protocol 1", "protocol 2"}},
		"version":          {`{"protocol":1,"version":"1.2.4"}`, facsimile.Digest{}, []string{"1.2.3", "1.2.4"}},
		"binary":           {`{"protocol":1,"version":"1.2.3","binary":"` + two.String() + `"}`, one, []string{one.Short(), two.Short()}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dialTo(t, "facsimile-wire: "+c.theirs+"\n", wire.DialOptions{Binary: c.binary})
			if c.want == nil {
				must(t, err)
				return
			}
			var m *wire.MismatchError
			if !errors.As(err, &m) || m.Ours.Version != version {
				t.Fatalf("Dial says %v", err)
			}
			for _, w := range append(c.want, "app1") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
		})
	}
}

// serveTo serves what says these bytes and hangs up. It gives what the node said after its greeting.
func serveTo(t *testing.T, says string) (string, error) {
	t.Helper()
	l := newLink(0)
	served := make(chan error, 1)
	go func() {
		served <- wire.Serve(context.Background(), l.node, l.node, untouched{}, wire.ServeOptions{Version: version})
	}()
	_, _ = io.WriteString(l.operator, says)
	l.operator.out.fail(io.EOF, io.ErrClosedPipe)
	r := bufio.NewReader(l.operator)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "facsimile-wire: {") {
		t.Errorf("the node greets with %q, %v", line, err)
	}
	rest, _ := io.ReadAll(r)
	return string(rest), <-served
}

func TestNodeTakesNoBannerAndNoOtherProgram(t *testing.T) {
	leaks(t)
	var h *wire.HandshakeError
	for _, says := range []string{"", "ls\n", "x" + helloLine, "\n" + helloLine, helloLine[:20], "facsimile-wire: {}\n"} {
		if _, err := serveTo(t, says); !errors.As(err, &h) {
			t.Errorf("%q: Serve says %v", says, err)
		}
	}
	var m *wire.MismatchError
	if _, err := serveTo(t, strings.Replace(helloLine, "1.2.3", "1.2.2", 1)); !errors.As(err, &m) {
		t.Errorf("another version: Serve says %v", err)
	}
	if rest, err := serveTo(t, helloLine); err != nil || rest != "" {
		t.Errorf("an operator that asks nothing: Serve says %v and sent %q", err, rest)
	}
}

// hanging is a process that goes on when its standard input is closed.
type hanging struct{ io.Reader }

func (hanging) Write(b []byte) (int, error) { return len(b), nil }
func (hanging) Close() error                { return nil }

// TestHandshakeEnds checks that neither side waits for ever for the other, or longer than its context.
func TestHandshakeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := wire.Dial(t.Context(), newLink(0).operator, wire.DialOptions{Version: version, Silence: 10 * time.Second})
		if !errors.Is(err, wire.ErrSilent) || time.Since(began) != 10*time.Second {
			t.Errorf("Dial says after %s: %v", time.Since(began), err)
		}
		banner, process := io.Pipe()
		go func() { _, _ = io.WriteString(process, "Welcome\n") }()
		_, err = wire.Dial(t.Context(), hanging{banner}, wire.DialOptions{Version: version}) // which does not even end when it is closed
		if !errors.Is(err, wire.ErrSilent) {
			t.Errorf("Dial of what hangs says %v", err)
		}
		must(t, process.Close())
		l := newLink(0)
		if err := wire.Serve(t.Context(), l.node, l.node, untouched{}, wire.ServeOptions{Version: version}); !errors.Is(err, wire.ErrSilent) {
			t.Errorf("Serve says %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = wire.Dial(ctx, newLink(0).operator, wire.DialOptions{Version: version}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial with a deadline says %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		l = newLink(0)
		if err := wire.Serve(ctx, l.node, l.node, untouched{}, wire.ServeOptions{Version: version}); !errors.Is(err, context.Canceled) {
			t.Errorf("Serve of a cancelled context says %v", err)
		}
	})
}

func TestBannerOfAProcess(t *testing.T) {
	leaks(t)
	c := startChild(t, newHome(t), "Last login: today\n\n  * * *\nno newline at the end")
	if _, err := c.Look(t.Context(), facsimile.Digest{}); err != nil {
		t.Error(err)
	}
}
