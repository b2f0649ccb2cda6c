package jinja

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
)

type generalCase struct {
	Name      string
	Templates map[string]string
	Context   json.RawMessage
	Options   struct{ Trim, Lstrip, Keep, Strict, Autoescape bool }
	Expected  *string
	Err       string
	Line      int
}

func (c *generalCase) environment(t testing.TB) *Environment {
	o := Options{TrimBlocks: c.Options.Trim, LstripBlocks: c.Options.Lstrip,
		KeepTrailingNewline: c.Options.Keep, Autoescape: c.Options.Autoescape, Loader: MapLoader(c.Templates)}
	if c.Options.Strict {
		o.Undefined = UndefinedStrict
	}
	return mustNew(t, o)
}

// TestGeneralCases compares with what Python's Jinja2 made of the cases.
func TestGeneralCases(t *testing.T) {
	var cases []generalCase
	readJSON(t, "general.json", &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			var out []byte
			tmpl, err := c.environment(t).Load("main")
			if err == nil {
				out, err = tmpl.Render(t.Context(), varsOf(t, c.Context), nil)
			}
			if c.Expected == nil {
				var e *Error
				if !errors.As(err, &e) {
					t.Fatalf("no error but %q; want %s", out, c.Err)
				}
				if e.Pos.Line != c.Line {
					t.Errorf("error in line %d, want %d: %v", e.Pos.Line, c.Line, e)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != *c.Expected {
				t.Errorf("got  %q\nwant %q", out, *c.Expected)
			}
		})
	}
}

// onlyPython holds the outputs that depend on the Python process.
var onlyPython = map[string]string{
	"{{ env.items }}": "prints the address of an object",
}

// TestLineStatementCases compares with what Python's Jinja2 made of the
// cases with line statements and line comments.
func TestLineStatementCases(t *testing.T) {
	var cases []struct {
		Group, Template string
		Files           map[string]string
		Expected        *string
		Error           string
	}
	readJSON(t, "line-statements.json", &cases)
	var context json.RawMessage
	readJSON(t, "line-statements-context.json", &context)
	for i, c := range cases {
		t.Run(c.Group+strconv.Itoa(i), func(t *testing.T) {
			if reason, ok := onlyPython[c.Template]; ok {
				t.Skip(reason)
			}
			o := Options{TrimBlocks: true, LstripBlocks: true, KeepTrailingNewline: true,
				LineStatementPrefix: ".", LineCommentPrefix: ";.", StrictJinja: true, Loader: MapLoader(c.Files)}
			out, err := render(t, o, c.Template, varsOf(t, context))
			switch {
			case c.Expected == nil && err == nil:
				t.Errorf("%q\ngot  %q\nwant error %s", c.Template, out, c.Error)
			case c.Expected == nil:
				t.Logf("%v <- %s", err, c.Error)
			case err != nil:
				t.Errorf("%q\n%v\nwant %q", c.Template, err, *c.Expected)
			case out != *c.Expected:
				t.Errorf("%q\ngot  %q\nwant %q", c.Template, out, *c.Expected)
			}
		})
	}
}
