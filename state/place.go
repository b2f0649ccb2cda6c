package state

import (
	"cmp"
	"slices"

	"facsimile.dev/facsimile"
)

// standing is where a needed replica stands, or will.
type standing struct {
	need ReplicaNeed
	had  *item // its place in the state; nil for a new one
	node facsimile.Node
	port int
}

// places puts replicas on nodes, gives them ports, and says what differs from the state.
func (a *allotter) places() {
	stand := a.onNodes()
	ports := newPorts(stand, a.own)
	a.givePorts(stand, ports)
	for _, s := range stand {
		p := NewPlace{Replica: s.need.Replica, Node: s.node, Port: s.port, Base: s.need.Port}
		if s.had == nil || s.had.Node != p.Node || s.had.Port != p.Port || s.had.Base != p.Base {
			a.out.Own.Places = append(a.out.Own.Places, p)
		}
	}
	for _, it := range ports.released {
		a.out.Own.Places = append(a.out.Own.Places, NewPlace{Replica: it.Place, Node: it.Node, Base: it.Base})
	}
}

// onNodes leaves each replica on its node while that is a candidate. The others go, in the order
// of the needs, to the candidate with the fewest replicas of their module, so that a node that
// fails takes as few as can be; then with the fewest of all; then to the first.
func (a *allotter) onNodes() []*standing {
	type load struct {
		node   facsimile.Node
		module facsimile.Module
	}
	ofModule, ofAll := map[load]int{}, map[facsimile.Node]int{}
	var stand, homeless []*standing
	put := func(s *standing, on facsimile.Node) {
		s.node = on
		ofModule[load{on, s.need.Module}]++
		ofAll[on]++
	}
	for _, n := range a.needs.Replicas {
		if len(n.Candidates) == 0 {
			a.problem(n.At, "name its targets, or nodes for them under deploy.nodes", "there is no node on which %s could stand", n.Replica)
			continue
		}
		s := &standing{need: n, had: a.own.items[placeKey(n.Replica)]}
		stand = append(stand, s)
		if s.had != nil && slices.Contains(n.Candidates, s.had.Node) {
			put(s, s.had.Node)
		} else {
			homeless = append(homeless, s)
		}
	}
	for _, s := range homeless {
		put(s, slices.MinFunc(s.need.Candidates, func(x, y facsimile.Node) int {
			return cmp.Or(
				cmp.Compare(ofModule[load{x, s.need.Module}], ofModule[load{y, s.need.Module}]),
				cmp.Compare(ofAll[x], ofAll[y]))
		}))
	}
	return stand
}
