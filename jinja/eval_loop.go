package jinja

func (n *forNode) exec(f *frame) (signal, error) {
	v, err := n.iter.eval(f)
	if err != nil {
		return 0, err
	}
	if !n.recursive {
		return n.over(f, f, v, nil, 0)
	}
	text, err := n.recurse(f, v, 0)
	if err != nil {
		return 0, err
	}
	if c, ok := text.ref.(*captured); ok {
		err = f.st.writeCaptured(c)
	} else {
		err = f.st.write(text.text(), f, n.span, text.tag)
	}
	if err != nil {
		return 0, f.fail(err, n.span)
	}
	return 0, nil
}

// recurse runs a recursive loop over v in a frame of its own and returns
// what it printed.
func (n *forNode) recurse(f *frame, v Value, depth int) (Value, error) {
	if err := f.st.down(); err != nil {
		return Value{}, f.fail(err, n.span)
	}
	defer f.st.up()
	inner := newFrame(f.st, f.tmpl, f.ctx, n.fn, f)
	text, err := f.st.captureOutput(func() error {
		_, err := n.over(inner, f, v, f, depth)
		return err
	})
	text.safe = *f.ctx.escape
	return text, err
}

// over runs the loop over v in frame f. outer is the frame that the test
// belongs to, and home, for a recursive loop, the frame of the whole loop.
func (n *forNode) over(f, outer *frame, v Value, home *frame, depth int) (signal, error) {
	st := f.st
	source := v
	if n.test != nil {
		it, err := st.iterate(v)
		if err != nil {
			return 0, f.fail(err, n.iter.at())
		}
		source = n.filtered(outer, it, st.shapeTag(v))
	}
	it, err := st.iterate(source)
	if err != nil {
		return 0, f.fail(err, n.iter.at())
	}
	var loop *loopContext
	if n.extended {
		loop = &loopContext{st: st, source: source, it: it, depth: depth}
		if n.recursive {
			loop.node, loop.home = n, home
		}
		it = loop
	}
	control := st.control
	sig, ran, err := n.rounds(f, source, it, loop)
	if err != nil {
		return 0, err
	}
	tag := st.shapeTag(source)
	if st.tr != nil {
		st.control = control
		if !ran {
			st.gap(f, n.span, tag)
		}
		f.taint(&n.effects, tag)
	}
	f.leave(n.scope)
	if !ran && n.other != nil {
		f.enter(n.elseOps)
		sig, err = st.under(tag, func() (signal, error) { return f.run(n.other) })
		f.leave(n.elseOps)
	}
	return sig, err
}

// rounds runs the body once for every element. Its signal is never that of a
// break or continue, which end here. ran tells whether there was a round
// that came to its end.
func (n *forNode) rounds(f *frame, source Value, it iterator, loop *loopContext) (sig signal, ran bool, err error) {
	st := f.st
	for {
		item, ok, err := it.next(st)
		if err != nil {
			return 0, ran, f.fail(err, n.iter.at())
		}
		if !ok {
			return 0, ran, nil
		}
		if st.tr != nil {
			st.control = st.union(st.control, st.shapeTag(source))
		}
		if err := n.target.assign(f, item); err != nil {
			return 0, ran, f.fail(err, n.target.at())
		}
		if loop != nil {
			*f.slot(n.loop) = objectValue(loop)
		}
		f.enter(n.scope)
		sig, err := f.run(n.body)
		if err != nil {
			return 0, ran, err
		}
		if sig == signalBreak {
			return 0, ran, nil
		}
		if sig == signalNone {
			ran = true
		}
	}
}

// filtered yields the elements for which the test of the loop holds.
func (n *forNode) filtered(outer *frame, it iterator, tag Tag) Value {
	inner := newFrame(outer.st, outer.tmpl, outer.ctx, n.filter, outer)
	inner.enter(n.filterOps)
	g := &generator{name: "loop_filter", tag: tag}
	g.from = func(st *state) (Value, bool, error) {
		for {
			item, ok, err := it.next(st)
			if err != nil || !ok {
				return Value{}, false, err
			}
			if err := n.filterTo.assign(inner, item); err != nil {
				return Value{}, false, err
			}
			v, err := n.test.eval(inner)
			if err != nil {
				return Value{}, false, err
			}
			holds, err := st.truth(v)
			if err != nil {
				return Value{}, false, inner.fail(err, n.test.at())
			}
			g.tag = st.union(g.tag, st.shapeTag(v))
			if holds {
				return item, true, nil
			}
		}
	}
	return objectValue(g)
}

// loopContext is the loop variable. It reads ahead by one element if asked
// for the next one, and to the end if asked for the length of an iterator.
type loopContext struct {
	st     *state
	source Value
	it     iterator
	ahead  []Value
	ended  bool
	// index is that of the current element, from 1; 0 before the first.
	index   int
	size    int // known length plus 1, or 0
	depth   int
	before  Value
	current Value
	changed []Value
	called  bool // changed was called
	// node and home are set for a recursive loop.
	node *forNode
	home *frame
}

func (l *loopContext) typeName() string { return "LoopContext" }

func (l *loopContext) pull(st *state) (Value, bool, error) {
	if len(l.ahead) > 0 {
		v := l.ahead[0]
		l.ahead = l.ahead[1:]
		return v, true, nil
	}
	if l.ended {
		return Value{}, false, nil
	}
	v, ok, err := l.it.next(st)
	l.ended = !ok
	return v, ok, err
}

// next moves to the next element.
func (l *loopContext) next(st *state) (Value, bool, error) {
	v, ok, err := l.pull(st)
	if err != nil || !ok {
		return Value{}, false, err
	}
	l.index++
	l.before, l.current = l.current, v
	return v, true, nil
}

// peek looks at the next element.
func (l *loopContext) peek() (Value, bool, error) {
	if len(l.ahead) == 0 {
		v, ok, err := l.pull(l.st)
		if err != nil || !ok {
			return Value{}, false, err
		}
		l.ahead = append(l.ahead, v)
	}
	return l.ahead[0], true, nil
}

func (l *loopContext) length(st *state) (int, error) {
	if l.size > 0 {
		return l.size - 1, nil
	}
	if _, isGenerator := l.source.ref.(*generator); !isGenerator {
		if n, err := st.length(l.source); err == nil {
			l.size = n + 1
			return n, nil
		}
	}
	for !l.ended {
		v, ok, err := l.it.next(st)
		if err != nil {
			return 0, err
		}
		if !ok {
			l.ended = true
			break
		}
		if err := st.useItems(1); err != nil {
			return 0, err
		}
		l.ahead = append(l.ahead, v)
	}
	n := len(l.ahead) + l.index
	l.size = n + 1
	return n, nil
}

func (l *loopContext) repr(w *reprWriter) error {
	n, err := l.length(w.st)
	if err != nil {
		return err
	}
	return w.text("<LoopContext " + itoa(l.index) + "/" + itoa(n) + ">")
}

// attr reads the attributes of the loop. Those that depend on the shape of
// the sequence take its tag.
func (l *loopContext) attr(st *state, name string) (Value, bool, error) {
	v, ok, err := l.attrValue(st, name)
	if st.tr != nil && ok {
		v.tag = st.union(v.tag, st.shapeTag(l.source))
	}
	return v, ok, err
}

func (l *loopContext) attrValue(st *state, name string) (Value, bool, error) {
	switch name {
	case "first":
		return Bool(l.index == 1), true, nil
	case "last":
		_, more, err := l.peek()
		return Bool(!more), true, err
	case "length", "revindex", "revindex0":
		n, err := l.length(st)
		switch name {
		case "revindex":
			n -= l.index - 1
		case "revindex0":
			n -= l.index
		}
		return Int(int64(n)), true, err
	case "previtem":
		if l.index == 1 {
			return st.undefinedHint("there is no previous item"), true, nil
		}
		return l.before, true, nil
	case "nextitem":
		v, more, err := l.peek()
		if !more {
			v = st.undefinedHint("there is no next item")
		}
		return v, true, err
	case "cycle":
		return objectValue(&method{self: objectValue(l), name: name, fn: loopCycle}), true, nil
	case "changed":
		return objectValue(&method{self: objectValue(l), name: name, fn: loopChanged}), true, nil
	}
	n, ok := l.counter(name)
	return Int(int64(n)), ok, nil
}

// counter reads the attributes that only depend on the rounds so far.
func (l *loopContext) counter(name string) (int, bool) {
	switch name {
	case "index":
		return l.index, true
	case "index0":
		return l.index - 1, true
	case "depth":
		return l.depth + 1, true
	case "depth0":
		return l.depth, true
	}
	return 0, false
}

func loopCycle(c *Call, self Value) (Value, error) {
	l, _ := self.ref.(*loopContext)
	if len(c.Args) == 0 {
		return Value{}, failf(ErrType, "no items for cycling given")
	}
	n := (l.index - 1) % len(c.Args)
	if n < 0 {
		n += len(c.Args)
	}
	return c.Args[n], nil
}

func loopChanged(c *Call, self Value) (Value, error) {
	l, _ := self.ref.(*loopContext)
	if l.called {
		same, err := c.st.equal(Tuple(l.changed...), Tuple(c.Args...))
		if err != nil {
			return Value{}, err
		}
		if same {
			return Bool(false), nil
		}
	}
	l.called = true
	l.changed = c.Args
	return Bool(true), nil
}

// call renders the loop once more over nested elements.
func (l *loopContext) call(c *Call) (Value, error) {
	if l.node == nil {
		return Value{}, failf(ErrType, "The loop must have the 'recursive' marker to be called recursively.")
	}
	a, err := c.bind(1, "iterable")
	if err != nil {
		return Value{}, err
	}
	return l.node.recurse(l.home, a[0], l.depth+1)
}
