package nodetest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

func epochs(t *testing.T, b *bench) {
	b.promise(7)
	must(t, b.Node.Release(b.ctx, Ballot(7)))
	for _, epoch := range []uint64{1, 6, 7} {
		_, err := b.Node.Promise(b.ctx, node.Ballot{Epoch: epoch, Token: "another"}, Owner(b.Name), time.Hour)
		b.refused(err, "epoch 7")
	}
	_, err := b.Node.Promise(b.ctx, Ballot(7), Owner(b.Name), time.Hour)
	b.refused(err, "epoch 7") // it was given back
	before, err := b.Node.Promise(b.ctx, Ballot(9), Owner(b.Name), time.Hour)
	must(t, err)
	if before.Promised != 7 {
		t.Errorf("the report of before says that epoch %d was promised", before.Promised)
	}
	if after := b.look(facsimile.Digest{}); after.Promised != 9 {
		t.Errorf("epoch %d is promised", after.Promised)
	}
	for _, wrong := range []node.Ballot{{Epoch: 0, Token: "x"}, {Epoch: 10}} {
		if _, err := b.Node.Promise(b.ctx, wrong, Owner(b.Name), time.Hour); err == nil {
			t.Errorf("%+v was granted", wrong)
		}
	}
}

func leases(t *testing.T, b *bench) {
	b.promise(1)
	_, err := b.Node.Promise(b.ctx, Ballot(2), Owner(b.Name), time.Hour)
	b.refused(err, "epoch 1")
	b.promise(1) // the same rollout again: its lease starts anew
	sameToken := node.Ballot{Epoch: 3, Token: Ballot(1).Token}
	_, err = b.Node.Promise(b.ctx, sameToken, Owner(b.Name), time.Hour)
	must(t, err)
	must(t, b.Node.Release(b.ctx, Ballot(1))) // another's by now: left alone
	_, err = b.Node.Promise(b.ctx, Ballot(4), Owner(b.Name), time.Hour)
	b.refused(err, "epoch 3")
	must(t, b.Node.Release(b.ctx, sameToken))
	b.promise(4)
}

func ownerMark(t *testing.T, b *bench) {
	must(t, b.Node.Release(b.ctx, Ballot(1))) // nothing is there to release
	b.deploy(1, Sample(t, b.content))
	for _, other := range []node.Owner{
		{Definition: "else", Instance: Instance, Node: b.Name},
		{Definition: Definition, Instance: "beta", Node: b.Name},
	} {
		_, err := b.Node.Promise(b.ctx, Ballot(2), other, time.Hour)
		b.refused(err, Definition, string(Instance), string(b.Name))
	}
	_, err := b.Node.Promise(b.ctx, Ballot(2), node.Owner{Definition: Definition, Instance: Instance, Node: "other"}, time.Hour)
	b.refused(err, string(b.Name), "other")
	if r := b.look(facsimile.Digest{}); r.Promised != 1 || r.Owner != Owner(b.Name) {
		t.Errorf("refusing left %+v", r)
	}
}

func nonEmptyHome(t *testing.T, b *bench) {
	must(t, os.MkdirAll(b.Home, 0o755))
	must(t, os.WriteFile(filepath.Join(b.Home, "theirs"), []byte("x"), 0o644))
	_, err := b.Node.Promise(b.ctx, Ballot(1), Owner(b.Name), time.Hour)
	b.refused(err, b.Home, "theirs")
	if names := list(t, b.Home); len(names) != 1 {
		t.Errorf("refusing left %v", names)
	}
	must(t, os.Remove(filepath.Join(b.Home, "theirs")))
	b.promise(1)
}

// staleBallot checks that each call that changes something asks for the ballot.
func staleBallot(t *testing.T, b *bench) {
	tree := Sample(t, b.content)
	o := Order(1, b.Name, tree)
	_, err := b.Node.Stage(b.ctx, Ballot(1), o, b.content)
	b.refused(err) // nobody was promised anything
	b.stage(1, tree)
	must(t, b.Node.Release(b.ctx, Ballot(1)))
	b.promise(2)
	kinds := b.kinds()
	for _, stale := range []node.Ballot{Ballot(1), {Epoch: 2, Token: "guess"}, {Epoch: 2}} {
		o.Epoch = stale.Epoch
		_, err = b.Node.Stage(b.ctx, stale, o, b.content)
		b.refused(err, "epoch 2")
		_, err = b.Node.Activate(b.ctx, stale, o)
		b.refused(err, "epoch 2")
		b.refused(b.Node.Confirm(b.ctx, stale, o.Release), "epoch 2")
		b.refused(b.Node.Revert(b.ctx, stale, o), "epoch 2")
		_, err = b.Node.Prune(b.ctx, stale, 1, nil)
		b.refused(err, "epoch 2")
		must(t, b.Node.Release(b.ctx, stale))
	}
	if got := b.kinds(); !reflect.DeepEqual(got, kinds) {
		t.Errorf("refusing wrote %v after %v", got, kinds)
	}
	if r := b.look(tree); !r.Current.IsZero() {
		t.Errorf("current is %s", r.Current)
	}
	must(t, b.Node.Release(b.ctx, Ballot(2)))
	_, err = b.Node.Activate(b.ctx, Ballot(2), Order(2, b.Name, tree))
	b.refused(err) // it was given back
}

// contentLies checks that nothing is taken on trust: each lie about a tree of its own is found
// out, changes nothing, and is forgotten once the truth comes.
func contentLies(t *testing.T, b *bench) {
	c := b.content
	good := c.Add(t, c.File("a", "as it was before", 0o644))
	b.deploy(1, good)
	for i, lie := range []struct {
		name string
		tell func(tree facsimile.Digest, plain, sealed facsimile.File)
	}{
		{"other bytes", func(_ facsimile.Digest, f, _ facsimile.File) { c.Replace(f.Digest, bytes.ToUpper(c.Blob(f.Digest))) }},
		{"too few", func(_ facsimile.Digest, f, _ facsimile.File) { c.Replace(f.Digest, c.Blob(f.Digest)[:3]) }},
		{"too many", func(_ facsimile.Digest, f, _ facsimile.File) {
			c.Replace(f.Digest, []byte(string(c.Blob(f.Digest))+"!"))
		}},
		{"other sealed bytes", func(_ facsimile.Digest, _, f facsimile.File) { c.Replace(f.Digest, c.Blob(f.Digest)[1:]) }},
		{"another key", func(_ facsimile.Digest, _, f facsimile.File) { c.ReplaceKey(f.Digest, node.Key{1}) }},
		{"no tree", func(d facsimile.Digest, _, _ facsimile.File) { c.ReplaceTree(d, []byte("{}")) }},
		{"another tree", func(d facsimile.Digest, f, _ facsimile.File) {
			another, err := facsimile.NewTree([]facsimile.File{f})
			must(t, err)
			c.ReplaceTree(d, another.Encode())
		}},
	} {
		epoch := uint64(2 + 2*i)
		add := func() (tree facsimile.Digest, plain, sealed facsimile.File) {
			plain, sealed = c.File("dir/file", "what should come: "+lie.name, 0o644), c.Secret("secret", "what nobody sees: "+lie.name)
			return c.Add(t, plain, sealed), plain, sealed
		}
		tree, plain, sealed := add()
		lie.tell(tree, plain, sealed)
		o := Order(epoch, b.Name, tree)
		_, err := b.Node.Stage(b.ctx, b.promise(epoch), o, c)
		if b.refused(err); err != nil && strings.Contains(err.Error(), "nobody sees") {
			t.Errorf("%s: the error shows the secret: %v", lie.name, err)
		}
		if lie.name == "another tree" {
			b.refused(err, "another tree than "+tree.String())
		}
		for path, told := range map[string]bool{"dir/file": i < 3, "secret": i == 3 || i == 4} {
			if _, err := os.Lstat(filepath.Join(b.Home, "releases/.staging-"+tree.Hex(), path)); err == nil && told {
				t.Errorf("%s: %s got its name all the same", lie.name, path)
			}
		}
		_, err = b.Node.Activate(b.ctx, Ballot(epoch), o)
		b.refused(err)
		if r := b.look(tree); r.Staged || r.Current.IsZero() || r.Current == tree {
			t.Errorf("%s: %+v", lie.name, r)
		}
		must(t, b.Node.Release(b.ctx, Ballot(epoch)))
		add()
		b.deploy(epoch+1, tree)
		b.exact(tree)
	}
}

func emptyTree(t *testing.T, b *bench) {
	tree := b.content.Add(t)
	o := Order(1, b.Name, tree)
	_, err := b.Node.Stage(b.ctx, b.promise(1), o, b.content)
	b.refused(err, "empty")
	_, err = b.Node.Activate(b.ctx, Ballot(1), o)
	b.refused(err)
}

func activateNeedsStage(t *testing.T, b *bench) {
	tree := Sample(t, b.content)
	b.promise(1)
	_, err := b.Node.Activate(b.ctx, Ballot(1), Order(1, b.Name, tree))
	b.refused(err, tree.Short())
	b.stage(1, tree)
	must(t, os.WriteFile(filepath.Join(b.Home, "releases", tree.Hex(), "extra"), nil, 0o644))
	_, err = b.Node.Activate(b.ctx, Ballot(1), Order(1, b.Name, tree))
	b.refused(err, "extra")
	if r := b.look(tree); !r.Current.IsZero() || r.Staged {
		t.Errorf("%+v", r)
	}
}

func repeated(t *testing.T, b *bench) {
	tree := Sample(t, b.content)
	o := b.stage(1, tree)
	b.stage(1, tree)
	first, err := b.Node.Activate(b.ctx, Ballot(1), o)
	must(t, err)
	kinds := b.kinds()
	again, err := b.Node.Activate(b.ctx, Ballot(1), o)
	must(t, err)
	if !again.Time.Equal(first.Time) || again.Tree != first.Tree || again.Previous != first.Previous {
		t.Errorf("the second receipt is %+v, the first %+v", again, first)
	}
	if got := b.kinds(); !reflect.DeepEqual(got, kinds) {
		t.Errorf("activating again wrote %v after %v", got, kinds)
	}
	must(t, b.Node.Confirm(b.ctx, Ballot(1), o.Release))
	must(t, b.Node.Confirm(b.ctx, Ballot(1), o.Release))
	b.exact(tree)
}

func orderWithoutTree(t *testing.T, b *bench) {
	o := Order(1, "another", Sample(t, b.content))
	_, err := b.Node.Stage(b.ctx, b.promise(1), o, b.content)
	b.refused(err, string(b.Name))
	o = Order(1, b.Name, Sample(t, b.content))
	o.Format = 2
	_, err = b.Node.Stage(b.ctx, Ballot(1), o, b.content)
	b.refused(err, "format 2")
	o = Order(2, b.Name, Sample(t, b.content))
	_, err = b.Node.Stage(b.ctx, Ballot(1), o, b.content)
	b.refused(err, "epoch 2")
}

func cancelled(t *testing.T, b *bench) {
	tree := Sample(t, b.content)
	b.stage(1, tree)
	o := Order(1, b.Name, tree)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s says %v", what, err)
		}
	}
	_, err := b.Node.Look(ctx, tree)
	check("Look", err)
	_, err = b.Node.Promise(ctx, Ballot(2), Owner(b.Name), time.Hour)
	check("Promise", err)
	_, err = b.Node.Stage(ctx, Ballot(1), o, b.content)
	check("Stage", err)
	_, err = b.Node.Activate(ctx, Ballot(1), o)
	check("Activate", err)
	check("Confirm", b.Node.Confirm(ctx, Ballot(1), o.Release))
	check("Revert", b.Node.Revert(ctx, Ballot(1), o))
	_, err = b.Node.Prune(ctx, Ballot(1), 1, nil)
	check("Prune", err)
	check("Release", b.Node.Release(ctx, Ballot(1)))
	for _, err := range b.Node.Verify(ctx, tree) {
		if err != nil {
			check("Verify", err)
		}
	}
	for _, err := range b.Node.Journal(ctx, 0) {
		check("Journal", err)
	}
	if r := b.look(tree); !r.Current.IsZero() || r.Promised != 1 {
		t.Errorf("cancelled calls left %+v", r)
	}
}
