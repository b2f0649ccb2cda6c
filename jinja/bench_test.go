package jinja

import (
	"fmt"
	"strings"
	"testing"
)

// initSQL is a template of 15 lines as databases are set up with.
func initSQL(t testing.TB) (string, Mapping) {
	var cases []generalCase
	readJSON(t, "general.json", &cases)
	for _, c := range cases {
		if c.Name == "legacy_init_sql" {
			return c.Templates["main"], varsOf(t, c.Context)
		}
	}
	t.Fatal("no such case")
	return "", nil
}

func BenchmarkParseAndRender(b *testing.B) {
	source, vars := initSQL(b)
	env := mustNew(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		tmpl, err := env.Parse("init.sql", source)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tmpl.Render(b.Context(), vars, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// configTemplate is 2 KB of text with 30 expressions.
func configTemplate() string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "[section-%d]\nhost = {{ env.db.host }}\nport = {{ env.db.port + %d }}\nname = {{ env.name|upper }}\n%s\n\n", i, i, strings.Repeat("# a comment line of text\n", 5))
	}
	return b.String()
}

func configVars() Mapping {
	db := Dict(Pair{String("host"), String("db.example").WithTag(1)}, Pair{String("port"), Int(5432).WithTag(2)})
	return Vars(Pair{String("env"), Dict(Pair{String("name"), String("web").WithTag(4)}, Pair{String("db"), db})})
}

func BenchmarkRender300(b *testing.B) {
	for _, c := range []struct {
		name    string
		tracked bool
	}{{"plain", false}, {"tracked", true}} {
		b.Run(c.name, func(b *testing.B) {
			env := mustNew(b, Options{})
			tmpl, err := env.Parse("config", configTemplate())
			if err != nil {
				b.Fatal(err)
			}
			vars := configVars()
			b.ReportAllocs()
			for b.Loop() {
				for range 300 {
					var tr Tracker
					if c.tracked {
						tr = &countTracker{}
					}
					if _, err := tmpl.Render(b.Context(), vars, tr); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/9000, "ns/expr")
		})
	}
}

// countTracker only counts.
type countTracker struct{ n int }

func (t *countTracker) Union(a, b Tag) Tag { return a | b }
func (t *countTracker) Emit(Span)          { t.n++ }

func BenchmarkLoop(b *testing.B) {
	env := mustNew(b, Options{})
	tmpl, err := env.Parse("loop", "{% for x in items %}{{ loop.index }}: {{ x.name }}{% if not loop.last %}, {% endif %}{% endfor %}")
	if err != nil {
		b.Fatal(err)
	}
	var items []Value
	for i := range 1000 {
		items = append(items, Dict(Pair{String("name"), String(fmt.Sprint("name", i))}))
	}
	vars := MapVars(map[string]Value{"items": List(items...)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Render(b.Context(), vars, nil); err != nil {
			b.Fatal(err)
		}
	}
}
