package jinja_test

import (
	"context"
	"fmt"

	"facsimile.dev/facsimile/jinja"
)

func Example() {
	env, err := jinja.New(jinja.Options{TrimBlocks: true})
	if err != nil {
		panic(err)
	}
	tmpl, err := env.Parse("hosts", "{% for h in hosts %}\n{{ loop.index }} {{ h|upper }}\n{% endfor %}\n")
	if err != nil {
		panic(err)
	}
	vars := jinja.MapVars(map[string]jinja.Value{
		"hosts": jinja.List(jinja.String("a"), jinja.String("b")),
	})
	out, err := tmpl.Render(context.Background(), vars, nil)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(out))
	// Output:
	// 1 A
	// 2 B
}

func ExampleExpression() {
	env, err := jinja.New(jinja.Options{})
	if err != nil {
		panic(err)
	}
	x, err := env.ParseValue("port", "{{ base + 1 }}")
	if err != nil {
		panic(err)
	}
	vars := jinja.MapVars(map[string]jinja.Value{"base": jinja.Int(8000)})
	v, err := x.Eval(context.Background(), vars, nil)
	if err != nil {
		panic(err)
	}
	n, _ := v.AsInt64()
	fmt.Println(v.Kind(), n)
	// Output: int 8001
}

// tags collects what was printed for which tags.
type tags struct{ out []jinja.Span }

func (t *tags) Union(a, b jinja.Tag) jinja.Tag { return a | b }
func (t *tags) Emit(s jinja.Span)              { t.out = append(t.out, s) }

func ExampleTracker() {
	env, err := jinja.New(jinja.Options{})
	if err != nil {
		panic(err)
	}
	tmpl, err := env.Parse("motd", "{% if night %}Good night, {% endif %}{{ name }}")
	if err != nil {
		panic(err)
	}
	vars := jinja.MapVars(map[string]jinja.Value{
		"night": jinja.Bool(true).WithTag(1),
		"name":  jinja.String("Ann").WithTag(2),
	})
	var t tags
	out, err := tmpl.Render(context.Background(), vars, &t)
	if err != nil {
		panic(err)
	}
	for _, s := range t.out {
		fmt.Printf("%q from column %d, value %d, control %d\n", out[s.Start:s.End], s.Pos.Column, s.Value, s.Control)
	}
	// Output:
	// "Good night, " from column 15, value 0, control 1
	// "Ann" from column 38, value 2, control 0
}
