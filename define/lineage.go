package define

import (
	"fmt"
	"slices"
	"strings"

	"facsimile.dev/facsimile"
)

// lineage puts the layers of one shelf in order: each behind those that it inherits, depth
// first, each once.
type lineage struct {
	shelf    *shelf
	order    []*layer
	state    map[string]visit
	chain    []parent       // the names on the way to the layer at hand
	later    map[string]int // the position of those that the instance itself asks for
	now      int
	problems facsimile.Problems
}

type visit uint8

const (
	unseen visit = iota
	open         // its parents are being put in order
	done
)

func newLineage(s *shelf) *lineage {
	return &lineage{shelf: s, state: map[string]visit{}, later: map[string]int{}}
}

// addAll adds the layers of some names, those that stand anywhere.
func (l *lineage) addAll(names []string) {
	for i, name := range names {
		l.later[name] = i
	}
	for i, name := range names {
		l.now = i
		l.add(name, facsimile.Origin{})
	}
	clear(l.later)
}

// add adds the layer of a name behind its parents; at is where it is asked for, zero if only
// its name asks, and then it may not exist.
func (l *lineage) add(name string, at facsimile.Origin) {
	switch l.state[name] {
	case done:
		return
	case open:
		l.cycle(name, at)
		return
	}
	found, problems := l.shelf.layer(name)
	l.problems = append(l.problems, problems...)
	if found == nil {
		l.state[name] = done
		if !at.IsZero() && len(problems) == 0 {
			l.fail(fmt.Sprintf("there is no layer %q to inherit", name), nearestHint(name, l.shelf.layerNames(), "layers"), at)
		}
		return
	}
	if i, ok := l.later[name]; ok && i > l.now && !at.IsZero() {
		l.fail(fmt.Sprintf("%q cannot be inherited here: it comes over this layer by its name", name), "turn the inheritance round, or move what both need into a third layer", at)
	}
	l.state[name] = open
	l.chain = append(l.chain, parent{name, at})
	for _, p := range found.parents {
		l.add(p.name, p.at)
	}
	l.checkParents(found)
	l.chain = l.chain[:len(l.chain)-1]
	l.state[name] = done
	l.order = append(l.order, found)
}

// cycle tells of the chain that leads back to a layer.
func (l *lineage) cycle(name string, at facsimile.Origin) {
	start := slices.IndexFunc(l.chain, func(p parent) bool { return p.name == name })
	sources := l.shelf.folder.sources
	var text strings.Builder
	places := []facsimile.Origin{at}
	fmt.Fprintf(&text, "inheritance goes in a circle: %s", name)
	for _, p := range append(slices.Clone(l.chain[start+1:]), parent{name, at}) {
		where := sources.Position(p.at)
		fmt.Fprintf(&text, " inherits %s (%s)", p.name, where)
		if p.at != at {
			places = append(places, p.at)
		}
	}
	l.fail(text.String(), "take one of these out", places...)
}

// checkParents refuses inherit: [x, y] where x inherits y, since y is then under x although it
// is written as if it were over it.
func (l *lineage) checkParents(of *layer) {
	for i, x := range of.parents {
		above := l.ancestors(x.name, map[string]bool{})
		for _, y := range of.parents[i+1:] {
			if above[y.name] && y.name != x.name {
				l.fail(fmt.Sprintf("%q already inherits %q, which cannot come over it", x.name, y.name),
					fmt.Sprintf("write %s before %s, or leave it out", y.name, x.name), y.at, x.at)
			}
		}
	}
}

// ancestors are a layer and all that it inherits.
func (l *lineage) ancestors(name string, into map[string]bool) map[string]bool {
	if into[name] {
		return into
	}
	into[name] = true
	if found, _ := l.shelf.layer(name); found != nil {
		for _, p := range found.parents {
			l.ancestors(p.name, into)
		}
	}
	return into
}

func (l *lineage) fail(msg, hint string, at ...facsimile.Origin) {
	l.problems = append(l.problems, problem(l.shelf.folder.sources, msg, hint, at...))
}

// namesOf are the layers that the name of an instance asks for, the lowest first: for a.b.c
// its parts a, b and c, then a.b and a.b.c.
func namesOf(in facsimile.Instance) []string {
	parts := strings.Split(string(in), ".")
	names := slices.Clone(parts)
	for n := 2; n <= len(parts); n++ {
		names = append(names, strings.Join(parts[:n], "."))
	}
	return names
}
