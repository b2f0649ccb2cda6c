package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"facsimile.dev/facsimile"
	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// readYAML composes the text into nodes with the library and makes values of them here, since
// scalars, duplicate keys, aliases and empty values have rules of our own.
func (r *reader) readYAML() facsimile.Value {
	if n := countMarks(r.text); n > maxValues {
		r.fail(r.start(), fmt.Sprintf("the file holds some %d values; the most is %d", n, maxValues), "split it, or write it as JSON or TOML")
		return facsimile.Value{}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(r.text), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		r.fail(r.start(), "cannot read YAML: "+err.Error(), "")
		return facsimile.Value{}
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return facsimile.MapAt(nil, r.start())
	case err != nil:
		r.yamlFault(err)
		return facsimile.Value{}
	}
	switch err := loader.Load(&second); {
	case err == nil:
		r.fail(r.yamlAt(&second), "a second document in one file", "write it into a file of its own")
	case !errors.Is(err, io.EOF):
		r.yamlFault(err)
	}
	if len(doc.Content) == 0 || isEmpty(doc.Content[0]) {
		return facsimile.MapAt(nil, r.start())
	}
	y := &yamlReader{reader: r, done: make(map[*yaml.Node]expansion)}
	v, _ := y.value(doc.Content[0], 1)
	return v
}

// countMarks counts the characters that can start a value in YAML: an upper bound for a text
// that is dense with them, and far above the truth for one that is not. The library takes a
// kilobyte per value, so this comes first.
func countMarks(text []byte) int {
	n := bytes.Count(text, []byte("- "))
	for _, c := range text {
		if c == ',' || c == '\n' || c == '[' || c == '{' {
			n++
		}
	}
	return n
}

// yamlFault notes an error of the library.
func (r *reader) yamlFault(err error) {
	at, msg, hint := r.start(), err.Error(), ""
	var began facsimile.Origin // where what is wrong began
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		msg = e.Message
		if e.Mark.Line > 0 {
			at = r.clamp(e.Mark.Line, e.Mark.Column)
		}
		if e.ContextMsg != "" {
			msg += " " + e.ContextMsg
		}
		if e.ContextMark.Line > 0 {
			began = r.clamp(e.ContextMark.Line, e.ContextMark.Column)
		}
	}
	places := []facsimile.Origin{at}
	if !began.IsZero() && began.Line != at.Line {
		places = r.ordered(at, began, msg)
		where := "found"
		if places[0] == at {
			where = "it began"
		}
		msg = fmt.Sprintf("%s (%s at line %d)", msg, where, places[1].Line)
	}
	line := r.sources.Position(places[0]).Text
	before, _, tab := strings.Cut(line, "\t")
	switch {
	case tab && strings.Trim(before, " ") == "":
		msg, hint = "a tab in the indentation", "indent YAML with spaces"
	case strings.Contains(msg, "max depth"):
		r.tooDeep(places[0])
		return
	case startsWithBraces(line):
		hint = "quote a value that starts with a brace: \"{{ … }}\""
	case strings.Contains(msg, "cannot start any token"):
		hint = "quote a value that starts with @, ` or %"
	case strings.Contains(msg, "did not find expected key"), strings.Contains(msg, "mapping values are not allowed"):
		hint = "look at the indentation; a value with \": \" in it, or with text behind a quote, needs quotes around all of it"
	}
	r.fail(places[0], msg, hint, places[1:]...)
}

// ordered puts the place to mend first, of where a fault was found and where what is wrong
// began. In a block, whose end is its indentation, that is the first, and for what is never
// closed the other; an unquoted reference is the cause wherever it stands.
func (r *reader) ordered(found, began facsimile.Origin, msg string) []facsimile.Origin {
	text := func(o facsimile.Origin) string { return r.sources.Position(o).Text }
	switch {
	case startsWithBraces(text(found)):
	case startsWithBraces(text(began)), !strings.Contains(msg, "while parsing a block"):
		return []facsimile.Origin{began, found}
	}
	return []facsimile.Origin{found, began}
}

// startsWithBraces reports whether a value on the line starts with {{ or {%, unquoted.
func startsWithBraces(line string) bool {
	for _, braces := range []string{"{{", "{%"} {
		before, _, ok := strings.Cut(line, braces)
		trimmed := strings.TrimRight(before, " ")
		switch {
		case !ok:
		case trimmed == "", strings.HasSuffix(trimmed, "["), strings.HasSuffix(trimmed, ","):
			return true
		case trimmed != before && (strings.HasSuffix(trimmed, ":") || strings.HasSuffix(trimmed, "-")):
			return true
		}
	}
	return false
}

// clamp is a place that the library gave, held inside the text: at the end of a file it points
// one line behind it.
func (r *reader) clamp(line, col int) facsimile.Origin {
	lines := bytes.Count(r.text, []byte("\n")) + 1
	if line > lines {
		return r.at(len(r.text))
	}
	return facsimile.Origin{Src: r.id, Line: uint32(max(1, line)), Col: uint32(max(1, col))}
}

func (r *reader) yamlAt(n *yaml.Node) facsimile.Origin {
	return facsimile.Origin{Src: r.id, Line: uint32(max(1, n.Line)), Col: uint32(max(1, n.Column))}
}

// yamlReader makes values of nodes.
type yamlReader struct {
	*reader
	done map[*yaml.Node]expansion // anchors
	made int                      // values, where an alias counts as what it stands for
}

// expansion is what an alias stands for.
type expansion struct {
	value  facsimile.Value
	size   int  // in values
	height int  // in maps and lists
	open   bool // it is being read: an alias to it would never end
}

// value makes a value of a node, and says how many levels it has.
func (y *yamlReader) value(n *yaml.Node, depth int) (facsimile.Value, int) {
	at := y.yamlAt(n)
	if depth > maxDepth {
		y.tooDeep(at)
		return facsimile.Value{}, 0
	}
	if y.full() {
		return facsimile.Value{}, 0
	}
	if n.Kind == yaml.AliasNode {
		return y.alias(n, depth)
	}
	before := y.made
	y.made++
	if n.Anchor != "" {
		y.done[n] = expansion{open: true}
	}
	var v facsimile.Value
	height := 1
	switch n.Kind {
	case yaml.ScalarNode:
		v = y.scalar(n)
	case yaml.SequenceNode:
		v, height = y.sequence(n, depth)
	case yaml.MappingNode:
		v, height = y.mapping(n, depth)
	default:
		y.fail(at, "cannot read this YAML", "")
	}
	if n.Anchor != "" {
		y.done[n] = expansion{value: v, size: y.made - before, height: height}
	}
	return v, height
}

// alias is the value of the anchor: text and numbers stand where the alias does, what is inside
// a map or list stands where it was written.
func (y *yamlReader) alias(n *yaml.Node, depth int) (facsimile.Value, int) {
	at := y.yamlAt(n)
	e, known := y.done[n.Alias]
	switch {
	case !known || e.open:
		y.fail(at, fmt.Sprintf("the alias *%s stands inside the value that it names", n.Value), "", y.yamlAt(n.Alias))
		return facsimile.Value{}, 0
	case depth+e.height-1 > maxDepth:
		y.tooDeep(at)
		return facsimile.Value{}, 0
	}
	y.made += e.size
	if y.made > maxExpanded && e.size > 1 {
		y.problems = y.problems[:min(len(y.problems), maxProblems-1)]
		y.fail(at, fmt.Sprintf("the aliases of this file stand for more than %d values", maxExpanded), "")
		y.made = 0
		return facsimile.Value{}, 0
	}
	return e.value.At(at), e.height
}

func (y *yamlReader) sequence(n *yaml.Node, depth int) (facsimile.Value, int) {
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!seq" {
		y.unknownTag(n)
	}
	items, height := make([]facsimile.Value, 0, len(n.Content)), 0
	for _, child := range n.Content {
		if isEmpty(child) {
			y.fail(y.yamlAt(child), "an empty element of a list", `write "" for empty text, or null`)
			continue
		}
		v, h := y.value(child, depth+1)
		items, height = append(items, v), max(height, h)
	}
	return facsimile.ListAt(items, y.yamlAt(n)), height + 1
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (facsimile.Value, int) {
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!map" {
		y.unknownTag(n)
	}
	entries, height := make([]facsimile.Entry, 0, len(n.Content)/2), 0
	seen := y.newKeys(len(n.Content) / 2)
	for i := 0; i+1 < len(n.Content) && !y.full(); i += 2 {
		keyNode, node := n.Content[i], n.Content[i+1]
		key, ok := y.key(keyNode)
		keyAt := y.yamlAt(keyNode)
		if !ok || !seen.add(key, keyAt) {
			continue
		}
		if isEmpty(node) {
			y.fail(keyAt, fmt.Sprintf("the key %q has no value", key), `write {} for an empty map, [] for an empty list, "" for empty text, or null to remove what other layers say`)
			continue
		}
		v, h := y.value(node, depth+1)
		entries, height = append(entries, facsimile.Entry{Key: key, KeyAt: keyAt, Value: under(v, keyAt)}), max(height, h)
	}
	return facsimile.MapAt(entries, y.yamlAt(n)), height + 1
}

// key is the text of a key as it was written: 80 and true are taken for text, since a map has
// no other keys.
func (y *yamlReader) key(n *yaml.Node) (string, bool) {
	at := y.yamlAt(n)
	switch {
	case n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode:
		y.fail(at, "a key that is not text", `quote it; a value that starts with a brace must be quoted too: "{{ … }}"`)
		return "", false
	case n.Kind != yaml.ScalarNode:
		y.fail(at, "an alias as a key", "write the key out")
		return "", false
	case isEmpty(n):
		y.fail(at, "an empty key", `write "" for an empty key`)
		return "", false
	case n.Value == "<<" && isPlain(n):
		y.fail(at, "a merge key is no part of YAML 1.2", "use an alias for the whole map, or inherit; quote << if it is meant")
		return "", false
	}
	return n.Value, true
}
