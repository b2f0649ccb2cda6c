package wire_test

import (
	"path/filepath"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// BenchmarkStage stages 5,000 files of 10 kB each on a new node.
func BenchmarkStage(b *testing.B) {
	content := nodetest.NewContent()
	tree := manyFiles(b, content, 5000, 10_000, 5000, 1)
	for name, open := range map[string]func(home string) (node.Node, func()){
		"in process": func(home string) (node.Node, func()) { return newHost(b, home), func() {} },
		"over a link": func(home string) (node.Node, func()) {
			s, err := tryConnect(newLink(0), newHost(b, home))
			must(b, err)
			return s, func() { must(b, s.end(b)) }
		},
		"of a process": func(home string) (node.Node, func()) {
			c := startChild(b, home, "")
			return c, func() {
				must(b, c.Close())
				must(b, c.wait())
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(5000 * 10_000)
			b.ReportAllocs()
			dir := newHome(b)
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				home := filepath.Join(dir, string(rune('a'+i)))
				n, hangUp := open(home)
				_, err := n.Promise(b.Context(), nodetest.Ballot(1), nodetest.Owner("app1"), time.Hour)
				must(b, err)
				b.StartTimer()
				_, err = n.Stage(b.Context(), nodetest.Ballot(1), nodetest.Order(1, "app1", tree), content)
				b.StopTimer()
				must(b, err)
				hangUp()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkLook is one round trip to a process that has nothing to say.
func BenchmarkLook(b *testing.B) {
	c := startChild(b, newHome(b), "")
	for b.Loop() {
		if _, err := c.Look(b.Context(), facsimile.Digest{}); err != nil {
			b.Fatal(err)
		}
	}
}
