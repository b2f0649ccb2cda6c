package project

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/ssh"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/remote"
	"facsimile.dev/facsimile/node/wire"
)

// remoteNode is a node behind SSH. Nothing is connected before it is asked.
func (i *instance) remoteNode(n define.NodeDecl) (node.Node, error) {
	p := i.project
	home, err := i.view.Home(n)
	if err != nil {
		return nil, err
	}
	target, err := i.target(n)
	if err != nil {
		return nil, err
	}
	likely, err := p.self()
	if err != nil {
		return nil, err
	}
	r := remote.New(remote.Options{
		Dial:     func(ctx context.Context) (machine.Conn, error) { return p.dial(ctx, target) },
		Name:     n.Name,
		Home:     home,
		Version:  version(p.o.Tool),
		Programs: programs,
		Likely:   likely,
	})
	p.mu.Lock()
	p.remotes = append(p.remotes, r)
	p.mu.Unlock()
	return r, nil
}

// target is how a node is reached: what the definition says over the user's SSH configuration.
func (i *instance) target(n define.NodeDecl) (machine.Target, error) {
	deploy := i.parts[0].resolved.For(n.Name).Root().Get("deploy")
	t := machine.Target{
		Name: n.Name, Address: n.SSH.Address, Port: n.SSH.Port, User: n.SSH.User,
		Become: deploy.Get("become").Bool(), Identity: i.project.o.SSHKeys,
	}
	if t.User == "" {
		t.User = deploy.Get("user").Str()
	}
	beside := filepath.Join(i.project.location.Dir, "known_hosts")
	if exists(beside) {
		t.KnownHosts = []string{beside}
	}
	return t, t.Check()
}

// version is that of a tool, as in "facs v1.2.0": who reads it knows that it is facs.
func version(tool string) string { return strings.TrimPrefix(tool, "facs ") }

// dial gives a connection, by the one dialer that bounds how many are opened at once.
func (p *Project) dial(ctx context.Context, t machine.Target) (machine.Conn, error) {
	p.mu.Lock()
	if p.dialer == nil {
		dialer, err := ssh.NewDialer(ssh.Options{Config: p.o.SSHConfig, Connect: 10 * time.Second, Alive: 5 * time.Second})
		if err != nil {
			p.mu.Unlock()
			return nil, err
		}
		p.dialer = dialer
	}
	dialer := p.dialer
	p.mu.Unlock()
	return dialer.Dial(ctx, t)
}

// self is this program, with its digest.
func (p *Project) self() (remote.Program, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.program.Path != "" {
		return p.program, nil
	}
	path, err := os.Executable()
	if err != nil {
		return remote.Program{}, fmt.Errorf("cannot find this program's own file: %w", err)
	}
	p.program, err = programAt(path)
	return p.program, err
}

func programAt(path string) (remote.Program, error) {
	f, err := os.Open(path)
	if err != nil {
		return remote.Program{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	return remote.Program{Path: path, Digest: facsimile.Digest(sum.Sum(nil)), Size: size}, err
}

// programs finds the program for a node's system: this one, or the build beside it.
func programs(goos, goarch string) (remote.Program, error) {
	self, err := os.Executable()
	if err != nil {
		return remote.Program{}, err
	}
	path, err := machine.FindBinary(self, goos, goarch)
	if err != nil {
		return remote.Program{}, err
	}
	return programAt(path)
}

// ServeNode answers an operator over a stream, as a node with a home on this machine: the
// other end of a deployment over SSH.
func ServeNode(ctx context.Context, in io.Reader, out io.Writer, home string, name facsimile.Node, tool string) error {
	if _, err := facsimile.ParseNode(string(name)); err != nil {
		return facsimile.Errorf(facsimile.BadInput, "%v", err)
	}
	if !filepath.IsAbs(home) {
		return facsimile.Errorf(facsimile.BadInput, "the home %q is no absolute path", home)
	}
	host, err := node.NewHost(node.HostOptions{Home: home, Name: name})
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := programAt(self)
	if err != nil {
		return err
	}
	return wire.Serve(ctx, in, out, host, wire.ServeOptions{Version: version(tool), Binary: program.Digest})
}
