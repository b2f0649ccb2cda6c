package jinja

import "strings"

// object is a value that only templates know: an iterator, a range, a loop.
// What else it can do it says by implementing more of the interfaces below.
type object interface {
	typeName() string
}

// attrObject has attributes.
type attrObject interface {
	attr(st *state, name string) (Value, bool, error)
}

// itemObject has items.
type itemObject interface {
	item(st *state, key Value) (Value, bool, error)
}

// callObject can be called.
type callObject interface {
	call(c *Call) (Value, error)
}

// iterObject can be iterated over.
type iterObject interface {
	iterate(st *state) (iterator, error)
}

// lenObject has a length.
type lenObject interface {
	length(st *state) (int, error)
}

// reprObject says how it prints.
type reprObject interface {
	repr(w *reprWriter) error
}

// strObject prints by itself in another way than inside of a container.
type strObject interface {
	str(st *state) (Value, error)
}

func objectValue(o object) Value {
	kind := KindObject
	switch o.(type) {
	case *macro, *method, *function, *blockReference, *joiner:
		kind = KindFunc
	}
	return Value{kind: kind, ref: o}
}

// typeName returns the name of the Python type of v.
func typeName(v Value) string {
	switch r := v.ref.(type) {
	case object:
		return r.typeName()
	case *tuple:
		if r.names != nil {
			return "_GroupTuple"
		}
	}
	if v.kind == KindString && v.safe {
		return "Markup"
	}
	if v.kind == KindUndefined {
		return undefinedTypes[v.num]
	}
	return v.kind.String()
}

var undefinedTypes = [...]string{"Undefined", "StrictUndefined", "ChainableUndefined", "DebugUndefined", "StrictUndefined"}

// objectTypeName describes the type of v as messages about missing
// attributes do.
func objectTypeName(v Value) string {
	switch v.kind {
	case KindNone:
		return "None"
	case KindString:
		if v.safe {
			return "markupsafe.Markup object"
		}
	case KindUndefined:
		return "jinja2.runtime." + typeName(v) + " object"
	}
	if o, ok := v.ref.(object); ok {
		switch name := o.typeName(); name {
		case "generator", "range", "type", "builtin_function_or_method", "function",
			"dict_keys", "dict_values", "dict_items":
			return name + " object"
		case "Namespace", "Cycler", "Joiner":
			return "jinja2.utils." + name + " object"
		case "TemplateModule":
			return "jinja2.environment." + name + " object"
		default:
			return "jinja2.runtime." + name + " object"
		}
	}
	return typeName(v) + " object"
}

func (f *function) typeName() string {
	if strings.HasPrefix(f.repr, "<class") {
		return "type"
	}
	return "function"
}

func (f *function) call(c *Call) (Value, error) { return f.fn(c) }

func (f *function) reprText() string {
	if f.repr != "" {
		return f.repr
	}
	return "<function " + f.name + ">"
}

// undefined says what was looked for when nothing was found.
type undefined struct {
	hint string
	// name is what is missing; shown is how messages may call it: by
	// itself, by the expression in brackets that it was computed with, or
	// not at all if it is empty.
	name  Value
	shown string
	// holder is what it was looked for in; without one, the variables.
	holder  Value
	inside  bool
	context *renderContext
}

// undefinedName returns the undefined value for a name that no variable has.
func (f *frame) undefinedName(name string) Value {
	return Value{kind: KindUndefined, num: uint64(f.st.env.opts.Undefined),
		ref: &undefined{name: String(name), shown: name, context: f.ctx}}
}

// undefinedHint returns an undefined value with a message of its own.
func (st *state) undefinedHint(hint string) Value {
	return Value{kind: KindUndefined, num: uint64(st.env.opts.Undefined), ref: &undefined{hint: hint}}
}

// undefinedIn returns the undefined value for something that holder does not
// have.
func (st *state) undefinedIn(holder, name Value, shown string) Value {
	return Value{kind: KindUndefined, num: uint64(st.env.opts.Undefined),
		ref: &undefined{name: name, shown: shown, holder: holder, inside: true},
		tag: st.union(holder.tag, name.tag)}
}

// useUndefined returns the error for using an undefined value.
func (st *state) useUndefined(v Value) error {
	u, _ := v.ref.(*undefined)
	if u == nil {
		return failf(ErrUndefined, "a value is undefined")
	}
	e := &Error{Kind: ErrUndefined, Name: u.shown}
	switch {
	case u.hint != "":
		e.Message = u.hint
		return e
	case !u.inside:
		e.Message = "'" + u.shown + "' is undefined"
		if u.context != nil {
			e.Keys = st.names(u.context)
		}
	case u.shown == "" || u.shown[0] == '[':
		e.Name = ""
		e.Message = strings.TrimSpace("'" + objectTypeName(u.holder) + "' has no such element " + u.shown)
		e.Keys = st.keyNames(u.holder)
		return e
	case u.name.kind == KindString:
		e.Message = "'" + objectTypeName(u.holder) + "' has no attribute '" + u.shown + "'"
		e.Keys = st.keyNames(u.holder)
	default:
		e.Message = objectTypeName(u.holder) + " has no element " + u.shown
	}
	e.Nearest = nearest(e.Name, e.Keys)
	return e
}

// keyNames returns the string keys that a value has, for messages.
func (st *state) keyNames(v Value) []string {
	switch r := v.ref.(type) {
	case *mapping:
		if st.own[r] == nil {
			keys, err := r.m.Keys()
			if err != nil {
				return nil
			}
			return keys
		}
	case *module:
		return sortedKeys(r.vars)
	case *namespace:
		v = Value{kind: KindDict, ref: r.attrs}
	}
	if v.kind != KindDict {
		return nil
	}
	d, err := st.dictOf(v)
	if err != nil {
		return nil
	}
	var keys []string
	for i := range d.entries {
		if e := &d.entries[i]; !e.deleted && e.key.kind == KindString {
			keys = append(keys, e.key.text())
		}
	}
	return keys
}

// strict tells whether an undefined value refuses to be printed, iterated
// and compared.
func strict(v Value) bool {
	return UndefinedMode(v.num) == UndefinedStrict || UndefinedMode(v.num) == UndefinedStrictPrint
}
