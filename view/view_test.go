package view_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"pgregory.net/rapid"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/viewtest"
	"facsimile.dev/facsimile/state"
	"facsimile.dev/facsimile/view"
)

func shop() map[string]string {
	return map[string]string{
		"facsimile.yaml": `
name: shop
home: /srv/shop
title: "{{ facs.name }} of {{ facs.instance }}"
db: {host: db.example.net, port: 5432}
url: "postgres://{{ instance.db.host }}:{{ instance.db.port }}"
port: "{{ instance.db.port }}"
again: "{{ instance.port + 1 }}"
where: "{{ node.name }} in {{ region }}"
dsn: "{{ instance.url }}?password={{ module.api.password }}"
listed: ["{{ instance.db.port }}", two]
raw: {references: false, text: "{{ not.ours }}"}
regions:
  eu: {db: {host: db.eu.example.net}}
`,
		"modules.yaml": `
- name: api
  targets: [app]
  secrets: {cookie: {type: hex, length: 32}}
  service:
    exec: "bin/api --port {{ replica.port }} --id {{ replica.uiid }}"
    n_instances: 3
    port: 8000
- name: gateway
  daemon: nginx
  targets: [frontend]
  service: {exec: bin/gw}
- name: report
`,
		"define/prod.yaml": `
deploy:
  nodes: {frontend: [fe1], app: [app1, app2]}
nodes:
  fe1: {region: eu}
  "app*": {region: us}
  app2: {home: "/home/{{ node.name }}"}
`,
	}
}

func show(t *testing.T, v *view.View, scope view.Scope, path string) facsimile.Value {
	t.Helper()
	c, err := v.At("", scope)
	if err != nil {
		t.Fatal(err)
	}
	p, err := facsimile.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Show(p)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return got
}

func asJSON(t *testing.T, v facsimile.Value) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReferencesAreLazyTypedAndPerScope(t *testing.T) {
	made := viewtest.New(t, shop(), "prod", nil)
	node := view.Scope{Node: "fe1"}
	for _, c := range []struct {
		scope      view.Scope
		path, want string
	}{
		{view.Scope{}, "title", `"shop of prod"`},
		{view.Scope{}, "url", `{"per":"node","expression":"postgres://{{ instance.db.host }}:{{ instance.db.port }}"}`},
		{view.Scope{Node: "app1"}, "url", `"postgres://db.example.net:5432"`},
		{node, "url", `"postgres://db.eu.example.net:5432"`},
		{view.Scope{}, "port", `5432`}, // one expression keeps its type
		{view.Scope{}, "again", `5433`},
		{view.Scope{}, "listed", `[5432,"two"]`},
		{view.Scope{}, "where", `{"per":"node","expression":"{{ node.name }} in {{ region }}"}`},
		{node, "where", `"fe1 in eu"`},
		{view.Scope{}, "raw", `{"references":false,"text":"{{ not.ours }}"}`},
		{node, "modules.api.service.exec", `{"per":"replica","expression":"bin/api --port {{ replica.port }} --id {{ replica.uiid }}"}`},
		{view.Scope{}, "modules.api.password", `{"pending":true}`},
		{view.Scope{}, "dsn", `{"pending":true}`},
		{view.Scope{}, "modules.api.secrets.cookie", `{"pending":true}`},
		{view.Scope{}, "modules.gateway.username", `"nginx"`},
	} {
		if got := asJSON(t, show(t, made.View, c.scope, c.path)); got != c.want {
			t.Errorf("%v %s is %s, want %s", c.scope, c.path, got, c.want)
		}
	}
}

func TestSecretsAreShownWithoutAKey(t *testing.T) {
	made := viewtest.New(t, shop(), "prod", nil)
	made.State.Allot(t, made.View)
	again := remake(t, made, shop())
	if got := asJSON(t, show(t, again.View, view.Scope{}, "modules.api.password")); got != `{"secret":"fp:passwd.api"}` {
		t.Errorf("password shows as %s", got)
	}
	if got := asJSON(t, show(t, again.View, view.Scope{}, "dsn")); got != `{"secret":null}` {
		t.Errorf("what was made from a password shows as %s", got)
	}
	if whole := asJSON(t, show(t, again.View, view.Scope{Node: "app1"}, "")); strings.Contains(whole, "secret-") {
		t.Errorf("a secret shows in %s", whole)
	}
	if again.State.Reveals() != 0 {
		t.Errorf("showing opened %d secrets", again.State.Reveals())
	}
	c, err := again.View.Open("", view.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	v, secret, err := c.Plain(facsimile.Path{"dsn"})
	if err != nil || !secret || v.Str() != "postgres://db.example.net:5432?password=secret-passwd.api" {
		t.Errorf("Plain gives %q, secret %v, %v", v.Str(), secret, err)
	}
	if _, secret, err = c.Plain(facsimile.Path{"url"}); err != nil || secret {
		t.Errorf("url is secret: %v, %v", secret, err)
	}
}

// remake makes the view anew, over a state that has changed.
func remake(t *testing.T, old viewtest.Made, files map[string]string) viewtest.Made {
	t.Helper()
	made := viewtest.New(t, files, old.View.Instance(), nil)
	made.State.Secrets, made.State.Placed = old.State.Secrets, old.State.Placed
	fresh := viewtest.New(t, files, old.View.Instance(), nil)
	fresh.State.Take(made.State)
	return fresh
}

func TestEachReferenceIsEvaluatedOnce(t *testing.T) {
	made := viewtest.New(t, shop(), "prod", nil)
	c, err := made.View.At("", view.Scope{Node: "app1"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, path := range []facsimile.Path{{"again"}, {"port"}, {"url"}, {"listed"}} {
			if _, err := c.Show(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := c.Evaluations(), 4; got != want { // again, port, url, listed.0
		t.Errorf("%d evaluations, want %d", got, want)
	}
}

func TestCycleIsAChain(t *testing.T) {
	files := shop()
	files["define/loop.yaml"] = `
deploy: {nodes: {app: [app1], frontend: [app1]}}
a: "{{ instance.b }}"
b: "{{ instance.c }}"
c: "{{ instance.a }}"
`
	made := viewtest.New(t, files, "loop", nil)
	c, err := made.View.At("", view.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Show(facsimile.Path{"a"})
	var e *facsimile.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	var lines []string
	for _, at := range e.At {
		lines = append(lines, fmt.Sprintf("%s:%d", at.File, at.Line))
	}
	if got, want := strings.Join(lines, " "), "define/loop.yaml:3 define/loop.yaml:4 define/loop.yaml:5 define/loop.yaml:3"; got != want {
		t.Errorf("at %s, want %s", got, want)
	}
	if e.Hint != "a → b → c → a" {
		t.Errorf("hint %q", e.Hint)
	}
}

func TestReferenceErrorsNameTheirPlace(t *testing.T) {
	files := shop()
	files["define/bad.yaml"] = `
deploy: {nodes: {app: [app1], frontend: [app1]}}
typo: "{{ instance.db.hots }}"
`
	made := viewtest.New(t, files, "bad", nil)
	c, err := made.View.At("", view.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Show(facsimile.Path{"typo"})
	var e *facsimile.Error
	if !errors.As(err, &e) || len(e.At) == 0 || e.At[0].File != "define/bad.yaml" || e.At[0].Line != 3 {
		t.Fatalf("got %#v", err)
	}
	if !strings.Contains(e.Hint, "host") {
		t.Errorf("hint %q does not name the nearest", e.Hint)
	}
}

func TestHomes(t *testing.T) {
	files := shop()
	files["define/here.yaml"] = `
deploy: {nodes: {app: [a1, a2], frontend: [a1]}}
nodes:
  "a[1:2]": {transport: local, home: "./run/{{ node.name }}"}
`
	here := viewtest.New(t, files, "here", nil)
	prod := viewtest.New(t, files, "prod", nil)
	for _, c := range []struct {
		v    *view.View
		node facsimile.Node
		want string
	}{
		{here.View, "a1", "/definition/run/a1"}, {here.View, "a2", "/definition/run/a2"},
		{prod.View, "app1", "/srv/shop"}, {prod.View, "app2", "/home/app2"},
	} {
		decl, _ := c.v.Topology().Node(c.node)
		if got, err := c.v.Home(decl); err != nil || got != c.want {
			t.Errorf("home of %s is %q, %v; want %q", c.node, got, err, c.want)
		}
	}
}

func TestNeeds(t *testing.T) {
	made := viewtest.New(t, shop(), "prod", nil)
	needs, err := made.View.Needs()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, s := range needs.Secrets {
		keys = append(keys, s.Key)
	}
	if got, want := strings.Join(keys, " "), "passwd.api secrets.api.cookie passwd.nginx passwd.report"; got != want {
		t.Errorf("secrets %s, want %s", got, want)
	}
	var replicas []string
	for _, r := range needs.Replicas {
		replicas = append(replicas, fmt.Sprintf("%s%v%d", r.Replica, r.Candidates, r.Port))
	}
	if got, want := strings.Join(replicas, " "), "apid.0[app1 app2]8000 apid.1[app1 app2]8000 apid.2[app1 app2]8000 nginxd.0[fe1]0"; got != want {
		t.Errorf("replicas %s, want %s", got, want)
	}
}

func TestNeedsRefusesOverlaysOnWhatTheStateHolds(t *testing.T) {
	files := shop()
	files["define/prod.yaml"] += "  app1: {region: us, modules: {api: {service: {n_instances: 7}}}}\n"
	made, err := viewtest.Try(files, "prod", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = made.View.Needs()
	if err == nil || !strings.Contains(err.Error(), "service.n_instances") || !strings.Contains(err.Error(), "app1") {
		t.Errorf("got %v", err)
	}
}

// A module with per_node keeps its replicas where they are, whatever nodes come and go.
func TestPerNodeIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []string{"a", "b", "c", "d", "e"}
		placed := map[facsimile.Replica]facsimile.Node{}
		each := rapid.IntRange(1, 3).Draw(t, "per_node")
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			nodes := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, len(all), rapid.ID).Draw(t, "nodes")
			files := map[string]string{
				"facsimile.yaml":  "name: x\nhome: /srv/x\n",
				"modules.yaml":    fmt.Sprintf("- {name: m, service: {exec: x, per_node: %d}}\n", each),
				"define/one.yaml": "deploy: {nodes: {t: [" + strings.Join(nodes, ", ") + "]}}\n",
			}
			made, err := viewtest.Try(files, "one", nil)
			if err != nil {
				t.Fatal(err)
			}
			for r, n := range placed {
				made.State.Placed[r] = state.Placed{Replica: r, UIID: 1, Node: n}
			}
			again, err := viewtest.Try(files, "one", nil)
			if err != nil {
				t.Fatal(err)
			}
			again.State.Take(made.State)
			needs, err := again.View.Needs()
			if err != nil {
				t.Fatal(err)
			}
			now, count := map[facsimile.Replica]facsimile.Node{}, map[facsimile.Node]int{}
			for _, r := range needs.Replicas {
				if _, twice := now[r.Replica]; twice || len(r.Candidates) != 1 {
					t.Fatalf("replica %s with candidates %v", r.Replica, r.Candidates)
				}
				now[r.Replica] = r.Candidates[0]
				count[r.Candidates[0]]++
			}
			for _, n := range nodes {
				if count[facsimile.Node(n)] != each {
					t.Fatalf("%d replicas on %s, want %d", count[facsimile.Node(n)], n, each)
				}
				for r, was := range placed {
					if string(was) == n && now[r] != was {
						t.Fatalf("%s moved from %s to %q", r, was, now[r])
					}
				}
			}
			placed = now
		}
	})
}

func TestExplain(t *testing.T) {
	files := shop()
	files["define/base.yaml"] = "abstract: true\ndb: {port: 5433}\n"
	files["define/prod.yaml"] = "inherit: [base]\ndb: {port: 5434}\n" + files["define/prod.yaml"]
	made := viewtest.New(t, files, "prod", nil)
	c, err := made.View.At("", view.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Explain(facsimile.Path{"db", "port"})
	if err != nil {
		t.Fatal(err)
	}
	at := func(o facsimile.Origin) string {
		p := made.Sources.Position(o)
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if i, _ := e.Value.Int64(); i != 5434 || at(e.Origin) != "define/prod.yaml:2" {
		t.Errorf("%v from %s", i, at(e.Origin))
	}
	var lost []string
	for _, o := range e.Overrode {
		i, _ := o.Value.Int64()
		lost = append(lost, fmt.Sprint(i, "@", at(o.At)))
	}
	if got, want := strings.Join(lost, " "), "5433@define/base.yaml:2 5432@facsimile.yaml:5"; got != want {
		t.Errorf("overrode %s, want %s", got, want)
	}
	e, err = c.Explain(facsimile.Path{"url"})
	if err != nil {
		t.Fatal(err)
	}
	var reads []string
	for _, r := range e.Reads {
		reads = append(reads, r.Path.String()+"@"+at(r.Origin))
	}
	got := strings.Join(reads, " ")
	for _, want := range []string{"db.host@facsimile.yaml:5", "db.port@define/prod.yaml:2"} {
		if !strings.Contains(got, want) {
			t.Errorf("reads %s, want %s in it", got, want)
		}
	}
	if e.Expression == "" {
		t.Error("the expression is not given")
	}
	e, err = c.Explain(facsimile.Path{"modules", "api", "password"})
	if err != nil || e.StateKey != "passwd.api" {
		t.Errorf("state key %q, %v", e.StateKey, err)
	}
}

func TestOwnLayersAndModulesOfASubproject(t *testing.T) {
	files := shop()
	files["facsimile.yaml"] += "projects:\n  api: {version: 1.0.0}\n"
	own := map[facsimile.Project]fs.FS{"api": viewtest.Files(map[string]string{
		"facsimile.yaml": "level: low\nmodules: {cache: {targets: [app]}}\n",
		"prod.yaml":      "level: high\n",
	})}
	made := viewtest.New(t, files, "prod", own)
	c, err := made.View.At("api", view.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Show(facsimile.Path{"level"}); err != nil || v.Str() != "high" {
		t.Errorf("level is %q, %v", v.Str(), err)
	}
	top, err := made.View.At("", view.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if top.Root().Get("modules").Get("cache").IsAbsent() {
		t.Error("the instance does not have the subproject's module")
	}
	if _, err := top.Show(facsimile.Path{"level"}); err == nil {
		t.Error("the conglomerate has the subproject's own value")
	}
}

func TestUnknownNamesHaveTheNearest(t *testing.T) {
	made := viewtest.New(t, shop(), "prod", nil)
	if _, err := made.View.At("", view.Scope{Node: "ap1"}); err == nil || !strings.Contains(hint(err), "app1") {
		t.Errorf("got %v, hint %q", err, hint(err))
	}
	c, err := made.View.At("", view.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Show(facsimile.Path{"db", "prot"}); err == nil || !strings.Contains(hint(err), "db.port") {
		t.Errorf("got %v, hint %q", err, hint(err))
	}
}

func hint(err error) string {
	var e *facsimile.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// A secret that a module writes itself is refused, and does not show in the error.
func TestModulesHoldNoSecrets(t *testing.T) {
	for module, want := range map[string]string{
		`{password: hunter2}`:           "define/one.yaml:2:17: module api says password itself",
		`{password: "{{ 'hunter2' }}"}`: "define/one.yaml:2:17: module api says password itself",
		`{secrets: {cookie: hunter2}}`:  "define/one.yaml:2:35: secret cookie of module api is a string, want a map",
		`{secrets: [hunter2]}`:          "define/one.yaml:2:17: secrets of module api are a list, want a map by name",
		`{secret: hunter2}`:             "define/one.yaml:2:25: secret of module api is a string, want a map",
		`{secrets: {cookie: {}}}`:       "",
		`{secret: {type: hex}}`:         "",
	} {
		_, err := viewtest.Try(map[string]string{
			"facsimile.yaml": "name: shop\nhome: /srv/shop\n", "define/one.yaml": "\nmodules: {api: " + module + "}\n",
		}, "one", nil)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", module, err)
			}
			continue
		}
		var e *facsimile.Error
		if !errors.As(err, &e) || e.Error() != want {
			t.Errorf("%s: got %v, want %s", module, err, want)
			continue
		}
		if strings.Contains(e.Msg+e.Hint+e.At[0].Text, "hunter2") || e.Hint == "" {
			t.Errorf("%s: %q [%s]", module, e.Msg, e.Hint)
		}
	}
}

// Of the whole instance no value is shown that is another one on some node.
func TestOverlaysShowPerNode(t *testing.T) {
	files := map[string]string{
		"facsimile.yaml": "name: shop\nhome: /srv/shop\ndb: {port: 1, name: shop}\nsame: 1\nlist: [1]\nref: '{{ instance.db.port }}'\nname_of: '{{ instance.db.name }}'\n",
		"define/one.yaml": "deploy: {nodes: {a: [n1, n2], b: [n3]}}\nregions: {eu: {db: {host: x}}}\n" +
			"targets: {b: {same: 1, list: [1, 2], ref: 3}}\nnodes: {n2: {region: eu, db: {port: 2}}}\n",
	}
	made := viewtest.New(t, files, "one", nil)
	for path, want := range map[string]string{
		"db":      `{"port":{"per":"node"},"name":"shop","host":{"per":"node"}}`,
		"db.port": `{"per":"node"}`,
		"db.name": `"shop"`,
		"same":    `1`,
		"list":    `{"per":"node"}`,
		"ref":     `{"per":"node","expression":"{{ instance.db.port }}"}`,
		"name_of": `"shop"`,
	} {
		if got := asJSON(t, show(t, made.View, view.Scope{}, path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	c, err := made.View.At("", view.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.ShowBase(facsimile.Path{"db"}); err != nil || asJSON(t, v) != `{"port":1,"name":"shop"}` {
		t.Errorf("below the overlays db is %v, %v", asJSON(t, v), err)
	}
	_, err = c.Explain(facsimile.Path{"db", "host"})
	var e *facsimile.Error
	if !errors.As(err, &e) || e.Hint != "only some nodes have one: ask for one/n2" {
		t.Errorf("db.host of the instance: %v", err)
	}
	if got := asJSON(t, show(t, made.View, view.Scope{Node: "n2"}, "db")); got != `{"port":2,"name":"shop","host":"x"}` {
		t.Errorf("db of n2 is %s", got)
	}
}

func TestHomesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ body, want, hint string }{
		{"home: ~/x\n", `define/one.yaml:1:7: the home "~/x" of node local starts with a ~, which is not expanded`, "write an absolute path: home: /srv/shop"},
		{"home: ~alice/x\n", `define/one.yaml:1:7: the home "~alice/x" of node local starts with a ~, which is not expanded`, "write an absolute path: home: /srv/shop"},
		{"home: /\n", "define/one.yaml:1:7: the home of node local is the whole machine", "a home is a folder of its own: home: /srv/shop"},
		{"home: //srv/..\n", "define/one.yaml:1:7: the home of node local is the whole machine", "a home is a folder of its own: home: /srv/shop"},
		{"x: 1\n", "instance one has no deploy.nodes, and no home on this machine", "give it one, home: ./run, or list its nodes under deploy.nodes"},
		{"deploy: {nodes: {a: [n1]}}\n", "define/one.yaml:1:22: node n1 has no home", "give it one: home: /srv/shop"},
	} {
		made := viewtest.New(t, map[string]string{"facsimile.yaml": "name: shop\n", "define/one.yaml": c.body}, "one", nil)
		_, err := made.View.Home(made.View.Topology().Nodes[0])
		var e *facsimile.Error
		if !errors.As(err, &e) || e.Error() != c.want || e.Hint != c.hint {
			t.Errorf("%q: got %v, want %s", c.body, err, c.want)
		}
	}
}

func TestWrongNumbersAreNamed(t *testing.T) {
	for number, want := range map[string]string{
		"-1":                     "is -1, want a whole number from 0 to 10000",
		"1.5":                    "is 1.5, want a whole number from 0 to 10000",
		"many":                   `is "many", want a whole number from 0 to 10000`,
		`"{{ instance.n }}"`:     "is -7, want a whole number from 0 to 10000",
		"[1]":                    "is a list, want a whole number from 0 to 10000",
		"10001":                  "is 10001, want a whole number from 0 to 10000",
		strings.Repeat("x", 100): "is a string, want a whole number from 0 to 10000",
	} {
		_, err := viewtest.Try(map[string]string{
			"facsimile.yaml": "name: shop\nhome: /srv/shop\nn: -7\nmodules: {api: {service: {exec: x, n_instances: " + number + "}}}\n", "define/one.yaml": "x: 1\n",
		}, "one", nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", number, err, want)
		}
	}
}
