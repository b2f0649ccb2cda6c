package define

import (
	"fmt"
	"strings"

	"facsimile.dev/facsimile"
)

// layer is one layer file, or the part of one, ready to take part in merges.
type layer struct {
	name    facsimile.Layer
	file    string
	at      facsimile.Origin // its start
	body    *part
	parents []parent
	isBase  bool             // abstract: a layer for others, no instance
	strict  bool             // findings about the order of its parents are errors
	listed  facsimile.Value  // instances, of the top layer
	listAt  facsimile.Origin // where that key stands
}

// parent is one name of inherit.
type parent struct {
	name string
	at   facsimile.Origin
}

// part is a value as one layer writes it, the signs of its keys read.
type part struct {
	value facsimile.Value // for a map that is not plain only the origin counts
	kids  []kid           // of a map that is not plain
	plain bool            // no sign and no null in it: over nothing it merges to value
}

// kid is one key of a map as one layer writes it.
type kid struct {
	name  string
	op    Op
	keyAt facsimile.Origin
	part  *part
}

// isMap reports whether the part is a map, which merges.
func (p *part) isMap() bool { return p.value.Kind() == facsimile.Map }

// each gives the keys of a map.
func (p *part) each(yield func(kid) bool) {
	for _, k := range p.kids {
		if !yield(k) {
			return
		}
	}
	if !p.plain {
		return
	}
	for _, e := range p.value.Entries() {
		if !yield(kid{e.Key, Set, e.KeyAt, &part{value: e.Value, plain: true}}) {
			return
		}
	}
}

// find is the key of a name, if the map has it.
func (p *part) find(name string) (kid, bool) {
	if p.plain {
		e, ok := p.value.Entry(name)
		return kid{e.Key, Set, e.KeyAt, &part{value: e.Value, plain: true}}, ok
	}
	for _, k := range p.kids {
		if k.name == name {
			return k, true
		}
	}
	return kid{}, false
}

// without is the map less the keys that drop names.
func (p *part) without(drop func(kid) bool) *part {
	less := &part{value: facsimile.MapAt(nil, p.value.Origin())}
	for k := range p.each {
		if !drop(k) {
			less.kids = append(less.kids, k)
		}
	}
	return less
}

// compiler makes parts of values.
type compiler struct {
	sources  *facsimile.Sources
	problems facsimile.Problems
}

func (c *compiler) fail(msg, hint string, at ...facsimile.Origin) {
	c.problems = append(c.problems, problem(c.sources, msg, hint, at...))
}

// problem is an error about a definition.
func problem(sources *facsimile.Sources, msg, hint string, at ...facsimile.Origin) *facsimile.Error {
	e := &facsimile.Error{Outcome: facsimile.BadInput, Msg: msg, Hint: hint}
	for _, o := range at {
		if !o.IsZero() {
			e.At = append(e.At, sources.Position(o))
		}
	}
	return e
}

// compile reads the signs of all keys of a value.
func (c *compiler) compile(v facsimile.Value) *part {
	switch v.Kind() {
	case facsimile.List:
		return &part{value: c.literal(v), plain: true}
	case facsimile.Map:
		return c.compileMap(v)
	}
	return &part{value: v, plain: true}
}

func (c *compiler) compileMap(v facsimile.Value) *part {
	p := &part{value: facsimile.MapAt(nil, v.Origin()), plain: true}
	forms := make(map[string]facsimile.Entry, v.Len())
	for _, e := range v.Entries() {
		name, op, ok := c.sign(e)
		if !ok {
			continue
		}
		if other, twice := forms[name]; twice {
			c.fail(fmt.Sprintf("%q and %q are two forms of one name in one map", other.Key, e.Key), "keep one of them", e.KeyAt, other.KeyAt)
			continue
		}
		forms[name] = e
		k := kid{name, op, e.KeyAt, c.compile(e.Value)}
		if e.Value.Kind() == facsimile.Null {
			k.op = Remove
		}
		p.plain = p.plain && k.op == Set && k.part.plain
		p.kids = append(p.kids, k)
	}
	if p.plain {
		return &part{value: rebuilt(v, p.kids), plain: true}
	}
	return p
}

// rebuilt is the map of keys without their signs.
func rebuilt(v facsimile.Value, kids []kid) facsimile.Value {
	entries := make([]facsimile.Entry, len(kids))
	for i, k := range kids {
		entries[i] = facsimile.Entry{Key: k.name, KeyAt: k.keyAt, Value: k.part.value}
	}
	return facsimile.MapAt(entries, v.Origin())
}

// sign splits a key into its name and what its trailing sign says.
func (c *compiler) sign(e facsimile.Entry) (name string, op Op, ok bool) {
	name, op = e.Key, Set
	switch {
	case strings.HasSuffix(name, "+"):
		op = Append
	case strings.HasSuffix(name, "!"):
		op = Replace
	case !strings.HasSuffix(name, "="):
		return name, Set, true
	}
	name = name[:len(name)-1]
	if name == "" {
		c.fail(fmt.Sprintf("the key %q is a sign without a name", e.Key), fmt.Sprintf("a name that is %q itself is written %q", e.Key, e.Key+"="), e.KeyAt)
		return "", Set, false
	}
	if op == Append && e.Value.Kind() != facsimile.List {
		c.fail(fmt.Sprintf("%q appends %s; only a list can be appended", e.Key, e.Value.Kind()), fmt.Sprintf("a name that ends with a sign is written %q", e.Key+"="), e.KeyAt)
		return "", Set, false
	}
	return name, op, true
}

// literal is a value inside a list, where nothing merges: a sign that would operate is an
// error, and the sign of a literal name goes.
func (c *compiler) literal(v facsimile.Value) facsimile.Value {
	switch v.Kind() {
	case facsimile.List:
		items := make([]facsimile.Value, v.Len())
		for i, item := range v.Items() {
			items[i] = c.literal(item)
		}
		return facsimile.ListAt(items, v.Origin())
	case facsimile.Map:
		entries := make([]facsimile.Entry, 0, v.Len())
		seen := make(map[string]facsimile.Entry, v.Len())
		for _, e := range v.Entries() {
			name, op, ok := c.sign(e)
			if ok && op != Set {
				c.fail(fmt.Sprintf("%q stands inside a list, where nothing merges", e.Key), fmt.Sprintf("a name that ends with a sign is written %q", e.Key+"="), e.KeyAt)
			}
			if other, twice := seen[name]; ok && twice {
				c.fail(fmt.Sprintf("%q and %q are two forms of one name in one map", other.Key, e.Key), "keep one of them", e.KeyAt, other.KeyAt)
				continue
			}
			seen[name] = e
			entries = append(entries, facsimile.Entry{Key: name, KeyAt: e.KeyAt, Value: c.literal(e.Value)})
		}
		return facsimile.MapAt(entries, v.Origin())
	}
	return v
}

// newLayer makes a layer of a document.
func newLayer(sources *facsimile.Sources, name, file string, doc facsimile.Value) (*layer, facsimile.Problems) {
	c := &compiler{sources: sources}
	l := &layer{name: facsimile.Layer(name), file: file, at: doc.Origin()}
	if name == modulesName {
		doc = wrapModules(doc)
	}
	if doc.Kind() != facsimile.Map {
		c.fail(fmt.Sprintf("a layer is a map, this is %s", doc.Kind()), "", doc.Origin())
		return nil, c.problems
	}
	entries := make([]facsimile.Entry, 0, doc.Len())
	for _, e := range doc.Entries() {
		switch name := trimSign(e.Key); {
		case isControl(name) && e.Key != name+"=":
			c.control(l, name, e)
			continue
		case name == modulesName:
			e = c.modulesByName(e)
		}
		entries = append(entries, e)
	}
	l.body = c.compile(facsimile.MapAt(entries, doc.Origin()))
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return l, nil
}

// isControl reports whether a key of a layer speaks of the layer itself.
func isControl(name string) bool {
	return name == "inherit" || name == "abstract" || name == "strict" || name == "instances"
}

// control reads a key that speaks of the layer itself, and never merges into others.
func (c *compiler) control(l *layer, name string, e facsimile.Entry) {
	if name != e.Key {
		c.fail(fmt.Sprintf("%q takes no sign: it never merges from layer to layer", name), "", e.KeyAt)
		return
	}
	v := e.Value
	switch name {
	case "instances":
		l.listed, l.listAt = v, e.KeyAt
		if l.name != topName {
			c.fail(`"instances" stands in a layer`, "instances are listed in the top file of the definition", e.KeyAt)
		}
	case "inherit":
		l.parents = c.parents(v)
	default:
		if v.Kind() != facsimile.Bool {
			c.fail(fmt.Sprintf("%q is true or false, this is %s", name, v.Kind()), "", v.Origin())
			return
		}
		if name == "strict" {
			l.strict = v.Bool()
		} else {
			l.isBase = v.Bool()
		}
	}
}

// parents reads inherit: a list of names, or one name.
func (c *compiler) parents(v facsimile.Value) []parent {
	items := []facsimile.Value{v}
	if v.Kind() == facsimile.List {
		items = v.Items()
	}
	var out []parent
	seen := map[string]facsimile.Origin{}
	for _, item := range items {
		if item.Kind() != facsimile.String {
			c.fail(fmt.Sprintf("inherit is a list of names of layers, this is %s", item.Kind()), "", item.Origin())
			continue
		}
		if first, twice := seen[item.Str()]; twice {
			c.fail(fmt.Sprintf("%q is inherited twice", item.Str()), "", item.Origin(), first)
			continue
		}
		seen[item.Str()] = item.Origin()
		out = append(out, parent{item.Str(), item.Origin()})
	}
	return out
}

// movedTo is v with all its origins in another source of the same text.
func movedTo(v facsimile.Value, src facsimile.SourceID) facsimile.Value {
	move := func(o facsimile.Origin) facsimile.Origin { o.Src = src; return o }
	switch v.Kind() {
	case facsimile.List:
		items := make([]facsimile.Value, v.Len())
		for i, item := range v.Items() {
			items[i] = movedTo(item, src)
		}
		return facsimile.ListAt(items, move(v.Origin()))
	case facsimile.Map:
		entries := make([]facsimile.Entry, v.Len())
		for i, e := range v.Entries() {
			entries[i] = facsimile.Entry{Key: e.Key, KeyAt: move(e.KeyAt), Value: movedTo(e.Value, src)}
		}
		return facsimile.MapAt(entries, move(v.Origin()))
	}
	return v.At(move(v.Origin()))
}
