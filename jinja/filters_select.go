package jinja

// applied returns a function that applies the filter or test named by an
// argument to a value, with the rest of the arguments.
func (c *Call) applied(table map[string]*builtin, what string, name Value, args []Value, kwargs []Named) (func(Value) (Value, error), error) {
	b := table[name.text()]
	if name.kind != KindString || b == nil {
		if name.kind == KindUndefined {
			return nil, failf(ErrRuntime, "No %s named Undefined. (a name is undefined; did you forget to quote the callable name?)", what)
		}
		return nil, failf(ErrRuntime, "No %s of the given name.", what)
	}
	st, ctx := c.st, c.ctx
	return func(v Value) (Value, error) {
		call := &Call{Args: append([]Value{v}, args...), Kwargs: kwargs, name: b.name, st: st, ctx: ctx}
		return st.invoke(b, call)
	}, nil
}

// lazily returns a generator over v whose elements go through step, which
// says whether to keep them. prepare runs when the first element is asked
// for, and only if v is true, as in Jinja2.
func (c *Call) lazily(name string, prepare func(g *generator) (func(Value) (Value, bool, error), error)) (Value, error) {
	if len(c.Args) == 0 {
		return Value{}, failf(ErrType, "%s() missing required argument 'value'", c.name)
	}
	source := c.Args[0]
	var it iterator
	var step func(Value) (Value, bool, error)
	g := &generator{name: name, tag: c.st.shapeTag(source)}
	g.from = func(st *state) (Value, bool, error) {
		if it == nil {
			ok, err := st.truth(source)
			if err != nil || !ok {
				return Value{}, false, err
			}
			if step, err = prepare(g); err != nil {
				return Value{}, false, err
			}
			if it, err = st.iterate(source); err != nil {
				return Value{}, false, err
			}
		}
		for {
			item, ok, err := it.next(st)
			if err != nil || !ok {
				return Value{}, false, err
			}
			v, keep, err := step(item)
			if err != nil {
				return Value{}, false, err
			}
			if keep {
				return v, true, nil
			}
		}
	}
	return objectValue(g), nil
}

func filterMap(c *Call) (Value, error) {
	return c.lazily("sync_do_map", func(*generator) (func(Value) (Value, bool, error), error) {
		apply, err := c.mapper()
		if err != nil {
			return nil, err
		}
		return func(v Value) (Value, bool, error) {
			v, err := apply(v)
			return v, true, err
		}, nil
	})
}

// mapper returns what map does to every element.
func (c *Call) mapper() (func(Value) (Value, error), error) {
	attribute, ok := c.kwarg("attribute")
	if len(c.Args) > 1 || !ok {
		if len(c.Args) < 2 {
			return nil, failf(ErrType, "map requires a filter argument")
		}
		return c.applied(c.st.env.filters, "filter", c.Args[1], c.Args[2:], c.Kwargs)
	}
	def, _ := c.kwarg("default")
	for _, kw := range c.Kwargs {
		if kw.Name != "attribute" && kw.Name != "default" {
			return nil, failf(ErrType, "Unexpected keyword argument '%s'", kw.Name)
		}
	}
	p, st := path(attribute), c.st
	return func(v Value) (Value, error) { return p.get(st, v, def) }, nil
}

func filterSelect(c *Call) (Value, error)     { return c.selecting(true, false) }
func filterReject(c *Call) (Value, error)     { return c.selecting(false, false) }
func filterSelectattr(c *Call) (Value, error) { return c.selecting(true, true) }
func filterRejectattr(c *Call) (Value, error) { return c.selecting(false, true) }

// selecting keeps the elements for which a test, or the truth of the
// element, comes out as want.
func (c *Call) selecting(want, byAttribute bool) (Value, error) {
	st := c.st
	return c.lazily("select_or_reject", func(g *generator) (func(Value) (Value, bool, error), error) {
		args := c.Args[1:]
		var p attrPath
		if byAttribute {
			if len(args) == 0 {
				return nil, failf(ErrType, "Missing parameter for attribute name")
			}
			p, args = path(args[0]), args[1:]
		}
		test := func(v Value) (Value, error) { return v, nil }
		if len(args) > 0 {
			var err error
			if test, err = c.applied(st.env.tests, "test", args[0], args[1:], c.Kwargs); err != nil {
				return nil, err
			}
		}
		return func(item Value) (Value, bool, error) {
			v, err := p.get(st, item, Value{})
			if err != nil {
				return Value{}, false, err
			}
			if v, err = test(v); err != nil {
				return Value{}, false, err
			}
			ok, err := st.truth(v)
			g.tag = st.union(g.tag, st.shapeTag(v))
			return item, ok == want, err
		}, nil
	})
}
