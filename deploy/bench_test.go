package deploy_test

import (
	"context"
	"fmt"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
)

// BenchmarkDeploy deploys 500 files of 4 kB to 16 nodes of this machine: one file new on each,
// and nothing new.
func BenchmarkDeploy(b *testing.B) {
	var names []facsimile.Node
	for i := range 16 {
		names = append(names, facsimile.Node(fmt.Sprintf("n%02d", i)))
	}
	f := newFleet(b, names...)
	var files []*release.Item
	for i := range 500 {
		files = append(files, plain(fmt.Sprintf("lib/d%d/f%03d", i%20, i), fmt.Sprintf("%04000d", i)))
	}
	rels := []release.Release{f.build("1.0", files...), f.build("2.0", files...)}
	for _, rel := range rels {
		f.must(rel)
	}
	for name, step := range map[string]int{"one file": 1, "unchanged": 0} {
		b.Run(name, func(b *testing.B) {
			at := 0
			d := f.deployer()
			if _, err := d.Deploy(context.Background(), rels[at], ""); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				at = (at + step) % len(rels)
				if _, err := d.Deploy(context.Background(), rels[at], ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
