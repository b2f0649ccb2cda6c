package jinja

import (
	"context"
	"errors"
	"math/rand/v2"
)

// state is one rendering.
type state struct {
	env *Environment
	ctx context.Context
	tr  Tracker
	out *output

	// control is the union of the tags of the conditions and loops around
	// the current place; stack are the includes, macros and blocks around.
	control Tag
	stack   []Pos
	// beyond is the union of the control tags outside of what is being
	// captured. Captured spans get them where they are printed; changes of
	// objects need them at once.
	beyond Tag

	steps, memory int64 // what is left
	depth         int

	vars *mapping
	// own holds the private copies of containers that belong to the caller
	// and were changed by the template, by the original.
	own map[any]any
	// reads holds the containers that the caller's mappings gave out, so
	// that each keeps its identity.
	reads map[readKey]Value
	// modules holds the templates imported without context, and templates
	// all that were loaded, so that the rendering sees each only once.
	modules   map[*Template]*module
	templates map[string]*Template
	random    *rand.Rand
}

type readKey struct {
	from any
	key  string
}

// output collects what is printed, and the spans of what is captured.
type output struct {
	buf     []byte
	spans   []Span
	capture bool
}

func newState(ctx context.Context, env *Environment, vars Mapping, tr Tracker) *state {
	if ctx == nil {
		ctx = context.Background()
	}
	st := &state{env: env, ctx: ctx, tr: tr, out: &output{},
		steps: env.limits.Steps, memory: env.limits.Memory, depth: env.limits.Depth}
	if vars != nil {
		st.vars = &mapping{m: vars}
	}
	return st
}

func (st *state) canceled() error {
	if err := st.ctx.Err(); err != nil {
		return &Error{Kind: ErrCanceled, Message: "rendering was stopped", Err: err}
	}
	return nil
}

// step counts one unit of work.
func (st *state) step() error {
	st.steps--
	if st.steps < 0 {
		return failf(ErrLimit, "rendering takes more than %d steps", st.env.limits.Steps)
	}
	if st.steps&1023 == 0 {
		return st.canceled()
	}
	return nil
}

// use counts bytes of memory before they are allocated, and the work to
// fill them.
func (st *state) use(bytes int64) error {
	if bytes < 0 || bytes > st.memory {
		return failf(ErrLimit, "rendering builds more than %d bytes of values", st.env.limits.Memory)
	}
	st.memory -= bytes
	return st.work(bytes)
}

// work counts the time to look at a number of bytes.
func (st *state) work(bytes int64) error {
	const bytesPerStep = 64
	if bytes < bytesPerStep {
		return nil
	}
	before := st.steps
	st.steps -= bytes/bytesPerStep - 1
	if before>>10 != st.steps>>10 {
		if err := st.canceled(); err != nil {
			return err
		}
	}
	return st.step()
}

// workOn counts the time to look at a value, if that is a string.
func (st *state) workOn(v Value) error {
	if v.kind != KindString {
		return nil
	}
	return st.work(int64(len(v.text())))
}

// valueSize is what one element of a list counts.
const valueSize = 32

// useItems counts n elements of a list.
func (st *state) useItems(n int) error { return st.use(int64(n) * valueSize) }

// down counts one level of nesting; up takes it back.
func (st *state) down() error {
	st.depth--
	if st.depth < 0 {
		st.depth++
		return failf(ErrLimit, "templates nest deeper than %d levels", st.env.limits.Depth)
	}
	return nil
}

func (st *state) up() { st.depth++ }

// union returns the tag for both a and b.
func (st *state) union(a, b Tag) Tag {
	switch {
	case a == b || b == 0:
		return a
	case a == 0:
		return b
	case st.tr == nil:
		return a
	}
	return st.tr.Union(a, b)
}

// write prints bytes that belong to one piece of output.
func (st *state) write(s string, f *frame, at span, tag Tag) error {
	start := len(st.out.buf)
	if start+len(s) > st.env.limits.Output {
		return failf(ErrLimit, "the output is larger than %d bytes", st.env.limits.Output)
	}
	st.out.buf = append(st.out.buf, s...)
	if st.tr != nil && (len(s) > 0 || tag != 0) {
		st.emit(Span{Start: start, End: start + len(s), Pos: f.tmpl.pos(at.start),
			Stack: st.stack, Value: tag, Control: st.control})
	}
	return nil
}

// writeText prints template text, with one span for each of its lines.
func (st *state) writeText(n *textNode, f *frame) error {
	if st.tr == nil {
		return st.write(n.text, f, n.span, 0)
	}
	at, rest := n.span, n.text
	newline := st.env.syntax.newline
	for rest != "" {
		line := rest
		if i := indexAfter(rest, newline); i >= 0 {
			line = rest[:i]
		}
		if err := st.write(line, f, at, 0); err != nil {
			return err
		}
		rest = rest[len(line):]
		at.start += len(line)
		if len(newline) == 2 && len(rest) > 0 {
			at.start-- // the source has a single byte for a line end
		}
	}
	return nil
}

// emit hands on a span, or keeps it with what is being captured.
func (st *state) emit(s Span) {
	if st.out.capture {
		st.out.spans = append(st.out.spans, s)
	} else {
		st.tr.Emit(s)
	}
}

// capture runs body with an output of its own, and returns what it printed.
// The tag of the result is the union of all that went into it.
func (st *state) captureOutput(body func() error) (Value, error) {
	saved, control, beyond := st.out, st.control, st.beyond
	st.out = &output{capture: true}
	if st.tr != nil {
		st.beyond = st.union(beyond, control)
		st.control = 0
	}
	err := body()
	out := st.out
	st.out, st.control, st.beyond = saved, control, beyond
	if err != nil {
		return Value{}, err
	}
	if err := st.use(int64(len(out.buf))); err != nil {
		return Value{}, err
	}
	if st.tr == nil || len(out.spans) == 0 {
		return String(string(out.buf)), nil
	}
	var tag Tag
	for i := range out.spans {
		tag = st.union(tag, st.union(out.spans[i].Value, out.spans[i].Control))
	}
	return Value{kind: KindString, ref: &captured{string(out.buf), out.spans}, tag: tag}, nil
}

// controls is the union of the tags of all conditions and loops around.
func (st *state) controls() Tag { return st.union(st.control, st.beyond) }

// writeCaptured prints a captured text with the spans it was made of.
func (st *state) writeCaptured(c *captured) error {
	start := len(st.out.buf)
	if start+len(c.text) > st.env.limits.Output {
		return failf(ErrLimit, "the output is larger than %d bytes", st.env.limits.Output)
	}
	st.out.buf = append(st.out.buf, c.text...)
	for _, s := range c.spans {
		s.Start += start
		s.End += start
		s.Control = st.union(st.control, s.Control)
		st.emit(s)
	}
	return nil
}

// under runs body with tag added to the control tags.
func (st *state) under(tag Tag, body func() (signal, error)) (signal, error) {
	if st.tr == nil || tag == 0 {
		return body()
	}
	saved := st.control
	st.control = st.union(saved, tag)
	sig, err := body()
	st.control = saved
	return sig, err
}

// push adds a place to the stack for the spans to come, and returns the
// stack to go back to.
func (st *state) push(f *frame, at span) []Pos {
	saved := st.stack
	if st.tr != nil {
		st.stack = append(saved[:len(saved):len(saved)], f.tmpl.pos(at.start))
	}
	return saved
}

// callerError wraps an error of the caller's code. One that this package
// made is handed on.
func callerError(err error, message string) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Kind: ErrCaller, Message: message, Err: err}
}

// rng returns the generator for random choices, which is the same for every
// rendering.
func (st *state) rng() *rand.Rand {
	if st.random == nil {
		st.random = rand.New(rand.NewPCG(1, 2))
	}
	return st.random
}
