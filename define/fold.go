package define

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"facsimile.dev/facsimile"
)

// Op is what a layer does to a value.
type Op uint8

// The operations.
const (
	Set     Op = iota // name: a map merges, anything else replaces
	Append            // name+: a list goes on
	Replace           // name!: even a map replaces
	Remove            // a written null, or a replacement further up that lacks the value
)

// String is how people write the operation.
func (o Op) String() string {
	return [...]string{"set", "append", "replace", "remove"}[o&3]
}

// said is what one layer says of one place. The merged value of a place and its explanation are
// both read from the list of all that was said of it, the lowest layer first.
type said struct {
	layer facsimile.Layer
	op    Op
	part  *part            // nil where a replacement further up removed the value
	at    facsimile.Origin // where: the key, as far as there is one
}

// merges reports whether s goes into the map that is there, instead of replacing it.
func (s said) merges() bool { return s.op == Set && s.part.isMap() }

// place is one key of a merged map, with all that was said of it.
type place struct {
	name  string
	all   []said
	there bool // the last of them leaves a value
	since int  // orders the keys: one that is removed and comes back is last
}

// below gives what was said of the keys of a map, from what was said of the map itself; of one
// key only, if only is not nil. Places that hold no value in the end are among them.
func below(all []said, only *string) []*place {
	g := gathering{index: map[string]*place{}}
	for _, s := range all {
		g.add(s, only)
	}
	return g.inOrder()
}

// gathering collects what layers say of the keys of a map.
type gathering struct {
	places []*place
	index  map[string]*place
	clock  int
}

// add takes what one more layer says of the map.
func (g *gathering) add(s said, only *string) {
	if !s.merges() {
		for _, p := range g.places {
			if p.there {
				p.there = false
				p.all = append(p.all, said{s.layer, Remove, nil, s.at})
			}
		}
		if s.op != Replace || !s.part.isMap() {
			return
		}
	}
	if only == nil {
		for k := range s.part.each {
			g.note(k, s.layer)
		}
	} else if k, ok := s.part.find(*only); ok {
		g.note(k, s.layer)
	}
}

// note takes what a layer says of one key.
func (g *gathering) note(k kid, layer facsimile.Layer) {
	p := g.index[k.name]
	if p == nil {
		p = &place{name: k.name}
		g.index[k.name] = p
		g.places = append(g.places, p)
	}
	if !p.there {
		g.clock++
		p.since = g.clock
	}
	p.there = k.op != Remove
	p.all = append(p.all, said{layer, k.op, k.part, k.keyAt})
}

// inOrder gives the places as the merged map has them.
func (g *gathering) inOrder() []*place {
	slices.SortStableFunc(g.places, func(a, b *place) int { return cmp.Compare(a.since, b.since) })
	return g.places
}

// element gives what was said of one element of a list, from what was said of the list.
func element(all []said, i int) []said {
	var out []said
	length := 0
	for _, s := range all {
		before := length
		switch {
		case s.op == Remove || s.part.value.Kind() != facsimile.List:
			length = 0
		case s.op == Append:
			length += s.part.value.Len()
		default:
			before, length = 0, s.part.value.Len()
		}
		switch {
		case i >= before && i < length:
			item := s.part.value.Items()[i-before]
			out = append(out, said{s.layer, Replace, &part{value: item, plain: true}, item.Origin()})
		case i >= length && len(out) > 0 && out[len(out)-1].op != Remove:
			out = append(out, said{s.layer, Remove, nil, s.at})
		}
	}
	return out
}

// merger makes the value of places from what was said of them, and notes what cannot be merged.
type merger struct {
	sources  *facsimile.Sources
	problems facsimile.Problems
	path     facsimile.Path // to the place at hand, for errors
}

// settle decides what stands at a place: a value that is no map, or the layers that make up
// the map. Nothing where both are zero. Inside raw text no string is a reference. What a later
// layer replaces anyway is no problem.
func (m *merger) settle(all []said, raw bool) (v facsimile.Value, tail []said) {
	before := len(m.problems)
	for i, s := range all {
		if s.op != Append && (!s.merges() || tail == nil) {
			m.problems = m.problems[:before]
		}
		switch {
		case s.op == Remove:
			v, tail = facsimile.Value{}, nil
		case s.op == Append:
			v = m.extend(v, tail, s)
		case s.merges() && tail != nil:
			tail = append(tail[:len(tail):len(tail)], s)
		case s.part.isMap():
			if s.op == Set && !raw && isReference(v) {
				m.fail("a map cannot merge into a reference", `write a "!" behind the key to replace it`, s.at, v.Origin())
			}
			v, tail = facsimile.Value{}, all[i:i+1]
		default:
			v, tail = s.part.value, nil
		}
	}
	return v, tail
}

// extend appends what s says to the list v.
func (m *merger) extend(v facsimile.Value, tail []said, s said) facsimile.Value {
	more := s.part.value.Items()
	switch {
	case tail != nil:
		m.fail("a list cannot be appended to a map", "", s.at, tail[len(tail)-1].at)
		return v
	case v.Kind() == facsimile.List:
		items := make([]facsimile.Value, 0, v.Len()+len(more))
		return facsimile.ListAt(append(append(items, v.Items()...), more...), s.at)
	case v.IsAbsent() || v.Kind() == facsimile.Null:
		return facsimile.ListAt(more, s.at)
	}
	what := v.Kind().String()
	if isReference(v) {
		what = "a reference"
	}
	m.fail("a list cannot be appended to "+what, `write a "!" behind the key to replace it`, s.at, v.Origin())
	return v
}

// combine is the merged value of a place; absent where the layers leave nothing.
func (m *merger) combine(all []said, raw bool) facsimile.Value {
	v, tail := m.settle(all, raw)
	if tail == nil {
		return v
	}
	last := tail[len(tail)-1]
	if len(tail) == 1 && last.part.plain {
		return last.part.value
	}
	if tail[0].part.plain {
		return facsimile.MapAt(m.patch(tail, raw), last.at)
	}
	places := below(tail, nil)
	return facsimile.MapAt(m.values(places, raw || marksRaw(places)), last.at)
}

// values are the entries of those places that hold a value.
func (m *merger) values(places []*place, raw bool) []facsimile.Entry {
	entries := make([]facsimile.Entry, 0, len(places))
	for _, p := range places {
		m.path = append(m.path, p.name)
		v := m.combine(p.all, raw)
		m.path = m.path[:len(m.path)-1]
		if !v.IsAbsent() {
			entries = append(entries, facsimile.Entry{Key: p.name, KeyAt: p.all[len(p.all)-1].at, Value: v})
		}
	}
	return entries
}

// patch is values for layers over a plain map. It gathers only what the layers speak of: on a
// node that is a handful of keys of a large map, and there are many nodes.
func (m *merger) patch(tail []said, raw bool) []facsimile.Entry {
	base := tail[0]
	g := gathering{index: map[string]*place{}}
	spoken := map[string]bool{"references": true}
	for _, s := range tail[1:] {
		for k := range s.part.each {
			spoken[k.name] = true
		}
	}
	entries := make([]facsimile.Entry, 0, base.part.value.Len()+len(spoken))
	for i, e := range base.part.value.Entries() {
		if spoken[e.Key] {
			g.clock = i
			g.note(kid{e.Key, Set, e.KeyAt, &part{value: e.Value, plain: true}}, base.layer)
		}
	}
	g.clock = base.part.value.Len()
	for _, s := range tail[1:] {
		g.add(s, nil)
	}
	places := g.inOrder()
	raw = raw || marksRaw(places)
	for i, e := range base.part.value.Entries() {
		for len(places) > 0 && places[0].since <= i {
			entries = append(entries, m.values(places[:1], raw)...)
			places = places[1:]
		}
		if !spoken[e.Key] {
			entries = append(entries, e)
		}
	}
	return append(entries, m.values(places, raw)...)
}

func (m *merger) fail(msg, hint string, at ...facsimile.Origin) {
	m.problems = append(m.problems, problem(m.sources, fmt.Sprintf("%s: %s", m.path, msg), hint, at...))
}

// marksRaw reports whether a map says references: false of what is in it.
func marksRaw(places []*place) bool {
	for _, p := range places {
		if p.name == "references" && p.there {
			last := p.all[len(p.all)-1].part.value
			return last.Kind() == facsimile.Bool && !last.Bool()
		}
	}
	return false
}

// isReference reports whether a value is text that the view will evaluate.
func isReference(v facsimile.Value) bool {
	return v.Kind() == facsimile.String && strings.Contains(v.Str(), "{{")
}

// follow gives what was said of the place that a path leads to.
func follow(all []said, p facsimile.Path) []said {
	quiet := &merger{}
	for _, key := range p {
		i, err := strconv.Atoi(key)
		v, _ := quiet.settle(all, true)
		if v.Kind() == facsimile.List {
			if err != nil || i < 0 {
				return nil
			}
			all = element(all, i)
			continue
		}
		places := below(all, &key)
		if len(places) == 0 {
			return nil
		}
		all = places[0].all
	}
	return all
}
