package jinja

import "strings"

func (n *constNode) eval(*frame) (Value, error) { return n.value, nil }

func (n *nameNode) eval(f *frame) (Value, error) {
	p := f.slot(n.ref)
	if p.kind != kindUnresolved && !p.isMissing() {
		return *p, nil
	}
	v, err := f.read(n.ref, n.name)
	if err != nil {
		return Value{}, f.fail(err, n.span)
	}
	if v.isMissing() {
		tag := v.tag
		v = f.undefinedName(n.name)
		v.tag = tag
	}
	return v, nil
}

// evalAll evaluates expressions in order and unites their tags.
func evalAll(f *frame, xs []expr) ([]Value, error) {
	out := make([]Value, len(xs))
	for i, x := range xs {
		v, err := x.eval(f)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (n *tupleNode) eval(f *frame) (Value, error) {
	items, err := evalAll(f, n.items)
	if err != nil {
		return Value{}, err
	}
	if err := f.st.useItems(len(items)); err != nil {
		return Value{}, f.fail(err, n.span)
	}
	return Tuple(items...), nil
}

func (n *listNode) eval(f *frame) (Value, error) {
	items, err := evalAll(f, n.items)
	if err != nil {
		return Value{}, err
	}
	if err := f.st.useItems(len(items)); err != nil {
		return Value{}, f.fail(err, n.span)
	}
	return newList(items), nil
}

func (n *dictNode) eval(f *frame) (Value, error) {
	if err := f.st.useItems(3 * len(n.keys)); err != nil {
		return Value{}, f.fail(err, n.span)
	}
	d := newDict(len(n.keys))
	var tag Tag
	for i := range n.keys {
		key, err := n.keys[i].eval(f)
		if err != nil {
			return Value{}, err
		}
		value, err := n.values[i].eval(f)
		if err != nil {
			return Value{}, err
		}
		hash, err := f.st.hash(key)
		if err != nil {
			return Value{}, f.fail(err, n.keys[i].at())
		}
		tag = f.st.union(tag, key.tag)
		d.set(hash, key, value)
	}
	return newDictValue(d).WithTag(tag), nil
}

func (n *condNode) eval(f *frame) (Value, error) {
	test, err := n.test.eval(f)
	if err != nil {
		return Value{}, err
	}
	ok, err := f.st.truth(test)
	if err != nil {
		return Value{}, f.fail(err, n.test.at())
	}
	var v Value
	switch {
	case ok:
		v, err = n.then.eval(f)
	case n.other != nil:
		v, err = n.other.eval(f)
	default:
		v = Value{kind: KindUndefined, ref: &undefined{
			hint: "the inline if-expression evaluated to false and no else section was defined."}}
	}
	if err != nil {
		return Value{}, err
	}
	return v.WithTag(f.st.union(v.tag, f.st.shapeTag(test))), nil
}

func (n *unaryNode) eval(f *frame) (Value, error) {
	x, err := n.x.eval(f)
	if err != nil {
		return Value{}, err
	}
	v, err := f.st.negate(n.op, x)
	if err != nil {
		return Value{}, f.fail(err, n.span)
	}
	return v.WithTag(x.tag), nil
}

func (n *notNode) eval(f *frame) (Value, error) {
	x, err := n.x.eval(f)
	if err != nil {
		return Value{}, err
	}
	ok, err := f.st.truth(x)
	if err != nil {
		return Value{}, f.fail(err, n.x.at())
	}
	return Bool(!ok).WithTag(f.st.shapeTag(x)), nil
}

func (n *binaryNode) eval(f *frame) (Value, error) {
	l, err := n.l.eval(f)
	if err != nil {
		return Value{}, err
	}
	r, err := n.r.eval(f)
	if err != nil {
		return Value{}, err
	}
	if err := f.st.step(); err != nil {
		return Value{}, f.fail(err, n.span)
	}
	v, err := f.st.binary(n.op, l, r)
	if err != nil {
		return Value{}, f.fail(err, n.span)
	}
	if f.st.tr != nil {
		v.tag = f.st.union(f.st.shapeTag(l), f.st.shapeTag(r))
		if n.op == tokMod && r.kind != KindInt && r.kind != KindFloat {
			v.tag = f.st.union(v.tag, f.st.deepTag(r))
		}
	}
	return v, nil
}

func (n *logicNode) eval(f *frame) (Value, error) {
	l, err := n.l.eval(f)
	if err != nil {
		return Value{}, err
	}
	ok, err := f.st.truth(l)
	if err != nil {
		return Value{}, f.fail(err, n.l.at())
	}
	if ok != n.and {
		return l, nil
	}
	r, err := n.r.eval(f)
	if err != nil {
		return Value{}, err
	}
	return r.WithTag(f.st.union(r.tag, f.st.shapeTag(l))), nil
}

// escapes tells whether autoescape is on at a place of a template.
func (f *frame) escapes(mode escapeMode) bool {
	return mode == escapeOn || mode == escapeDynamic && *f.ctx.escape
}

func (n *concatNode) eval(f *frame) (Value, error) {
	parts, err := evalAll(f, n.parts)
	if err != nil {
		return Value{}, err
	}
	safe := false
	if n.esc == escapeOn && !n.constant {
		for _, p := range parts {
			safe = safe || p.kind == KindString && p.safe || isModule(p)
		}
	}
	var b strings.Builder
	var tag Tag
	for i, p := range parts {
		s, err := f.st.str(p)
		if err != nil {
			return Value{}, f.fail(err, n.parts[i].at())
		}
		text := s.text()
		if safe && !p.safe && !isModule(p) {
			text = escapeHTML(text)
		}
		if err := f.st.use(int64(len(text))); err != nil {
			return Value{}, f.fail(err, n.span)
		}
		b.WriteString(text)
		tag = f.st.union(tag, s.tag)
	}
	return Value{kind: KindString, ref: b.String(), safe: safe, tag: tag}, nil
}

func (n *compareNode) eval(f *frame) (Value, error) {
	l, err := n.first.eval(f)
	if err != nil {
		return Value{}, err
	}
	tag := f.st.deepTag(l)
	for _, o := range n.rest {
		r, err := o.x.eval(f)
		if err != nil {
			return Value{}, err
		}
		tag = f.st.union(tag, f.st.deepTag(r))
		ok, err := f.st.compare(o.op, l, r)
		if err != nil {
			return Value{}, f.fail(err, n.span)
		}
		if !ok {
			return Bool(false).WithTag(tag), nil
		}
		l = r
	}
	return Bool(true).WithTag(tag), nil
}

func (st *state) compare(op compareOp, a, b Value) (bool, error) {
	if err := st.step(); err != nil {
		return false, err
	}
	switch op {
	case opEq:
		return st.equal(a, b)
	case opNe:
		ok, err := st.equal(a, b)
		return !ok, err
	case opIn:
		return st.contains(b, a)
	case opNotIn:
		ok, err := st.contains(b, a)
		return !ok, err
	}
	return st.order(op, a, b)
}

func (n *attrNode) eval(f *frame) (Value, error) {
	x, err := n.x.eval(f)
	if err != nil {
		return Value{}, err
	}
	v, err := f.st.getAttr(x, n.name)
	if err != nil {
		return Value{}, f.fail(err, n.span)
	}
	return v, nil
}

func (n *itemNode) eval(f *frame) (Value, error) {
	x, err := n.x.eval(f)
	if err != nil {
		return Value{}, err
	}
	key, err := n.arg.eval(f)
	if err != nil {
		return Value{}, err
	}
	shown := key.shown()
	if shown == "" {
		shown = "[" + f.tmpl.text(n.arg.at()) + "]"
	}
	v, err := f.st.getItem(x, key, shown)
	if err != nil {
		return Value{}, f.fail(err, n.span)
	}
	return v, nil
}

func (n *sliceNode) eval(f *frame) (Value, error) {
	x, err := n.x.eval(f)
	if err != nil {
		return Value{}, err
	}
	tag := f.st.shapeTag(x)
	bounds := [3]Value{None(), None(), None()}
	for i, b := range [3]expr{n.start, n.stop, n.step} {
		if b == nil {
			continue
		}
		if bounds[i], err = b.eval(f); err != nil {
			return Value{}, err
		}
		tag = f.st.union(tag, bounds[i].tag)
	}
	v, err := f.st.slice(x, bounds)
	if err != nil {
		return Value{}, f.fail(err, n.span)
	}
	return v.WithTag(tag), nil
}

// evalArgs evaluates the arguments of a call, with first in front if it is
// not nil.
func (f *frame) evalArgs(a *callArgs, c *Call, first *Value) error {
	n := len(a.args)
	if first != nil {
		n++
	}
	if n > 0 {
		c.Args = make([]Value, 0, n)
	}
	if first != nil {
		c.Args = append(c.Args, *first)
	}
	for _, x := range a.args {
		v, err := x.eval(f)
		if err != nil {
			return err
		}
		c.Args = append(c.Args, v)
	}
	for _, kw := range a.kwargs {
		v, err := kw.value.eval(f)
		if err != nil {
			return err
		}
		c.Kwargs = append(c.Kwargs, Named{kw.name, v})
	}
	return f.evalDynArgs(a, c)
}

// evalDynArgs evaluates *args and **kwargs.
func (f *frame) evalDynArgs(a *callArgs, c *Call) error {
	if a.dynArgs != nil {
		v, err := a.dynArgs.eval(f)
		if err != nil {
			return err
		}
		items, err := f.st.collect(v)
		if err != nil {
			return f.fail(err, a.dynArgs.at())
		}
		c.Args = append(c.Args, items...)
	}
	if a.dynKwargs != nil {
		v, err := a.dynKwargs.eval(f)
		if err != nil {
			return err
		}
		if v.kind != KindDict {
			return f.fail(failf(ErrType, "argument after ** must be a mapping, not %s", typeName(v)), a.dynKwargs.at())
		}
		d, err := f.st.dictOf(v)
		if err != nil {
			return f.fail(err, a.dynKwargs.at())
		}
		for i := range d.entries {
			e := &d.entries[i]
			if e.deleted {
				continue
			}
			if e.key.kind != KindString {
				return f.fail(failf(ErrType, "keywords must be strings"), a.dynKwargs.at())
			}
			if _, twice := c.kwarg(e.key.text()); twice {
				return f.fail(failf(ErrType, "got multiple values for keyword argument '%s'", e.key.text()), a.dynKwargs.at())
			}
			c.Kwargs = append(c.Kwargs, Named{e.key.text(), e.value})
		}
	}
	return nil
}

func (n *callNode) eval(f *frame) (Value, error) { return n.evalWith(f, nil) }

// evalWith calls with one more keyword argument, the caller of a call block.
func (n *callNode) evalWith(f *frame, caller *Value) (Value, error) {
	fn, err := n.fn.eval(f)
	if err != nil {
		return Value{}, err
	}
	c := &Call{st: f.st, ctx: f.ctx, name: callName(n.fn)}
	if err := f.evalArgs(&n.callArgs, c, nil); err != nil {
		return Value{}, err
	}
	if caller != nil {
		c.Kwargs = append(c.Kwargs, Named{"caller", *caller})
	}
	saved := f.st.push(f, n.span)
	v, err := f.st.call(fn, c)
	f.st.stack = saved
	if err != nil {
		if e, ok := err.(*Error); ok && e.Pos.Line > 0 {
			return Value{}, f.trace(err, n.span)
		}
		return Value{}, f.fail(err, n.span)
	}
	return v, nil
}

// callName is the name of a function for messages.
func callName(x expr) string {
	switch n := x.(type) {
	case *nameNode:
		return n.name
	case *attrNode:
		return n.name
	}
	return "function"
}

func (n *filterNode) eval(f *frame) (Value, error) {
	x, err := n.x.eval(f)
	if err != nil {
		return Value{}, err
	}
	return n.apply(f, x)
}

// applyChain applies a chain of filters, the innermost of which has no
// operand of its own, to v.
func (n *filterNode) applyChain(f *frame, v Value) (Value, error) {
	if inner, ok := n.x.(*filterNode); ok {
		var err error
		if v, err = inner.applyChain(f, v); err != nil {
			return Value{}, err
		}
	}
	return n.apply(f, v)
}

func (n *filterNode) apply(f *frame, x Value) (Value, error) {
	if n.fn == nil {
		return Value{}, f.fail(failf(ErrRuntime, "No filter named '%s' found.", n.name), n.span)
	}
	c := &Call{st: f.st, ctx: f.ctx, name: n.name}
	if err := f.evalArgs(&n.callArgs, c, &x); err != nil {
		return Value{}, err
	}
	v, err := f.st.invoke(n.fn, c)
	if err != nil {
		return Value{}, f.fail(err, n.span)
	}
	return v, nil
}

func (n *testNode) eval(f *frame) (Value, error) {
	if n.fn == nil {
		return Value{}, f.fail(failf(ErrRuntime, "No test named '%s' found.", n.name), n.span)
	}
	x, err := n.x.eval(f)
	if err != nil {
		return Value{}, err
	}
	c := &Call{st: f.st, ctx: f.ctx, name: n.name}
	if err := f.evalArgs(&n.callArgs, c, &x); err != nil {
		return Value{}, err
	}
	v, err := f.st.invoke(n.fn, c)
	if err != nil {
		return Value{}, f.fail(err, n.span)
	}
	return v, nil
}
