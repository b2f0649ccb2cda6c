package nodetest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// trees adds n trees that differ in one file.
func (b *bench) trees(n int) []facsimile.Digest {
	b.t.Helper()
	all := make([]facsimile.Digest, n)
	for i := range all {
		all[i] = b.content.Add(b.t, b.content.File("same", "the same in all", 0o644), b.content.File("version", string(rune('a'+i)), 0o644))
	}
	return all
}

func revert(t *testing.T, b *bench) {
	trees := b.trees(2)
	first := b.stage(1, trees[0])
	must(t, b.Node.Revert(b.ctx, Ballot(1), first)) // it never switched
	_, err := b.Node.Activate(b.ctx, Ballot(1), first)
	must(t, err)
	must(t, b.Node.Revert(b.ctx, Ballot(1), first))
	must(t, b.Node.Revert(b.ctx, Ballot(1), first))
	if r := b.look(trees[0]); !r.Current.IsZero() || !r.Staged || r.Last.Order.Epoch != 0 {
		t.Errorf("reverting the first deployment left %+v", r)
	}
	if _, err := os.Lstat(filepath.Join(b.Home, "current")); err == nil {
		t.Error("reverting the first deployment left a current")
	}
	must(t, b.Node.Release(b.ctx, Ballot(1)))

	b.deploy(2, trees[0])
	second := b.stage(3, trees[1])
	_, err = b.Node.Activate(b.ctx, Ballot(3), second)
	must(t, err)
	b.exact(trees[1])
	must(t, b.Node.Revert(b.ctx, Ballot(3), second))
	b.exact(trees[0])
	r := b.look(trees[0])
	if r.Last.Order.Epoch != 2 || !r.Last.Confirmed {
		t.Errorf("after reverting epoch 3 the last receipt is %+v", r.Last)
	}
	b.refused(b.Node.Confirm(b.ctx, Ballot(3), second.Release))
	_, err = b.Node.Activate(b.ctx, Ballot(3), second) // and forward again
	must(t, err)
	b.exact(trees[1])

	damage := filepath.Join(b.Home, "releases", trees[0].Hex(), "same")
	must(t, overwriteQuietly(damage))
	b.refused(b.Node.Revert(b.ctx, Ballot(3), second), "same", "content")
	b.exact(trees[1])
}

func revertByAnother(t *testing.T, b *bench) {
	trees := b.trees(3)
	b.deploy(1, trees[0])
	left := b.stage(2, trees[1]) // a rollout that dies after its switch
	_, err := b.Node.Activate(b.ctx, Ballot(2), left)
	must(t, err)
	must(t, b.Node.Release(b.ctx, Ballot(2)))

	b.promise(3)
	other := left
	other.Trees = map[facsimile.Node]facsimile.Digest{b.Name: trees[2]}
	b.refused(b.Node.Revert(b.ctx, Ballot(3), other), trees[1].Short())
	must(t, b.Node.Revert(b.ctx, Ballot(3), left))
	b.exact(trees[0])
	must(t, b.Node.Release(b.ctx, Ballot(3)))

	newer := b.stage(4, trees[1])
	_, err = b.Node.Activate(b.ctx, Ballot(4), newer)
	must(t, err)
	must(t, b.Node.Release(b.ctx, Ballot(4)))
	b.deploy(5, trees[2])
	b.promise(6)
	b.refused(b.Node.Revert(b.ctx, Ballot(6), newer), "epoch 4", "epoch 5")
	b.exact(trees[2])
}

func confirm(t *testing.T, b *bench) {
	trees := b.trees(2)
	o := b.stage(1, trees[0])
	b.refused(b.Node.Confirm(b.ctx, Ballot(1), o.Release)) // not switched yet
	r, err := b.Node.Activate(b.ctx, Ballot(1), o)
	must(t, err)
	if r.Confirmed || r.Tree != trees[0] || r.Order.Epoch != 1 || r.Time.IsZero() {
		t.Errorf("the receipt is %+v", r)
	}
	b.refused(b.Node.Confirm(b.ctx, Ballot(1), Order(1, b.Name, trees[1]).Release))
	b.refused(b.Node.Confirm(b.ctx, Ballot(1), facsimile.Digest{}))
	current := filepath.Join(b.Home, "current")
	must(t, os.Remove(current)) // somebody undid the switch by hand
	b.refused(b.Node.Confirm(b.ctx, Ballot(1), o.Release))
	must(t, os.Symlink("releases/"+trees[0].Hex(), current))
	must(t, b.Node.Confirm(b.ctx, Ballot(1), o.Release))
	if r := b.look(trees[0]); !r.Last.Confirmed {
		t.Errorf("after confirming: %+v", r.Last)
	}
}

func prune(t *testing.T, b *bench) {
	trees := b.trees(7)
	for i, d := range trees[:5] {
		b.deploy(uint64(i+1), d)
	}
	var o node.Order
	for epoch := uint64(6); epoch <= 7; epoch++ { // two rollouts that nobody confirms
		must(t, b.Node.Release(b.ctx, Ballot(epoch-1)))
		o = b.stage(epoch, trees[epoch-1])
		_, err := b.Node.Activate(b.ctx, Ballot(epoch), o)
		must(t, err)
	}
	check := func(keep int, pinned []facsimile.Digest, want ...facsimile.Digest) {
		t.Helper()
		got, err := b.Node.Prune(b.ctx, Ballot(7), keep, pinned)
		must(t, err)
		slices.SortFunc(got, func(a, b facsimile.Digest) int { return bytes.Compare(a[:], b[:]) })
		slices.SortFunc(want, func(a, b facsimile.Digest) int { return bytes.Compare(a[:], b[:]) })
		if !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
			t.Errorf("pruning to %d removed %v, want %v", keep, got, want)
		}
	}
	check(3, []facsimile.Digest{trees[0]}, trees[1]) // 2 to 4 are the newest confirmed
	check(3, nil, trees[0])
	check(0, nil, trees[2], trees[3]) // 4 is the last good one, 5 what Revert needs, 6 is current
	must(t, b.Node.Confirm(b.ctx, Ballot(7), o.Release))
	check(1, nil, trees[4], trees[5])
	check(1, nil)
	b.exact(trees[6])
	if names := list(t, filepath.Join(b.Home, "releases")); !reflect.DeepEqual(names, []string{trees[6].Hex()}) {
		t.Errorf("pruning left %v", names)
	}
	must(t, b.Node.Release(b.ctx, Ballot(7)))
	b.deploy(8, trees[0]) // and a pruned one can come back
	b.exact(trees[0])
}

func shared(t *testing.T, b *bench) {
	c := b.content
	first := c.Add(t, c.File("a", "1", 0o644), Link("var/log", facsimile.SharedLink("var/log")), Link("data", facsimile.SharedLink("data")))
	second := c.Add(t, c.File("a", "2", 0o644), Link("var/log", facsimile.SharedLink("var/log")))
	b.deploy(1, first)
	log := filepath.Join(b.Home, "current/var/log/today")
	must(t, os.WriteFile(log, []byte("hello"), 0o644))
	must(t, os.WriteFile(filepath.Join(b.Home, "current/data/kept"), nil, 0o644))
	b.exact(first)
	b.deploy(2, second)
	b.exact(second)
	if got, err := os.ReadFile(log); err != nil || string(got) != "hello" {
		t.Errorf("a shared file after a deployment: %q %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(b.Home, "shared/data/kept")); err != nil {
		t.Errorf("what is shared no longer is gone: %v", err)
	}
}

func secrets(t *testing.T, b *bench) {
	const canary = "correct horse battery staple"
	tree := Sample(t, b.content)
	b.deploy(1, tree)
	b.exact(tree)
	var found []string
	must(t, filepath.WalkDir(b.Home, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		body, err := os.ReadFile(p)
		if err != nil || !bytes.Contains(body, []byte(canary)) {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", p, info.Mode())
		}
		found = append(found, p)
		return err
	}))
	if want := filepath.Join(b.Home, "releases", tree.Hex(), "etc/password"); !reflect.DeepEqual(found, []string{want}) {
		t.Errorf("the secret stands in %v, want %v", found, want)
	}
	must(t, filepath.WalkDir(filepath.Join(b.Home, ".facs"), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", p, info.Mode())
		}
		return err
	}))
	if got := b.deploy(2, b.content.Add(t, b.content.Secret("elsewhere/password", canary))); got != (node.Staged{Reused: 1}) {
		t.Errorf("moving a secret did %+v", got)
	}
}
