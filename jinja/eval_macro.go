package jinja

import "slices"

// macro is a macro bound to the frame it was defined in.
type macro struct {
	node  *macroNode
	frame *frame
}

func (m *macro) typeName() string { return "Macro" }

func (m *macro) repr(w *reprWriter) error {
	if m.node.name == "" {
		return w.text("<Macro anonymous>")
	}
	return w.text("<Macro '" + m.node.name + "'>")
}

func (m *macro) attr(_ *state, name string) (Value, bool, error) {
	switch name {
	case "name":
		if m.node.name == "" {
			return None(), true, nil
		}
		return String(m.node.name), true, nil
	case "arguments":
		names := make([]Value, len(m.node.params))
		for i, p := range m.node.params {
			names[i] = String(p.name)
		}
		return Tuple(names...), true, nil
	case "catch_kwargs":
		return Bool(m.node.usesKwargs), true, nil
	case "catch_varargs":
		return Bool(m.node.usesVarargs), true, nil
	case "caller":
		return Bool(m.node.usesCaller), true, nil
	}
	return Value{}, false, nil
}

func (n *macroNode) exec(f *frame) (signal, error) {
	v := objectValue(&macro{n, f})
	*f.slot(n.target) = v
	if n.export {
		f.ctx.set(n.name, v, true)
	}
	return 0, nil
}

func (n *callBlockNode) exec(f *frame) (signal, error) {
	caller := objectValue(&macro{n.macro, f})
	v, err := n.call.evalWith(f, &caller)
	if err != nil {
		return 0, err
	}
	if v.kind != KindString {
		return 0, f.fail(failf(ErrType, "a call block must call something that yields a str, not %s", typeName(v)), n.span)
	}
	if err := f.print(v, false, n.span); err != nil {
		return 0, f.fail(err, n.span)
	}
	return 0, nil
}

// call runs the macro and returns what it prints.
func (m *macro) call(c *Call) (Value, error) {
	n, st := m.node, c.st
	if err := st.down(); err != nil {
		return Value{}, err
	}
	defer st.up()
	f := newFrame(st, m.frame.tmpl, m.frame.ctx, n.fn, m.frame)
	if err := m.bind(f, c); err != nil {
		return Value{}, err
	}
	v, err := st.captureOutput(func() error {
		f.enter(n.scope)
		if err := m.fillDefaults(f); err != nil {
			return err
		}
		_, err := f.run(n.body)
		return err
	})
	// Whether the result is safe depends on the place of the call.
	v.safe = *c.ctx.escape
	return v, err
}

// bind puts the arguments into the slots of the parameters.
func (m *macro) bind(f *frame, c *Call) error {
	n, rest := m.node, c.Kwargs
	for i, p := range n.args {
		if i < len(c.Args) {
			*f.slot(p.ref) = c.Args[i]
			continue
		}
		var v Value
		if v, rest = takeNamed(rest, p.name); !v.isMissing() {
			*f.slot(p.ref) = v
		}
	}
	if n.usesCaller {
		var caller Value
		if caller, rest = takeNamed(rest, "caller"); !isGiven(caller) {
			caller = c.st.undefinedHint("No caller defined")
		}
		*f.slot(n.caller) = caller
	}
	return m.bindRest(f, c, rest)
}

// takeNamed takes one argument out of a list.
func takeNamed(kwargs []Named, name string) (Value, []Named) {
	for i, kw := range kwargs {
		if kw.Name == name {
			return kw.Value, slices.Concat(kwargs[:i], kwargs[i+1:])
		}
	}
	return Value{}, kwargs
}

// bindRest deals with the arguments that no parameter took.
func (m *macro) bindRest(f *frame, c *Call, kwargs []Named) error {
	n := m.node
	switch {
	case n.usesKwargs:
		d := newDict(len(kwargs))
		for _, kw := range kwargs {
			d.setString(kw.Name, kw.Value)
		}
		*f.slot(n.kwargs) = newDictValue(d)
	case len(kwargs) > 0 && kwargs[0].Name == "caller":
		return failf(ErrType, "macro '%s' was invoked with two values for the special caller argument. This is most likely a bug.", n.name)
	case len(kwargs) > 0:
		return failf(ErrType, "macro '%s' takes no keyword argument '%s'", n.name, kwargs[0].Name)
	}
	var args []Value
	if len(c.Args) > len(n.args) {
		args = c.Args[len(n.args):]
	}
	if n.usesVarargs {
		*f.slot(n.varargs) = Tuple(args...)
	} else if args != nil {
		return failf(ErrType, "macro '%s' takes not more than %d argument(s)", n.name, len(n.args))
	}
	return nil
}

// fillDefaults gives the parameters that were left out their defaults, in
// order, so that a default may use the parameters before it.
func (m *macro) fillDefaults(f *frame) error {
	for _, p := range m.node.args {
		slot := f.slot(p.ref)
		if !slot.isMissing() {
			continue
		}
		if p.initial == nil {
			v := f.st.undefinedHint("parameter '" + p.name + "' was not provided")
			v.ref.(*undefined).name, v.ref.(*undefined).shown = String(p.name), p.name
			*slot = v
			continue
		}
		v, err := p.initial.eval(f)
		if err != nil {
			return err
		}
		*slot = v
	}
	return nil
}
