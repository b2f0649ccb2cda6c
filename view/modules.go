package view

import (
	"strconv"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
)

// ModuleUser is the username of a module: its daemon, or else its name. Modules with one
// username share a password.
func ModuleUser(name string, module facsimile.Value) string {
	if daemon := module.Get("daemon").Str(); daemon != "" {
		return daemon
	}
	return name
}

// PasswordKey is the key in the state of the password of a username.
func PasswordKey(username string) string { return "passwd." + username }

// SecretKey is the key in the state of a module's named secret.
func SecretKey(module facsimile.Module, name string) string {
	return "secrets." + string(module) + "." + name
}

// ReplicaName names a replica as the earlier system did: the service's name, which is the
// module's with a "d" unless it says otherwise, and a number from 0.
func ReplicaName(name string, module facsimile.Value, i int) facsimile.Replica {
	service := module.Get("service").Get("name").Str()
	if service == "" {
		service = ModuleUser(name, module) + "d"
	}
	return facsimile.Replica(service + "." + strconv.Itoa(i))
}

// moduleSet is the one map of modules of the instance, as defined and as templates see it.
type moduleSet struct{ defined, seen facsimile.Value }

// enrich adds to each module what templates see besides its definition: name, username,
// password, the values of its secrets (in place of their policies), its directories as the
// state fixed them, and its replicas. What only the state knows is a Pending value that names
// its key; it becomes a secret or a number when somebody reads it.
func (v *View) enrich(c *Context, modules facsimile.Value) (facsimile.Value, error) {
	var problems facsimile.Problems
	out := make([]facsimile.Entry, 0, modules.Len())
	for _, e := range modules.Entries() {
		m, err := v.enrichModule(c, e)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		out = append(out, facsimile.Entry{Key: e.Key, KeyAt: e.KeyAt, Value: m})
	}
	if len(problems) > 0 {
		return facsimile.Value{}, problems
	}
	return facsimile.MapAt(out, modules.Origin()), nil
}

func (v *View) enrichModule(c *Context, e facsimile.Entry) (facsimile.Value, *facsimile.Error) {
	name, m := e.Key, e.Value
	if m.Kind() != facsimile.Map {
		return facsimile.Value{}, v.fault(e.KeyAt, "module %q is %s, want a map", name, m.Kind())
	}
	if err := v.noSecretsIn(name, m); err != nil {
		return facsimile.Value{}, err
	}
	user := ModuleUser(name, m)
	set := newEntries(m)
	set.add("name", facsimile.StringAt(name, m.Origin()))
	set.add("username", facsimile.StringAt(user, m.Origin()))
	set.put("password", facsimile.PendingAt(PasswordKey(user), v.atState))

	var secrets []facsimile.Entry
	for _, s := range m.Get("secrets").Entries() {
		key := SecretKey(facsimile.Module(name), s.Key)
		secrets = append(secrets, facsimile.Entry{Key: s.Key, KeyAt: s.KeyAt, Value: facsimile.PendingAt(key, v.atState)})
	}
	if len(secrets) > 0 {
		set.put("secrets", facsimile.MapAt(secrets, m.Get("secrets").Origin()))
	}
	if dirs := m.Get("directories"); dirs.Kind() == facsimile.Map {
		set.put("directories", v.directories(facsimile.Module(name), dirs))
	}
	if m.Get("service").Kind() == facsimile.Map {
		plans, err := v.planReplicas(c, name, m)
		if err != nil {
			return facsimile.Value{}, err
		}
		list := make([]facsimile.Value, len(plans))
		for i, p := range plans {
			list[i] = v.replica(p.name, name, m)
		}
		set.put("replicas", facsimile.ListAt(list, m.Get("service").Origin()))
	}
	return facsimile.MapAt(set.list, m.Origin()), nil
}

// noSecretsIn refuses a module that writes a secret itself. The generated one would count in its
// place, and whoever reads the definition would believe the other.
func (v *View) noSecretsIn(name string, m facsimile.Value) *facsimile.Error {
	if e, ok := m.Entry("password"); ok {
		return v.secretFault(e.KeyAt, "module %s says password itself", name).
			WithHint("a definition holds no secret: facs generates this one, and {{ module.%s.password }} reads it; secret: says of what form it is", name)
	}
	if policy := m.Get("secret"); !isPolicy(policy) {
		return v.secretFault(policy.Origin(), "secret of module %s is %s, want a map", name, policy.Kind()).
			WithHint("a definition holds no secret, only its form, as in {type: hex, length: 32}: facs generates the secret")
	}
	secrets := m.Get("secrets")
	if !isPolicy(secrets) {
		return v.secretFault(secrets.Origin(), "secrets of module %s are %s, want a map by name", name, secrets.Kind()).
			WithHint("write secrets: {NAME: {}}: facs generates each")
	}
	for _, s := range secrets.Entries() {
		if !isPolicy(s.Value) {
			return v.secretFault(s.Value.Origin(), "secret %s of module %s is %s, want a map", s.Key, name, s.Value.Kind()).
				WithHint("a definition holds no secret, only its form, as in {type: hex, length: 32}: facs generates the secret")
		}
	}
	return nil
}

// secretFault is a fault whose place does not quote the line: the secret stands on it.
func (v *View) secretFault(at facsimile.Origin, format string, args ...any) *facsimile.Error {
	place := v.in.Sources.Position(at)
	place.Text = ""
	return facsimile.Errorf(facsimile.BadInput, format, args...).WithAt(place)
}

// isPolicy reports whether a value can say of what form secrets are, if only by silence.
func isPolicy(v facsimile.Value) bool {
	return v.Kind() == facsimile.Map || v.IsAbsent() || v.Kind() == facsimile.Null
}

// fault is an error of the definition, with its place where it has one.
func (v *View) fault(at facsimile.Origin, format string, args ...any) *facsimile.Error {
	err := facsimile.Errorf(facsimile.BadInput, format, args...)
	if at.IsZero() {
		return err
	}
	return err.WithAt(v.in.Sources.Position(at))
}

// directories prefers the path that the state fixed over the one that the definition says now.
func (v *View) directories(m facsimile.Module, dirs facsimile.Value) facsimile.Value {
	out := make([]facsimile.Entry, 0, dirs.Len())
	for _, d := range dirs.Entries() {
		if path, ok := v.in.State.Directory(m, d.Key); ok {
			d.Value = facsimile.StringAt(path, v.atState)
		}
		out = append(out, d)
	}
	return facsimile.MapAt(out, dirs.Origin())
}

func (v *View) replica(r facsimile.Replica, name string, m facsimile.Value) facsimile.Value {
	pending := func(what string) facsimile.Value { return facsimile.PendingAt(what+"."+string(r), v.atState) }
	set := newEntries(facsimile.Value{})
	at := m.Get("service").Origin()
	set.add("name", facsimile.StringAt(string(r), at))
	set.add("module", facsimile.StringAt(name, at))
	uiid, node, address, port := pending("uiid"), pending("node"), pending("node"), pending("port")
	placed, _ := v.in.State.Replica(r)
	if placed.UIID != 0 {
		uiid = facsimile.IntAt(int64(placed.UIID), v.atState)
	}
	if placed.Node != "" {
		node = facsimile.StringAt(string(placed.Node), v.atState)
		if decl, known := v.in.Topology.Node(placed.Node); known {
			address = facsimile.StringAt(Address(decl), decl.At)
		}
		port = facsimile.IntAt(int64(placed.Port), v.atState)
	}
	if m.Get("service").Get("port").IsAbsent() {
		port = facsimile.IntAt(0, at)
	}
	set.add("uiid", uiid)
	set.add("node", node)
	set.add("address", address)
	set.add("port", port)
	return facsimile.MapAt(set.list, at)
}

// Address is how other nodes reach a node: this machine's loopback for a local one, what ssh
// says if it says something, or the node's name.
func Address(n define.NodeDecl) string {
	switch {
	case n.Transport == define.Local:
		return "127.0.0.1"
	case n.SSH.Address != "":
		return n.SSH.Address
	}
	return string(n.Name)
}

// entries builds a map in order.
type entries struct{ list []facsimile.Entry }

func newEntries(from facsimile.Value) *entries {
	return &entries{list: append([]facsimile.Entry(nil), from.Entries()...)}
}

// add appends a key unless it is there.
func (s *entries) add(key string, v facsimile.Value) {
	for _, e := range s.list {
		if e.Key == key {
			return
		}
	}
	s.list = append(s.list, facsimile.Entry{Key: key, KeyAt: v.Origin(), Value: v})
}

// put sets a key, in its place where it is there.
func (s *entries) put(key string, v facsimile.Value) {
	for i, e := range s.list {
		if e.Key == key {
			s.list[i].Value = v
			return
		}
	}
	s.add(key, v)
}
