package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"facsimile.dev/facsimile"
)

// plan is a definition as people change it: how many copies of which module, where, with what
// kind of port, in what order.
type plan []plannedModule

type plannedModule struct {
	name  string
	n     int
	nodes []facsimile.Node
	port  int
	auto  bool
}

func drawPlan(t *rapid.T) plan {
	names := rapid.Permutation([]string{"api", "db", "mq", "web"}).Draw(t, "order")
	var p plan
	for _, name := range names[:rapid.IntRange(0, len(names)).Draw(t, "modules")] {
		m := plannedModule{
			name: name, n: rapid.IntRange(0, 4).Draw(t, "n"),
			nodes: rapid.Permutation([]facsimile.Node{"a", "b", "c"}).Draw(t, "nodes")[:rapid.IntRange(1, 3).Draw(t, "count")],
		}
		switch rapid.IntRange(0, 2).Draw(t, "port") {
		case 1:
			m.port = rapid.IntRange(8000, 8002).Draw(t, "first")
		case 2:
			m.auto = true
		}
		p = append(p, m)
	}
	return p
}

func (p plan) needs() Needs {
	var needs Needs
	for _, m := range p {
		needs.Secrets = append(needs.Secrets, SecretNeed{Key: "passwd." + m.name})
		needs.Directories = append(needs.Directories, DirectoryNeed{Module: facsimile.Module(m.name), Name: "data", Path: fmt.Sprintf("/data/%d", m.n)})
		replicas := copies(m.name, m.n, m.port, m.nodes...)
		for i := range replicas {
			replicas[i].PortAuto = m.auto
		}
		needs.Replicas = append(needs.Replicas, replicas...)
	}
	return needs
}

// history is what was ever seen of an instance.
type history struct {
	ids     map[facsimile.Replica]int
	owners  map[int]facsimile.Replica
	secrets map[string]facsimile.Digest
	dirs    map[Directory]bool
}

// TestWhatWasGivenOutStays changes a definition again and again and looks, after each run, at
// everything that a state promises.
func TestWhatWasGivenOutStays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPlayed(t, "prod")
		h := history{map[facsimile.Replica]int{}, map[int]facsimile.Replica{}, map[string]facsimile.Digest{}, map[Directory]bool{}}
		for range rapid.IntRange(1, 8).Draw(rt, "runs") {
			plan := drawPlan(rt)
			before := map[facsimile.Replica]Placed{}
			for _, r := range p.snapshot().Replicas() {
				before[r.Replica] = r
			}
			p.run(plan.needs())
			h.check(rt, p)
			checkPlaces(rt, p, plan, before)
			checkStable(rt, p, plan)
		}
	})
}

// check: no id, secret or directory ever changes, and no id has two owners.
func (h history) check(t *rapid.T, p *played) {
	s := p.snapshot()
	for _, r := range s.Replicas() {
		if old, seen := h.ids[r.Replica]; seen && old != r.UIID {
			t.Fatalf("%s was %d and is %d", r.Replica, old, r.UIID)
		}
		if owner, seen := h.owners[r.UIID]; seen && owner != r.Replica {
			t.Fatalf("%d was of %s and is of %s", r.UIID, owner, r.Replica)
		}
		h.ids[r.Replica], h.owners[r.UIID] = r.UIID, r.Replica
	}
	if len(h.ids) != len(s.Replicas()) {
		t.Fatalf("replicas were lost: %d of %d are left", len(s.Replicas()), len(h.ids))
	}
	for id := 1; id <= len(h.owners); id++ {
		if h.owners[id] == "" {
			t.Fatalf("the id %d was left out", id)
		}
	}
	for _, key := range s.SecretKeys() {
		sum := p.v.items[secretKey(key)].Envelope
		if old, seen := h.secrets[key]; seen && old != sum {
			t.Fatalf("%s changed", key)
		}
		h.secrets[key] = sum
	}
	for _, d := range s.Directories() {
		h.dirs[d] = true
	}
	if len(h.dirs) != len(s.Directories()) || len(h.secrets) != len(s.SecretKeys()) {
		t.Fatal("a directory moved, or something was lost")
	}
}

// checkPlaces: all needed replicas stand on a candidate and have the port that they need, nobody
// moved without need, no port of a node has two owners.
func checkPlaces(t *rapid.T, p *played, plan plan, before map[facsimile.Replica]Placed) {
	s := p.snapshot()
	owners := map[socket]facsimile.Replica{}
	for _, r := range s.Replicas() {
		at := socket{r.Node, r.Port}
		if other, taken := owners[at]; taken && r.Port != 0 {
			t.Fatalf("%s and %s both have %v", r.Replica, other, at)
		}
		owners[at] = r.Replica
	}
	for _, need := range plan.needs().Replicas {
		r, ok := s.Replica(need.Replica)
		old, known := before[need.Replica]
		switch {
		case !ok || !slices.Contains(need.Candidates, r.Node):
			t.Fatalf("%s stands on %q, not on one of %v", need.Replica, r.Node, need.Candidates)
		case known && old.Node != r.Node && slices.Contains(need.Candidates, old.Node):
			t.Fatalf("%s moved from %s to %s without need", need.Replica, old.Node, r.Node)
		case need.Port != 0 && r.Port < need.Port, need.PortAuto && r.Port < firstAutoPort, need.Port == 0 && !need.PortAuto && r.Port != 0:
			t.Fatalf("%s wants the port %d (automatic: %v) and got %d", need.Replica, need.Port, need.PortAuto, r.Port)
		}
	}
}

// checkStable: the same definition again, in any order, needs nothing; and Allot is pure.
func checkStable(t *rapid.T, p *played, plan plan) {
	shuffled := slices.Clone(plan)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	a, err := Allot(shuffled.needs(), p.snapshot(), p.snapshot(), seeded(1))
	if err != nil || !a.Own.Empty() {
		t.Fatalf("another order needs %q, %v", a.Pending(), err)
	}
	more := drawPlan(t).needs()
	one, errOne := Allot(more, p.snapshot(), p.snapshot(), seeded(9))
	two, errTwo := Allot(more, p.snapshot(), p.snapshot(), seeded(9))
	sameSecret := cmp.Comparer(func(a, b facsimile.Secret) bool { return a.Reveal() == b.Reveal() })
	if !cmp.Equal(one, two, sameSecret) || (errOne == nil) != (errTwo == nil) {
		t.Fatal("the same needs gave different changes")
	}
}

// TestFoldingIsTheSameForAnyOrderOfFiles folds the entries of branches that were merged.
func TestFoldingIsTheSameForAnyOrderOfFiles(t *testing.T) {
	entryOf := func(change string, at *entry, second *entry, items ...*item) *entry {
		e := &entry{header: header{Instance: "prod", Change: change}, head: Head{facsimile.DigestOf([]byte(change))}}
		for _, parent := range []*entry{at, second} {
			if parent != nil {
				e.Parents = append(e.Parents, parent.head)
			}
		}
		for _, it := range items {
			it.entry = e
			e.items = append(e.items, it)
		}
		return e
	}
	secret := func(key string, generation int, of string) *item {
		return &item{Secret: key, Generation: generation, Envelope: facsimile.DigestOf([]byte(of))}
	}
	first := entryOf("first", nil, nil, secret("a", 1, "0"))
	left := entryOf("left", first, nil, secret("b", 1, "left"), secret("a", 2, "left"))
	right := entryOf("right", first, nil, secret("b", 1, "right"), secret("c", 1, "right"))
	forked := []*entry{first, left, right}
	merged := append(slices.Clone(forked), entryOf("merge", left, right, secret("b", 2, "merged")))
	unsettled := append(slices.Clone(forked), entryOf("merge", left, right))
	fold := func(list []*entry) (*version, error) {
		entries := map[Head]*entry{}
		for _, e := range list {
			entries[e.head] = e
		}
		v := newVersion("prod", testProject, nil)
		return v, v.fold(entries)
	}
	if _, err := fold(forked); err == nil {
		t.Error("two heads were taken for one state")
	}
	if _, err := fold(unsettled); err == nil {
		t.Error("a merge that leaves two values for a secret was taken")
	}
	if _, err := fold(merged[1:]); err == nil {
		t.Error("a journal without its beginning was taken")
	}
	for range 20 { // maps come in another order each time
		v, err := fold(merged)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]facsimile.Digest{}
		for key, it := range v.items {
			got[key.name] = it.Envelope
		}
		want := map[string]facsimile.Digest{"a": facsimile.DigestOf([]byte("left")), "b": facsimile.DigestOf([]byte("merged")), "c": facsimile.DigestOf([]byte("right"))}
		if !maps.Equal(got, want) {
			t.Fatalf("got %v", got)
		}
	}
}
