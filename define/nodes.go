package define

import (
	"fmt"
	"net/netip"
	"slices"

	"facsimile.dev/facsimile"
)

// readTargets reads deploy.nodes: target to list of nodes. Without it the instance deploys to
// this machine.
func (t *topologyReader) readTargets(deploy facsimile.Value) {
	if !deploy.IsAbsent() && deploy.Kind() != facsimile.Map {
		t.fail(fmt.Sprintf("deploy is a map, this is %s", deploy.Kind()), "", deploy.Origin())
		return
	}
	nodes := deploy.Get("nodes")
	if nodes.IsAbsent() {
		t.topology.Local = true
		at := deploy.Origin()
		t.topology.Nodes = []NodeDecl{{Name: LocalNode, Transport: Local, At: at}}
		t.topology.index[LocalNode] = 0
		return
	}
	if nodes.Kind() != facsimile.Map {
		t.fail(fmt.Sprintf("deploy.nodes is a map from target to list of nodes, this is %s", nodes.Kind()), "", nodes.Origin())
		return
	}
	for _, e := range nodes.Entries() {
		name, err := facsimile.ParseName("target", e.Key)
		if err != nil {
			t.fail(err.Error(), "", e.KeyAt)
			continue
		}
		t.readTarget(TargetDecl{Name: facsimile.Target(name), At: e.KeyAt}, e.Value)
	}
}

func (t *topologyReader) readTarget(target TargetDecl, list facsimile.Value) {
	if list.Kind() != facsimile.List {
		t.fail(fmt.Sprintf("the nodes of target %q are a list, this is %s", target.Name, list.Kind()), "write [HOST, …]", list.Origin())
		return
	}
	member := map[facsimile.Node]bool{}
	for _, item := range list.Items() {
		var nodes []facsimile.Node
		p, err := parsePattern(t.text(item, "a node"))
		if err == nil && item.Kind() == facsimile.String && !isReference(item) {
			nodes, err = p.expand()
		}
		if err == nil && len(t.topology.Nodes)+len(nodes) > maxNodes {
			err = fmt.Errorf("the instance has more than %d nodes", maxNodes)
		}
		if err != nil {
			t.fail(err.Error(), "", item.Origin())
			continue
		}
		for _, n := range nodes {
			if !member[n] {
				member[n] = true
				target.Nodes = append(target.Nodes, n)
				t.addNode(n, target.Name, item.Origin())
			}
		}
	}
	t.topology.Targets = append(t.topology.Targets, target)
}

func (t *topologyReader) addNode(n facsimile.Node, target facsimile.Target, at facsimile.Origin) {
	i, known := t.topology.index[n]
	if !known {
		i = len(t.topology.Nodes)
		t.topology.index[n] = i
		t.topology.Nodes = append(t.topology.Nodes, NodeDecl{Name: n, At: at})
	}
	t.topology.Nodes[i].Targets = append(t.topology.Nodes[i].Targets, target)
}

// readNodes reads the place of each node from what is said under nodes. It does so once for
// all nodes of which the same keys speak.
func (t *topologyReader) readNodes(home facsimile.Value) {
	read := map[string]NodeDecl{}
	for i := range t.topology.Nodes {
		n := &t.topology.Nodes[i]
		var list []overlay
		for _, p := range t.overlays.patterns {
			if len(p.place.all) > 0 && p.pattern.matches(string(n.Name)) {
				list = append(list, p.place)
			}
		}
		if exact := t.overlays.places[n.Name]; len(exact.all) > 0 {
			list = append(list, exact)
		}
		key := keyOf(list)
		place, ok := read[key]
		if !ok {
			place = t.readPlace(list)
			read[key] = place
		}
		n.Region, n.Transport, n.Home, n.SSH = place.Region, place.Transport, place.Home, place.SSH
		if t.topology.Local {
			n.Transport = Local
		}
		if n.Home.IsAbsent() {
			n.Home = home
		}
	}
	if !home.IsAbsent() && home.Kind() != facsimile.String {
		t.fail(fmt.Sprintf("home is text, this is %s", home.Kind()), "", home.Origin())
	}
	for _, n := range t.topology.Nodes {
		if n.Region != "" && !slices.Contains(t.topology.Regions, n.Region) {
			t.topology.Regions = append(t.topology.Regions, n.Region)
		}
	}
}

// readPlace merges and reads region, transport, home and ssh.
func (t *topologyReader) readPlace(list []overlay) NodeDecl {
	n := NodeDecl{Transport: SSH}
	var all []said
	for _, o := range list {
		all = append(all, o.all...)
	}
	m := &merger{sources: t.d.sources, path: facsimile.Path{"nodes"}}
	v := m.combine(all, false)
	t.problems = append(t.problems, m.problems...)
	if region := t.text(v.Get("region"), "region"); region != "" {
		if _, err := facsimile.ParseName("region", region); err != nil {
			t.fail(err.Error(), "", v.Get("region").Origin())
		}
		n.Region = facsimile.Region(region)
		t.overlays.regionAt[n.Region] = v.Get("region").Origin()
	}
	switch transport := Transport(t.text(v.Get("transport"), "transport")); transport {
	case SSH, Rsync, Local:
		n.Transport = transport
	case "":
	default:
		t.fail(fmt.Sprintf("there is no transport %q", transport), nearestHint(string(transport), []string{"ssh", "rsync", "local"}, "transports"), v.Get("transport").Origin())
	}
	if n.Home = v.Get("home"); !n.Home.IsAbsent() && n.Home.Kind() != facsimile.String {
		t.fail(fmt.Sprintf("home is text, this is %s", n.Home.Kind()), "", n.Home.Origin())
	}
	n.SSH = t.readSSH(v.Get("ssh"))
	return n
}

func (t *topologyReader) readSSH(v facsimile.Value) SSHDecl {
	var s SSHDecl
	if v.IsAbsent() {
		return s
	}
	if v.Kind() != facsimile.Map {
		t.fail(fmt.Sprintf("ssh is a map, this is %s", v.Kind()), "write {address: …, port: …, user: …}", v.Origin())
		return s
	}
	if s.Address = t.text(v.Get("address"), "address"); s.Address != "" {
		_, isAddress := netip.ParseAddr(s.Address)
		if _, isName := facsimile.ParseNode(s.Address); isName != nil && (isAddress != nil || !plainAddress(s.Address)) {
			t.fail(fmt.Sprintf("%q is neither a host name nor an IP address", s.Address), "", v.Get("address").Origin())
			s.Address = ""
		}
	}
	if s.User = t.text(v.Get("user"), "user"); s.User != "" {
		if _, err := facsimile.ParseNode(s.User); err != nil {
			t.fail(fmt.Sprintf("%q is no user name: letters, digits, dots, _ and -, not starting with -", s.User), "", v.Get("user").Origin())
			s.User = ""
		}
	}
	if port := v.Get("port"); !port.IsAbsent() {
		n, ok := port.Int64()
		if !ok || n < 1 || n > 65535 {
			t.fail("a port is a number from 1 to 65535", "", port.Origin())
			return s
		}
		s.Port = int(n)
	}
	return s
}

// plainAddress reports whether an IP address has no zone, which could hold anything.
func plainAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}
