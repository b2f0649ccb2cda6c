package jinja

import (
	"strconv"
	"strings"
)

// fieldFormatter is one run of str.format.
type fieldFormatter struct {
	st     *state
	args   []Value
	lookup func(name string) (Value, bool, error)
	safe   bool
	// literal tells that the text is written in the template.
	literal bool
	// auto is the number of the next field without a name, or -1 after a
	// field with a number.
	auto int
	tag  Tag
}

func strFormat(c *Call, self Value) (Value, error) {
	f := &fieldFormatter{st: c.st, args: c.Args, safe: self.safe, literal: self.literal}
	f.lookup = func(name string) (Value, bool, error) {
		v, ok := c.kwarg(name)
		return v, ok, nil
	}
	return f.run(self)
}

func strFormatMap(c *Call, self Value) (Value, error) {
	a, err := c.bind(1, "mapping")
	if err != nil {
		return Value{}, err
	}
	f := &fieldFormatter{st: c.st, safe: self.safe, literal: self.literal}
	f.lookup = func(name string) (Value, bool, error) { return c.st.itemOf(a[0], String(name)) }
	return f.run(self)
}

func (f *fieldFormatter) run(self Value) (Value, error) {
	s, err := f.format(self.text(), 2)
	return Value{kind: KindString, ref: s, safe: self.safe, tag: f.tag}, err
}

// format replaces the fields of s. Specifications may hold fields, too, one
// level deep.
func (f *fieldFormatter) format(s string, depth int) (string, error) {
	if depth == 0 {
		return "", failf(ErrValue, "Max string recursion exceeded")
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		c, rest := s[i], s[i+1:]
		if rest != "" && rest[0] == c {
			b.WriteByte(c)
			s = rest[1:]
			continue
		}
		if c == '}' {
			return "", failf(ErrValue, "Single '}' encountered in format string")
		}
		field, rest, err := cutField(rest)
		if err != nil {
			return "", err
		}
		text, err := f.field(field, depth)
		if err != nil {
			return "", err
		}
		if err := f.st.use(int64(len(text))); err != nil {
			return "", err
		}
		b.WriteString(text)
		s = rest
	}
	return b.String(), f.st.use(int64(b.Len()))
}

// cutField splits "field}rest".
func cutField(s string) (field, rest string, err error) {
	depth := 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			// A bracket takes everything up to its end.
			if depth == 1 && strings.IndexByte(s[:i], ':') < 0 {
				if end := strings.IndexByte(s[i:], ']'); end >= 0 {
					i += end
				}
			}
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[:i], s[i+1:], nil
			}
		}
	}
	if s == "" {
		return "", "", failf(ErrValue, "Single '{' encountered in format string")
	}
	return "", "", failf(ErrValue, "expected '}' before end of string")
}

// splitField splits "name!conversion:spec".
func splitField(field string) (name, conv, spec string, err error) {
	name = field
	for i := 0; i < len(field); i++ {
		switch field[i] {
		case '[':
			if end := strings.IndexByte(field[i:], ']'); end >= 0 {
				i += end
			}
		case ':':
			return field[:i], "", field[i+1:], nil
		case '!':
			conv = field[i+1:]
			if conv == "" {
				return "", "", "", failf(ErrValue, "end of string while looking for conversion specifier")
			}
			if len(conv) > 1 {
				if conv[1] != ':' {
					return "", "", "", failf(ErrValue, "expected ':' after conversion specifier")
				}
				spec = conv[2:]
			}
			return field[:i], conv[:1], spec, nil
		}
	}
	return name, "", "", nil
}

// field formats one field.
func (f *fieldFormatter) field(field string, depth int) (string, error) {
	name, conv, spec, err := splitField(field)
	if err != nil {
		return "", err
	}
	v, err := f.value(name)
	if err != nil {
		return "", err
	}
	f.tag = f.st.union(f.tag, f.st.deepTag(v))
	if v, err = f.converted(v, conv); err != nil {
		return "", err
	}
	if strings.ContainsAny(spec, "{}") {
		if spec, err = f.format(spec, depth-1); err != nil {
			return "", err
		}
	}
	if v.kind == KindUndefined && spec != "" {
		return "", failf(ErrType, "unsupported format string passed to %s.__format__", typeName(v))
	}
	if f.safe && v.kind == KindString && v.safe {
		if spec != "" {
			return "", failf(ErrValue, "Unsupported format specification for Markup.")
		}
		return v.text(), nil
	}
	text, err := f.st.formatValue(v, spec)
	if f.safe {
		text = escapeHTML(text)
	}
	return text, err
}

// converted applies what follows the exclamation mark of a field.
func (f *fieldFormatter) converted(v Value, conv string) (Value, error) {
	switch conv {
	case "":
		return v, nil
	case "s":
		return f.st.str(v)
	case "r", "a":
		s, err := f.st.reprText(v)
		if conv == "a" {
			s = asciiOnly(s)
		}
		return String(s), err
	}
	return Value{}, failf(ErrValue, "Unknown conversion specifier")
}

// value finds what a field names: an argument and then attributes and items
// of it.
func (f *fieldFormatter) value(name string) (Value, error) {
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	v, err := f.argument(name[:end])
	for rest := name[end:]; rest != "" && err == nil; {
		if v.kind == KindUndefined && UndefinedMode(v.num) != UndefinedChainable {
			return Value{}, f.st.useUndefined(v)
		}
		if rest[0] == '.' {
			stop := strings.IndexAny(rest[1:], ".[") + 1
			if stop == 0 {
				stop = len(rest)
			}
			v, err = f.attribute(v, rest[1:stop])
			rest = rest[stop:]
			continue
		}
		stop := strings.IndexByte(rest, ']')
		if stop < 0 {
			return Value{}, failf(ErrValue, "Missing ']' in format string")
		}
		v, err = f.item(v, rest[1:stop])
		rest = rest[stop+1:]
		if rest != "" && rest[0] != '.' && rest[0] != '[' {
			return Value{}, failf(ErrValue, "Only '.' or '[' may follow ']' in format field specifier")
		}
	}
	return v, err
}

func (f *fieldFormatter) attribute(v Value, name string) (Value, error) {
	if name == "" {
		return Value{}, failf(ErrValue, "Empty attribute in format string")
	}
	if v.kind == KindUndefined {
		return v, nil
	}
	item, ok, err := f.st.attribute(v, name)
	if err != nil || ok {
		return item, err
	}
	shown := "of that name"
	if f.literal {
		shown = "'" + name + "'"
	}
	return Value{}, failf(ErrUndefined, "'%s' object has no attribute %s", typeName(v), shown)
}

func (f *fieldFormatter) item(v Value, name string) (Value, error) {
	if name == "" {
		return Value{}, failf(ErrValue, "Empty attribute in format string")
	}
	if v.kind == KindUndefined {
		return v, nil
	}
	key := String(name)
	if n, err := strconv.ParseInt(name, 10, 64); err == nil && isDecimal(name[0]) {
		key = Int(n)
	}
	item, ok, err := f.st.itemOf(v, key)
	if err != nil || ok {
		return item, err
	}
	return Value{}, failf(ErrLookup, "a format field names an item that does not exist")
}

func (f *fieldFormatter) argument(name string) (Value, error) {
	if name == "" {
		if f.auto < 0 {
			return Value{}, failf(ErrValue, "cannot switch from manual field specification to automatic field numbering")
		}
		f.auto++
		return f.positional(int64(f.auto - 1))
	}
	if n, err := strconv.ParseInt(name, 10, 64); err == nil && isDecimal(name[0]) {
		if f.auto > 0 {
			return Value{}, failf(ErrValue, "cannot switch from automatic field numbering to manual field specification")
		}
		f.auto = -1
		return f.positional(n)
	}
	v, ok, err := f.lookup(name)
	if err == nil && !ok {
		what := "a format field"
		if f.literal {
			what = "the format field '" + name + "'"
		}
		err = failf(ErrLookup, "%s is missing", what)
	}
	return v, err
}

func (f *fieldFormatter) positional(n int64) (Value, error) {
	if n >= int64(len(f.args)) {
		return Value{}, failf(ErrLookup, "Replacement index %d out of range for positional args tuple", n)
	}
	return f.args[n], nil
}
