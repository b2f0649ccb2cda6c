package jinja

// bound reads the arguments of a call by the places of their parameters. The
// first error is kept, so that a function checks once for all arguments.
type bound struct {
	c    *Call
	args []Value
	err  error
}

// bound sorts the arguments into parameters like bind.
func (c *Call) bound(required int, params ...string) *bound {
	args, err := c.bind(required, params...)
	if err != nil {
		args = make([]Value, len(params))
	}
	return &bound{c, args, err}
}

// given tells whether argument i is there and not None.
func (b *bound) given(i int) bool { return isGiven(b.args[i]) }

func (b *bound) keep(err error) {
	if b.err == nil {
		b.err = err
	}
}

// int returns argument i, or def if it was not given.
func (b *bound) int(i int, def int64) int64 {
	n, err := optInt(b.args[i], def)
	b.keep(err)
	return n
}

// truth returns what an if makes of argument i, or def if it was not given.
func (b *bound) truth(i int, def bool) bool {
	ok, err := b.c.optTruth(b.args[i], def)
	b.keep(err)
	return ok
}

// string returns argument i, or def if it was not given.
func (b *bound) string(i int, def string) string {
	if b.args[i].isMissing() {
		return def
	}
	s, err := wantString(b.args[i])
	b.keep(err)
	return s
}

// text returns argument i as it prints, and whether it is safe.
func (b *bound) text(i int) (s string, safe bool) {
	if b.err != nil {
		return "", false
	}
	s, safe, err := b.c.softText(b.args[i])
	b.keep(err)
	return s, safe
}

// defined keeps an error if argument i is undefined.
func (b *bound) defined(i int) Value {
	v := b.args[i]
	if v.kind == KindUndefined && b.err == nil {
		b.err = b.c.st.useUndefined(v)
	}
	return v
}
