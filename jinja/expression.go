package jinja

import (
	"context"
	"unicode/utf8"
)

// Expression is a string that may hold template syntax, parsed. It is safe
// for use by many goroutines.
type Expression struct {
	tmpl *Template
	// x is the expression of a string that is exactly one {{ … }}; nil for
	// every other string.
	x *printNode
}

// ParseValue parses a string. If all of it is one {{ expr }}, [Expression.Eval]
// yields the value of expr with its type; otherwise it yields the rendered
// text. A newline at the end of source is kept, whatever the options say.
// The error is an [*Error] or an [ErrorList].
func (e *Environment) ParseValue(name, source string) (*Expression, error) {
	t := &Template{env: e, name: name}
	if !utf8.ValidString(source) {
		return nil, &Error{Kind: ErrSyntax, Pos: Pos{name, 1, 1}, Message: "the template is not UTF-8"}
	}
	s := e.syntax
	s.keepNewline = true
	t.src = s.normalize(source)
	if err := t.parse(s.tokenize(t.src)); err != nil {
		return nil, err
	}
	x := &Expression{tmpl: t}
	if len(t.body) == 1 {
		if n, ok := t.body[0].(*printNode); ok && n.end == len(t.src) && n.start == 0 {
			x.x = n
		}
	}
	return x, nil
}

// Eval evaluates the expression with vars, which may be nil. The tag of the
// result is the union of the tags of all it read and branched on; tr, which
// may be nil, is only asked to unite tags. A missing name gives an error
// where the Undefined mode refuses to print it, and an undefined Value
// otherwise. Iterators are turned into lists.
func (x *Expression) Eval(ctx context.Context, vars Mapping, tr Tracker) (Value, error) {
	st := newState(ctx, x.tmpl.env, vars, tr)
	if err := st.canceled(); err != nil {
		return Value{}, err
	}
	if x.x == nil {
		return st.renderText(x.tmpl)
	}
	f, err := st.rootFrame(x.tmpl, st.newContext(x.tmpl))
	if err != nil {
		return Value{}, err
	}
	v, err := x.x.x.eval(f)
	if err != nil {
		return Value{}, err
	}
	if v, err = st.settle(v, 0); err != nil {
		return Value{}, f.fail(err, x.x.x.at())
	}
	return v.WithTag(st.settledTag(v)), nil
}

// settledTag is the union of the tags of a settled value and of all that is
// in it, without reading the caller's own containers.
func (st *state) settledTag(v Value) Tag {
	tag := v.tag
	if _, ok := v.ref.(*sequence); ok || st.tr == nil {
		return tag
	}
	for item := range v.Items() {
		tag = st.union(tag, st.settledTag(item))
	}
	if d, ok := v.ref.(*dict); ok {
		for i := range d.entries {
			tag = st.union(tag, st.union(d.entries[i].key.tag, st.settledTag(d.entries[i].value)))
		}
	}
	return tag
}

// settle prepares a value for the caller: iterators become lists, private
// copies replace the caller's containers that the template changed, and a
// missing name is an error where it could not be printed.
func (st *state) settle(v Value, depth int) (Value, error) {
	if depth > maxRepr {
		return Value{}, failf(ErrLimit, "a value nests too deeply")
	}
	if err := st.step(); err != nil {
		return Value{}, err
	}
	switch r := v.ref.(type) {
	case *captured:
		v.ref = r.text
	case *undefined:
		if strict(v) {
			return Value{}, st.useUndefined(v)
		}
		return Value{tag: v.tag}, nil
	case *generator, *rangeObject, *dictView:
		items, err := st.collect(v)
		if err != nil {
			return Value{}, err
		}
		return st.settle(newList(items).WithTag(st.shapeTag(v)), depth)
	case *tuple:
		items, err := st.settleAll(r.items, depth)
		return Value{kind: KindTuple, ref: &tuple{items: items, names: r.names}, tag: v.tag}, err
	case *list, *dict:
		return st.settleContainer(v, depth)
	case *sequence, *mapping:
		if st.own[r] != nil {
			return st.settleContainer(v, depth)
		}
	}
	return v, nil
}

// settleContainer copies a list or dict with everything in it settled.
func (st *state) settleContainer(v Value, depth int) (Value, error) {
	tag := st.shapeTag(v)
	if v.kind == KindList {
		items, err := st.listItems(v)
		if err != nil {
			return Value{}, err
		}
		items, err = st.settleAll(items, depth)
		return List(items...).WithTag(tag), err
	}
	d, err := st.dictOf(v)
	if err != nil {
		return Value{}, err
	}
	out := newDict(d.len())
	for i := range d.entries {
		if e := &d.entries[i]; !e.deleted {
			item, err := st.settle(e.value, depth+1)
			if err != nil {
				return Value{}, err
			}
			out.set(e.hash, e.key, item)
		}
	}
	out.frozen = true
	return Value{kind: KindDict, ref: out, tag: tag}, nil
}

func (st *state) settleAll(items []Value, depth int) ([]Value, error) {
	out := make([]Value, len(items))
	for i, item := range items {
		v, err := st.settle(item, depth+1)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}
