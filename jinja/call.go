package jinja

import (
	"context"
	"slices"
	"strconv"
)

// Named is a keyword argument.
type Named struct {
	Name  string
	Value Value
}

// Call holds the arguments of a call to a [Func] and the rendering it is
// part of. It is valid until the Func returns.
type Call struct {
	// Args are the positional arguments. For a filter or test the first is
	// the value it is applied to.
	Args []Value
	// Kwargs are the keyword arguments in the order of the call.
	Kwargs []Named

	name string // of the function, for messages
	st   *state
	ctx  *renderContext
}

// Context returns the context of the rendering.
func (c *Call) Context() context.Context { return c.st.ctx }

// Name returns the name by which the template called the function.
func (c *Call) Name() string { return c.name }

// Arg returns positional argument i or, if there are fewer, the keyword
// argument called name. It returns false if neither was given.
func (c *Call) Arg(i int, name string) (Value, bool) {
	if i < len(c.Args) {
		return c.Args[i], true
	}
	return c.kwarg(name)
}

// Text returns v as it would be printed. The error is for what cannot be
// printed, such as a strictly undefined value.
func (c *Call) Text(v Value) (string, error) { return c.st.strText(v) }

// List returns the elements that a for loop over v would see. The error is
// for what cannot be iterated over.
func (c *Call) List(v Value) ([]Value, error) { return c.st.collect(v) }

// Truth returns what an if would make of v.
func (c *Call) Truth(v Value) (bool, error) { return c.st.truth(v) }

// Attr returns what v.name is in a template.
func (c *Call) Attr(v Value, name string) (Value, error) { return c.st.getAttr(v, name) }

func (c *Call) kwarg(name string) (Value, bool) {
	for _, kw := range c.Kwargs {
		if kw.Name == name {
			return kw.Value, true
		}
	}
	return Value{}, false
}

// bind sorts the arguments into the named parameters, the first required of
// which must be given. Those that are not given are the zero Value.
func (c *Call) bind(required int, params ...string) ([]Value, error) {
	if len(c.Args) > len(params) {
		return nil, failf(ErrType, "%s() takes at most %d arguments (%d given)", c.name, len(params), len(c.Args))
	}
	if len(c.Kwargs) == 0 && len(c.Args) == len(params) {
		return c.Args, nil
	}
	out := make([]Value, len(params))
	given := copy(out, c.Args)
	set := make([]bool, len(params))
	for i := range given {
		set[i] = true
	}
	for _, kw := range c.Kwargs {
		i := slices.Index(params, kw.Name)
		switch {
		case i < 0:
			return nil, failf(ErrType, "%s() got an unexpected keyword argument '%s'", c.name, kw.Name)
		case set[i]:
			return nil, failf(ErrType, "%s() got multiple values for argument '%s'", c.name, kw.Name)
		}
		out[i], set[i] = kw.Value, true
	}
	for i := range required {
		if !set[i] {
			return nil, failf(ErrType, "%s() missing required argument '%s'", c.name, params[i])
		}
	}
	return out, nil
}

func itoa(n int) string { return strconv.Itoa(n) }

// flow says which tags of the arguments go into the result of a built-in
// function.
type flow uint8

const (
	// flowDeep takes the tags of everything inside of the arguments.
	flowDeep flow = iota
	// flowShape takes the tags of the arguments themselves. The function
	// returns elements with their own tags, or looks at none.
	flowShape
	// flowNone takes none: the function sees to the tags itself.
	flowNone
)

// builtin is a filter or test.
type builtin struct {
	name    string
	fn      Func
	flow    flow
	foreign bool
}

// invoke runs a filter or test.
func (st *state) invoke(b *builtin, c *Call) (Value, error) {
	if err := st.step(); err != nil {
		return Value{}, err
	}
	if len(c.Args) > 0 {
		if err := st.workOn(c.Args[0]); err != nil {
			return Value{}, err
		}
	}
	v, err := b.fn(c)
	if err != nil {
		if b.foreign {
			err = callerError(err, "'"+c.name+"' failed")
		}
		return Value{}, err
	}
	return st.flow(v, c, b.flow), nil
}

// flow adds the tags of the arguments to a result.
func (st *state) flow(v Value, c *Call, how flow) Value {
	if st.tr == nil || how == flowNone {
		return v
	}
	for _, a := range c.Args {
		v.tag = st.union(v.tag, st.flowTag(a, how))
	}
	for _, kw := range c.Kwargs {
		v.tag = st.union(v.tag, st.flowTag(kw.Value, how))
	}
	return v
}

func (st *state) flowTag(v Value, how flow) Tag {
	if how == flowDeep {
		return st.deepTag(v)
	}
	return st.shapeTag(v)
}

// call calls any value.
func (st *state) call(fn Value, c *Call) (Value, error) {
	if err := st.step(); err != nil {
		return Value{}, err
	}
	switch r := fn.ref.(type) {
	case *method:
		return st.callMethod(r, c)
	case *function:
		v, err := r.fn(c)
		if err != nil {
			if r.foreign {
				err = callerError(err, "'"+c.name+"' failed")
			}
			return Value{}, err
		}
		v = st.flow(v, c, flowDeep)
		v.tag = st.union(v.tag, fn.tag)
		return v, nil
	case callObject:
		v, err := r.call(c)
		if err != nil {
			return Value{}, err
		}
		return v.WithTag(st.union(v.tag, fn.tag)), nil
	}
	if fn.kind == KindUndefined {
		return Value{}, st.useUndefined(fn)
	}
	return Value{}, failf(ErrType, "'%s' object is not callable", typeName(fn))
}
