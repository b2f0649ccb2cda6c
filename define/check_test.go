package define

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"facsimile.dev/facsimile"
)

// findings checks a definition and writes what was found; warnings start with "warning".
func findings(t testing.TB, files string) string {
	t.Helper()
	var out []string
	for _, f := range load(t, files).Check(context.Background()) {
		line := written(f.Error)
		if f.Warning {
			line = "warning " + line
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func TestCheckExample(t *testing.T) {
	if got := findings(t, shop); got != "" {
		t.Error(got)
	}
}

func TestCheck(t *testing.T) {
	tests := []struct{ name, files, want string }{
		{"near misses", `
-- facsimile.yaml --
name: shop
targest: {}
deploy: {usr: x, strateg: {}, mine: 1}
install: {groups: [{type: tmpl, direc: x, optfile: [y]}]}
modules: {api: {servcie: {exce: x}, service: {exce: y}, own: 1}, servcie: {}}
projects: {api: {repo: x, verson: 1}}
nodes: {n: {regoin: eu}}
my: {targest: 1}
`, `warning facsimile.yaml:2:1: targest has no meaning here [did you mean targets?]
warning facsimile.yaml:3:18: deploy.strateg has no meaning here [did you mean strategy?]
warning facsimile.yaml:4:43: install.groups.0.optfile has no meaning here [did you mean optfiles?]
warning facsimile.yaml:5:47: modules.api.service.exce has no meaning here [did you mean exec?]
warning facsimile.yaml:6:27: projects.api.verson has no meaning here [did you mean version?]
warning facsimile.yaml:7:13: nodes.n.regoin has no meaning here [did you mean region?]`},
		{"files that no instance uses, and all errors", `
-- facsimile.yaml --
name: shop
-- define/a.yaml --
x:
y: [
-- define/b.yaml --
abstract: true
inherit: [nobody]
z:
-- define/c.yaml --
inherit: [nobody]
-- define/d.yaml --
deploy: 1
home: 2
`, `define/a.yaml:3:1: did not find expected node content while parsing a flow node
define/b.yaml:3:1: the key "z" has no value [write {} for an empty map, [] for an empty list, "" for empty text, or null to remove what other layers say]
define/c.yaml:1:11: there is no layer "nobody" to inherit [the layers are a, b, c, d]
define/d.yaml:1:9: deploy is a map, this is a whole number
define/d.yaml:2:7: home is text, this is a whole number`},
		{"parents without an order", `
-- facsimile.yaml --
name: shop
-- define/base.yaml --
abstract: true
v: 0
-- define/x.yaml --
abstract: true
inherit: [base]
v: 1
w: {a: 1, b: 1}
l+: [1]
same: [1]
gone: ~
-- define/y.yaml --
abstract: true
inherit: [base]
v: 2
w: 3
l+: [2]
same: [1]
gone: 1
-- define/z.yaml --
abstract: true
inherit: [x]
v: 4
-- define/p.yaml --
inherit: [x, y]
-- define/q.yaml --
inherit: [x, y]
v: 5
w!: {}
gone: 2
-- define/r.yaml --
inherit: [x, z]
`, `warning define/x.yaml:3:1 define/y.yaml:3:1: "x" and "y" disagree on v, which "p" leaves open [y counts, since it comes last; say it in p, or let y inherit x]
warning define/x.yaml:4:1 define/y.yaml:4:1: "x" and "y" disagree on w, which "p" leaves open [y counts, since it comes last; say it in p, or let y inherit x]
warning define/x.yaml:7:1 define/y.yaml:7:1: "x" and "y" disagree on gone, which "p" leaves open [y counts, since it comes last; say it in p, or let y inherit x]`},
		{"overlays of one rank", `
-- facsimile.yaml --
name: shop
-- define/p.yaml --
deploy: {nodes: {a: [n1, n2], b: [n1, n2]}}
targets: {a: {x: 1, y: 1}, b: {x: 2, y: 2}}
nodes:
  "n*": {y: 3, z: 1}
  "n[1:2]": {z: 2}
  n1: {x: 4, z: 4}
`, `warning define/p.yaml:2:15 define/p.yaml:2:32: on the node n2 the target "a" and the target "b" disagree on x [the target "b" counts, since it comes last; say it under the name of the node]
warning define/p.yaml:4:16 define/p.yaml:5:14: on the node n2 the pattern "n*" and the pattern "n[1:2]" disagree on z [the pattern "n[1:2]" counts, since it comes last; say it under the name of the node]`},
		{"a home of two instances", `
-- facsimile.yaml --
name: shop
home: /srv
-- define/a.yaml --
deploy: {nodes: {t: [h1, h2]}}
-- define/b.yaml --
deploy: {nodes: {t: [x]}}
nodes: {x: {ssh: {address: h2}}}
-- define/c.yaml --
deploy: {nodes: {t: [h1]}}
nodes: {h1: {home: /c}}
-- define/d.yaml --
-- define/e.yaml --
`, `facsimile.yaml:2:7 facsimile.yaml:2:7: the instances "a" and "b" both claim /srv on the host h2 [a home belongs to one instance: give one of them another, or make one abstract]
warning facsimile.yaml:2:7 facsimile.yaml:2:7: the instances "d" and "e" both claim /srv on this machine [a home belongs to one instance: give one of them another, or make one abstract]`},
		{"a home of two nodes", `
-- facsimile.yaml --
name: shop
-- define/p.yaml --
home: ./run
deploy: {nodes: {a: [n1, n2, n3]}}
nodes: {"*": {transport: local}, n3: {home: "./run/{{ node.name }}"}}
`, `define/p.yaml:1:7 define/p.yaml:1:7: the nodes n1 and n2 of "p" both claim ./run on this machine [give each a home of its own: {{ node.name }} may stand in it]`},
		{"overlays of nothing", `
-- facsimile.yaml --
name: shop
regions: {eu-west: {x: 1}, zone1: {x: 2}}
targets: {frontend: {x: 1}, fronted: {x: 2}, later: {x: 3}}
nodes: {"app*": {x: 1}, "ap[1:2]": {x: 1}, p1: {y: 1, region: eu-wets}, pp1: {y: 2}, nowhere: {y: 3}}
-- define/a.yaml --
deploy: {nodes: {frontend: [p1]}}
-- define/b.yaml --
deploy: {nodes: {db: [app1]}}
nodes: {app1: {region: zone2}}
-- define/c.yaml --
`, `warning facsimile.yaml:4:63: regions has no "eu-wets" [did you mean eu-west? If not, write eu-wets: {} under regions]
warning facsimile.yaml:4:25: no instance has a node "ap[1:2]" [name nodes that stand under deploy.nodes, or leave it out]
warning facsimile.yaml:4:73: no instance has a node "pp1" [did you mean app1, p1?]
warning facsimile.yaml:4:86: no instance has a node "nowhere" [name nodes that stand under deploy.nodes, or leave it out]
warning facsimile.yaml:3:29: no instance has a target "fronted" [did you mean frontend?]`},
		{"targets that are kept", `
-- facsimile.yaml --
name: shop
-- define/prod.yaml --
deploy: {nodes: {app: [p1], web: [p2]}}
-- define/copy.yaml --
inherit: [prod]
deploy: {nodes: {app: [c1]}}
-- define/other.yaml --
inherit: [prod]
deploy: {nodes!: {app: [o1]}}
`, `warning define/copy.yaml:2:18 define/prod.yaml:1:29: "copy" names its own nodes, and keeps web from another instance [write nodes! to replace all targets, or null for those that it shall not have]`},
		{"a list of instances with an error in it", `
-- facsimile.yaml --
instances: [a, a, -b, 1, c.versions]
`, `facsimile.yaml:1:16 facsimile.yaml:1:13: the instance "a" is listed twice
facsimile.yaml:1:19: instance name "-b" has a part that starts with "-"
facsimile.yaml:1:23: the name of an instance is text, this is a whole number [quote it]
facsimile.yaml:1:26: "c.versions" is the layer of versions of an instance, and no instance`},
		{"modules", `
-- modules.toml --
[[modules]]
name = "a"
[[modules]]
name = "a"
[[modules]]
port = 1
-- define/p.yaml --
modules: {b: {name: c}}
-- define/q.yaml --
modules: 7
`, `modules.toml:4:8 modules.toml:2:8: the module "a" is written twice in one list [join the two, or rename one]
modules.toml:5:3: a module of a list needs a name [write "name: …" into it]
define/p.yaml:1:21 define/p.yaml:1:11: the module "b" says that its name is "c" [leave the name out, or rename one]
define/q.yaml:1:1: modules are a list or a map by name, this is a whole number`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := findings(t, test.files); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// FuzzDefinition checks and resolves whatever stands in three files: nothing panics, every
// place is inside its file, and what has no error resolves on every node.
func FuzzDefinition(f *testing.F) {
	files := tree(shop)
	f.Add(string(files["facsimile.yaml"].Data), string(files["define/base.yaml"].Data), string(files["define/prod.yaml"].Data))
	f.Add(string(files["facsimile.yaml"].Data), string(files["define/base.yaml"].Data), string(files["define/here.yaml"].Data))
	f.Add("instances: {prod: {inherit: base}, base: {abstract: true}}", "", "")
	f.Add("strict: true\nregions!: {eu: {a+: [1]}}\n", "inherit: [prod]", "inherit: [base]\ndeploy: {nodes!: {a: ['n[1:3]']}}\nnodes: {'n*': {home!: x}}")
	f.Add("projects: {a: {repo: x, projects: {b: {repo: y}}}}", "targets: {t: {x: 1}}\nmodules+: [{name: a}]", "inherit: [base]\ndeploy: {nodes: {t: [n], u: [n]}}\ntargets: {u: {x: 2}}")
	f.Fuzz(func(t *testing.T, top, base, prod string) {
		fsys := fstest.MapFS{"facsimile.yaml": {Data: []byte(top)}, "define/base.yaml": {Data: []byte(base)}, "define/prod.yaml": {Data: []byte(prod)}}
		d, err := Load(fsys, new(facsimile.Sources), Options{MaxFileSize: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range d.Check(context.Background()) {
			for _, p := range finding.Error.At {
				if p.Line < 0 || p.Line > 0 && p.Column > utf8.RuneCountInString(p.Text)+1 {
					t.Fatalf("%s stands at %s, a line of %q", finding.Error.Msg, p, p.Text)
				}
			}
		}
		topology, err := d.Topology(context.Background(), "prod")
		if err != nil || len(topology.Nodes) > 100 {
			return
		}
		r, err := d.Resolve(context.Background(), "prod", "", nil)
		if err != nil {
			t.Fatalf("the topology is right, and %v", err)
		}
		r.Findings()
		for _, n := range topology.Nodes {
			if r.For(n.Name).Root().Kind() != facsimile.Map {
				t.Fatalf("%s has no definition", n.Name)
			}
		}
	})
}
