package define

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"facsimile.dev/facsimile"
)

// generated is a definition of 200 modules, with an instance of four layers and 40 nodes.
func generated() string {
	var b strings.Builder
	b.WriteString("-- facsimile.yaml --\nname: shop\nhome: /srv/shop\nregions: {eu: {db: {host: eu}}, us: {db: {host: us}}}\n-- modules.yaml --\n")
	for i := range 200 {
		fmt.Fprintf(&b, "- name: m%d\n  targets: [app]\n  service: {exec: \"bin/m%d --port {{ replica.port }}\", n_instances: 2, port: %d, after: [m0]}\n  config: {a: 1, b: [1, 2, 3], c: {d: text, e: true}}\n", i, i, 8000+i)
	}
	for n, name := range []string{"base", "site", "prod", "prod.eu"} {
		fmt.Fprintf(&b, "-- define/%s.yaml --\n", name)
		if n == 1 || n == 2 {
			fmt.Fprintf(&b, "inherit: [%s]\n", []string{"", "base", "site"}[n])
		}
		b.WriteString("modules:\n")
		for i := n; i < 200; i += 4 {
			fmt.Fprintf(&b, "  m%d: {service: {n_instances: %d}, config: {b+: [%d], c: {e: ~}}}\n", i, n+1, n)
		}
	}
	b.WriteString("deploy: {nodes: {app: ['app[1:40]']}}\nnodes: {'app[1:20]': {region: eu}, 'app[21:40]': {region: us}, app7: {modules: {m7: {config: {a: 7}}}}}\n")
	return b.String()
}

// BenchmarkResolve parses and merges the whole definition, and the definition of each node.
func BenchmarkResolve(b *testing.B) {
	fsys := tree(generated())
	b.ReportAllocs()
	for b.Loop() {
		d, err := Load(fsys, new(facsimile.Sources), Options{})
		if err != nil {
			b.Fatal(err)
		}
		resolveNodes(b, d)
	}
}

// BenchmarkMerge merges layers that are parsed already.
func BenchmarkMerge(b *testing.B) {
	d := load(b, generated())
	r := resolve(b, d, "prod.eu")
	b.ReportAllocs()
	for b.Loop() {
		if (&merger{sources: d.sources}).combine(r.all, false).IsAbsent() {
			b.Fatal("nothing")
		}
	}
}

func resolveNodes(b testing.TB, d *Definition) {
	r := resolve(b, d, "prod.eu")
	topology, err := d.Topology(context.Background(), "prod.eu")
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range topology.Nodes {
		if r.For(n.Name).Root().IsAbsent() {
			b.Fatal("nothing")
		}
	}
}

func TestGeneratedDefinition(t *testing.T) {
	d := load(t, generated())
	resolveNodes(t, d)
	r := resolve(t, d, "prod.eu")
	if got := at(t, r.For("app7"), "modules.m7.config"); got != `{"a":7,"b":[1,2,3,3],"c":{"d":"text"}}` {
		t.Error(got)
	}
}
