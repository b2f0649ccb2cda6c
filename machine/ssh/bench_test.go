//go:build unix

package ssh

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"

	"facsimile.dev/facsimile/machine"
)

// The cost of one exchange with 16 hosts at once, as in a deployment that finds nothing to do:
// a plain `ssh HOST true` for each, as people have it and with our preferences, and a Conn for
// each with its Dialer.
func BenchmarkSixteenHosts(b *testing.B) {
	w := newWorld(b)
	var hosts []string
	for i := range 16 {
		hosts = append(hosts, w.serve(fmt.Sprintf("h%d", i)).name)
	}
	o := w.options()
	each := func(b *testing.B, f func(host string) error) {
		var all sync.WaitGroup
		for _, h := range hosts {
			all.Go(func() {
				if err := f(h); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
	}
	for name, args := range map[string][]string{
		"ssh":       nil,
		"cheap-ssh": {"-o", "KexAlgorithms=curve25519-sha256", "-o", "Ciphers=aes128-gcm@openssh.com"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				each(b, func(host string) error {
					return exec.Command("ssh", append(append([]string{"-F", o.Config}, args...), host, "true")...).Run()
				})
			}
		})
	}
	b.Run("Conn", func(b *testing.B) {
		for b.Loop() {
			d, err := NewDialer(o)
			if err != nil {
				b.Fatal(err)
			}
			each(b, func(host string) error {
				c, err := d.Dial(b.Context(), named(host))
				if err != nil {
					return err
				}
				return run(b, c, "true")
			})
			if err := d.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func run(b *testing.B, c machine.Conn, argv ...string) error {
	p, err := c.Start(b.Context(), argv)
	if err != nil {
		return err
	}
	return p.Wait()
}

// A further program on a connection that stands.
func BenchmarkStartAgain(b *testing.B) {
	w := newWorld(b)
	w.serve("h1")
	c := w.dial(w.dialer(), named("h1"))
	if err := run(b, c, "true"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := run(b, c, "true"); err != nil {
			b.Fatal(err)
		}
	}
}

// 64 MB to a program on the host.
func BenchmarkBulk(b *testing.B) {
	w := newWorld(b)
	w.serve("h1")
	c := w.dial(w.dialer(), named("h1"))
	block := make([]byte, 1<<20)
	b.SetBytes(64 << 20)
	for b.Loop() {
		p, err := c.Start(b.Context(), []string{"cat"})
		if err != nil {
			b.Fatal(err)
		}
		var sending sync.WaitGroup
		sending.Go(func() {
			defer p.Stdin().Close()
			for range 64 {
				if _, err := p.Stdin().Write(block); err != nil {
					b.Error(err)
				}
			}
		})
		if n, err := io.Copy(io.Discard, p); n != 64<<20 || err != nil {
			b.Fatal(n, err)
		}
		sending.Wait()
		if err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}
