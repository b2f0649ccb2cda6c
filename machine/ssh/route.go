//go:build unix

package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/machine"
)

// maxHops is how many jump hosts may stand before a node.
const maxHops = 8

// resolving is how long ssh -G may take: it can run programs of the user's (Match exec).
const resolving = 20 * time.Second

// hop is one SSH server on the way, with its configuration as ssh -G gives it.
type hop struct {
	base []string            // the arguments that name it, without its way: ssh BASE -- HOST
	host string              // as the user would name it
	conf map[string][]string // keyword in lower case to its values
}

// route is the way to a node: the jump hosts in the order of travel, and last the node.
type route []hop

// lazyRoute is a route that is found once.
type lazyRoute struct {
	mu    sync.Mutex
	route route
}

// route resolves the way to t, once for each target.
func (d *Dialer) route(ctx context.Context, t machine.Target) (route, error) {
	key := fmt.Sprintf("%q", []any{t.Name, t.Address, t.Port, t.User, t.KnownHosts, t.Identity})
	d.mu.Lock()
	lazy, ok := d.routes[key]
	if !ok {
		lazy = &lazyRoute{}
		d.routes[key] = lazy
	}
	d.mu.Unlock()
	lazy.mu.Lock()
	defer lazy.mu.Unlock()
	if lazy.route != nil {
		return lazy.route, nil
	}
	for _, f := range t.Identity {
		// ssh would only go on without it.
		if _, err := os.Stat(f); err != nil && !strings.HasPrefix(f, "~") {
			return nil, facsimile.Errorf(facsimile.BadInput, "node %s: cannot read the key to log in with: %w", t.Name, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, resolving)
	defer cancel()
	r, err := d.resolve(ctx, string(t.Name), d.targetArgs(t), "", 0)
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot find the way to node %s: %w", t.Name, err).
			WithHint("see what ssh -G %s says", t.Name)
	}
	lazy.route = r
	return r, nil
}

// targetArgs is what the target says over the configuration.
func (d *Dialer) targetArgs(t machine.Target) []string {
	args := d.configArgs()
	if t.Address != "" {
		args = append(args, "-o", "HostName="+t.Address)
	}
	if t.Port != 0 {
		args = append(args, "-p", strconv.Itoa(t.Port))
	}
	if t.User != "" {
		args = append(args, "-l", t.User)
	}
	args = append(args, identityArgs(t.Identity)...)
	if len(t.Identity) > 0 {
		args = append(args, "-o", "IdentitiesOnly=yes")
	}
	return args
}

func (d *Dialer) configArgs() []string {
	if d.opts.Config == "" {
		return nil
	}
	return []string{"-F", d.opts.Config}
}

func identityArgs(files []string) []string {
	var args []string
	for _, f := range files {
		args = append(args, "-i", strings.ReplaceAll(f, "%", "%%"))
	}
	return args
}

// resolve finds the way to host, whose own arguments are base. via, if it is not empty, is what
// leads there in place of the host's own ProxyJump.
func (d *Dialer) resolve(ctx context.Context, host string, base []string, via string, depth int) (route, error) {
	if depth > maxHops {
		return nil, fmt.Errorf("more than %d jump hosts: does ProxyJump lead in a circle?", maxHops)
	}
	args := base
	if via != "" {
		args = append(args[:len(args):len(args)], "-J", via)
	}
	conf, err := d.ask(ctx, args, host)
	if err != nil {
		return nil, err
	}
	h := hop{base: base, host: host, conf: conf}
	jumps := h.get("proxyjump")
	if jumps == "" || jumps == "none" {
		return route{h}, nil
	}
	// The last of several is the server next to the host; the ones before lead to it.
	before, last := "", jumps
	if i := strings.LastIndexByte(jumps, ','); i >= 0 {
		before, last = jumps[:i], jumps[i+1:]
	}
	jump, name, err := jumpArgs(last)
	if err != nil {
		return nil, err
	}
	way, err := d.resolve(ctx, name, append(d.configArgs(), jump...), before, depth+1)
	if err != nil {
		return nil, err
	}
	return append(way, h), nil
}

// jumpArgs reads [user@]host[:port] or ssh://[user@]host[:port], as in ProxyJump.
func jumpArgs(spec string) (args []string, host string, err error) {
	rest := strings.TrimSuffix(strings.TrimPrefix(spec, "ssh://"), "/")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		args, rest = append(args, "-l", rest[:i]), rest[i+1:]
	}
	host = rest
	if h, p, err := net.SplitHostPort(rest); err == nil {
		host = h
		args = append(args, "-p", p)
	}
	host = strings.Trim(host, "[]")
	if host == "" || strings.HasPrefix(host, "-") {
		return nil, "", fmt.Errorf("%q cannot be a jump host", spec)
	}
	return args, host, nil
}

// ask runs ssh -G.
func (d *Dialer) ask(ctx context.Context, base []string, host string) (map[string][]string, error) {
	select { // processes are bounded, whatever they do
	case d.opening <- struct{}{}:
		defer func() { <-d.opening }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	args := append([]string{"-G"}, base...)
	cmd := exec.CommandContext(ctx, d.opts.Program, append(args, "--", host)...)
	cmd.Env = d.opts.Env
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && ctx.Err() == nil {
			return nil, fmt.Errorf("ssh -G: %s", strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, err
	}
	conf := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		conf[key] = append(conf[key], value)
	}
	return conf, nil
}

// get is the first value of a keyword; empty where it has none.
func (h hop) get(key string) string {
	if v := h.conf[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// known is the name under which known_hosts has the keys of the server.
func (h hop) known() string {
	if alias := h.get("hostkeyalias"); alias != "" && alias != "none" {
		return alias
	}
	name, port := strings.ToLower(h.get("hostname")), h.get("port")
	if port == "" || port == "22" {
		return name
	}
	return "[" + name + "]:" + port
}

// files are the files of host keys that the configuration names, the user's first, and then extra.
func (h hop) files(extra []string) []string {
	files := strings.Fields(h.get("userknownhostsfile"))
	for _, f := range extra {
		if abs, err := filepath.Abs(f); err == nil && !strings.HasPrefix(f, "~") {
			f = abs
		}
		files = append(files, f)
	}
	return files
}

// first names the server to which the connection really goes, for counting.
func (r route) first() string {
	if cmd := r[0].get("proxycommand"); cmd != "" && cmd != "none" {
		return "command " + cmd
	}
	return r[0].get("hostname") + " " + r[0].get("port")
}
