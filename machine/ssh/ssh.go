//go:build unix

// Package ssh reaches hosts as people do: by OpenSSH, with their configuration, keys, agent,
// certificates and jump hosts.
//
// `ssh -G` is the one that resolves the configuration, asked once for each target; nothing here
// reads ~/.ssh/config. What it says is taken, but for what a program needs otherwise than a
// person: no questions, no forwarding, strict host keys, keepalive, and of the ciphers and key
// exchanges that the configuration allows the cheap ones first.
//
// One connection serves a Conn. The first Start makes it: its ssh leaves a master process in
// the background (ControlPersist) over which later ones go. So a single exchange costs one ssh
// process and one login, and no later program pays for a login again. The control sockets and
// the logs of ssh are in a folder of the Dialer, private to the user; what a killed program left
// there is cleaned up by the next Dialer.
//
// ssh writes its log to a file (-E), apart from what the host says, so that an error is read
// from ssh's own words only. The remote command first prints a random mark: what stands before
// it is the login shell's noise, and a Start succeeds when the mark comes.
//
// Host keys are strict on every hop. Jump hosts (ProxyJump) are reached by a ProxyCommand that
// is made here, since OpenSSH passes none of its options on to them.
package ssh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
)

// Options say how a Dialer works. The zero value is what people have.
type Options struct {
	Program string        // the ssh program; empty: ssh, as found in PATH
	Config  string        // the configuration file, in place of the user's and the system's (ssh -F)
	Env     []string      // the environment of ssh; nil: that of this program
	Connect time.Duration // for reaching a host and agreeing on keys; 0: 15 s
	Start   time.Duration // for all from connecting until the program runs; 0: 45 s
	Opening int           // connections that may be opening at once; 0: 30
	PerHop  int           // those of them that go to one first hop; 0: 8
	Alive   time.Duration // between two signs of life; three missing ones end a connection; 0: 15 s
}

func (o Options) withDefaults() Options {
	if o.Program == "" {
		o.Program = "ssh"
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	// A jump host is asked for by way of $SHELL. Nothing may be asked in a window either.
	o.Env = append(o.Env[:len(o.Env):len(o.Env)], "SHELL=/bin/sh", "SSH_ASKPASS_REQUIRE=never")
	o.Connect = orDefault(o.Connect, 15*time.Second)
	o.Start = orDefault(o.Start, 45*time.Second)
	o.Opening = orDefault(o.Opening, 30)
	o.PerHop = orDefault(o.PerHop, 8)
	o.Alive = orDefault(o.Alive, 15*time.Second)
	return o
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Dialer makes Conns and bounds how many of them connect at once. One Dialer serves a whole
// program: it may be used by several goroutines.
type Dialer struct {
	opts    Options
	folder  *folder
	opening chan struct{}

	mu     sync.Mutex
	hops   map[string]chan struct{}
	routes map[string]*lazyRoute
	conns  map[*Conn]struct{}
	made   int
	closed bool
}

// NewDialer makes a Dialer, with a private folder that Close removes.
func NewDialer(opts Options) (*Dialer, error) {
	opts = opts.withDefaults()
	program, err := exec.LookPath(opts.Program)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot find %s: %w", opts.Program, err).
			WithHint("install the OpenSSH client")
	}
	if opts.Program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	f, err := newFolder(opts.Env)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot make a private folder for connections: %w", err)
	}
	return &Dialer{
		opts: opts, folder: f, opening: make(chan struct{}, opts.Opening),
		hops: map[string]chan struct{}{}, routes: map[string]*lazyRoute{}, conns: map[*Conn]struct{}{},
	}, nil
}

// Dial gives a Conn to t. It asks ssh for the configuration and sends nothing: the first Start
// connects. Close the Conn when it is no longer needed.
func (d *Dialer) Dial(ctx context.Context, t machine.Target) (*Conn, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	r, err := d.route(ctx, t)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	d.made++
	dir := filepath.Join(d.folder.path, strconv.Itoa(d.made))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make a folder for the connection to %s: %w", t.Name, err)
	}
	c := newConn(d, t, r, dir)
	d.conns[c] = struct{}{}
	return c, nil
}

// errClosed is what a closed Dialer or Conn gives, and the cause of the end of what ran.
var errClosed = errors.New("the connection was closed")

// Close closes every Conn and removes the folder.
func (d *Dialer) Close() error {
	d.mu.Lock()
	d.closed = true
	var conns []*Conn
	for c := range d.conns {
		conns = append(conns, c)
	}
	d.mu.Unlock()
	var closing sync.WaitGroup
	errs := make([]error, len(conns))
	for i, c := range conns {
		closing.Go(func() { errs[i] = c.Close() })
	}
	closing.Wait()
	return errors.Join(append(errs, d.folder.remove())...)
}

func (d *Dialer) forget(c *Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

// admit waits until one more connection may be opened by way of hop, and gives what ends that.
// Those that wait for one hop keep nobody else from connecting.
func (d *Dialer) admit(ctx context.Context, hop string) (release func(), err error) {
	d.mu.Lock()
	perHop, ok := d.hops[hop]
	if !ok {
		perHop = make(chan struct{}, d.opts.PerHop)
		d.hops[hop] = perHop
	}
	d.mu.Unlock()
	for i, slots := range []chan struct{}{perHop, d.opening} {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			if i > 0 {
				<-perHop
			}
			return nil, context.Cause(ctx)
		}
	}
	return func() { <-d.opening; <-perHop }, nil
}
