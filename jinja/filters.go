package jinja

import "strconv"

// builtinFilters returns Jinja2's filters by name.
func builtinFilters() map[string]*builtin {
	m := make(map[string]*builtin, 64)
	add := func(how flow, fns map[string]Func) {
		for name, fn := range fns {
			m[name] = &builtin{name: name, fn: fn, flow: how}
		}
	}
	add(flowDeep, map[string]Func{
		"abs": filterAbs, "capitalize": textFilter(capitalize), "center": filterCenter,
		"e": filterEscape, "escape": filterEscape, "filesizeformat": filterFilesize,
		"float": filterFloat, "forceescape": filterForceEscape, "format": filterFormat,
		"indent": filterIndent, "int": filterInt, "join": filterJoin, "lower": textFilter(lower),
		"pprint": filterPprint, "replace": filterReplace, "round": filterRound,
		"string": filterString, "striptags": filterStriptags, "sum": filterSum,
		"title": filterTitle, "tojson": filterTojson, "trim": filterTrim,
		"truncate": filterTruncate, "upper": textFilter(upper), "urlencode": filterUrlencode,
		"urlize": filterUrlize, "wordcount": filterWordcount, "wordwrap": filterWordwrap,
		"xmlattr": filterXmlattr, "min": filterMin, "max": filterMax, "random": filterRandom,
		"dictsort": filterDictsort, "sort": filterSort, "groupby": filterGroupby,
	})
	add(flowShape, map[string]Func{
		"attr": filterAttr, "batch": filterBatch, "count": filterLength, "length": filterLength,
		"d": filterDefault, "default": filterDefault, "first": filterFirst, "last": filterLast,
		"items": filterItems, "list": filterList, "map": filterMap, "reject": filterReject,
		"rejectattr": filterRejectattr, "select": filterSelect, "selectattr": filterSelectattr,
		"reverse": filterReverse, "slice": filterSlice, "unique": filterUnique,
		"safe": filterSafe,
	})
	return m
}

// textFilter makes a filter of a function on strings.
func textFilter(f func(string) string) Func {
	return func(c *Call) (Value, error) {
		a, err := c.bind(1, "s")
		if err != nil {
			return Value{}, err
		}
		s, err := c.st.str(a[0])
		if err != nil {
			return Value{}, err
		}
		if err := c.st.use(int64(len(s.text()))); err != nil {
			return Value{}, err
		}
		return Value{kind: KindString, ref: f(s.text()), safe: s.safe && s.kind == KindString}, nil
	}
}

// filterTitle yields a text that is not safe, even if it was, like Jinja2's.
func filterTitle(c *Call) (Value, error) {
	v, err := textFilter(wordTitle)(c)
	v.safe = false
	return v, err
}

// softText returns v as a text that keeps being safe if it was.
func (c *Call) softText(v Value) (string, bool, error) {
	s, err := c.st.str(v)
	return s.text(), v.kind == KindString && v.safe, err
}

// optTruth returns a boolean argument, or def if it was not given.
func (c *Call) optTruth(v Value, def bool) (bool, error) {
	if v.isMissing() {
		return def, nil
	}
	return c.st.truth(v)
}

// isGiven tells an argument that was given from one that was left out or is
// None.
func isGiven(v Value) bool { return !v.isMissing() && v.kind != KindNone }

// attrPath is what an attribute argument names: parts between dots.
type attrPath []Value

// path reads an attribute argument. Without one the path is empty.
func path(v Value) attrPath {
	if !isGiven(v) {
		return nil
	}
	if v.kind != KindString {
		return attrPath{v}
	}
	return pathOf(v.text(), v.literal)
}

// pathOf splits a text. literal tells that messages may show it.
func pathOf(s string, literal bool) attrPath {
	var p attrPath
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			continue
		}
		part := s[start:i]
		if n, err := strconv.ParseInt(part, 10, 64); err == nil && part[0] != '-' && part[0] != '+' {
			p = append(p, Value{kind: KindInt, num: uint64(n), literal: literal})
		} else {
			p = append(p, Value{kind: KindString, ref: part, literal: literal})
		}
		start = i + 1
	}
	return p
}

// get follows the path from v. A part that is missing becomes def, if that
// is given.
func (p attrPath) get(st *state, v, def Value) (Value, error) {
	for _, part := range p {
		item, err := st.getItem(v, part, part.shown())
		if err != nil {
			return Value{}, err
		}
		if item.kind == KindUndefined && isGiven(def) {
			tag := item.tag
			item = def
			item.tag = st.union(item.tag, tag)
		}
		v = item
	}
	return v, nil
}

// foldCase returns strings in lower case unless case matters.
func foldCase(v Value, caseMatters bool) Value {
	if caseMatters || v.kind != KindString {
		return v
	}
	return Value{kind: KindString, ref: lower(v.text()), safe: v.safe, tag: v.tag}
}

func filterAttr(c *Call) (Value, error) {
	a, err := c.bind(2, "obj", "name")
	if err != nil {
		return Value{}, err
	}
	if a[1].kind != KindString {
		return Value{}, failf(ErrType, "attribute name must be string, not '%s'", typeName(a[1]))
	}
	name := a[1].text()
	if a[0].kind == KindUndefined {
		if UndefinedMode(a[0].num) == UndefinedChainable {
			return a[0], nil
		}
		return Value{}, c.st.useUndefined(a[0])
	}
	v, ok, err := c.st.attribute(a[0], name)
	if err != nil {
		return Value{}, err
	}
	if !ok {
		return c.st.undefinedIn(a[0], a[1], a[1].shown()), nil
	}
	return v, nil
}

func filterDefault(c *Call) (Value, error) {
	a, err := c.bind(1, "value", "default_value", "boolean")
	if err != nil {
		return Value{}, err
	}
	use := a[0].kind == KindUndefined
	if !use && !a[2].isMissing() {
		boolean, err := c.st.truth(a[2])
		if err != nil {
			return Value{}, err
		}
		if boolean {
			ok, err := c.st.truth(a[0])
			if err != nil {
				return Value{}, err
			}
			use = !ok
		}
	}
	if !use {
		return a[0], nil
	}
	if a[1].isMissing() {
		return String(""), nil
	}
	return a[1], nil
}

func filterLength(c *Call) (Value, error) {
	a, err := c.bind(1, "obj")
	if err != nil {
		return Value{}, err
	}
	n, err := c.st.length(a[0])
	return Int(int64(n)), err
}

func filterSafe(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	s, err := c.st.str(a[0])
	s.safe = true
	return s, err
}

func filterString(c *Call) (Value, error) {
	a, err := c.bind(1, "object")
	if err != nil {
		return Value{}, err
	}
	return c.st.str(a[0])
}

func filterEscape(c *Call) (Value, error) {
	a, err := c.bind(1, "s")
	if err != nil {
		return Value{}, err
	}
	return c.st.escaped(a[0])
}

func filterForceEscape(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	s, err := c.st.strText(a[0])
	if err != nil {
		return Value{}, err
	}
	return c.st.escaped(String(s))
}

func filterStriptags(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	s, err := c.st.strText(a[0])
	if err != nil {
		return Value{}, err
	}
	return String(stripTags(s)), c.st.use(int64(len(s)))
}

func filterFormat(c *Call) (Value, error) {
	if len(c.Args) == 0 {
		return Value{}, failf(ErrType, "format() missing required argument 'value'")
	}
	if len(c.Args) > 1 && len(c.Kwargs) > 0 {
		return Value{}, failf(ErrType, "can't handle positional and keyword arguments at the same time")
	}
	text, safe, err := c.softText(c.Args[0])
	if err != nil {
		return Value{}, err
	}
	args := Tuple(c.Args[1:]...)
	if len(c.Kwargs) > 0 {
		d := newDict(len(c.Kwargs))
		for _, kw := range c.Kwargs {
			d.setString(kw.Name, kw.Value)
		}
		args = newDictValue(d)
	}
	return c.st.formatPercent(Value{kind: KindString, ref: text, safe: safe, literal: c.Args[0].literal}, args)
}
