package jinja

import "math/big"

// rangeObject is Python's range.
type rangeObject struct{ start, stop, step int64 }

func (r *rangeObject) typeName() string { return "range" }

// count is the number of elements. Bounds are kept small enough for it not
// to overflow.
func (r *rangeObject) count() int64 {
	switch {
	case r.step > 0 && r.start < r.stop:
		return (r.stop-r.start-1)/r.step + 1
	case r.step < 0 && r.start > r.stop:
		return (r.start-r.stop-1)/-r.step + 1
	}
	return 0
}

func (r *rangeObject) length(*state) (int, error) { return int(r.count()), nil }

func (r *rangeObject) at(i int64) Value { return Int(r.start + i*r.step) }

func (r *rangeObject) item(_ *state, key Value) (Value, bool, error) {
	i, ok := indexOf(key)
	if !ok {
		return Value{}, false, nil
	}
	n := r.count()
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return Value{}, false, nil
	}
	return r.at(i), true, nil
}

func (r *rangeObject) attr(st *state, name string) (Value, bool, error) {
	switch name {
	case "start":
		return Int(r.start), true, nil
	case "stop":
		return Int(r.stop), true, nil
	case "step":
		return Int(r.step), true, nil
	}
	v := objectValue(r)
	if m, ok := st.env.methods.find(v, name); ok {
		return objectValue(&method{self: v, name: name, fn: m}), true, nil
	}
	return Value{}, false, nil
}

func (r *rangeObject) iterate(*state) (iterator, error) {
	i, n := int64(0), r.count()
	return &generator{kind: "range_iterator", from: func(*state) (Value, bool, error) {
		if i >= n {
			return Value{}, false, nil
		}
		i++
		return r.at(i - 1), true, nil
	}}, nil
}

func (r *rangeObject) contains(n *big.Int) bool {
	if !n.IsInt64() || r.count() == 0 {
		return false
	}
	x := n.Int64()
	if r.step > 0 && (x < r.start || x >= r.stop) || r.step < 0 && (x > r.start || x <= r.stop) {
		return false
	}
	return (x-r.start)%r.step == 0
}

func (r *rangeObject) equal(o *rangeObject) bool {
	n := r.count()
	return n == o.count() && (n == 0 || r.start == o.start && (n == 1 || r.step == o.step))
}

func (r *rangeObject) repr(w *reprWriter) error {
	s := "range(" + itoa(int(r.start)) + ", " + itoa(int(r.stop))
	if r.step != 1 {
		s += ", " + itoa(int(r.step))
	}
	return w.text(s + ")")
}

func rangeMethods() map[string]methodFunc {
	return map[string]methodFunc{
		"index": func(c *Call, self Value) (Value, error) {
			r, _ := self.ref.(*rangeObject)
			if len(c.Args) == 1 && c.Args[0].isInt() && r.contains(c.Args[0].bigInt()) {
				return Int((c.Args[0].int64() - r.start) / r.step), nil
			}
			return Value{}, failf(ErrValue, "the value is not in range")
		},
		"count": func(c *Call, self Value) (Value, error) {
			n, err := find(c, newListOf(c, self))
			if err != nil {
				return Value{}, err
			}
			if n < 0 {
				return Int(0), nil
			}
			return Int(1), nil
		},
	}
}

// newListOf returns the elements of v as a list, or an empty one if they
// cannot be read within the limits.
func newListOf(c *Call, v Value) Value {
	items, err := c.st.collect(v)
	if err != nil {
		return newList(nil)
	}
	return newList(items)
}

// namespace is an object whose attributes templates can set.
type namespace struct {
	attrs *dict
	// taints are the tags of conditions that decided whether an attribute
	// was set.
	taints map[string]Tag
}

func (n *namespace) typeName() string { return "Namespace" }

func (n *namespace) attr(st *state, name string) (Value, bool, error) {
	v, ok := n.attrs.getString(name)
	if t := n.taints[name]; t != 0 {
		if !ok {
			v = st.undefinedIn(objectValue(n), String(name), name)
		}
		v.tag = st.union(v.tag, t)
		ok = true
	}
	return v, ok, nil
}

func (n *namespace) taint(st *state, name string, tag Tag) {
	if n.taints == nil {
		n.taints = map[string]Tag{}
	}
	n.taints[name] = st.union(n.taints[name], tag)
}

func (n *namespace) repr(w *reprWriter) error {
	if err := w.text("<Namespace "); err != nil {
		return err
	}
	if err := w.dict(n, n.attrs); err != nil {
		return err
	}
	return w.text(">")
}

// cycler yields its items in turn.
type cycler struct {
	items []Value
	pos   int
	// tag covers how often it was asked.
	tag Tag
}

func (y *cycler) typeName() string { return "Cycler" }

func (y *cycler) repr(w *reprWriter) error { return w.text("<jinja2.utils.Cycler object>") }

func (y *cycler) attr(_ *state, name string) (Value, bool, error) {
	self := objectValue(y)
	switch name {
	case "current":
		return y.items[y.pos].WithTag(y.items[y.pos].tag), true, nil
	case "pos":
		return Int(int64(y.pos)), true, nil
	case "items":
		return Tuple(y.items...), true, nil
	case "next":
		return objectValue(&method{self: self, name: name, fn: cyclerNext}), true, nil
	case "reset":
		return objectValue(&method{self: self, name: name, fn: cyclerReset}), true, nil
	}
	return Value{}, false, nil
}

func cyclerNext(c *Call, self Value) (Value, error) {
	y, _ := self.ref.(*cycler)
	y.tag = c.st.union(y.tag, c.st.controls())
	v := y.items[y.pos]
	y.pos = (y.pos + 1) % len(y.items)
	v.tag = c.st.union(v.tag, y.tag)
	return v, noArgs(c)
}

func cyclerReset(c *Call, self Value) (Value, error) {
	y, _ := self.ref.(*cycler)
	y.tag = c.st.union(y.tag, c.st.controls())
	y.pos = 0
	return None(), noArgs(c)
}

// joiner yields nothing the first time and its separator from then on.
type joiner struct {
	sep  Value
	used bool
	tag  Tag
}

func (j *joiner) typeName() string { return "Joiner" }

func (j *joiner) repr(w *reprWriter) error { return w.text("<jinja2.utils.Joiner object>") }

func (j *joiner) attr(_ *state, name string) (Value, bool, error) {
	switch name {
	case "sep":
		return j.sep, true, nil
	case "used":
		return Bool(j.used).WithTag(j.tag), true, nil
	}
	return Value{}, false, nil
}

func (j *joiner) call(c *Call) (Value, error) {
	if err := noArgs(c); err != nil {
		return Value{}, err
	}
	tag := j.tag
	j.tag = c.st.union(j.tag, c.st.controls())
	if !j.used {
		j.used = true
		return String("").WithTag(tag), nil
	}
	return j.sep.WithTag(c.st.union(j.sep.tag, tag)), nil
}
