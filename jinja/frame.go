package jinja

import (
	"errors"
	"maps"
	"strings"
)

// frame is one run of a function of a template.
type frame struct {
	st    *state
	tmpl  *Template
	ctx   *renderContext
	slots []Value
	outer *frame
	// root is shared with the functions inside of a root.
	root *rootRun
}

// rootRun is one run of the root of a template.
type rootRun struct {
	parent *Template // set by an extends tag
}

// blockRef is a block and the template it is in.
type blockRef struct {
	tmpl *Template
	node *blockNode
}

// renderContext holds the variables that templates see by name. Functions
// look a name up here once and keep it in a slot.
type renderContext struct {
	tmpl *Template
	// layers are the variables taken over from other contexts, later ones
	// first, with the caller's variables below unless bare is set.
	layers []map[string]Value
	bare   bool
	// vars are what the template itself defined at its top level, and
	// exported those of them that an import may see.
	vars     map[string]Value
	exported map[string]bool
	// taints are the tags of conditions that decided whether a name was
	// defined.
	taints map[string]Tag
	blocks map[string][]blockRef
	// escape is whether autoescape is on; derived contexts share it.
	escape *bool
}

func (st *state) newContext(t *Template) *renderContext {
	escape := t.env.opts.Autoescape
	c := &renderContext{tmpl: t, escape: &escape, blocks: make(map[string][]blockRef, len(t.blocks))}
	for name, b := range t.blocks {
		c.blocks[name] = []blockRef{{t, b}}
	}
	return c
}

// including returns the context for a template that sees what c sees, and
// locals on top.
func (st *state) including(c *renderContext, t *Template, locals map[string]Value) *renderContext {
	n := st.newContext(t)
	n.inherit(c, locals)
	return n
}

func (c *renderContext) inherit(from *renderContext, locals map[string]Value) {
	c.bare, c.taints = from.bare, maps.Clone(from.taints)
	c.layers = append(c.layers, from.layers...)
	if len(from.vars) > 0 {
		c.layers = append(c.layers, maps.Clone(from.vars))
	}
	if len(locals) > 0 {
		c.layers = append(c.layers, locals)
	}
}

// derived returns a context for a scoped block.
func (c *renderContext) derived(locals map[string]Value) *renderContext {
	n := &renderContext{tmpl: c.tmpl, escape: c.escape, blocks: maps.Clone(c.blocks)}
	n.inherit(c, locals)
	return n
}

func (c *renderContext) set(name string, v Value, exported bool) {
	if c.vars == nil {
		c.vars = map[string]Value{}
		c.exported = map[string]bool{}
	}
	c.vars[name] = v
	if strings.HasPrefix(name, "_") {
		return
	}
	if exported {
		c.exported[name] = true
	} else {
		delete(c.exported, name)
	}
}

// resolve looks a name up. It returns the zero Value if there is none.
func (st *state) resolve(c *renderContext, name string) (Value, error) {
	v, err := st.lookup(c, name)
	if t, ok := c.taints[name]; ok {
		v.tag = st.union(v.tag, t)
	}
	return v, err
}

func (st *state) lookup(c *renderContext, name string) (Value, error) {
	if v, ok := c.vars[name]; ok {
		return v, nil
	}
	for i := len(c.layers) - 1; i >= 0; i-- {
		if v, ok := c.layers[i][name]; ok {
			return v, nil
		}
	}
	if !c.bare && st.vars != nil {
		v, ok, err := st.mappingGet(st.vars, name)
		if err != nil {
			return Value{}, callerError(err, "cannot read '"+name+"'")
		}
		if ok {
			return v, nil
		}
	}
	return st.env.globals[name], nil
}

// names returns all names that can be looked up, for messages.
func (st *state) names(c *renderContext) []string {
	var out []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	if !c.bare && st.vars != nil {
		if keys, err := st.vars.m.Keys(); err == nil {
			for _, k := range keys {
				add(k)
			}
		}
	}
	for _, layer := range c.layers {
		for _, k := range sortedKeys(layer) {
			add(k)
		}
	}
	for _, k := range sortedKeys(c.vars) {
		add(k)
	}
	return out
}

// newFrame returns a frame for running fn inside of outer, which may be nil.
func newFrame(st *state, t *Template, ctx *renderContext, fn *funcInfo, outer *frame) *frame {
	f := &frame{st: st, tmpl: t, ctx: ctx, slots: make([]Value, fn.n), outer: outer}
	if outer != nil {
		f.root = outer.root
	}
	return f
}

// enter prepares the slots of a scope.
func (f *frame) enter(ops scopeOps) {
	for i := range ops {
		switch op := &ops[i]; op.kind {
		case loadResolve:
			f.slots[op.slot] = Value{kind: kindUnresolved}
		case loadAlias:
			f.slots[op.slot] = *f.slot(op.alias)
		case loadMissing:
			f.slots[op.slot] = Value{}
		}
	}
}

// leave empties the slots of a scope.
func (f *frame) leave(ops scopeOps) {
	for i := range ops {
		f.slots[ops[i].slot] = Value{}
	}
}

func (f *frame) slot(ref slotRef) *Value {
	t := f
	for range ref.up {
		t = t.outer
	}
	return &t.slots[ref.slot]
}

// read returns the value of a slot, or the zero Value if there is none.
func (f *frame) read(ref slotRef, name string) (Value, error) {
	p := f.slot(ref)
	if p.kind == kindUnresolved {
		v, err := f.st.resolve(f.ctx, name)
		if err != nil {
			return Value{}, err
		}
		v.tag = f.st.union(v.tag, p.tag)
		*p = v
	}
	return *p, nil
}

// locals returns the variables that an included template gets to see.
func (f *frame) locals(names []local) map[string]Value {
	if len(names) == 0 {
		return nil
	}
	out := make(map[string]Value, len(names))
	for _, l := range names {
		if v := *f.slot(l.ref); v.kind != kindUnresolved && !v.isMissing() {
			out[l.name] = v
		}
	}
	return out
}

// trace notes in an error that it came through a call or include at this
// place.
func (f *frame) trace(err error, at span) error {
	if e, ok := err.(*Error); ok {
		e.Stack = append([]Pos{f.tmpl.pos(at.start)}, e.Stack...)
	}
	return err
}

// fail adds the place of a node to an error, unless it has one.
func (f *frame) fail(err error, at span) error {
	if e, ok := err.(*Error); ok {
		if e.Pos.Line == 0 {
			f.tmpl.errorAt(e, at)
		}
		return e
	}
	var list ErrorList
	if errors.As(err, &list) {
		return err
	}
	return f.fail(&Error{Kind: ErrCaller, Message: "the caller's code failed", Err: err}, at)
}
