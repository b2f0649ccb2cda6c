package define

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define/syntax"
	"pgregory.net/rapid"
)

// document draws a map as a layer can write it: few names, so that layers meet, and all signs.
func document(depth int) *rapid.Generator[facsimile.Value] {
	return rapid.Custom(func(t *rapid.T) facsimile.Value {
		var entries []facsimile.Entry
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d+"}), 0, 4, rapid.ID).Draw(t, "names") {
			sign := rapid.SampledFrom([]string{"", "", "", "+", "!", "="}).Draw(t, "sign")
			v := content(depth).Draw(t, "value")
			if sign == "+" || strings.HasSuffix(name, "+") && sign == "" {
				v = list(depth).Draw(t, "list")
			}
			entries = append(entries, facsimile.Entry{Key: name + sign, Value: v})
		}
		return facsimile.MapAt(entries, facsimile.Origin{})
	})
}

func content(depth int) *rapid.Generator[facsimile.Value] {
	kinds := []*rapid.Generator[facsimile.Value]{
		rapid.Map(rapid.Int64Range(0, 3), func(i int64) facsimile.Value { return facsimile.IntAt(i, facsimile.Origin{}) }),
		rapid.Just(facsimile.NullAt(facsimile.Origin{})),
		list(depth),
	}
	if depth > 0 {
		kinds = append(kinds, document(depth-1), document(depth-1))
	}
	return rapid.OneOf(kinds...)
}

func list(depth int) *rapid.Generator[facsimile.Value] {
	return rapid.Map(rapid.SliceOfN(rapid.Int64Range(0, 9), 0, 3), func(is []int64) facsimile.Value {
		items := make([]facsimile.Value, len(is))
		for i, n := range is {
			items[i] = facsimile.IntAt(n, facsimile.Origin{})
		}
		return facsimile.ListAt(items, facsimile.Origin{})
	})
}

// dict is a map of the oracle, with the order of Python's: a key keeps its place while it is
// there.
type dict struct {
	keys []string
	of   map[string]any  // *dict, []facsimile.Value or facsimile.Value
	bad  map[string]bool // keys to which a list was appended in vain
}

func newDict() *dict { return &dict{of: map[string]any{}, bad: map[string]bool{}} }

// isBad reports whether something that is left in the end could not be merged.
func (d *dict) isBad() bool {
	for k, v := range d.of {
		below, isDict := v.(*dict)
		if d.bad[k] || isDict && below.isBad() {
			return true
		}
	}
	return false
}

// patch is the oracle: the merge as RFC 7396 writes it, one layer after the other in place,
// with the two further forms.
func (d *dict) patch(doc facsimile.Value) {
	for _, e := range doc.Entries() {
		name, sign := e.Key, byte(0)
		if last := e.Key[len(e.Key)-1]; strings.IndexByte("+!=", last) >= 0 {
			name, sign = e.Key[:len(e.Key)-1], last
		}
		old, there := d.of[name]
		below, isDict := old.(*dict)
		if sign != '+' && (!isDict || sign == '!' || e.Value.Kind() != facsimile.Map) {
			d.bad[name] = false
		}
		switch {
		case e.Value.Kind() == facsimile.Null:
			delete(d.of, name)
			d.keys = slices.DeleteFunc(d.keys, func(k string) bool { return k == name })
			continue
		case sign == '+' && there:
			if items, isList := old.([]facsimile.Value); isList {
				d.of[name] = append(slices.Clone(items), e.Value.Items()...)
			} else {
				d.bad[name] = true
			}
			continue
		case e.Value.Kind() == facsimile.Map:
			if !isDict || sign == '!' {
				below = newDict()
			}
			below.patch(e.Value)
			d.of[name] = below
		case e.Value.Kind() == facsimile.List:
			d.of[name] = e.Value.Items()
		default:
			d.of[name] = e.Value
		}
		if !there {
			d.keys = append(d.keys, name)
		}
	}
}

func (d *dict) String() string {
	var parts []string
	for _, k := range d.keys {
		v := fmt.Sprint(d.of[k])
		switch held := d.of[k].(type) {
		case []facsimile.Value:
			v = text(facsimile.ListAt(held, facsimile.Origin{}))
		case facsimile.Value:
			v = text(held)
		}
		parts = append(parts, fmt.Sprintf("%q:%s", k, v))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// compiled makes layers of documents; it skips draws that no layer can be.
func compiled(t *rapid.T, docs []facsimile.Value) []said {
	c := &compiler{sources: new(facsimile.Sources)}
	var all []said
	for i, doc := range docs {
		all = append(all, said{layer: facsimile.Layer(fmt.Sprint(i)), part: c.compile(doc)})
	}
	if len(c.problems) > 0 {
		t.Skip("no layer")
	}
	return all
}

// The fold gives what applying the layers one after the other gives.
func TestFoldIsTheMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		docs := rapid.SliceOfN(document(2), 1, 5).Draw(t, "layers")
		all := compiled(t, docs)
		m := &merger{sources: new(facsimile.Sources)}
		got := m.combine(all, false)
		want := newDict()
		for _, doc := range docs {
			want.patch(doc)
		}
		ok := !want.isBad()
		if ok != (len(m.problems) == 0) {
			t.Fatalf("problems %v, the oracle says %v", m.problems, ok)
		}
		if ok && text(got) != want.String() {
			t.Fatalf("got %s, want %s", text(got), want)
		}
	})
}

// Value and explanation are one fold: the first contribution is the value, and what is absent
// has none or was removed.
func TestExplanationIsTheFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := compiled(t, rapid.SliceOfN(document(2), 1, 5).Draw(t, "layers"))
		m := &merger{sources: new(facsimile.Sources)}
		r := &Resolved{d: &Definition{sources: m.sources}, all: all, root: m.combine(all, false)}
		if len(m.problems) > 0 {
			t.Skip("cannot be merged")
		}
		names := rapid.SampledFrom([]string{"a", "b", "c", "d", "d+", "0", "1"})
		path := facsimile.Path(rapid.SliceOfN(names, 1, 3).Draw(t, "path"))
		v := r.Root().Lookup(path)
		var said []Contribution
		for c := range r.Fold(path) {
			said = append(said, c)
		}
		switch {
		case len(said) == 0 || said[0].Op == Remove:
			if !v.IsAbsent() {
				t.Fatalf("%s is %s, and no layer says so", path, text(v))
			}
		case v.Kind() == facsimile.List:
			if items := v.Items(); !slices.EqualFunc(said[0].Value.Items(), items[len(items)-said[0].Value.Len():], facsimile.Value.Equal) {
				t.Fatalf("%s is %s, and ends in %s", path, text(v), text(said[0].Value))
			}
		case v.Kind() == facsimile.Map:
			for _, e := range said[0].Value.Entries() {
				if e.Value.Kind() != facsimile.Map && e.Value.Kind() != facsimile.List && !v.Get(e.Key).Equal(e.Value) {
					t.Fatalf("%s is %s, against %s", path, text(v), text(said[0].Value))
				}
			}
		case !v.Equal(said[0].Value):
			t.Fatalf("%s is %s, and the layers say %s", path, text(v), text(said[0].Value))
		}
	})
}

// A merge may be cut anywhere, as long as the lower part is merged first. Overlays rely on it.
func TestMergeFromAPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := compiled(t, rapid.SliceOfN(document(2), 2, 5).Draw(t, "layers"))
		cut := rapid.IntRange(1, len(all)-1).Draw(t, "cut")
		sources := new(facsimile.Sources)
		whole := &merger{sources: sources}
		want := whole.combine(all, false)
		if len(whole.problems) > 0 {
			t.Skip("cannot be merged")
		}
		lower := (&merger{sources: sources}).combine(all[:cut], false)
		got := (&merger{sources: sources}).combine(append([]said{{part: &part{value: lower, plain: true}}}, all[cut:]...), false)
		if !got.Equal(want) {
			t.Fatalf("got %s, want %s", text(got), text(want))
		}
	})
}

// FuzzMerge merges two texts, as JSON, under a third one: nothing panics, origins stay inside
// the files that they name, and every leaf is what its first contribution says.
func FuzzMerge(f *testing.F) {
	f.Add(`{"a":{"b+":[1]},"c":null}`, `{"a!":{"b":[2]},"c==":{}}`, `{"a":{"b+":[3]}}`)
	f.Add(`{"modules":[{"name":"x"}]}`, `{"modules":{"x":null}}`, `{"modules+":[{"name":"y+"}]}`)
	f.Add(`{"a":"{{ x }}"}`, `{"a":{"b":1}}`, `{"references":false}`)
	f.Fuzz(func(t *testing.T, texts1, texts2, texts3 string) {
		sources := new(facsimile.Sources)
		r := &Resolved{d: &Definition{sources: sources}}
		for i, text := range []string{texts1, texts2, texts3} {
			name := fmt.Sprint(i)
			id := sources.Add(facsimile.Source{Layer: facsimile.Layer(name), File: name, Text: []byte(text)})
			v, problems := syntax.Parse(sources, id, syntax.JSON)
			if len(problems) > 0 {
				return
			}
			l, problems := newLayer(sources, name, name, v)
			if len(problems) > 0 {
				return
			}
			r.push([]*layer{l})
		}
		if len(r.merge()) > 0 {
			return
		}
		checkLeaves(t, r, r.root, nil)
	})
}

func checkLeaves(t *testing.T, r *Resolved, v facsimile.Value, p facsimile.Path) {
	o := v.Origin()
	if pos := r.d.sources.Position(o); pos.Line < 1 || pos.Column < 1 || pos.Column > len(pos.Text)+1 {
		t.Fatalf("%s stands at %s", p, pos)
	}
	if v.Kind() == facsimile.Map {
		for _, e := range v.Entries() {
			checkLeaves(t, r, e.Value, p.Child(e.Key))
		}
		return
	}
	for c := range r.Fold(p) {
		if v.Kind() != facsimile.List && !c.Value.Equal(v) {
			t.Fatalf("%s is %s, explained as %s", p, text(v), text(c.Value))
		}
		return
	}
	t.Fatalf("%s has no explanation", p)
}
