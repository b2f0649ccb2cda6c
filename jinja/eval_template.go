package jinja

import "fmt"

// rootFrame prepares a frame for the root of a template.
func (st *state) rootFrame(t *Template, ctx *renderContext) (*frame, error) {
	if err := st.down(); err != nil {
		return nil, err
	}
	f := newFrame(st, t, ctx, t.fn, nil)
	f.root = &rootRun{}
	if t.usesSelf {
		*f.slot(t.self) = objectValue(&templateReference{ctx})
	}
	f.enter(t.scope)
	return f, nil
}

// runRoot prints a template, and the template it extends.
func (st *state) runRoot(t *Template, ctx *renderContext) error {
	control := st.control
	depth := st.depth
	defer func() { st.depth = depth }()
	for t != nil {
		f, err := st.rootFrame(t, ctx)
		if err != nil {
			return err
		}
		_, err = f.run(t.body)
		if err != nil {
			return err
		}
		t = f.root.parent
	}
	st.control = control
	return nil
}

func (st *state) renderRoot(t *Template) error {
	st.out.buf = make([]byte, 0, len(t.src)+len(t.src)/4)
	return st.runRoot(t, st.newContext(t))
}

// renderText renders a template to a value with the tags of all that went
// into it.
func (st *state) renderText(t *Template) (Value, error) {
	v, err := st.captureOutput(func() error { return st.renderRoot(t) })
	if err != nil {
		return Value{}, err
	}
	return Value{kind: KindString, ref: v.text(), tag: v.tag}, nil
}

// template loads a template by name, once in a rendering.
func (st *state) template(name string) (*Template, error) {
	if t, ok := st.templates[name]; ok {
		return t, nil
	}
	t, err := st.env.Load(name)
	if err != nil {
		return nil, err
	}
	if st.templates == nil {
		st.templates = map[string]*Template{}
	}
	st.templates[name] = t
	return t, nil
}

// loadOne loads the template that an expression names, and returns the tag
// of the name.
func (f *frame) loadOne(x expr) (*Template, Tag, error) {
	v, err := x.eval(f)
	if err != nil {
		return nil, 0, err
	}
	t, err := f.named(v)
	if err != nil {
		return nil, 0, f.fail(err, x.at())
	}
	return t, v.tag, nil
}

func (f *frame) named(v Value) (*Template, error) {
	switch v.kind {
	case KindString:
		t, err := f.st.template(v.text())
		if e, ok := err.(*Error); ok && !v.literal && e.Name == v.text() && e.Pos.Line == 0 {
			// The name may be a secret, so messages leave it out.
			e.Name, e.Message = "", "the template was not found"
			if e.Kind == ErrCaller {
				e.Message = "cannot load the template"
			}
		}
		return t, err
	case KindUndefined:
		return nil, f.st.useUndefined(v)
	}
	return nil, failf(ErrType, "a template name must be a str, not %s", typeName(v))
}

// loadFirst loads the first template of a list that there is.
func (f *frame) loadFirst(x expr) (*Template, Tag, error) {
	v, err := x.eval(f)
	if err != nil {
		return nil, 0, err
	}
	if v.kind == KindString || v.kind == KindUndefined {
		t, err := f.named(v)
		if err != nil {
			return nil, v.tag, f.fail(err, x.at())
		}
		return t, v.tag, nil
	}
	names, err := f.st.collect(v)
	if err != nil {
		return nil, 0, f.fail(err, x.at())
	}
	tag := f.st.deepTag(v)
	for _, name := range names {
		t, err := f.named(name)
		if err == nil {
			return t, tag, nil
		}
		if e, ok := err.(*Error); !ok || e.Kind != ErrNotFound && e.Kind != ErrUndefined {
			return nil, tag, f.fail(err, x.at())
		}
	}
	e := &Error{Kind: ErrNotFound, Message: "none of the templates given were found"}
	if len(names) == 0 {
		e.Message = "Tried to select from an empty list of templates"
	}
	return nil, tag, f.fail(e, x.at())
}

func (n *extendsNode) exec(f *frame) (signal, error) {
	if n.again && (n.known || f.root.parent != nil) {
		return 0, f.fail(failf(ErrRuntime, "extended multiple times"), n.span)
	}
	t, tag, err := f.loadOne(n.template)
	if err != nil {
		return 0, err
	}
	if err := f.st.useItems(len(t.blocks)); err != nil {
		return 0, f.fail(err, n.span)
	}
	f.root.parent = t
	for name, b := range t.blocks {
		f.ctx.blocks[name] = append(f.ctx.blocks[name], blockRef{t, b})
	}
	f.st.control = f.st.union(f.st.control, tag)
	return 0, nil
}

func (n *includeNode) exec(f *frame) (signal, error) {
	t, tag, err := f.loadFirst(n.template)
	if err != nil {
		if e, ok := err.(*Error); ok && n.ignoreMissing && e.Kind == ErrNotFound {
			f.st.gap(f, n.span, tag)
			return 0, nil
		}
		return 0, err
	}
	saved := f.st.push(f, n.span)
	_, err = f.st.under(tag, func() (signal, error) { return 0, n.include(f, t) })
	f.st.stack = saved
	if err != nil {
		return 0, f.trace(f.fail(err, n.span), n.span)
	}
	return 0, nil
}

func (n *includeNode) include(f *frame, t *Template) error {
	if n.withContext {
		return f.st.runRoot(t, f.st.including(f.ctx, t, f.locals(n.locals)))
	}
	m, err := f.st.module(t)
	if err != nil {
		return err
	}
	return f.print(m.body, false, n.span)
}

// module is an imported template: its exported variables and its output.
type module struct {
	tmpl *Template
	vars map[string]Value
	body Value
}

func (m *module) typeName() string { return "TemplateModule" }

func (m *module) attr(_ *state, name string) (Value, bool, error) {
	v, ok := m.vars[name]
	return v, ok, nil
}

func (m *module) str(*state) (Value, error) { return m.body, nil }

func (m *module) repr(w *reprWriter) error {
	var b reprWriter
	b.st = w.st
	if err := b.value(String(m.tmpl.name)); err != nil {
		return err
	}
	return w.text("<TemplateModule " + b.b.String() + ">")
}

func isModule(v Value) bool {
	_, ok := v.ref.(*module)
	return ok
}

// module returns the template as imported without context. It runs once in
// a rendering.
func (st *state) module(t *Template) (*module, error) {
	if m, ok := st.modules[t]; ok {
		return m, nil
	}
	ctx := st.newContext(t)
	ctx.bare = true
	control, beyond := st.control, st.beyond
	if st.tr != nil {
		st.control, st.beyond = 0, 0
	}
	m, err := st.makeModule(t, ctx)
	st.control, st.beyond = control, beyond
	if err != nil {
		return nil, err
	}
	if st.modules == nil {
		st.modules = map[*Template]*module{}
	}
	st.modules[t] = m
	return m, nil
}

func (st *state) makeModule(t *Template, ctx *renderContext) (*module, error) {
	body, err := st.captureOutput(func() error { return st.runRoot(t, ctx) })
	if err != nil {
		return nil, err
	}
	body.safe = true
	m := &module{tmpl: t, body: body, vars: make(map[string]Value, len(ctx.exported))}
	for name := range ctx.exported {
		m.vars[name] = ctx.vars[name]
	}
	return m, nil
}

// imported loads and runs the template of an import.
func (f *frame) imported(x expr, at span, withContext bool, names []local) (*module, Tag, error) {
	t, tag, err := f.loadOne(x)
	if err != nil {
		return nil, 0, err
	}
	saved := f.st.push(f, at)
	var m *module
	if withContext {
		m, err = f.st.makeModule(t, f.st.including(f.ctx, t, f.locals(names)))
	} else {
		m, err = f.st.module(t)
	}
	f.st.stack = saved
	if err != nil {
		return nil, 0, f.trace(f.fail(err, at), at)
	}
	return m, tag, nil
}

func (n *importNode) exec(f *frame) (signal, error) {
	m, tag, err := f.imported(n.template, n.span, n.withContext, n.locals)
	if err != nil {
		return 0, err
	}
	v := objectValue(m).WithTag(tag)
	*f.slot(n.target) = v
	if n.export {
		f.ctx.set(n.name, v, false)
	}
	return 0, nil
}

func (n *fromImportNode) exec(f *frame) (signal, error) {
	m, tag, err := f.imported(n.template, n.span, n.withContext, n.locals)
	if err != nil {
		return 0, err
	}
	for _, name := range n.names {
		v, ok := m.vars[name.name]
		if !ok {
			v = f.st.undefinedHint(fmt.Sprintf("the template '%s' (imported on line %d in '%s') does not export the requested name '%s'",
				m.tmpl.name, f.tmpl.pos(n.start).Line, f.tmpl.name, name.name))
		}
		v.tag = f.st.union(v.tag, tag)
		*f.slot(name.target) = v
		if n.export {
			f.ctx.set(name.alias, v, false)
		}
	}
	return 0, nil
}

func (n *blockNode) exec(f *frame) (signal, error) {
	if n.skip || n.check && f.root.parent != nil {
		return 0, nil
	}
	ctx := f.ctx
	if n.scoped {
		ctx = ctx.derived(f.locals(n.locals))
	}
	blocks := f.ctx.blocks[n.name]
	if n.required && len(blocks) <= 1 {
		return 0, f.fail(failf(ErrRuntime, "Required block '%s' not found", n.name), n.span)
	}
	saved := f.st.push(f, n.span)
	err := f.st.runBlock(blocks[0], ctx)
	f.st.stack = saved
	if err != nil {
		return 0, f.trace(f.fail(err, n.span), n.span)
	}
	return 0, nil
}

// runBlock prints a block.
func (st *state) runBlock(b blockRef, ctx *renderContext) error {
	if err := st.down(); err != nil {
		return err
	}
	defer st.up()
	f := newFrame(st, b.tmpl, ctx, b.node.fn, nil)
	f.root = &rootRun{}
	if b.node.usesSelf {
		*f.slot(b.node.self) = objectValue(&templateReference{ctx})
	}
	if b.node.usesSuper {
		*f.slot(b.node.super) = st.superBlock(b, ctx)
	}
	f.enter(b.node.scope)
	_, err := f.run(b.node.body)
	return err
}

func (st *state) superBlock(b blockRef, ctx *renderContext) Value {
	blocks := ctx.blocks[b.node.name]
	for i := range blocks {
		if blocks[i] == b && i+1 < len(blocks) {
			return objectValue(&blockReference{ctx: ctx, name: b.node.name, blocks: blocks, depth: i + 1})
		}
	}
	return st.noParentBlock(b.node.name)
}

func (st *state) noParentBlock(name string) Value {
	return st.undefinedHint("there is no parent block called '" + name + "'.")
}

// templateReference is self.
type templateReference struct{ ctx *renderContext }

func (r *templateReference) typeName() string { return "TemplateReference" }

func (r *templateReference) item(_ *state, key Value) (Value, bool, error) {
	if key.kind != KindString {
		return Value{}, false, nil
	}
	blocks, ok := r.ctx.blocks[key.text()]
	if !ok {
		return Value{}, false, nil
	}
	return objectValue(&blockReference{ctx: r.ctx, name: key.text(), blocks: blocks}), true, nil
}

func (r *templateReference) repr(w *reprWriter) error {
	var b reprWriter
	b.st = w.st
	if err := b.value(String(r.ctx.tmpl.name)); err != nil {
		return err
	}
	return w.text("<TemplateReference " + b.b.String() + ">")
}

// blockReference is super, or a block of self.
type blockReference struct {
	ctx    *renderContext
	name   string
	blocks []blockRef
	depth  int
}

func (r *blockReference) typeName() string { return "BlockReference" }

func (r *blockReference) call(c *Call) (Value, error) {
	if len(c.Args) > 0 || len(c.Kwargs) > 0 {
		return Value{}, failf(ErrType, "a block takes no arguments")
	}
	v, err := c.st.captureOutput(func() error { return c.st.runBlock(r.blocks[r.depth], r.ctx) })
	v.safe = *r.ctx.escape
	return v, err
}

func (r *blockReference) attr(st *state, name string) (Value, bool, error) {
	switch name {
	case "super":
		if r.depth+1 >= len(r.blocks) {
			return st.noParentBlock(r.name), true, nil
		}
		return objectValue(&blockReference{r.ctx, r.name, r.blocks, r.depth + 1}), true, nil
	case "name":
		return String(r.name), true, nil
	}
	return Value{}, false, nil
}
