package state

import (
	"context"
	"fmt"
	"os"
	"testing"

	"facsimile.dev/facsimile"
)

// benchNeeds are n secrets and n replicas.
func benchNeeds(n int) Needs {
	needs := Needs{MaxUIID: n}
	for i := range n {
		needs.Secrets = append(needs.Secrets, SecretNeed{Key: fmt.Sprintf("secrets.module%d.key", i)})
		needs.Replicas = append(needs.Replicas, ReplicaNeed{
			Replica: facsimile.Replica(fmt.Sprintf("m%d.0", i)), Module: facsimile.Module(fmt.Sprintf("m%d", i)),
			Candidates: []facsimile.Node{"a", "b", "c"}, Port: 8000,
		})
	}
	return needs
}

func BenchmarkAllot300(b *testing.B) {
	needs := benchNeeds(150) // 300 in all
	for b.Loop() {
		if _, err := Allot(needs, Snapshot{}, Snapshot{}, seeded(1)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad loads 10,000 secrets, which came in one commit or in many.
func BenchmarkLoad(b *testing.B) {
	for _, perCommit := range []int{10000, 10} {
		b.Run(fmt.Sprintf("%d-per-commit", perCommit), func(b *testing.B) {
			f, _ := testFiles(b)
			writeJournal(b, f, 10000, perCommit)
			for b.Loop() {
				if got := len(mustLoad(b, f, "prod").own.items); got != 10000 {
					b.Fatal(got)
				}
			}
		})
	}
}

// writeJournal writes entries for n secrets, without the envelopes: a load does not look at them.
func writeJournal(b *testing.B, f *Files, n, perCommit int) {
	b.Helper()
	if err := f.prepare("prod"); err != nil {
		b.Fatal(err)
	}
	h := header{Facsimile: "state", Format: 1, Project: testProject, Instance: "prod", Who: "ann", Host: "desk", When: testClock(), Why: "bench"}
	for i := 0; i < n; i += perCommit {
		h.Change = fmt.Sprint(i)
		var items []*item
		for j := range perCommit {
			key := fmt.Sprintf("secrets.module%d.key", i+j)
			items = append(items, &item{Secret: key, Generation: 1, Type: "password", Bits: 142, Envelope: facsimile.DigestOf([]byte(key)), Fingerprint: "p-00112233445566778899aabbccddeeff"})
		}
		text, err := encodeEntry(h, items, noMAC)
		if err != nil {
			b.Fatal(err)
		}
		head := Head{facsimile.DigestOf(text)}
		if err := os.WriteFile(f.path("prod", journalName, head.Hex()+entrySuffix), text, 0o644); err != nil {
			b.Fatal(err)
		}
		h.Parents = []Head{head}
	}
}

// BenchmarkReveal opens one secret of a state whose key is open already.
func BenchmarkReveal(b *testing.B) {
	f, _ := testFiles(b)
	mustCommit(b, f, "prod", setSecret("1", "passwd.api", "value"))
	s := mustLoad(b, f, "prod")
	for b.Loop() {
		if _, err := s.Reveal(context.Background(), "passwd.api"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit100 commits 100 new secrets, to a disk.
func BenchmarkCommit100(b *testing.B) {
	f, _ := testFiles(b)
	for i := 0; b.Loop(); i++ {
		c := Change{ID: fmt.Sprint(i)}
		for j := range 100 {
			c.Secrets = append(c.Secrets, NewSecret{Key: fmt.Sprintf("k%d", j), Value: facsimile.NewSecret("v")})
		}
		mustCommit(b, f, "prod", c)
	}
}
