package view

import (
	"context"
	"fmt"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/jinja"
)

// toJinja makes a value of the definition one of the template language: maps and lists as
// they are read, references evaluated, what the state knows looked up. refs is false inside a
// part marked "references: false".
func (c *Context) toJinja(path facsimile.Path, v facsimile.Value, refs bool) (jinja.Value, error) {
	switch v.Kind() {
	case facsimile.Map:
		if off := v.Get("references"); off.Kind() == facsimile.Bool && !off.Bool() {
			refs = false
		}
		return jinja.FromMapping(mapping{c, path, v, refs}).WithTag(c.tag(path, v)), nil
	case facsimile.List:
		return jinja.FromSequence(sequence{c, path, v, refs}).WithTag(c.tag(path, v)), nil
	case facsimile.String:
		if refs && c.isReference(v) {
			return c.reference(path, v)
		}
		return jinja.String(v.Str()).WithTag(c.tag(path, v)), nil
	case facsimile.Pending:
		return c.fromState(path, v)
	case facsimile.Null:
		return jinja.None().WithTag(c.tag(path, v)), nil
	case facsimile.Bool:
		return jinja.Bool(v.Bool()).WithTag(c.tag(path, v)), nil
	case facsimile.Int:
		if i, ok := v.Int64(); ok {
			return jinja.Int(i).WithTag(c.tag(path, v)), nil
		}
		return jinja.BigInt(v.Big()).WithTag(c.tag(path, v)), nil
	case facsimile.Float:
		return jinja.Float(v.Float()).WithTag(c.tag(path, v)), nil
	}
	return jinja.Value{}, fmt.Errorf("%s cannot be used in a template", v.Kind())
}

func (c *Context) tag(path facsimile.Path, v facsimile.Value) jinja.Tag {
	return c.ledger.leaf(Read{Path: path, Origin: v.Origin()})
}

// isReference says whether a string holds template syntax. A literal brace pair costs nothing.
func (c *Context) isReference(v facsimile.Value) bool {
	s := v.Str()
	return strings.Contains(s, "{") && c.view.env.HasTemplate(s)
}

// reference evaluates a string of the definition that holds template syntax, once.
func (c *Context) reference(path facsimile.Path, v facsimile.Value) (jinja.Value, error) {
	if r, ok := c.results[v.Origin()]; ok {
		return r.value, r.err
	}
	for i, r := range c.running {
		if r.at == v.Origin() {
			return jinja.Value{}, c.cycle(append(c.running[i:], running{v.Origin(), path}))
		}
	}
	c.running = append(c.running, running{v.Origin(), path})
	defer func() { c.running = c.running[:len(c.running)-1] }()
	c.evals++
	value, err := c.evaluate(path, v)
	c.results[v.Origin()] = result{value, err}
	return value, err
}

func (c *Context) evaluate(path facsimile.Path, v facsimile.Value) (jinja.Value, error) {
	expr, err := c.view.env.ParseValue(path.String(), v.Str())
	if err != nil {
		return jinja.Value{}, c.explainError(err, v)
	}
	value, err := expr.Eval(context.Background(), c, c)
	if err != nil {
		return jinja.Value{}, c.explainError(err, v)
	}
	return value.WithTag(c.ledger.union(value.Tag(), c.tag(path, v))), nil
}

// cycle is the error of references that need each other.
func (c *Context) cycle(chain []running) error {
	e := facsimile.Errorf(facsimile.BadInput, "references go round in a circle")
	var steps []string
	for _, r := range chain {
		e.At = append(e.At, c.view.in.Sources.Position(r.at))
		steps = append(steps, r.path.String())
	}
	return e.WithHint("%s", strings.Join(steps, " → "))
}

// notGenerated says that the state lacks what a value needs.
type notGenerated struct {
	key string
	err *facsimile.Error
}

func (e *notGenerated) Error() string { return e.err.Error() }
func (e *notGenerated) Unwrap() error { return e.err }

// marked stands for a secret where none may be read.
const marked = "[secret]"

// fromState looks up what the state knows under the key of a Pending value.
func (c *Context) fromState(path facsimile.Path, v facsimile.Value) (jinja.Value, error) {
	key, in := v.Str(), c.view.in.Instance
	tag := c.ledger.leaf(Read{Path: path, Origin: v.Origin(), Secret: true})
	if _, ok := c.view.in.State.Secret(key); !ok {
		return jinja.Value{}, &notGenerated{key, facsimile.Errorf(facsimile.Refused, "%s of instance %s is not generated yet", key, in).
			WithHint("facs build %s generates what is missing", in)}
	}
	if !c.reveal {
		return jinja.String(marked).WithTag(tag), nil
	}
	secret, err := c.view.in.State.Reveal(context.Background(), key)
	if err != nil {
		return jinja.Value{}, err
	}
	return jinja.String(secret.Reveal()).WithTag(tag), nil
}

// note keeps the last error of a map or list, for walks over them that can only end early.
func (c *Context) note(err error) {
	if err != nil {
		c.lastErr = err
	}
}

// mapping is a map of the definition as templates read it.
type mapping struct {
	c    *Context
	path facsimile.Path
	v    facsimile.Value
	refs bool
}

// Get implements jinja.Mapping.
func (m mapping) Get(key string) (jinja.Value, bool, error) {
	e, ok := m.v.Entry(key)
	if !ok {
		return jinja.Value{}, false, nil
	}
	v, err := m.c.toJinja(m.path.Child(key), e.Value, m.refs)
	m.c.note(err)
	return v, err == nil, err
}

// Keys implements jinja.Mapping.
func (m mapping) Keys() ([]string, error) {
	keys := make([]string, 0, m.v.Len())
	for _, e := range m.v.Entries() {
		keys = append(keys, e.Key)
	}
	return keys, nil
}

// sequence is a list of the definition as templates read it.
type sequence struct {
	c    *Context
	path facsimile.Path
	v    facsimile.Value
	refs bool
}

// Len implements jinja.Sequence.
func (s sequence) Len() int { return s.v.Len() }

// At implements jinja.Sequence.
func (s sequence) At(i int) (jinja.Value, error) {
	v, err := s.c.toJinja(s.path.Index(i), s.v.Items()[i], s.refs)
	s.c.note(err)
	return v, err
}
