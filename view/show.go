package view

import (
	"errors"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/jinja"
)

// Show gives the value under a path of the definition with every reference evaluated and
// every secret hidden: a generated one as its fingerprint, one not yet generated as Pending, a
// value made from a secret without a fingerprint, and what differs per node or replica as
// Deferred with its expression, which is empty where the value is none. For the whole instance
// that holds of whatever an overlay changes on some node. It needs no key in a Context that was
// not opened.
func (c *Context) Show(p facsimile.Path) (facsimile.Value, error) {
	roots, err := c.nodeRoots()
	if err != nil {
		return facsimile.Value{}, err
	}
	w := writer{c: c, hide: true, roots: roots}
	return w.under(p)
}

// ShowBase is Show of what stands below all overlays: where nodes differ it gives what holds on
// those of which no overlay speaks. The overlays stand in it as well, under regions, targets
// and nodes.
func (c *Context) ShowBase(p facsimile.Path) (facsimile.Value, error) {
	w := writer{c: c, hide: true}
	return w.under(p)
}

// Plain gives the value under a path with references evaluated and, in a Context that was
// opened, secrets in the clear; secret says whether one is among them. It is for what ships and
// what runs, and for nothing that is shown.
func (c *Context) Plain(p facsimile.Path) (v facsimile.Value, secret bool, err error) {
	w := writer{c: c}
	v, err = w.under(p)
	return v, w.secret, err
}

// writer walks a value of the definition and writes it out with references evaluated.
type writer struct {
	c      *Context
	hide   bool // secrets become Hidden, and what cannot be known here Pending or Deferred
	secret bool // a secret was met
	roots  []nodeRoot
}

func (w *writer) under(p facsimile.Path) (facsimile.Value, error) {
	v, refs := w.c.root, true
	for i, part := range p {
		refs = refs && !referencesOff(v)
		next := v.Lookup(facsimile.Path{part})
		if next.IsAbsent() {
			return facsimile.Value{}, w.c.missing(p[:i], part, v)
		}
		v = next
	}
	onNodes := make([]facsimile.Value, len(w.roots))
	for i, r := range w.roots {
		onNodes[i] = r.root.Lookup(p)
	}
	return w.value(p, v, onNodes, refs)
}

// referencesOff reports whether a map says "references: false": what is in it is left as it is.
func referencesOff(v facsimile.Value) bool {
	off := v.Get("references")
	return off.Kind() == facsimile.Bool && !off.Bool()
}

func (c *Context) missing(p facsimile.Path, part string, in facsimile.Value) error {
	err := facsimile.Errorf(facsimile.BadInput, "no value %s in instance %s", p.Child(part), c.view.in.Instance)
	if node, ok := c.onSomeNode(p.Child(part)); ok {
		return err.WithHint("only some nodes have one: ask for %s/%s", c.view.in.Instance, node)
	}
	var keys []string
	for _, e := range in.Entries() {
		keys = append(keys, e.Key)
	}
	if near := facsimile.Nearest(part, keys); len(near) > 0 {
		return err.WithHint("did you mean %s?", p.Child(near[0]))
	}
	if len(keys) > 0 && len(keys) <= 12 {
		return err.WithHint("there are: %s", strings.Join(keys, ", "))
	}
	return err
}

// value writes v, which some nodes have others in the place of.
func (w *writer) value(p facsimile.Path, v facsimile.Value, onNodes []facsimile.Value, refs bool) (facsimile.Value, error) {
	onNodes = differing(v, onNodes)
	if len(onNodes) > 0 && (v.Kind() != facsimile.Map || !allMaps(onNodes)) {
		expression := ""
		if v.Kind() == facsimile.String && refs && w.c.isReference(v) {
			expression = v.Str()
		}
		return facsimile.DeferredAt("node", expression, v.Origin()), nil
	}
	switch v.Kind() {
	case facsimile.Map:
		return w.entries(p, v, onNodes, refs && !referencesOff(v))
	case facsimile.List:
		return w.items(p, v, refs)
	case facsimile.Pending:
		return w.pending(p, v)
	case facsimile.String:
		if refs && w.c.isReference(v) {
			return w.reference(p, v)
		}
	}
	return v, nil
}

func (w *writer) entries(p facsimile.Path, v facsimile.Value, onNodes []facsimile.Value, refs bool) (facsimile.Value, error) {
	out := make([]facsimile.Entry, 0, v.Len())
	for _, e := range v.Entries() {
		written, err := w.value(p.Child(e.Key), e.Value, under(onNodes, e.Key), refs)
		if err != nil {
			return facsimile.Value{}, err
		}
		e.Value = written
		out = append(out, e)
	}
	return facsimile.MapAt(onlyOnNodes(out, onNodes), v.Origin()), nil
}

func (w *writer) items(p facsimile.Path, v facsimile.Value, refs bool) (facsimile.Value, error) {
	out := make([]facsimile.Value, v.Len())
	for i, item := range v.Items() {
		written, err := w.value(p.Index(i), item, nil, refs)
		if err != nil {
			return facsimile.Value{}, err
		}
		out[i] = written
	}
	return facsimile.ListAt(out, v.Origin()), nil
}

func (w *writer) pending(p facsimile.Path, v facsimile.Value) (facsimile.Value, error) {
	e, ok := w.c.view.in.State.Secret(v.Str())
	switch {
	case w.hide && ok:
		w.secret = true
		return facsimile.HiddenAt(e.Fingerprint, v.Origin()), nil
	case w.hide:
		return v, nil
	}
	j, err := w.c.fromState(p, v)
	if err != nil {
		return facsimile.Value{}, err
	}
	return w.result(p, j, v.Origin())
}

func (w *writer) reference(p facsimile.Path, v facsimile.Value) (facsimile.Value, error) {
	j, err := w.c.reference(p, v)
	if err == nil && len(w.roots) > 0 && !w.c.Secret(j.Tag()) && w.readsDiffer(w.c.Reads(j.Tag())) {
		return facsimile.DeferredAt("node", v.Str(), v.Origin()), nil
	}
	if err == nil {
		return w.result(p, j, v.Origin())
	}
	var deferred *errDeferred
	if w.hide && errors.As(err, &deferred) {
		return facsimile.DeferredAt(deferred.per, v.Str(), v.Origin()), nil
	}
	var missing *notGenerated
	if w.hide && errors.As(err, &missing) {
		return facsimile.PendingAt(missing.key, v.Origin()), nil
	}
	return facsimile.Value{}, err
}

// result makes what a reference gave a value again, as if it were written at o.
func (w *writer) result(p facsimile.Path, j jinja.Value, o facsimile.Origin) (facsimile.Value, error) {
	if w.c.Secret(j.Tag()) {
		w.secret = true
		if w.hide {
			return facsimile.HiddenAt("", o), nil
		}
	}
	switch j.Kind() {
	case jinja.KindNone:
		return facsimile.NullAt(o), nil
	case jinja.KindBool:
		b, _ := j.AsBool()
		return facsimile.BoolAt(b, o), nil
	case jinja.KindInt:
		i, _ := j.AsInt()
		return facsimile.BigAt(i, o), nil
	case jinja.KindFloat:
		f, _ := j.AsFloat()
		return facsimile.FloatAt(f, o), nil
	case jinja.KindString:
		s, _ := j.AsString()
		return facsimile.StringAt(s, o), nil
	case jinja.KindList, jinja.KindTuple:
		return w.list(p, j, o)
	case jinja.KindDict:
		return w.dict(p, j, o)
	}
	return facsimile.Value{}, w.c.view.fault(o, "%s gives %s, which no definition can hold", p, j.Kind())
}

func (w *writer) list(p facsimile.Path, j jinja.Value, o facsimile.Origin) (facsimile.Value, error) {
	items := make([]facsimile.Value, 0, j.Len())
	for item := range j.Items() {
		v, err := w.result(p.Index(len(items)), item, o)
		if err != nil {
			return facsimile.Value{}, err
		}
		items = append(items, v)
	}
	if len(items) < j.Len() { // the walk ended early, at an error
		return facsimile.Value{}, w.c.lastErr
	}
	return facsimile.ListAt(items, o), nil
}

func (w *writer) dict(p facsimile.Path, j jinja.Value, o facsimile.Origin) (facsimile.Value, error) {
	entries := make([]facsimile.Entry, 0, j.Len())
	for key, value := range j.Pairs() {
		name, ok := key.AsString()
		if !ok {
			return facsimile.Value{}, w.c.view.fault(o, "%s gives a map with %s as a key, want strings", p, key.Kind())
		}
		v, err := w.result(p.Child(name), value, o)
		if err != nil {
			return facsimile.Value{}, err
		}
		entries = append(entries, facsimile.Entry{Key: name, KeyAt: o, Value: v})
	}
	if len(entries) < j.Len() {
		return facsimile.Value{}, w.c.lastErr
	}
	return facsimile.MapAt(entries, o), nil
}
