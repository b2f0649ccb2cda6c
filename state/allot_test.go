package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"facsimile.dev/facsimile"
)

// played is an instance whose changes are applied in memory, without a store.
type played struct {
	t *testing.T
	v *version
}

func newPlayed(t *testing.T, in facsimile.Instance) *played {
	return &played{t, newVersion(in, testProject, nil)}
}

func (p *played) snapshot() Snapshot { return Snapshot{shared: p.v, own: p.v} }

// apply does what a commit does, without sealing.
func (p *played) apply(c Change) {
	p.t.Helper()
	if c.Empty() {
		return
	}
	e := &entry{header: header{Instance: p.v.instance, Change: c.ID}, head: Head{facsimile.DigestOf([]byte(c.ID))}}
	e.items = c.plainItems()
	for _, s := range c.Secrets {
		e.items = append(e.items, &item{Secret: s.Key, Type: s.Type, Bits: s.Bits, Envelope: facsimile.DigestOf([]byte(s.Value.Reveal()))})
	}
	for _, it := range e.items {
		it.entry, it.Generation = e, 1
		if have := p.v.items[it.key()]; have != nil {
			it.Generation = have.Generation + 1
		}
		if err := it.check(); err != nil {
			p.t.Fatal(err)
		}
	}
	next, err := p.v.with(e)
	if err != nil {
		p.t.Fatal(err)
	}
	p.v = next
}

// run allots and applies.
func (p *played) run(needs Needs) Allotment {
	p.t.Helper()
	a, err := Allot(needs, p.snapshot(), p.snapshot(), seeded(byte(len(p.v.order))))
	if err != nil {
		p.t.Fatal(err)
	}
	p.apply(a.Own)
	return a
}

func (p *played) ids() string {
	var all []string
	for _, r := range p.snapshot().Replicas() {
		all = append(all, fmt.Sprintf("%s:%d", r.Replica, r.UIID))
	}
	return strings.Join(all, " ")
}

// places are all ports and nodes by replica.
func (p *played) places() string {
	var all []string
	for _, r := range p.snapshot().Replicas() {
		all = append(all, fmt.Sprintf("%s@%s:%d", r.Replica, r.Node, r.Port))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// copies are n replicas of a module.
func copies(module string, n int, port int, on ...facsimile.Node) []ReplicaNeed {
	var needs []ReplicaNeed
	for i := range n {
		needs = append(needs, ReplicaNeed{
			Replica: facsimile.Replica(fmt.Sprintf("%sd.%d", module, i)), Module: facsimile.Module(module),
			LogicalName: module, Candidates: on, Port: port,
		})
	}
	return needs
}

// The worked example of the earlier system: ids in list order at first sight, never reused.
func TestIdsAsTheEarlierSystemGaveThem(t *testing.T) {
	renamed := copies("api", 1, 0, "n1")
	renamed[0].LogicalName = "api-new"
	p := newPlayed(t, "ha")
	for _, run := range []struct {
		name  string
		needs []ReplicaNeed
		want  string
	}{
		{"web three times, api", slices.Concat(copies("web", 3, 0, "n1"), copies("api", 1, 0, "n1")), "webd.0:1 webd.1:2 webd.2:3 apid.0:4"},
		{"the same", slices.Concat(copies("web", 3, 0, "n1"), copies("api", 1, 0, "n1")), "webd.0:1 webd.1:2 webd.2:3 apid.0:4"},
		{"db first", slices.Concat(copies("db", 1, 0, "n1"), copies("web", 3, 0, "n1"), copies("api", 1, 0, "n1")), "webd.0:1 webd.1:2 webd.2:3 apid.0:4 dbd.0:5"},
		{"no api", slices.Concat(copies("db", 1, 0, "n1"), copies("web", 3, 0, "n1")), "webd.0:1 webd.1:2 webd.2:3 apid.0:4 dbd.0:5"},
		{"api back, renamed, no db, web five times", slices.Concat(copies("web", 5, 0, "n1"), renamed), "webd.0:1 webd.1:2 webd.2:3 apid.0:4 dbd.0:5 webd.3:6 webd.4:7"},
		{"no web", renamed, "webd.0:1 webd.1:2 webd.2:3 apid.0:4 dbd.0:5 webd.3:6 webd.4:7"},
	} {
		p.run(Needs{Replicas: run.needs})
		if got := p.ids(); got != run.want {
			t.Errorf("%s: %s, want %s", run.name, got, run.want)
		}
	}
	if r, _ := p.snapshot().Replica("apid.0"); r.LogicalName != "api" {
		t.Errorf("the logical name is %q, and should be the one of the first time", r.LogicalName)
	}
}

func TestPlaces(t *testing.T) {
	two, three := []facsimile.Node{"a", "b"}, []facsimile.Node{"a", "b", "c"}
	for _, c := range []struct {
		name string
		runs [][]ReplicaNeed
		want string // after the last
	}{
		{"in order", [][]ReplicaNeed{copies("x", 2, 0, three...)}, "xd.0@a:0 xd.1@b:0"},
		{"around again", [][]ReplicaNeed{copies("x", 3, 0, two...)}, "xd.0@a:0 xd.1@b:0 xd.2@a:0"},
		{"fewest first", [][]ReplicaNeed{slices.Concat(copies("x", 1, 0, two...), copies("y", 1, 0, two...))}, "xd.0@a:0 yd.0@b:0"},
		{"copies of one module apart even on a busy node", [][]ReplicaNeed{slices.Concat(copies("x", 1, 0, "a"), copies("y", 1, 0, "a"), copies("z", 2, 0, two...))},
			"xd.0@a:0 yd.0@a:0 zd.0@b:0 zd.1@a:0"},
		{"a new node moves nothing", [][]ReplicaNeed{copies("x", 2, 0, two...), copies("x", 2, 0, three...)}, "xd.0@a:0 xd.1@b:0"},
		{"a new node takes what is new", [][]ReplicaNeed{copies("x", 2, 0, two...), copies("x", 3, 0, three...)}, "xd.0@a:0 xd.1@b:0 xd.2@c:0"},
		{"another order of nodes moves nothing", [][]ReplicaNeed{copies("x", 2, 0, "a", "b"), copies("x", 2, 0, "b", "a")}, "xd.0@a:0 xd.1@b:0"},
		{"who loses its node moves", [][]ReplicaNeed{copies("x", 3, 0, three...), copies("x", 3, 0, "b", "c")}, "xd.0@b:0 xd.1@b:0 xd.2@c:0"},
		{"who comes back stands where it stood", [][]ReplicaNeed{copies("x", 2, 80, two...), copies("x", 1, 80, two...), copies("x", 2, 80, two...)}, "xd.0@a:80 xd.1@b:80"},
		{"one candidate is an order", [][]ReplicaNeed{copies("x", 1, 0, "a"), copies("x", 1, 0, "b")}, "xd.0@b:0"},
	} {
		p := newPlayed(t, "prod")
		for _, needs := range c.runs {
			p.run(Needs{Replicas: needs})
		}
		if got := p.places(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestPorts(t *testing.T) {
	auto := copies("z", 2, 0, "a")
	for i := range auto {
		auto[i].PortAuto = true
	}
	for _, c := range []struct {
		name  string
		runs  [][]ReplicaNeed
		want  string
		notes int // of the last run
	}{
		{"the first on its node", [][]ReplicaNeed{copies("x", 4, 8000, "a", "b")}, "xd.0@a:8000 xd.1@b:8000 xd.2@a:8001 xd.3@b:8001", 0},
		{"a written port before further copies", [][]ReplicaNeed{slices.Concat(copies("x", 2, 8000, "a"), copies("y", 1, 8001, "a"))},
			"xd.0@a:8000 xd.1@a:8002 yd.0@a:8001", 0},
		{"two modules want one", [][]ReplicaNeed{slices.Concat(copies("x", 1, 8000, "a"), copies("y", 1, 8000, "a"))}, "xd.0@a:8000 yd.0@a:8001", 1},
		{"who has it keeps it", [][]ReplicaNeed{copies("x", 2, 8000, "a"), slices.Concat(copies("y", 1, 8001, "a"), copies("x", 2, 8000, "a"))},
			"xd.0@a:8000 xd.1@a:8001 yd.0@a:8002", 1},
		{"who left gives way", [][]ReplicaNeed{copies("x", 1, 8000, "a"), copies("y", 1, 8000, "a")}, "xd.0@a:0 yd.0@a:8000", 0},
		{"and takes the next when it is back", [][]ReplicaNeed{copies("x", 1, 8000, "a"), copies("y", 1, 8000, "a"), slices.Concat(copies("x", 1, 8000, "a"), copies("y", 1, 8000, "a"))},
			"xd.0@a:8001 yd.0@a:8000", 1},
		{"a new number in the definition holds", [][]ReplicaNeed{copies("x", 2, 8000, "a"), copies("x", 2, 9000, "a")}, "xd.0@a:9000 xd.1@a:9001", 0},
		{"no port any more", [][]ReplicaNeed{copies("x", 1, 8000, "a"), copies("x", 1, 0, "a")}, "xd.0@a:0", 0},
		{"automatic", [][]ReplicaNeed{slices.Concat(auto, copies("x", 1, 20000, "a"))}, "xd.0@a:20000 zd.0@a:20001 zd.1@a:20002", 0},
		{"automatic ones are kept", [][]ReplicaNeed{auto, auto[1:], auto}, "zd.0@a:20000 zd.1@a:20001", 0},
		{"a move takes the first of the new node", [][]ReplicaNeed{copies("x", 2, 8000, "a"), copies("x", 2, 8000, "b")}, "xd.0@b:8000 xd.1@b:8001", 0},
	} {
		p := newPlayed(t, "prod")
		var a Allotment
		for _, needs := range c.runs {
			a = p.run(Needs{Replicas: needs})
		}
		if got := p.places(); got != c.want || len(a.Notes) != c.notes {
			t.Errorf("%s: %s, want %s; notes %v", c.name, got, c.want, a.Notes)
		}
	}
}

func TestAnAutomaticPortAvoidsThoseThatMayComeBack(t *testing.T) {
	auto := func(module string) []ReplicaNeed {
		n := copies(module, 1, 0, "a")
		n[0].PortAuto = true
		return n
	}
	p := newPlayed(t, "prod")
	narrow := PortRange{100, 101}
	for _, run := range []struct{ module, want string }{
		{"x", "xd.0@a:100"}, {"y", "xd.0@a:100 yd.0@a:101"}, {"z", "xd.0@a:0 yd.0@a:101 zd.0@a:100"},
	} {
		p.run(Needs{Replicas: auto(run.module), AutoPorts: narrow})
		if got := p.places(); got != run.want {
			t.Errorf("%s: %s, want %s", run.module, got, run.want)
		}
	}
	_, err := Allot(Needs{Replicas: slices.Concat(auto("x"), auto("y"), auto("z")), AutoPorts: narrow}, p.snapshot(), p.snapshot(), seeded(1))
	if err == nil || !strings.Contains(err.Error(), "no port from 100 to 101 is left on a for xd.0") {
		t.Errorf("got %v", err)
	}
}

func TestADirectoryStaysWhereItFirstWas(t *testing.T) {
	p := newPlayed(t, "prod")
	for _, path := range []string{"/srv/data", "/elsewhere"} {
		p.run(Needs{Directories: []DirectoryNeed{{Module: "db", Name: "data", Path: path}}})
	}
	if got, _ := p.snapshot().Directory("db", "data"); got != "/srv/data" {
		t.Errorf("got %q", got)
	}
}

func TestModulesOfOneUsernameShareItsPassword(t *testing.T) {
	p := newPlayed(t, "prod")
	a := p.run(Needs{Secrets: []SecretNeed{{Key: "passwd.x"}, {Key: "passwd.x"}}})
	if len(a.Own.Secrets) != 1 {
		t.Errorf("%d secrets", len(a.Own.Secrets))
	}
}

func TestPendingNamesEverythingThatIsMissing(t *testing.T) {
	p := newPlayed(t, "prod")
	a, err := Allot(shopNeeds(), p.snapshot(), p.snapshot(), seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"directory.api.data", "passwd.api", "passwd.gateway",
		"replica.apid.0.place", "replica.apid.0.uiid", "replica.apid.1.place", "replica.apid.1.uiid",
		"replica.gatewayd.0.place", "replica.gatewayd.0.uiid", "secrets.api.cookie_key",
	}
	if got := a.Pending(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	p.apply(a.Own)
	if b := p.run(shopNeeds()); !b.Empty() || len(b.Pending()) != 0 {
		t.Errorf("then still %q", b.Pending())
	}
}

func TestAllProblemsAreToldTogetherAndWhere(t *testing.T) {
	at := func(line int) facsimile.Position {
		return facsimile.Position{File: "modules.yaml", Line: line, Column: 1}
	}
	lost := copies("x", 1, 0)
	lost[0].At = at(5)
	twice := copies("y", 1, 0, "a")
	twice[0].At = at(6)
	needs := Needs{
		Secrets: []SecretNeed{
			{Key: "secrets.a.key", Policy: Policy{Type: "ed25519"}, At: at(1)},
			{Key: "secrets.a.word", Policy: Policy{Type: "pasword"}, At: at(2)},
			{Key: "passwd.b", At: at(3)}, {Key: "passwd.b", Policy: Policy{Length: 9}, At: at(4)},
		},
		Replicas:    slices.Concat(lost, twice, twice),
		Directories: []DirectoryNeed{{Module: "m", Name: "d", Path: "/1", At: at(7)}, {Module: "m", Name: "d", Path: "/2", At: at(8)}},
	}
	p := newPlayed(t, "prod")
	_, err := Allot(needs, p.snapshot(), p.snapshot(), seeded(1))
	var problems facsimile.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	var told []string
	for _, e := range problems {
		told = append(told, e.Error())
	}
	for _, want := range []string{
		"modules.yaml:1:1: cannot make the secret secrets.a.key: secrets of the type ed25519 are not available",
		"modules.yaml:2:1: cannot make the secret secrets.a.word: there is no type of secrets \"pasword\": did you mean password?",
		"modules.yaml:4:1: the secret passwd.b is wanted in two ways, the other by modules.yaml:3:1",
		"modules.yaml:5:1: there is no node on which xd.0 could stand",
		"modules.yaml:6:1: the replica yd.0 is needed twice",
		"modules.yaml:8:1: the directory d of the module m is at \"/2\" and, by modules.yaml:7:1, at \"/1\"",
	} {
		if !slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("nobody said %q in %q", want, told)
		}
	}
}

func TestIdsRunOut(t *testing.T) {
	p := newPlayed(t, "prod")
	p.run(Needs{Replicas: copies("x", 255, 0, "a")})
	_, err := Allot(Needs{Replicas: copies("y", 1, 0, "a")}, p.snapshot(), p.snapshot(), seeded(1))
	if err == nil || !strings.Contains(err.Error(), "no id is left for yd.0: they go up to 255") {
		t.Errorf("got %v", err)
	}
	p.run(Needs{Replicas: copies("y", 1, 0, "a"), MaxUIID: 256})
	if r, _ := p.snapshot().Replica("yd.0"); r.UIID != 256 {
		t.Errorf("got %+v", r)
	}
}

// Also an instance without any module has a state: releases are sealed with its key.
func TestAStateIsBegunEvenWithoutNeeds(t *testing.T) {
	p := newPlayed(t, "prod")
	a := p.run(Needs{})
	if !a.Own.Begin || a.Own.ID == "" || len(a.Pending()) != 0 || !a.Shared.Empty() {
		t.Errorf("%+v", a.Own)
	}
	if again := p.run(Needs{}); !again.Empty() {
		t.Error("begun twice")
	}
}
