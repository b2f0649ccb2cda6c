package jinja

import "context"

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
	for _, kw := range c.Kwargs {
		if kw.Name == name {
			return kw.Value, true
		}
	}
	return Value{}, false
}
