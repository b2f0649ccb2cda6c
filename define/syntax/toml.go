package syntax

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"facsimile.dev/facsimile"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// readTOML lets the library judge the document, and then reads it again for the positions.
func (r *reader) readTOML() facsimile.Value {
	if !r.tomlIsFlat() {
		return facsimile.Value{}
	}
	var judged map[string]any
	if err := toml.Unmarshal(r.text, &judged); err != nil {
		r.tomlFault(err)
		return facsimile.Value{}
	}
	t := &tomlReader{reader: r}
	t.parser.Reset(r.text)
	root := newTable()
	into := root
	for t.parser.NextExpression() && !r.full() {
		switch e := t.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			into = t.header(root, e)
		case unstable.KeyValue:
			t.assign(into, e, 1)
		}
	}
	if err := t.parser.Error(); err != nil {
		r.fail(r.start(), "cannot read TOML: "+err.Error(), "")
	}
	return t.finish(root, r.start(), 1)
}

// tomlIsFlat refuses keys of very many parts before the library recurses into them. It leaves
// errors of syntax to the library.
func (r *reader) tomlIsFlat() bool {
	var p unstable.Parser
	p.Reset(r.text)
	for p.NextExpression() {
		parts := 0
		for it := p.Expression().Key(); it.Next(); parts++ {
			if parts == maxDepth {
				r.tooDeep(r.at(int(it.Node().Raw.Offset)))
				return false
			}
		}
	}
	return true
}

// tomlFault notes an error of the library, whose columns count bytes.
func (r *reader) tomlFault(err error) {
	e, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		r.fail(r.start(), strings.TrimPrefix(err.Error(), "toml: "), "")
		return
	}
	line, col := e.Position()
	at := facsimile.Origin{Src: r.id, Line: uint32(max(1, line)), Col: 1}
	text := r.sources.Position(at).Text
	end := max(0, min(col-1, len(text)))
	for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	at.Col = uint32(utf8.RuneCountInString(text[:end]) + 1)
	r.fail(at, strings.TrimPrefix(e.Error(), "toml: "), "")
}

type tomlReader struct {
	*reader
	parser unstable.Parser
}

// tomlTable is a table while it grows: TOML may come back to it further down.
type tomlTable struct {
	order   []string
	entries map[string]*tomlEntry
}

// tomlEntry holds one of three: a value, a table, or the tables of an array.
type tomlEntry struct {
	keyAt facsimile.Origin
	value facsimile.Value
	table *tomlTable
	array []*tomlTable
	ats   []facsimile.Origin // of the tables of array
}

func newTable() *tomlTable { return &tomlTable{entries: map[string]*tomlEntry{}} }

// entry finds or makes the entry of a key.
func (t *tomlTable) entry(key string, at facsimile.Origin) *tomlEntry {
	e, ok := t.entries[key]
	if !ok {
		e = &tomlEntry{keyAt: at}
		t.entries[key] = e
		t.order = append(t.order, key)
	}
	return e
}

// inside is the table that a key leads to: of an array of tables the last one.
func (e *tomlEntry) inside() *tomlTable {
	if n := len(e.array); n > 0 {
		return e.array[n-1]
	}
	if e.table == nil {
		e.table = newTable()
	}
	return e.table
}

// header opens the table of a line [a.b] or [[a.b]].
func (t *tomlReader) header(root *tomlTable, e *unstable.Node) *tomlTable {
	into := root
	for it := e.Key(); it.Next(); {
		k := it.Node()
		at := t.at(int(k.Raw.Offset))
		entry := into.entry(string(k.Data), at)
		if it.IsLast() && e.Kind == unstable.ArrayTable {
			entry.array = append(entry.array, newTable())
			entry.ats = append(entry.ats, at)
		}
		into = entry.inside()
	}
	return into
}

// assign puts the value of a line a.b = … where its key says.
func (t *tomlReader) assign(into *tomlTable, e *unstable.Node, depth int) {
	var entry *tomlEntry
	for it := e.Key(); it.Next(); {
		if entry != nil {
			into = entry.inside()
			depth++
		}
		k := it.Node()
		entry = into.entry(string(k.Data), t.at(int(k.Raw.Offset)))
	}
	if entry == nil {
		return
	}
	v := t.value(e.Value(), entry.keyAt, depth+1)
	if !entry.value.IsAbsent() || entry.table != nil || entry.array != nil {
		t.fail(entry.keyAt, "a key that is written twice in one table", "")
		return
	}
	entry.value = under(v, entry.keyAt)
}

// value reads one value; outer is the place of what it stands in, for those nodes of which the
// library does not say where they are.
func (t *tomlReader) value(n *unstable.Node, outer facsimile.Origin, depth int) facsimile.Value {
	at := outer
	if n.Raw.Length > 0 {
		at = t.at(int(n.Raw.Offset))
	}
	if depth > maxDepth {
		t.tooDeep(at)
		return facsimile.Value{}
	}
	switch n.Kind {
	case unstable.String:
		return facsimile.StringAt(string(n.Data), at)
	case unstable.LocalDate, unstable.LocalTime, unstable.LocalDateTime, unstable.DateTime:
		return facsimile.StringAt(string(t.parser.Raw(n.Raw)), at)
	case unstable.Bool:
		return facsimile.BoolAt(string(n.Data) == "true", at)
	case unstable.Integer:
		return t.number(strings.ReplaceAll(string(n.Data), "_", ""), at)
	case unstable.Float:
		return t.fraction(strings.ReplaceAll(string(n.Data), "_", ""), at)
	case unstable.Array:
		items := []facsimile.Value{}
		for it := n.Children(); it.Next(); {
			items = append(items, t.value(it.Node(), at, depth+1))
		}
		if len(items) > 0 && n.Raw.Length == 0 {
			at = items[0].Origin()
		}
		return facsimile.ListAt(items, at)
	case unstable.InlineTable:
		table := newTable()
		for it := n.Children(); it.Next(); {
			t.assign(table, it.Node(), depth)
		}
		return t.finish(table, at, depth)
	}
	t.fail(at, fmt.Sprintf("cannot read a TOML %s", n.Kind), "")
	return facsimile.Value{}
}

func (t *tomlReader) number(text string, at facsimile.Origin) facsimile.Value {
	for prefix, base := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if digits, ok := strings.CutPrefix(text, prefix); ok {
			return t.integer("", digits, base, at)
		}
	}
	sign, digits := cutSign(text)
	return t.integer(sign, digits, 10, at)
}

func (t *tomlReader) fraction(text string, at facsimile.Origin) facsimile.Value {
	if _, name := cutSign(text); name == "inf" || name == "nan" {
		return t.notFinite(text, at)
	}
	return t.float(text, at)
}

// finish makes the value of a table that is complete.
func (t *tomlReader) finish(table *tomlTable, at facsimile.Origin, depth int) facsimile.Value {
	if depth > maxDepth {
		t.tooDeep(at)
		return facsimile.Value{}
	}
	entries := make([]facsimile.Entry, 0, len(table.order))
	for _, key := range table.order {
		e := table.entries[key]
		v := e.value
		switch {
		case e.array != nil:
			items := make([]facsimile.Value, len(e.array))
			for i, item := range e.array {
				items[i] = t.finish(item, e.ats[i], depth+2)
			}
			v = facsimile.ListAt(items, e.keyAt)
		case e.table != nil:
			v = t.finish(e.table, e.keyAt, depth+1)
		}
		entries = append(entries, facsimile.Entry{Key: key, KeyAt: e.keyAt, Value: v})
	}
	return facsimile.MapAt(entries, at)
}
