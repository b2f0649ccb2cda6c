package state

import "facsimile.dev/facsimile"

// socket is a port of a node.
type socket struct {
	node facsimile.Node
	port int
}

// ports are those in use. A replica that the definition no longer has keeps its port until
// another one wants it: then it is released, so that no port ever has two owners in the state.
type ports struct {
	used     map[socket]facsimile.Replica
	dormant  map[socket]*item
	started  map[moduleOn]bool // the module has a replica with a port there
	released []*item
}

type moduleOn struct {
	node   facsimile.Node
	module facsimile.Module
}

// newPorts keeps the ports of all replicas that stand where they stood and want what they wanted.
func newPorts(stand []*standing, own *version) *ports {
	p := &ports{used: map[socket]facsimile.Replica{}, dormant: map[socket]*item{}, started: map[moduleOn]bool{}}
	needed := map[facsimile.Replica]bool{}
	for _, s := range stand {
		needed[s.need.Replica] = true
		wants := s.need.PortAuto || s.need.Port != 0
		if s.had != nil && wants && s.had.Port != 0 && s.had.Node == s.node && s.had.Base == s.need.Port {
			p.take(s, s.had.Port)
		}
	}
	for _, it := range own.items {
		if it.Place != "" && it.Port != 0 && !needed[it.Place] {
			p.dormant[socket{it.Node, it.Port}] = it
		}
	}
	return p
}

func (p *ports) take(s *standing, port int) {
	at := socket{s.node, port}
	s.port = port
	p.used[at] = s.need.Replica
	p.started[moduleOn{s.node, s.need.Module}] = true
	if it := p.dormant[at]; it != nil {
		delete(p.dormant, at)
		p.released = append(p.released, it)
	}
}

// free finds the first port of a range that nobody uses; polite leaves alone also those of
// replicas that may come back. 0 is none.
func (p *ports) free(node facsimile.Node, in PortRange, polite bool) int {
	for port := in.First; port <= in.Last; port++ {
		at := socket{node, port}
		if p.used[at] == "" && !(polite && p.dormant[at] != nil) {
			return port
		}
	}
	return 0
}

// givePorts gives ports to those that have none yet: first to the first replica of each module
// on its node, which should get the very number that was written; then to further ones, the
// next free numbers; last the automatic ones.
func (a *allotter) givePorts(stand []*standing, p *ports) {
	var further, automatic []*standing
	for _, s := range stand {
		switch {
		case s.port != 0:
		case s.need.PortAuto:
			automatic = append(automatic, s)
		case s.need.Port == 0:
		case p.started[moduleOn{s.node, s.need.Module}]:
			further = append(further, s)
		default:
			a.givePort(s, p, s.need.Port)
		}
	}
	for _, s := range further {
		a.givePort(s, p, 0)
	}
	for _, s := range automatic {
		port := p.free(s.node, a.needs.AutoPorts, true)
		if port == 0 {
			port = p.free(s.node, a.needs.AutoPorts, false)
		}
		if port == 0 {
			a.problem(s.need.At, "make the range larger, or place fewer replicas there",
				"no port from %d to %d is left on %s for %s", a.needs.AutoPorts.First, a.needs.AutoPorts.Last, s.node, s.need.Replica)
			continue
		}
		p.take(s, port)
	}
}

// givePort gives the next free number from the written one on. Where another number than wanted
// comes out, people are told; wanted 0 takes any.
func (a *allotter) givePort(s *standing, p *ports, wanted int) {
	port := p.free(s.node, PortRange{s.need.Port, maxPort}, false)
	if port == 0 {
		a.problem(s.need.At, "", "no port from %d on is left on %s for %s", s.need.Port, s.node, s.need.Replica)
		return
	}
	if wanted != 0 && port != wanted {
		a.note(s.need.At, "%s gets the port %d on %s: %d belongs to %s",
			s.need.Replica, port, s.node, wanted, p.used[socket{s.node, wanted}])
	}
	p.take(s, port)
}
