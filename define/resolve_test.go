package define

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"facsimile.dev/facsimile"
	"golang.org/x/sync/errgroup"
)

// Each layer appends its name, so that the list is the order.
func TestOrder(t *testing.T) {
	const common = `
-- modules.yaml --
[{name: m}]
-- facsimile.yaml --
name: shop
projects: {api: {repo: ../api}}
instances: [a.b.c, a]
order: [facsimile]
`
	var files strings.Builder
	files.WriteString(common)
	for _, name := range []string{"api", "shop", "a", "b", "c", "a.b", "a.b.c", "a.b.c.versions", "x", "y", "z", "b.c", "unused"} {
		inherit := map[string]string{"b": "inherit: [y, z]\n", "y": "inherit: [x]\n", "z": "inherit: x\n"}[name]
		fmt.Fprintf(&files, "-- define/%s.yaml --\n%sorder+: [%s]\n", name, inherit, name)
	}
	source := tree(`
-- modules.json --
{"own": {}}
-- facsimile.yaml --
order+: [src/facsimile]
-- api.yaml --
order+: [src/api]
inherit: [base]
-- base.yaml --
order+: [src/base]
-- define/a.b.toml --
"order+" = ["src/a.b"]
`)
	d := load(t, files.String())
	for _, test := range []struct {
		in      facsimile.Instance
		project facsimile.Project
		source  fstest.MapFS
		want    string
		layers  string
	}{
		{"a", "", nil, `["facsimile","shop","a"]`, "[facsimile shop a]"},
		{"a.b.c", "", nil, `["facsimile","shop","a","x","y","z","b","c","a.b","a.b.c","a.b.c.versions"]`, "[facsimile shop a x y z b c a.b a.b.c a.b.c.versions]"},
		{"a.b.c", "api", source, `["facsimile","src/facsimile","src/base","src/api","src/a.b","api","a","x","y","z","b","c","a.b","a.b.c","a.b.c.versions"]`,
			"[facsimile base api a x y z b c a.b a.b.c a.b.c.versions]"},
	} {
		var own fs.FS // not a nil map in an interface
		if test.source != nil {
			own = test.source
		}
		r, err := d.Resolve(context.Background(), test.in, test.project, own)
		if err != nil {
			t.Fatal(err)
		}
		if got := at(t, r, "order"); got != test.want {
			t.Errorf("%s %s:\n got %s\nwant %s", test.in, test.project, got, test.want)
		}
		if got := fmt.Sprint(r.Layers()); got != test.layers {
			t.Errorf("%s %s: layers\n got %s\nwant %s", test.in, test.project, got, test.layers)
		}
		if test.source != nil {
			if got := explain(t, r, "modules.own"); got != "modules set api/config/facsimile/modules.json:1:2 {}" {
				t.Error(got)
			}
		}
	}
}

func TestInheritRefuses(t *testing.T) {
	tests := []struct{ name, files, want string }{
		{"a cycle", `
-- define/p.yaml --
inherit: [a]
-- define/a.yaml --
inherit: [b]
-- define/b.yaml --
x: 1
inherit:
- a
`, `define/b.yaml:3:3 define/a.yaml:1:11: inheritance goes in a circle: a inherits b (define/a.yaml:1:11) inherits a (define/b.yaml:3:3) [take one of these out]`},
		{"itself", `
-- define/p.yaml --
inherit: [p]
`, `define/p.yaml:1:11: inheritance goes in a circle: p inherits p (define/p.yaml:1:11) [take one of these out]`},
		{"missing", `
-- define/p.yaml --
inherit: [bsae, base]
-- define/base.yaml --
`, `define/p.yaml:1:11: there is no layer "bsae" to inherit [did you mean base?]`},
		{"a parent of a parent behind it", `
-- define/p.yaml --
inherit: [x, y]
-- define/x.yaml --
inherit: [y]
-- define/y.yaml --
`, `define/p.yaml:1:14 define/p.yaml:1:11: "x" already inherits "y", which cannot come over it [write y before x, or leave it out]`},
		{"twice", `
-- define/p.yaml --
inherit: [x, x]
-- define/x.yaml --
`, `define/p.yaml:1:14 define/p.yaml:1:11: "x" is inherited twice`},
		{"with a sign", `
-- define/p.yaml --
inherit+: [x]
`, `define/p.yaml:1:1: "inherit" takes no sign: it never merges from layer to layer`},
		{"in a strict child", `
-- define/p.yaml --
inherit: [x, y]
strict: true
b: 1
-- define/x.yaml --
a: {c: 1, d: 1}
b: 2
-- define/y.yaml --
a: {c: 2, d: 1}
b: 3
`, `define/x.yaml:1:5 define/y.yaml:1:5: "x" and "y" disagree on a.c, which "p" leaves open [y counts, since it comes last; say it in p, or let y inherit x]`},
		{"problems of several layers", `
-- define/p.yaml --
inherit: [x, y, z]
-- define/x.yaml --
a:
-- define/y.yaml --
a: 1
a: 2
-- define/z.yaml --
-- define/z.json --
{}
`, `define/x.yaml:1:1: the key "a" has no value [write {} for an empty map, [] for an empty list, "" for empty text, or null to remove what other layers say]
define/y.yaml:2:1 define/y.yaml:1:1: the key "a" is written twice in one map [join the two, or rename one]
define/z.json define/z.yaml: the layer "z" stands in define/z.json and define/z.yaml [keep one of them]`},
		{"in both folders", `
-- p.yaml --
a: 1
-- define/p.yaml --
`, `p.yaml define/p.yaml: the layer "p" stands in p.yaml and define/p.yaml [keep one of them]`},
		{"in the top file and its own", `
-- facsimile.yaml --
instances: {p: {a: 1}}
-- define/p.yaml --
b: 1
`, `facsimile.yaml:1:13 define/p.yaml:1:1: the layer "p" stands in facsimile.yaml and in define/p.yaml [keep one of them]`},
		{"no map", `
-- define/p.json --
[1]
`, `define/p.json:1:1: a layer is a map, this is a list`},
		{"a later layer", `
-- facsimile.yaml --
instances: [p.q, p]
-- define/p.yaml --
inherit: [p.q]
-- define/p.q.yaml --
`, `no problem`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := problemsOf(t, load(t, test.files), "p"); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
	d := load(t, tests[len(tests)-1].files)
	if got := problemsOf(t, d, "p.q"); !strings.Contains(got, "comes over this layer by its name") {
		t.Error(got)
	}
}

func TestInstances(t *testing.T) {
	tests := []struct{ name, files, want string }{
		{"files", `
-- facsimile.yaml --
name: shop
projects: {api: {repo: x}}
-- define/prod.yaml --
-- define/dev.yaml --
-- define/dev.me.yaml --
-- define/base.yaml --
abstract: true
-- define/api.yaml --
-- define/prod.versions.yaml --
-- define/notes.txt --
`, "base*@define/base.yaml:1:1 dev@define/dev.yaml:1:1 dev.me@define/dev.me.yaml:1:1 prod@define/prod.yaml:1:1"},
		{"a list", `
-- facsimile.yaml --
instances: [prod, dev.me]
-- define/prod.yaml --
-- define/beta.yaml --
`, "prod@facsimile.yaml:1:13 dev.me@facsimile.yaml:1:19"},
		{"one file", `
-- facsimile.json --
{"instances": {"prod": {"inherit": ["base"]}, "base": {"abstract": true, "a": 1}, "dev": {}}}
`, "prod@facsimile.json:1:16 base*@facsimile.json:1:47 dev@facsimile.json:1:83"},
		{"one folder", `
-- facsimile.yaml --
name: shop
-- modules.yaml --
[]
-- shop.yaml --
-- prod.yaml --
-- schema.yaml --
`, "prod@prod.yaml:1:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := load(t, test.files)
			infos, err := d.Instances()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, info := range infos {
				name := string(info.Name)
				if info.Abstract {
					name += "*"
				}
				got = append(got, name+"@"+d.sources.Position(info.At).String())
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, " "), test.want)
			}
		})
	}
}

func TestUnknownInstances(t *testing.T) {
	d := load(t, `
-- facsimile.yaml --
instances: [prod, dev.me, base]
-- define/prod.yaml --
-- define/dev.yaml --
-- define/base.yaml --
abstract: true
`)
	for in, want := range map[facsimile.Instance]string{
		"prd":      `: there is no instance "prd" [did you mean prod?]`,
		"dev":      `facsimile.yaml:1:1: there is no instance "dev": it has a file, but is not listed [the instances are prod, dev.me, base]`,
		"dev.prod": `: there is no instance "dev.prod": it has no file of its own and is not listed [the instances are prod, dev.me, base]`,
		"base":     `define/base.yaml:1:1: "base" is abstract: a layer for other instances, not an instance [the instances are prod, dev.me]`,
		"dev.me":   `no problem`,
		"../x":     `: instance name "../x" has an empty part`,
		"":         `: empty instance name`,
	} {
		if got := problemsOf(t, d, in); got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
	_, err := d.Resolve(context.Background(), "prod", "api", nil)
	if err == nil || !strings.Contains(err.Error(), `there is no project "api"`) {
		t.Error(err)
	}
}

func TestOneFile(t *testing.T) {
	d := load(t, `
-- facsimile.yaml --
name: shop
home: /srv
modules: [{name: api, port: 1}, {name: queue}]
instances:
  base: {abstract: true, home: /base}
  prod:
    inherit: [base]
    modules: {api: {port: 2}}
`)
	r := resolve(t, d, "prod")
	if got, want := text(r.Root()), `{"name":"shop","home":"/base","modules":{"api":{"name":"api","port":2},"queue":{"name":"queue"}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := explain(t, r, "modules.api.port"), "prod set facsimile.yaml:8:21 2\nfacsimile set facsimile.yaml:3:23 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := fmt.Sprint(r.Layers()); got != "[facsimile base prod]" {
		t.Error(got)
	}
}

// Resolving one instance reads its own layers and no others, and reads them once.
func TestResolveReadsItsOwnLayers(t *testing.T) {
	var files strings.Builder
	files.WriteString("-- facsimile.yaml --\nname: shop\n-- modules.yaml --\n[]\n-- define/base.yaml --\nabstract: true\n")
	for i := range 50 {
		fmt.Fprintf(&files, "-- define/i%d.yaml --\ninherit: [base]\n", i)
	}
	d := load(t, files.String())
	resolve(t, d, "i7")
	resolve(t, d, "i7")
	if got := d.parsed.Load(); got != 4 {
		t.Errorf("%d files were read, want facsimile, modules, base and i7", got)
	}
	resolve(t, d, "i8")
	if got := d.parsed.Load(); got != 5 {
		t.Errorf("%d files were read, want one more", got)
	}
}

func TestTopologyDoesNotCountInAProject(t *testing.T) {
	d := load(t, `
-- facsimile.yaml --
name: shop
projects: {api: {repo: x}}
deploy: {user: u}
-- define/prod.yaml --
`)
	source := tree(`
-- facsimile.yaml --
name: api
deploy: {nodes: {app: [a]}, user: v, keep: 3}
regions: {eu: {x: 1}}
own: 1
`)
	r, err := d.Resolve(context.Background(), "prod", "api", source)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(r.Root()), `{"name":"shop","projects":{"api":{"repo":"x"}},"deploy":{"user":"v","keep":3},"own":1}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var notes []string
	for _, f := range r.Findings() {
		notes = append(notes, written(f.Error))
	}
	want := `api/config/facsimile/facsimile.yaml:1:1: name does not count in a layer of one project [write it into the layers of the instance]
api/config/facsimile/facsimile.yaml:3:1: regions does not count in a layer of one project [write it into the layers of the instance]
api/config/facsimile/facsimile.yaml:2:10: deploy.nodes does not count in a layer of one project [write it into the layers of the instance]`
	if got := strings.Join(notes, "\n"); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// A layer that both the project's layer and the instance inherit is one of the instance.
func TestTopologyCountsInWhatTheInstanceInherits(t *testing.T) {
	d := load(t, `
-- facsimile.yaml --
name: shop
projects: {api: {repo: x}}
-- define/base.yaml --
abstract: true
deploy: {nodes: {app: [n]}}
regions: {eu: {x: 1}}
-- define/api.yaml --
inherit: [base, own]
targets: {app: {x: 2}}
-- define/own.yaml --
abstract: true
state: own
-- define/prod.yaml --
inherit: [base]
`)
	r, err := d.Resolve(context.Background(), "prod", "api", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(r.Root()), `{"name":"shop","projects":{"api":{"repo":"x"}},"deploy":{"nodes":{"app":["n"]}},"regions":{"eu":{"x":1}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var notes []string
	for _, f := range r.Findings() {
		notes = append(notes, f.Error.Error())
	}
	want := "define/own.yaml:2:1: state does not count in a layer of one project\ndefine/api.yaml:2:1: targets does not count in a layer of one project"
	if got := strings.Join(notes, "\n"); got != want {
		t.Error(got)
	}
}

func TestMergeModules(t *testing.T) {
	d := load(t, `
-- facsimile.yaml --
projects: {api: {repo: x}, gate: {repo: y}}
modules: [{name: queue, port: 1}, {name: db}]
-- define/prod.yaml --
`)
	project := func(p facsimile.Project, facsimileYAML string) *Resolved {
		r, err := d.Resolve(context.Background(), "prod", p, tree("-- facsimile.yaml --\n"+facsimileYAML))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	of := map[facsimile.Project]*Resolved{
		"":     resolve(t, d, "prod"),
		"api":  project("api", "modules: {apid: {port: 5}, queue: {port: 2}}\n"),
		"gate": project("gate", "modules: [{name: gated}, {name: apid, port: 6}]\n"),
	}
	_, err := MergeModules(of)
	if got, want := allOf(err), `api/config/facsimile/facsimile.yaml:1:24 gate/config/facsimile/facsimile.yaml:1:45: the projects "api" and "gate" define the module "apid" differently: modules.apid.port [define it in one place, or give them different names]`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	of["gate"] = project("gate", "modules: [{name: gated}, {name: apid, port: 5}]\n")
	v, err := MergeModules(of)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(v), `{"queue":{"name":"queue","port":2},"db":{"name":"db"},"apid":{"port":5},"gated":{"name":"gated"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	of["gate"] = project("gate", "modules: {queue: {port: 3}}\n")
	if _, err = MergeModules(of); err == nil || !strings.Contains(err.Error(), `"api" and "gate" define the module "queue" differently: modules.queue.port`) {
		t.Error(err)
	}
}

// Several goroutines may use one definition: they get the same answers, and each file is read
// once all the same.
func TestConcurrentUse(t *testing.T) {
	d := load(t, shop)
	want := map[facsimile.Instance]string{}
	for _, in := range []facsimile.Instance{"prod", "here", "dev"} {
		want[in] = text(resolve(t, load(t, shop), in).For("app1").Root())
	}
	var group errgroup.Group
	for i := range 30 {
		group.Go(func() error {
			in := []facsimile.Instance{"prod", "here", "dev"}[i%3]
			r, err := d.Resolve(context.Background(), in, "", nil)
			if err != nil {
				return err
			}
			if got := text(r.For("app1").Root()); got != want[in] {
				return fmt.Errorf("%s: got %s, want %s", in, got, want[in])
			}
			_, err = d.Instances()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := d.parsed.Load(); got != 6 {
		t.Errorf("%d files were read, want 6", got)
	}
}
