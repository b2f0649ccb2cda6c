package project

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/run"
	"facsimile.dev/facsimile/view"
)

// services describes every replica of the instance, in the order of the modules. With reveal
// false a mark stands for each secret: for checks.
func (i *instance) services(v *view.View, reveal bool) ([]run.Service, error) {
	top, err := v.At("", view.Scope{})
	if err != nil {
		return nil, err
	}
	var out []run.Service
	var found facsimile.Problems
	for _, m := range top.Root().Get("modules").Entries() {
		for _, r := range m.Value.Get("replicas").Items() {
			s, err := i.service(v, m.Key, r, reveal)
			if err != nil {
				found = append(found, problems(err)...)
				continue
			}
			out = append(out, s)
		}
	}
	return out, found.OrNil()
}

func (i *instance) service(v *view.View, module string, replica facsimile.Value, reveal bool) (run.Service, error) {
	scope := view.Scope{Node: facsimile.Node(replica.Get("node").Str()), Replica: facsimile.Replica(replica.Get("name").Str())}
	open := v.At
	if reveal {
		open = v.Open
	}
	c, err := open("", scope)
	if err != nil {
		return run.Service{}, err
	}
	r := serviceReader{i: i, c: c, path: facsimile.Path{"modules", module, "service"}}
	s := run.Service{Name: scope.Replica, Module: facsimile.Module(module), Node: scope.Node}
	if s.Argv, err = r.command(); err != nil {
		return run.Service{}, err
	}
	home, err := c.Home()
	if err != nil {
		return run.Service{}, err
	}
	s.Dir = filepath.Join(home, "current")
	if s.Env, err = r.environment(); err != nil {
		return run.Service{}, err
	}
	for _, after := range c.Root().Lookup(r.path.Child("after")).Items() {
		if c.Root().Get("modules").Get(after.Str()).IsAbsent() {
			return run.Service{}, r.fault(after, "module %s starts after %q, which is no module", module, after.Str())
		}
		s.After = append(s.After, facsimile.Module(after.Str()))
	}
	port, _ := replica.Get("port").Int64()
	decl, _ := i.topology.Node(scope.Node)
	s.Health, err = r.health(decl, int(port))
	if err == nil {
		s.Grace, err = r.duration(r.path.Child("grace"))
	}
	return s, err
}

// serviceReader reads the service of one replica.
type serviceReader struct {
	i    *instance
	c    *view.Context
	path facsimile.Path
}

func (r serviceReader) fault(v facsimile.Value, format string, args ...any) *facsimile.Error {
	return facsimile.Errorf(facsimile.BadInput, format, args...).WithAt(r.i.project.sources.Position(v.Origin()))
}

// command is the program and its arguments. A secret may not be among them: every user of a
// machine sees the arguments of every process.
func (r serviceReader) command() ([]string, error) {
	path := r.path.Child("exec")
	written := r.c.Root().Lookup(path)
	if written.IsAbsent() {
		return nil, r.fault(r.c.Root().Lookup(r.path), "%s has no exec: the command that runs it", r.path)
	}
	v, secret, err := r.c.Plain(path)
	if err != nil {
		return nil, err
	}
	if secret {
		return nil, r.fault(written, "%s has a secret in it, and everybody on a machine sees the arguments of a process", path).
			WithHint("put it into a file that a template makes, or under env:")
	}
	if v.Kind() != facsimile.String {
		return nil, r.fault(written, "%s is %s, want a string", path, v.Kind())
	}
	argv, err := run.Words(v.Str())
	if err != nil {
		return nil, r.fault(written, "%s: %v", path, err)
	}
	if len(argv) == 0 {
		return nil, r.fault(written, "%s is empty", path)
	}
	return argv, nil
}

func (r serviceReader) environment() ([]string, error) {
	path := r.path.Child("env")
	if r.c.Root().Lookup(path).IsAbsent() {
		return nil, nil
	}
	v, _, err := r.c.Plain(path)
	if err != nil {
		return nil, err
	}
	if v.Kind() != facsimile.Map {
		return nil, r.fault(r.c.Root().Lookup(path), "%s is %s, want a map of names and values", path, v.Kind())
	}
	var env []string
	for _, e := range v.Entries() {
		text, ok := scalarText(e.Value)
		if !ok || e.Key == "" || strings.ContainsAny(e.Key, "=\x00") || strings.ContainsRune(text, 0) {
			return nil, r.fault(e.Value, "%s cannot be an environment variable", path.Child(e.Key))
		}
		env = append(env, e.Key+"="+text)
	}
	return env, nil
}

func scalarText(v facsimile.Value) (string, bool) {
	switch v.Kind() {
	case facsimile.String:
		return v.Str(), true
	case facsimile.Int:
		return v.Big().String(), true
	case facsimile.Bool:
		return strconv.FormatBool(v.Bool()), true
	case facsimile.Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64), true
	}
	return "", false
}

// health reads {http: PATH} or {tcp: true}, each with a timeout; without either a replica is
// healthy when its process has started.
func (r serviceReader) health(n define.NodeDecl, port int) (run.Health, error) {
	path := r.path.Child("health")
	v := r.c.Root().Lookup(path)
	if v.IsAbsent() {
		return run.Health{}, nil
	}
	var h run.Health
	var err error
	if h.Timeout, err = r.duration(path.Child("timeout")); err != nil {
		return h, err
	}
	h.HTTP = v.Get("http").Str()
	if h.HTTP == "" && !v.Get("tcp").Bool() {
		return h, r.fault(v, "%s says neither http: PATH nor tcp: true", path)
	}
	if port == 0 {
		return h, r.fault(v, "%s needs a port, and the service has none", path)
	}
	h.Address = net.JoinHostPort(view.Address(n), strconv.Itoa(port))
	return h, nil
}

func (r serviceReader) duration(path facsimile.Path) (time.Duration, error) {
	v := r.c.Root().Lookup(path)
	if v.IsAbsent() {
		return 0, nil
	}
	if seconds, ok := v.Int64(); ok && seconds >= 0 {
		return time.Duration(seconds) * time.Second, nil
	}
	d, err := time.ParseDuration(v.Str())
	if err != nil || d < 0 {
		return 0, r.fault(v, "%s is no duration: want seconds, or a number with s, m or h, as in 10s", path)
	}
	return d, nil
}
