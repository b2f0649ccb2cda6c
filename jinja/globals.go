package jinja

import (
	"math"
	"strings"
)

// builtinGlobals returns the functions that every template can call.
func builtinGlobals() map[string]Value {
	m := map[string]Value{}
	for _, f := range []*function{
		{name: "range", fn: newRange, repr: "<class 'range'>"},
		{name: "dict", fn: newDictCall, repr: "<class 'dict'>"},
		{name: "lipsum", fn: lipsum, repr: "<function generate_lorem_ipsum>"},
		{name: "cycler", fn: newCycler, repr: "<class 'jinja2.utils.Cycler'>"},
		{name: "joiner", fn: newJoiner, repr: "<class 'jinja2.utils.Joiner'>"},
		{name: "namespace", fn: newNamespace, repr: "<class 'jinja2.utils.Namespace'>"},
	} {
		m[f.name] = objectValue(f)
	}
	return m
}

// maxRange bounds what range accepts, so that its arithmetic cannot
// overflow.
const maxRange = math.MaxInt64 / 4

func newRange(c *Call) (Value, error) {
	if len(c.Kwargs) > 0 {
		return Value{}, failf(ErrType, "range() takes no keyword arguments")
	}
	if n := len(c.Args); n == 0 || n > 3 {
		return Value{}, failf(ErrType, "range expected 1 to 3 arguments, got %d", n)
	}
	var n [3]int64
	for i, a := range c.Args {
		if a.kind == KindUndefined {
			return Value{}, failf(ErrType, "'%s' object cannot be interpreted as an integer", typeName(a))
		}
		x, err := wantInt(a)
		if err != nil {
			return Value{}, err
		}
		if x > maxRange || x < -maxRange {
			return Value{}, failf(ErrLimit, "range() goes beyond %d", int64(maxRange))
		}
		n[i] = x
	}
	r := &rangeObject{start: n[0], stop: n[1], step: n[2]}
	switch len(c.Args) {
	case 1:
		r.start, r.stop, r.step = 0, n[0], 1
	case 2:
		r.step = 1
	}
	if r.step == 0 {
		return Value{}, failf(ErrValue, "range() arg 3 must not be zero")
	}
	return objectValue(r), nil
}

func newDictCall(c *Call) (Value, error) {
	d := newDict(len(c.Kwargs))
	if len(c.Args) > 1 {
		return Value{}, failf(ErrType, "dict expected at most 1 argument, got %d", len(c.Args))
	}
	if len(c.Args) == 1 {
		if err := c.st.fill(d, c.Args[0]); err != nil {
			return Value{}, err
		}
	}
	for _, kw := range c.Kwargs {
		d.setString(kw.Name, kw.Value)
	}
	return newDictValue(d), c.st.useItems(3 * len(c.Kwargs))
}

func newNamespace(c *Call) (Value, error) {
	v, err := newDictCall(c)
	if err != nil {
		return Value{}, err
	}
	attrs, _ := v.ref.(*dict)
	return objectValue(&namespace{attrs: attrs}), nil
}

func newCycler(c *Call) (Value, error) {
	if len(c.Args) == 0 {
		return Value{}, failf(ErrRuntime, "at least one item has to be provided")
	}
	if len(c.Kwargs) > 0 {
		return Value{}, failf(ErrType, "cycler() takes no keyword arguments")
	}
	return objectValue(&cycler{items: c.Args}), nil
}

func newJoiner(c *Call) (Value, error) {
	a, err := c.bind(0, "sep")
	if err != nil {
		return Value{}, err
	}
	if a[0].isMissing() {
		a[0] = String(", ")
	}
	return objectValue(&joiner{sep: a[0]}), nil
}

// lipsumWords are what lipsum draws from.
const lipsumWords = `lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor
incididunt ut labore et dolore magna aliqua enim ad minim veniam quis nostrud exercitation ullamco
laboris nisi aliquip ex ea commodo consequat duis aute irure in reprehenderit voluptate velit esse
cillum eu fugiat nulla pariatur excepteur sint occaecat cupidatat non proident sunt culpa qui officia
deserunt mollit anim id est laborum`

// lipsum writes paragraphs of filler text. Its words come from a generator
// with a fixed seed.
func lipsum(c *Call) (Value, error) {
	a, err := c.bind(0, "n", "html", "min", "max")
	if err != nil {
		return Value{}, err
	}
	numbers := [3]int64{5, 20, 100}
	for i, arg := range [3]Value{a[0], a[2], a[3]} {
		if numbers[i], err = optInt(arg, numbers[i]); err != nil {
			return Value{}, err
		}
	}
	html := true
	if !a[1].isMissing() {
		if html, err = c.st.truth(a[1]); err != nil {
			return Value{}, err
		}
	}
	n, low, high := numbers[0], numbers[1], numbers[2]
	if high <= low {
		return Value{}, failf(ErrValue, "empty range for randrange()")
	}
	var paragraphs []string
	for range n {
		p, err := paragraph(c.st, low, high)
		if err != nil {
			return Value{}, err
		}
		if html {
			p = "<p>" + p + "</p>"
		}
		paragraphs = append(paragraphs, p)
	}
	if html {
		return SafeString(strings.Join(paragraphs, "\n")), nil
	}
	return String(strings.Join(paragraphs, "\n\n")), nil
}

// paragraph writes between low and high words.
func paragraph(st *state, low, high int64) (string, error) {
	words := strings.Fields(lipsumWords)
	rng := st.rng()
	count := max(low+rng.Int64N(high-low), 0)
	if count > 1<<40 {
		return "", st.use(-1)
	}
	if err := st.use(count*16 + 16); err != nil {
		return "", err
	}
	var b strings.Builder
	start, comma, stop := true, int64(0), int64(0)
	for i := range count {
		word := words[rng.IntN(len(words))]
		if i > 0 {
			b.WriteByte(' ')
		}
		if start {
			word = capitalize(word)
			start = false
		}
		b.WriteString(word)
		if i == count-1 {
			break
		}
		if i-rng.Int64N(5)-3 > comma {
			comma = i
			stop += 2
			b.WriteByte(',')
		}
		if i-rng.Int64N(10)-10 > stop {
			comma, stop = i, i
			b.WriteByte('.')
			start = true
		}
	}
	return strings.ReplaceAll(b.String(), ",.", ".") + ".", nil
}
