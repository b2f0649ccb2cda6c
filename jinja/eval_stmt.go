package jinja

func (f *frame) run(body []stmt) (signal, error) {
	for _, s := range body {
		if err := f.st.step(); err != nil {
			return 0, f.fail(err, s.at())
		}
		if sig, err := s.exec(f); err != nil || sig != signalNone {
			return sig, err
		}
	}
	return signalNone, nil
}

func (n *textNode) exec(f *frame) (signal, error) {
	if n.check && f.root.parent != nil {
		return 0, nil
	}
	if err := f.st.writeText(n, f); err != nil {
		return 0, f.fail(err, n.span)
	}
	return 0, nil
}

func (n *printNode) exec(f *frame) (signal, error) {
	if n.check && f.root.parent != nil {
		return 0, nil
	}
	v, err := n.x.eval(f)
	if err != nil {
		return 0, err
	}
	if err := f.print(v, f.escapes(n.esc), n.span); err != nil {
		return 0, f.fail(err, n.x.at())
	}
	return 0, nil
}

// print writes a value to the output.
func (f *frame) print(v Value, escape bool, at span) error {
	if c, ok := v.ref.(*captured); ok && (!escape || v.safe) {
		return f.st.writeCaptured(c)
	}
	s, err := f.st.str(v)
	if err != nil {
		return err
	}
	text := s.text()
	if escape && !v.safe && !isModule(v) {
		text = escapeHTML(text)
	}
	return f.st.write(text, f, at, s.tag)
}

func (n *groupNode) exec(f *frame) (signal, error) { return f.run(n.body) }

func (n *ifNode) exec(f *frame) (signal, error) {
	st := f.st
	var tag Tag
	for i := range n.arms {
		arm := &n.arms[i]
		if arm.test != nil {
			v, err := arm.test.eval(f)
			if err != nil {
				return 0, err
			}
			ok, err := st.truth(v)
			if err != nil {
				return 0, f.fail(err, arm.test.at())
			}
			tag = st.union(tag, st.shapeTag(v))
			if !ok {
				st.gap(f, arm.span, tag)
				continue
			}
		}
		return n.runArm(f, i, tag)
	}
	f.taint(&n.effects, tag)
	if n.jumps && tag != 0 {
		st.control = st.union(st.control, tag)
	}
	return 0, nil
}

// runArm runs the arm that was chosen under the tags of the conditions.
func (n *ifNode) runArm(f *frame, i int, tag Tag) (signal, error) {
	st := f.st
	if st.tr == nil || tag == 0 {
		return f.run(n.arms[i].body)
	}
	if i+1 < len(n.arms) {
		st.gap(f, n.arms[i+1].span, tag)
	}
	sig, err := st.under(tag, func() (signal, error) { return f.run(n.arms[i].body) })
	f.taint(&n.effects, tag)
	if n.jumps {
		// Whether the rest of the loop runs depends on the condition.
		st.control = st.union(st.control, tag)
	}
	return sig, err
}

// gap reports that a condition kept text out here.
func (st *state) gap(f *frame, at span, tag Tag) {
	if st.tr == nil || tag == 0 {
		return
	}
	n := len(st.out.buf)
	st.emit(Span{Start: n, End: n, Pos: f.tmpl.pos(at.start), Stack: st.stack, Control: st.union(st.control, tag)})
}

// taint adds the tag of a condition to everything that its arms may change.
func (f *frame) taint(e *effects, tag Tag) {
	st := f.st
	if st.tr == nil || tag == 0 || e.empty() {
		return
	}
	for _, v := range e.vars {
		if v.known {
			p := f.slot(v.ref)
			p.tag = st.union(p.tag, tag)
		}
		if v.export {
			if f.ctx.taints == nil {
				f.ctx.taints = map[string]Tag{}
			}
			f.ctx.taints[v.name] = st.union(f.ctx.taints[v.name], tag)
		}
	}
	for _, a := range e.attrs {
		if ns, ok := f.effectTarget(a).ref.(*namespace); ok {
			ns.taint(st, a.attr, tag)
		}
	}
	for _, o := range e.objects {
		st.taintShape(f.effectTarget(o), tag)
	}
}

// effectTarget returns the object that a change would apply to.
func (f *frame) effectTarget(e effect) Value {
	if e.known {
		v, _ := f.read(e.ref, e.name)
		return v
	}
	v, _ := f.st.resolve(f.ctx, e.name)
	return v
}

// taintShape adds a tag to the shape of a list or dict.
func (st *state) taintShape(v Value, tag Tag) {
	switch v.kind {
	case KindList:
		if l, err := st.ownList(v); err == nil {
			l.tag = st.union(l.tag, tag)
		}
	case KindDict:
		if d, err := st.ownDict(v); err == nil {
			d.tag = st.union(d.tag, tag)
		}
	}
}

func (n *setNode) exec(f *frame) (signal, error) {
	v, err := n.x.eval(f)
	if err != nil {
		return 0, err
	}
	if err := n.target.assign(f, v); err != nil {
		return 0, f.fail(err, n.span)
	}
	if n.export {
		f.export(n.target)
	}
	return 0, nil
}

// export makes the names of a target known to other templates.
func (f *frame) export(t target) {
	switch n := t.(type) {
	case *nameNode:
		f.ctx.set(n.name, *f.slot(n.ref), true)
	case *tupleNode:
		for _, item := range n.items {
			if t, ok := item.(target); ok {
				f.export(t)
			}
		}
	}
}

func (n *nameNode) assign(f *frame, v Value) error {
	*f.slot(n.ref) = v
	return nil
}

func (n *nsNode) assign(f *frame, v Value) error {
	p, err := f.read(n.ref, n.name)
	if err != nil {
		return err
	}
	ns, ok := p.ref.(*namespace)
	if !ok {
		return failf(ErrRuntime, "cannot assign attribute on non-namespace object")
	}
	if err := f.st.useItems(3); err != nil {
		return err
	}
	v.tag = f.st.union(v.tag, f.st.controls())
	ns.attrs.setString(n.attr, v)
	return nil
}

func (n *tupleNode) assign(f *frame, v Value) error {
	items, err := f.st.unpack(v, len(n.items))
	if err != nil {
		return err
	}
	tag := f.st.shapeTag(v)
	for i, item := range n.items {
		t, _ := item.(target)
		x := items[i]
		x.tag = f.st.union(x.tag, tag)
		if err := t.assign(f, x); err != nil {
			return err
		}
	}
	return nil
}

// unpack returns exactly want elements of v.
func (st *state) unpack(v Value, want int) ([]Value, error) {
	it, err := st.iterate(v)
	if err != nil {
		if e, ok := err.(*Error); ok && e.Kind == ErrType {
			e.Message = "cannot unpack non-iterable " + typeName(v) + " object"
		}
		return nil, err
	}
	out := make([]Value, 0, want)
	for {
		item, ok, err := it.next(st)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if len(out) == want {
			return nil, failf(ErrValue, "too many values to unpack (expected %d)", want)
		}
		out = append(out, item)
	}
	if len(out) < want {
		return nil, failf(ErrValue, "not enough values to unpack (expected %d, got %d)", want, len(out))
	}
	return out, nil
}

func (n *setBlockNode) exec(f *frame) (signal, error) {
	f.enter(n.scope)
	sig := signalNone
	v, err := f.st.captureOutput(func() (err error) {
		sig, err = f.run(n.body)
		return err
	})
	if err != nil {
		return 0, err
	}
	if sig != signalNone {
		return sig, nil
	}
	escape := *f.ctx.escape
	v.safe = escape
	if n.filter != nil {
		if v, err = n.filter.applyChain(f, v); err != nil {
			return 0, err
		}
		if escape && !v.safe {
			s, err := f.st.str(v)
			if err != nil {
				return 0, f.fail(err, n.span)
			}
			v = s
			v.safe = true
		}
	}
	if err := n.target.assign(f, v); err != nil {
		return 0, f.fail(err, n.span)
	}
	if n.export {
		f.export(n.target)
	}
	f.leave(n.scope)
	return 0, nil
}

func (n *filterBlockNode) exec(f *frame) (signal, error) {
	f.enter(n.scope)
	sig := signalNone
	v, err := f.st.captureOutput(func() (err error) {
		sig, err = f.run(n.body)
		return err
	})
	if err != nil {
		return 0, err
	}
	if sig != signalNone {
		return sig, nil
	}
	v.safe = *f.ctx.escape
	if v, err = n.filter.applyChain(f, v); err != nil {
		return 0, err
	}
	// Jinja2 does not escape here what a filter block yields, and it has to
	// be a text.
	if v.kind != KindString {
		return 0, f.fail(failf(ErrType, "a filter block must yield a str, not %s", typeName(v)), n.span)
	}
	if err := f.print(v, false, n.filter.span); err != nil {
		return 0, f.fail(err, n.span)
	}
	f.leave(n.scope)
	return 0, nil
}

func (n *withNode) exec(f *frame) (signal, error) {
	f.enter(n.scope)
	for i, t := range n.targets {
		v, err := n.values[i].eval(f)
		if err != nil {
			return 0, err
		}
		if err := t.assign(f, v); err != nil {
			return 0, f.fail(err, n.span)
		}
	}
	sig, err := f.run(n.body)
	f.leave(n.scope)
	return sig, err
}

func (n *autoescapeNode) exec(f *frame) (signal, error) {
	f.enter(n.scope)
	v, err := n.x.eval(f)
	if err != nil {
		return 0, err
	}
	on, err := f.st.truth(v)
	if err != nil {
		return 0, f.fail(err, n.x.at())
	}
	saved := *f.ctx.escape
	*f.ctx.escape = on
	sig, err := f.st.under(f.st.shapeTag(v), func() (signal, error) { return f.run(n.body) })
	*f.ctx.escape = saved
	f.leave(n.scope)
	return sig, err
}

func (n *doNode) exec(f *frame) (signal, error) {
	_, err := n.x.eval(f)
	return 0, err
}

func (n *jumpNode) exec(*frame) (signal, error) { return n.signal, nil }
