package define

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"facsimile.dev/facsimile"
)

func TestPattern(t *testing.T) {
	expand := map[string]string{
		"app[1:3].eu":      "[app1.eu app2.eu app3.eu]",
		"app[08:11]":       "[app08 app09 app10 app11]",
		"app[8:10]":        "[app8 app9 app10]",
		"r[1:2]n[01:02]":   "[r1n01 r1n02 r2n01 r2n02]",
		"fe1.us":           "[fe1.us]",
		"app[5:5]":         "[app5]",
		"app*":             "error",
		"app[1:":           "error",
		"app[3:1]":         "error",
		"app[a:c]":         "error",
		"app[1]":           "error",
		"app[1:9999999]":   "error",
		"a[1:999]b[1:999]": "error",
		"-x":               "error",
		"":                 "error",
		"a b":              "error",
		"app[-1:2]":        "error",
	}
	for s, want := range expand {
		got := "error"
		if p, err := parsePattern(s); err == nil {
			if nodes, err := p.expand(); err == nil {
				got = fmt.Sprint(nodes)
			}
		}
		if got != want {
			t.Errorf("%q stands for %s, want %s", s, got, want)
		}
	}
	matches := []struct {
		pattern, name string
		want          bool
	}{
		{"*.eu", "fe1.eu", true}, {"*.eu", "fe1.eu.x", false}, {"*", "", true}, {"*", "x", true},
		{"app[1:12]", "app12", true}, {"app[1:12]", "app01", false}, {"app[01:12]", "app01", true}, {"app[01:12]", "app1", false},
		{"app[1:12]", "app13", false}, {"app[1:12]x", "app1x", true}, {"*[1:2]*", "a21b", true}, {"*[10:12]", "a310", true},
		{"app.eu", "appxeu", false}, {"app?", "app1", false}, {"a*b*c", "aXbXc", true}, {"a*b*c", "aXcXb", false},
		{strings.Repeat("*a", 100) + "b", strings.Repeat("a", 253), false},
	}
	for _, m := range matches {
		p, err := parsePattern(m.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.matches(m.name); got != m.want {
			t.Errorf("%q matches %q: %v", m.pattern, m.name, got)
		}
	}
}

// A pattern matches just the names that it expands to.
func FuzzPattern(f *testing.F) {
	f.Add("app[1:3].eu", "app2.eu")
	f.Add("r[01:10]n[5:7]", "r03n5")
	f.Add("*[1:2]", "x1")
	f.Fuzz(func(t *testing.T, s, name string) {
		p, err := parsePattern(s)
		if err != nil {
			return
		}
		matched := len(name) < 1000 && p.matches(name)
		nodes, err := p.expand()
		if err != nil || len(nodes) > 1000 {
			return
		}
		if matched != slices.Contains(nodes, facsimile.Node(name)) {
			t.Fatalf("%q matches %q: %v, and stands for %v", s, name, matched, nodes)
		}
		for _, n := range nodes {
			if !p.matches(string(n)) {
				t.Fatalf("%q stands for %s and does not match it", s, n)
			}
		}
	})
}

// shop is the example of the design.
const shop = `
-- facsimile.yaml --
name: shop
projects:
  api:     {repo: ../api, version: 1.4.2, class: Go}
  gateway: {repo: ../gateway, version: 2.0.0, class: Go, projects: {web: {repo: "https://example.net/web.git"}}}
home: /srv/shop
deploy:
  user: deploy
  strategy: {order: [app, frontend], batch: 25%}
regions:
  eu: {db: {host: db.eu.example.net}}
-- modules.yaml --
- name: api
  service: {n_instances: 2}
-- define/base.yaml --
abstract: true
db: {host: db, port: 5432}
-- define/prod.yaml --
inherit: [base]
deploy:
  nodes:
    frontend: ["fe[1:2].eu.example.net", fe1.us.example.net]
    app: ["app[1:3].eu.example.net", fe1.us.example.net]
nodes:
  "*.eu.example.net": {region: eu}
  "*.us.example.net": {region: us, ssh: {address: 192.0.2.7, port: 2222, user: deploy}}
  app2.eu.example.net: {db: {port: 1}, transport: rsync}
targets:
  frontend: {tier: 1, tiers+: [front]}
  app: {tiers+: [app]}
modules:
  api: {service: {n_instances: 3}}
-- define/here.yaml --
inherit: [base]
deploy: {nodes: {frontend: [fe1], app: [app1, app2]}}
nodes:
  fe1:  {region: eu, transport: local, home: ./run/fe1}
  "app[1:2]": {region: eu, transport: local, home: "./run/{{ node.name }}"}
-- define/dev.yaml --
inherit: [base]
state: own
home: /tmp/shop
`

func TestTopology(t *testing.T) {
	d := load(t, shop)
	topology, err := d.Topology(context.Background(), "prod")
	if err != nil {
		t.Fatal(allOf(err))
	}
	var got []string
	for _, p := range topology.Projects {
		got = append(got, fmt.Sprintf("%s/%s %s %s %s", p.Parent, p.Name, p.Repo, p.Version, p.Class))
	}
	for _, target := range topology.Targets {
		got = append(got, fmt.Sprint(target.Name, target.Nodes))
	}
	for _, n := range topology.Nodes {
		got = append(got, fmt.Sprint(n.Name, n.Region, n.Targets, n.Transport, n.Home.Str(), n.SSH, d.sources.Position(n.At)))
	}
	want := `/api ../api 1.4.2 Go
/gateway ../gateway 2.0.0 Go
gateway/web https://example.net/web.git  
frontend[fe1.eu.example.net fe2.eu.example.net fe1.us.example.net]
app[app1.eu.example.net app2.eu.example.net app3.eu.example.net fe1.us.example.net]
fe1.eu.example.neteu[frontend]ssh/srv/shop{ 0 } define/prod.yaml:4:16
fe2.eu.example.neteu[frontend]ssh/srv/shop{ 0 } define/prod.yaml:4:16
fe1.us.example.netus[frontend app]ssh/srv/shop{192.0.2.7 2222 deploy} define/prod.yaml:4:42
app1.eu.example.neteu[app]ssh/srv/shop{ 0 } define/prod.yaml:5:11
app2.eu.example.neteu[app]rsync/srv/shop{ 0 } define/prod.yaml:5:11
app3.eu.example.neteu[app]ssh/srv/shop{ 0 } define/prod.yaml:5:11`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if topology.Name != "shop" || fmt.Sprint(topology.Regions) != "[eu us]" || topology.State != "" || topology.Local {
		t.Errorf("%+v", topology)
	}

	topology, err = d.Topology(context.Background(), "dev")
	if err != nil {
		t.Fatal(allOf(err))
	}
	n, ok := topology.Node(LocalNode)
	if !topology.Local || !ok || n.Transport != Local || n.Home.Str() != "/tmp/shop" || topology.State != "own" {
		t.Errorf("%+v", topology)
	}
	topology, _ = d.Topology(context.Background(), "here")
	if n, _ := topology.Node("app2"); n.Home.Str() != "./run/{{ node.name }}" || n.Transport != Local || n.Region != "eu" {
		t.Errorf("%+v", n)
	}
}

func TestOverlays(t *testing.T) {
	r := resolve(t, load(t, shop), "prod")
	node := func(n facsimile.Node, path string) string { return at(t, r.For(n), path) }
	for _, test := range [][3]string{
		{"fe1.eu.example.net", "db", `{"host":"db.eu.example.net","port":5432}`},
		{"fe1.us.example.net", "db", `{"host":"db","port":5432}`},
		{"app2.eu.example.net", "db", `{"host":"db.eu.example.net","port":1}`},
		{"fe1.us.example.net", "tiers", `["app","front"]`}, // targets by name
		{"fe1.us.example.net", "tier", `1`},
		{"app1.eu.example.net", "tiers", `["app"]`},
		{"app1.eu.example.net", "ssh", `absent`},
		{"nobody", "tiers", `absent`},
	} {
		if got := node(facsimile.Node(test[0]), test[1]); got != test[2] {
			t.Errorf("%s %s: %s, want %s", test[0], test[1], got, test[2])
		}
	}
	if got, want := explain(t, r.For("app2.eu.example.net"), "db.port"), "prod set define/prod.yaml:9:30 1\nbase set define/base.yaml:2:16 5432"; got != want {
		t.Error(got)
	}
	if r.For("fe1.eu.example.net") != r.For("fe2.eu.example.net") || r.For("app1.eu.example.net") != r.For("app3.eu.example.net") {
		t.Error("nodes with the same overlays have different definitions")
	}
	if r.For("fe1.eu.example.net") == r.For("app1.eu.example.net") || r.For("nobody") != r {
		t.Error("nodes with different overlays share one")
	}
	if r.For("app1.eu.example.net").Root().Get("modules").Origin() != r.Root().Get("modules").Origin() {
		t.Error("what no overlay touches is not shared")
	}
	here := resolve(t, load(t, shop), "here")
	if got := at(t, here.For("app1"), "home"); got != `"./run/{{ node.name }}"` || here.For("app1") != here.For("app2") {
		t.Error(got)
	}
	dev := resolve(t, load(t, shop), "dev")
	if dev.For(LocalNode) != dev {
		t.Error("a node without overlays is not the instance itself")
	}
}

// Overlays act on what they go over: also their nulls, appends and replacements.
func TestOverlayOperations(t *testing.T) {
	r := resolve(t, load(t, `
-- facsimile.yaml --
a: {x: 1, y: 2}
b: {x: 1}
l: [1]
regions: {eu: {a: {x: ~}, l+: [2], b!: {z: 1}}, us: {l+: [9]}}
-- define/prod.yaml --
deploy: {nodes: {app: [n, m]}}
regions: {eu: {l+: [3]}, us!: {a: ~}}
nodes: {n: {region: eu}, m: {region: us}}
`), "prod")
	if got, want := text(r.For("n").Root().Get("l")), `[1,2,3]`; got != want {
		t.Error(got)
	}
	if got := at(t, r.For("n"), "a") + at(t, r.For("n"), "b") + at(t, r.For("m"), "a") + at(t, r.For("m"), "l"); got != `{"y":2}{"z":1}absent[1]` {
		t.Error(got)
	}
	if got, want := explain(t, r.For("n"), "b.x"), "facsimile remove facsimile.yaml:4:36\nfacsimile set facsimile.yaml:2:5 1"; got != want {
		t.Error(got)
	}
}

func TestTopologyRefuses(t *testing.T) {
	tests := []struct{ name, layer, want string }{
		{"overlay of topology", "regions: {eu: {projects: {x: {}}}}", `p.yaml:1:16: the region "eu" cannot change projects, which is read before it [write it into a layer]`},
		{"overlay of nodes", "targets: {app: {deploy: {user: x, nodes: {}}}}", `p.yaml:1:17: the target "app" cannot change deploy.nodes, which is read before it [write it into a layer]`},
		{"overlay of a place", "targets: {app: {ssh: {port: 1}}}", `p.yaml:1:17: the target "app" cannot change ssh, which is read before it [write it under nodes: {"*": {ssh: …}}]`},
		{"overlay that is none", "regions: {eu: 1}", `p.yaml:1:15: what the region "eu" says is a map, this is a whole number`},
		{"an option for an address", "deploy: {nodes: {a: [n]}}\nnodes: {n: {ssh: {address: -oProxyCommand=x}}}", `p.yaml:2:28: "-oProxyCommand=x" is neither a host name nor an IP address`},
		{"an option for a user", "deploy: {nodes: {a: [n]}}\nnodes: {n: {ssh: {user: '-l'}}}", `p.yaml:2:25: "-l" is no user name: letters, digits, dots, _ and -, not starting with -`},
		{"a zone", "deploy: {nodes: {a: [n]}}\nnodes: {n: {ssh: {address: 'fe80::1%;x'}}}", `p.yaml:2:28: "fe80::1%;x" is neither a host name nor an IP address`},
		{"a port", "deploy: {nodes: {a: [n]}}\nnodes: {n: {ssh: {port: 70000}}}", `p.yaml:2:25: a port is a number from 1 to 65535`},
		{"a transport", "deploy: {nodes: {a: [n]}}\nnodes: {n: {transport: rsnc}}", `p.yaml:2:24: there is no transport "rsnc" [did you mean rsync?]`},
		{"a node name", "deploy: {nodes: {a: ['-x']}}", `p.yaml:1:22: node name "-x" has a part that starts with "-"`},
		{"a star in a list", "deploy: {nodes: {a: ['x*']}}", `p.yaml:1:22: "*" stands for no list of nodes here`},
		{"one node without a list", "deploy: {nodes: {a: x}}", `p.yaml:1:21: the nodes of target "a" are a list, this is a string [write [HOST, …]]`},
		{"a version that is a number", "projects: {api: {version: 1.10}}", `p.yaml:1:27: version is text, this is a number [quote it]`},
		{"an option for a repo", "projects: {api: {repo: '--upload-pack=x'}}", `p.yaml:1:24: "--upload-pack=x" is no repo [it may neither start with - nor hold control characters]`},
		{"a reference", "state: '{{ x }}'", `p.yaml:1:8: state cannot hold a reference: it is read before any is evaluated`},
		{"two projects", "projects: {a: {projects: {b: {}}}, b: {}}", `p.yaml:1:36 p.yaml:1:27: there are two projects "b" [rename one: the names of projects are distinct at every depth]`},
		{"an append over text on a node", "l: x\ndeploy: {nodes: {a: [n]}}\ntargets: {a: {l+: [1]}}", `p.yaml:3:15 p.yaml:1:4: l: a list cannot be appended to a string [write a "!" behind the key to replace it]`},
		{"a home", "home: [x]", `p.yaml:1:1: home is text, this is a list`},
		{"strict overlays", "strict: true\ndeploy: {nodes: {a: [n], b: [n]}}\ntargets: {a: {x: 1}, b: {x: 2}}", `p.yaml:3:15 p.yaml:3:26: on the node n the target "a" and the target "b" disagree on x [the target "b" counts, since it comes last; say it under the name of the node]`},
		{"overlays", "deploy: {nodes: {a: [n], b: [n]}}\ntargets: {a: {x: 1}, b: {x: 2}}", `no problem`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := load(t, "-- facsimile.yaml --\nname: shop\n-- p.yaml --\n"+test.layer)
			if got := problemsOf(t, d, "p"); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
	d := load(t, "-- facsimile.yaml --\nstrict: true\n-- p.yaml --\ndeploy: {nodes: {a: [n], b: [n]}}\ntargets: {a: {x: 1}, b: {x: 2}}")
	if got, want := problemsOf(t, d, "p"), `p.yaml:2:15 p.yaml:2:26: on the node n the target "a" and the target "b" disagree on x [the target "b" counts, since it comes last; say it under the name of the node]`; got != want {
		t.Error(got)
	}
}

func TestManyNodes(t *testing.T) {
	d := load(t, "-- facsimile.yaml --\nname: shop\nregions: {eu: {a: 1}}\n-- p.yaml --\ndeploy: {nodes: {a: ['n[1:10000]']}}\nnodes: {'n*': {region: eu}, 'n[1:5]': {b: 1}}\n")
	r := resolve(t, d, "p")
	topology, _ := d.Topology(context.Background(), "p")
	distinct := map[*Resolved]bool{}
	for _, n := range topology.Nodes {
		distinct[r.For(n.Name)] = true
	}
	if len(distinct) != 2 || len(topology.Nodes) != 10000 {
		t.Errorf("%d nodes share %d definitions", len(topology.Nodes), len(distinct))
	}
}
