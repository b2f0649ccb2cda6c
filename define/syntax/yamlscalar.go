package syntax

import (
	"fmt"
	"strings"

	"facsimile.dev/facsimile"
	"go.yaml.in/yaml/v4"
)

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// isPlain reports whether a scalar has neither quotes nor a tag, so that its text decides.
func isPlain(n *yaml.Node) bool { return n.Style&(quoted|yaml.TaggedStyle) == 0 }

// isEmpty reports whether nothing at all was written where a value could stand. An anchor alone
// is nothing, a tag is something.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && isPlain(n)
}

// scalar resolves by the core schema of YAML 1.2.2, section 10.3.2.
func (y *yamlReader) scalar(n *yaml.Node) facsimile.Value {
	at := y.yamlAt(n)
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return y.tagged(n, at)
	case n.Style&quoted != 0:
		return facsimile.StringAt(n.Value, at)
	}
	return y.plain(n.Value, at)
}

func (y *yamlReader) plain(s string, at facsimile.Origin) facsimile.Value {
	switch s {
	case "null", "Null", "NULL", "~":
		return facsimile.NullAt(at)
	case "true", "True", "TRUE":
		return facsimile.BoolAt(true, at)
	case "false", "False", "FALSE":
		return facsimile.BoolAt(false, at)
	case ".nan", ".NaN", ".NAN":
		return y.notFinite(s, at)
	}
	if digits, ok := strings.CutPrefix(s, "0o"); ok && only(digits, octal) {
		return y.integer("", digits, 8, at)
	}
	if digits, ok := strings.CutPrefix(s, "0x"); ok && only(digits, hex) {
		return y.integer("", digits, 16, at)
	}
	sign, number := cutSign(s)
	switch {
	case only(number, decimal):
		return y.integer(sign, number, 10, at)
	case number == ".inf" || number == ".Inf" || number == ".INF":
		return y.notFinite(s, at)
	case isFloat(number):
		return y.float(s, at)
	}
	return facsimile.StringAt(s, at)
}

// tagged is a scalar that says its type: text can be forced, any other type must fit.
func (y *yamlReader) tagged(n *yaml.Node, at facsimile.Origin) facsimile.Value {
	want := facsimile.Absent
	switch n.Tag {
	case "!!str", "!":
		return facsimile.StringAt(n.Value, at)
	case "!!null":
		if n.Value == "" {
			return facsimile.NullAt(at)
		}
		want = facsimile.Null
	case "!!bool":
		want = facsimile.Bool
	case "!!int":
		want = facsimile.Int
	case "!!float":
		want = facsimile.Float
	default:
		y.unknownTag(n)
		return facsimile.Value{}
	}
	v := y.plain(n.Value, at)
	if i, ok := v.Int64(); ok && want == facsimile.Float {
		return facsimile.FloatAt(float64(i), at)
	}
	if v.Kind() != want {
		y.fail(at, fmt.Sprintf("%q is not of the type that its tag %s says", n.Value, n.Tag), "")
	}
	return v
}

func (y *yamlReader) unknownTag(n *yaml.Node) {
	y.fail(y.yamlAt(n), fmt.Sprintf("the tag %s does not belong here", n.Tag), "leave it out: definitions hold maps, lists, text, numbers, booleans and null")
}
