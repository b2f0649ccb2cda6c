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
	var places []*place
	index := map[string]*place{}
	clock := 0
	note := func(k kid, layer facsimile.Layer) {
		p := index[k.name]
		if p == nil {
			p = &place{name: k.name}
			index[k.name] = p
			places = append(places, p)
		}
		if !p.there {
			clock++
			p.since = clock
		}
		p.there = k.op != Remove
		p.all = append(p.all, said{layer, k.op, k.part, k.keyAt})
	}
	for _, s := range all {
		if !s.merges() {
			for _, p := range places {
				if p.there {
					p.there = false
					p.all = append(p.all, said{s.layer, Remove, nil, s.at})
				}
			}
			if s.op != Replace || !s.part.isMap() {
				continue
			}
		}
		if only == nil {
			for k := range s.part.each {
				note(k, s.layer)
			}
		} else if k, ok := s.part.find(*only); ok {
			note(k, s.layer)
		}
	}
	slices.SortStableFunc(places, func(a, b *place) int { return cmp.Compare(a.since, b.since) })
	return places
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
// the map. Nothing where both are zero. Inside raw text no string is a reference.
func (m *merger) settle(all []said, raw bool) (v facsimile.Value, tail []said) {
	for i, s := range all {
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
	places := below(tail, nil)
	raw = raw || marksRaw(places)
	entries := make([]facsimile.Entry, 0, len(places))
	for _, p := range places {
		m.path = append(m.path, p.name)
		v := m.combine(p.all, raw)
		m.path = m.path[:len(m.path)-1]
		if !v.IsAbsent() {
			entries = append(entries, facsimile.Entry{Key: p.name, KeyAt: p.all[len(p.all)-1].at, Value: v})
		}
	}
	return facsimile.MapAt(entries, last.at)
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
