package view

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
	"facsimile.dev/facsimile/jinja"
	"facsimile.dev/facsimile/state"
)

// Needs are all that the instance wants of its state: a password for each username, the named
// secrets, the replicas with where they may stand, and the directories, in the order of the
// modules. It is read from the instance's own view: an overlay of a region, target or node that
// changes what the state holds is an error. All problems are reported together.
func (v *View) Needs() (state.Needs, error) {
	set, err := v.modulesAt("")
	if err != nil {
		return state.Needs{}, err
	}
	c := newContext(v, v.in.Projects[0], Scope{}, v.in.Projects[0].Resolved, set.seen)
	n := needs{view: v, c: c}
	for _, m := range set.defined.Entries() {
		n.module(m.Key, m.Value)
	}
	n.overlays(set.defined)
	return n.out, n.problems.OrNil()
}

// needs collects.
type needs struct {
	view     *View
	c        *Context
	out      state.Needs
	problems facsimile.Problems
}

func (n *needs) module(name string, m facsimile.Value) {
	n.secret(PasswordKey(ModuleUser(name, m)), m.Get("secret"), m.Origin())
	for _, s := range m.Get("secrets").Entries() {
		n.secret(SecretKey(facsimile.Module(name), s.Key), s.Value, s.KeyAt)
	}
	for _, d := range m.Get("directories").Entries() {
		path, err := n.c.text(facsimile.Path{"modules", name, "directories", d.Key}, d.Value)
		if err != nil {
			n.fail(err)
			continue
		}
		n.out.Directories = append(n.out.Directories, state.DirectoryNeed{
			Module: facsimile.Module(name), Name: d.Key, Path: path, At: n.view.in.Sources.Position(d.Value.Origin()),
		})
	}
	if m.Get("service").Kind() == facsimile.Map {
		n.replicas(name, m)
	}
}

func (n *needs) secret(key string, policy facsimile.Value, at facsimile.Origin) {
	if !policy.IsAbsent() {
		at = policy.Origin()
	}
	length, _ := policy.Get("length").Int64()
	n.out.Secrets = append(n.out.Secrets, state.SecretNeed{
		Key: key,
		At:  n.view.in.Sources.Position(at),
		Policy: state.Policy{
			Type:    policy.Get("type").Str(),
			Length:  int(length),
			Charset: policy.Get("charset").Str(),
		},
	})
}

func (n *needs) replicas(name string, m facsimile.Value) {
	plans, err := n.view.planReplicas(n.c, name, m)
	if err != nil {
		n.problems = append(n.problems, err)
		return
	}
	service := m.Get("service")
	port, auto, err := n.port(name, service.Get("port"))
	if err != nil {
		n.problems = append(n.problems, err)
		return
	}
	logical := m.Get("logical_name").Str()
	if logical == "" {
		logical = name
	}
	for _, p := range plans {
		n.out.Replicas = append(n.out.Replicas, state.ReplicaNeed{
			Replica: p.name, Module: facsimile.Module(name), LogicalName: logical,
			Candidates: p.candidates, Port: port, PortAuto: auto, At: n.view.in.Sources.Position(service.Origin()),
		})
	}
}

func (n *needs) port(module string, v facsimile.Value) (port int, auto bool, err *facsimile.Error) {
	if v.IsAbsent() || v.Kind() == facsimile.Null {
		return 0, false, nil
	}
	if v.Str() == "auto" {
		return 0, true, nil
	}
	i, err := n.view.number(n.c, facsimile.Path{"modules", module, "service", "port"}, v, 1, 65535)
	return i, false, err
}

func (n *needs) fail(err error) {
	var one *facsimile.Error
	if errors.As(err, &one) {
		n.problems = append(n.problems, one)
		return
	}
	n.problems = append(n.problems, facsimile.Errorf(facsimile.BadInput, "%v", err))
}

// overlays refuses nodes that see another number, port, policy or directory than the instance.
func (n *needs) overlays(instance facsimile.Value) {
	seen := map[facsimile.Origin]bool{}
	for _, node := range n.view.in.Topology.Nodes {
		set, err := n.view.modulesAt(node.Name)
		if err != nil {
			n.fail(err)
			continue
		}
		for _, m := range set.defined.Entries() {
			for _, path := range statePaths() {
				here := m.Value.Lookup(path)
				if here.Equal(instance.Get(m.Key).Lookup(path)) || seen[here.Origin()] {
					continue
				}
				seen[here.Origin()] = true
				n.problems = append(n.problems, n.view.fault(here.Origin(), "module %s has another %s on node %s than in the instance", m.Key, path, node.Name).
					WithHint("what the state holds is the same for all nodes: say it in the instance's own layer"))
			}
		}
	}
}

// statePaths are the parts of a module that the state is made from.
func statePaths() []facsimile.Path {
	return []facsimile.Path{
		{"secret"}, {"secrets"}, {"directories"}, {"daemon"},
		{"service", "n_instances"}, {"service", "per_node"}, {"service", "port"}, {"service", "name"},
	}
}

// replicaPlan is one replica with the nodes where it may stand.
type replicaPlan struct {
	name       facsimile.Replica
	candidates []facsimile.Node
}

// planReplicas says which replicas a module has: n_instances over the whole instance, per_node
// on each node of its targets, or one on each.
func (v *View) planReplicas(c *Context, name string, m facsimile.Value) ([]replicaPlan, *facsimile.Error) {
	service := m.Get("service")
	nodes, err := v.nodesOf(name, m)
	if err != nil {
		return nil, err
	}
	path := facsimile.Path{"modules", name, "service"}
	if count := service.Get("n_instances"); !count.IsAbsent() {
		if per := service.Get("per_node"); !per.IsAbsent() {
			return nil, v.fault(per.Origin(), "module %s says both n_instances and per_node", name).
				WithAt(v.in.Sources.Position(per.Origin()), v.in.Sources.Position(count.Origin()))
		}
		n, err := v.number(c, path.Child("n_instances"), count, 0, maxReplicas)
		if err != nil {
			return nil, err
		}
		plans := make([]replicaPlan, n)
		for i := range plans {
			plans[i] = replicaPlan{ReplicaName(name, m, i), nodes}
		}
		return plans, nil
	}
	each := 1
	if per := service.Get("per_node"); !per.IsAbsent() {
		if each, err = v.number(c, path.Child("per_node"), per, 0, maxReplicas); err != nil {
			return nil, err
		}
	}
	return v.planPerNode(name, m, nodes, each), nil
}

// maxReplicas bounds a slip of the pen; ids run out long before.
const maxReplicas = 10_000

// planPerNode gives each node its own replicas. One that the state placed on a node that still
// is there stays; a new one takes the lowest number that is free.
func (v *View) planPerNode(name string, m facsimile.Value, nodes []facsimile.Node, each int) []replicaPlan {
	at := map[int]facsimile.Node{}
	count := map[facsimile.Node]int{}
	placed := v.placed(name, m)
	for _, i := range slices.Sorted(maps.Keys(placed)) {
		if n := placed[i]; slices.Contains(nodes, n) && count[n] < each {
			at[i] = n
			count[n]++
		}
	}
	next := 0
	for _, n := range nodes {
		for ; count[n] < each; count[n]++ {
			for ; at[next] != ""; next++ {
			}
			at[next] = n
		}
	}
	var plans []replicaPlan
	for _, i := range slices.Sorted(maps.Keys(at)) {
		plans = append(plans, replicaPlan{ReplicaName(name, m, i), []facsimile.Node{at[i]}})
	}
	return plans
}

// placed are the nodes of a module's replicas in the state, by number.
func (v *View) placed(name string, m facsimile.Value) map[int]facsimile.Node {
	prefix := strings.TrimSuffix(string(ReplicaName(name, m, 0)), "0")
	out := map[int]facsimile.Node{}
	for _, r := range v.in.State.Replicas() {
		digits, ok := strings.CutPrefix(string(r.Replica), prefix)
		if i, err := strconv.Atoi(digits); ok && err == nil && r.Node != "" {
			out[i] = r.Node
		}
	}
	return out
}

// nodesOf are the nodes where a module may run: those of its targets, in the order of the
// topology; all where it names none.
func (v *View) nodesOf(name string, m facsimile.Value) ([]facsimile.Node, *facsimile.Error) {
	targets, err := v.targetsOf(name, m)
	if err != nil {
		return nil, err
	}
	var nodes []facsimile.Node
	for _, n := range v.in.Topology.Nodes {
		if targets == nil || slices.ContainsFunc(n.Targets, func(t facsimile.Target) bool { return slices.Contains(targets, t) }) {
			nodes = append(nodes, n.Name)
		}
	}
	return nodes, nil
}

func (v *View) targetsOf(name string, m facsimile.Value) ([]facsimile.Target, *facsimile.Error) {
	list := m.Get("targets")
	if list.IsAbsent() || list.Kind() == facsimile.Null {
		return nil, nil
	}
	if list.Kind() != facsimile.List {
		return nil, v.fault(list.Origin(), "the targets of module %s are %s, want a list", name, list.Kind())
	}
	var known []string
	for _, t := range v.in.Topology.Targets {
		known = append(known, string(t.Name))
	}
	targets := []facsimile.Target{}
	for _, t := range list.Items() {
		if !slices.Contains(known, t.Str()) {
			err := v.fault(t.Origin(), "module %s runs on target %q, which instance %s does not have", name, t.Str(), v.in.Instance)
			if v.in.Topology.Local {
				continue // an instance on one machine has every target there
			}
			if near := facsimile.Nearest(t.Str(), known); len(near) > 0 {
				return nil, err.WithHint("did you mean %s?", near[0])
			}
			return nil, err
		}
		targets = append(targets, facsimile.Target(t.Str()))
	}
	if v.in.Topology.Local {
		return nil, nil
	}
	return targets, nil
}

// number evaluates a whole number between bounds.
func (v *View) number(c *Context, path facsimile.Path, val facsimile.Value, least, most int) (int, *facsimile.Error) {
	j, err := c.toJinja(path, val, true)
	if err != nil {
		var placed *facsimile.Error
		if errors.As(c.explainError(err, val), &placed) {
			return 0, placed
		}
		return 0, v.fault(val.Origin(), "%s: %v", path, err)
	}
	i, ok := j.AsInt64()
	if !ok || i < int64(least) || i > int64(most) {
		return 0, v.fault(val.Origin(), "%s is %s, want a whole number from %d to %d", path, c.inWords(path, j, val), least, most)
	}
	return int(i), nil
}

// inWords names what a value of the definition gave: itself where it is short and no secret,
// else what kind of value it is.
func (c *Context) inWords(path facsimile.Path, j jinja.Value, val facsimile.Value) string {
	w := writer{c: c, hide: true}
	got, err := w.result(path, j, val.Origin())
	if err != nil {
		return val.Kind().String()
	}
	switch got.Kind() {
	case facsimile.Bool, facsimile.Int, facsimile.Float, facsimile.String:
		if text, err := got.MarshalJSON(); err == nil && len(text) <= 40 {
			return string(text)
		}
	}
	return got.Kind().String()
}

// Home of a node, absolute. See Context.Home.
func (v *View) Home(n define.NodeDecl) (string, error) {
	c, err := v.At(v.in.Projects[0].Name, Scope{Node: n.Name})
	if err != nil {
		return "", err
	}
	return c.Home()
}
