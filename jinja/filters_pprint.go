package jinja

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// printer breaks long values over lines as Python's pprint does.
type printer struct {
	st *state
	b  strings.Builder
}

// pageWidth is the width that pprint fits values into.
const pageWidth = 80

func filterPprint(c *Call) (Value, error) {
	a, err := c.bind(1, "value")
	if err != nil {
		return Value{}, err
	}
	p := &printer{st: c.st}
	v, err := p.sorted(a[0], maxRepr)
	if err != nil {
		return Value{}, err
	}
	if err := p.value(v, 0, 0, 0); err != nil {
		return Value{}, err
	}
	return String(p.b.String()), nil
}

// sorted returns v with the keys of all dicts in order.
func (p *printer) sorted(v Value, depth int) (Value, error) {
	if err := p.st.step(); err != nil {
		return Value{}, err
	}
	if depth == 0 {
		return Value{}, failf(ErrLimit, "a value nests too deeply to be printed")
	}
	switch v.kind {
	case KindList, KindTuple:
		items, err := p.st.collect(v)
		if err != nil {
			return Value{}, err
		}
		for i := range items {
			if items[i], err = p.sorted(items[i], depth-1); err != nil {
				return Value{}, err
			}
		}
		if v.kind == KindTuple {
			return Tuple(items...), nil
		}
		return newList(items), nil
	case KindDict:
		src, err := p.st.dictOf(v)
		if err != nil {
			return Value{}, err
		}
		entries := slices.DeleteFunc(slices.Clone(src.entries), func(e entry) bool { return e.deleted })
		slices.SortStableFunc(entries, func(a, b entry) int { return p.compareKeys(a.key, b.key) })
		d := newDict(len(entries))
		for _, e := range entries {
			item, err := p.sorted(e.value, depth-1)
			if err != nil {
				return Value{}, err
			}
			d.set(e.hash, e.key, item)
		}
		return newDictValue(d), p.st.useItems(3 * len(entries))
	}
	return v, nil
}

// compareKeys orders keys of any types: those that cannot be compared by the
// names of their types.
func (p *printer) compareKeys(a, b Value) int {
	if less, err := p.st.order(opLt, a, b); err == nil {
		if less {
			return -1
		}
		if more, err := p.st.order(opLt, b, a); err == nil && more {
			return 1
		}
		return 0
	}
	return strings.Compare(typeName(a), typeName(b))
}

// value prints v behind indent columns, with allowance columns to be left
// free behind it.
func (p *printer) value(v Value, indent, allowance, level int) error {
	repr, err := p.st.reprText(v)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(repr) <= pageWidth-indent-allowance {
		p.b.WriteString(repr)
		return nil
	}
	switch v.kind {
	case KindDict:
		return p.dict(v, indent, allowance+1, level+1)
	case KindList:
		return p.items(v, "[", "]", indent, allowance+1, level+1)
	case KindTuple:
		end := ")"
		if len(v.ref.(*tuple).items) == 1 {
			end = ",)"
		}
		return p.items(v, "(", end, indent, allowance+len(end), level+1)
	case KindString:
		if v.text() != "" && !v.safe {
			p.str(v.text(), repr, indent, allowance, level+1)
			return nil
		}
	}
	p.b.WriteString(repr)
	return nil
}

func (p *printer) newline(indent int) {
	p.b.WriteString("\n" + strings.Repeat(" ", indent))
}

func (p *printer) dict(v Value, indent, allowance, level int) error {
	d, err := p.st.dictOf(v)
	if err != nil {
		return err
	}
	p.b.WriteByte('{')
	for i := range d.entries {
		e := &d.entries[i]
		if i > 0 {
			p.b.WriteByte(',')
			p.newline(indent + 1)
		}
		key, err := p.st.reprText(e.key)
		if err != nil {
			return err
		}
		p.b.WriteString(key + ": ")
		after := 1
		if i == len(d.entries)-1 {
			after = allowance
		}
		if err := p.value(e.value, indent+1+utf8.RuneCountInString(key)+2, after, level); err != nil {
			return err
		}
	}
	p.b.WriteByte('}')
	return nil
}

func (p *printer) items(v Value, open, end string, indent, allowance, level int) error {
	items, err := p.st.listItems(v)
	if err != nil {
		return err
	}
	p.b.WriteString(open)
	for i, item := range items {
		if i > 0 {
			p.b.WriteByte(',')
			p.newline(indent + 1)
		}
		after := 1
		if i == len(items)-1 {
			after = allowance
		}
		if err := p.value(item, indent+1, after, level); err != nil {
			return err
		}
	}
	p.b.WriteString(end)
	return nil
}

func reprOf(s string) string {
	var b strings.Builder
	appendRepr(&b, s)
	return b.String()
}

// str prints a long text as several literals.
func (p *printer) str(s, repr string, indent, allowance, level int) {
	if level == 1 {
		indent++
		allowance++
	}
	var chunks []string
	lines := splitLines(s, true)
	for i, line := range lines {
		repr = reprOf(line)
		last := i == len(lines)-1
		width := pageWidth - indent
		if last {
			width -= allowance
		}
		if utf8.RuneCountInString(repr) <= width {
			chunks = append(chunks, repr)
			continue
		}
		chunks = append(chunks, p.words(line, last, indent, allowance)...)
	}
	if len(chunks) == 1 {
		p.b.WriteString(repr)
		return
	}
	if level == 1 {
		p.b.WriteByte('(')
	}
	for i, chunk := range chunks {
		if i > 0 {
			p.newline(indent)
		}
		p.b.WriteString(chunk)
	}
	if level == 1 {
		p.b.WriteByte(')')
	}
}

// words breaks a line into literals that fit.
func (p *printer) words(line string, lastLine bool, indent, allowance int) []string {
	var parts, chunks []string
	for line != "" {
		end := strings.IndexFunc(line, isSpace)
		if end < 0 {
			end = len(line)
		}
		end = len(line) - len(strings.TrimLeftFunc(line[end:], isSpace))
		parts = append(parts, line[:end])
		line = line[end:]
	}
	width, current := pageWidth-indent, ""
	for j, part := range parts {
		if j == len(parts)-1 && lastLine {
			width -= allowance
		}
		if utf8.RuneCountInString(reprOf(current+part)) <= width {
			current += part
			continue
		}
		if current != "" {
			chunks = append(chunks, reprOf(current))
		}
		current = part
	}
	if current != "" {
		chunks = append(chunks, reprOf(current))
	}
	return chunks
}
