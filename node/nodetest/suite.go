package nodetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// Subject is one node under test.
type Subject struct {
	Node node.Node
	Name facsimile.Node
	Home string // where its files can be seen and damaged; does not exist yet
}

// Run runs the suite. open gives a new node with a home that does not exist yet.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"LookChangesNothing", lookChangesNothing},
		{"FirstDeployment", firstDeployment},
		{"WorkIsCounted", workIsCounted},
		{"Epochs", epochs},
		{"Leases", leases},
		{"OwnerMark", ownerMark},
		{"NonEmptyHome", nonEmptyHome},
		{"StaleBallot", staleBallot},
		{"ContentLies", contentLies},
		{"EmptyTree", emptyTree},
		{"ActivateNeedsStage", activateNeedsStage},
		{"Repeated", repeated},
		{"Revert", revert},
		{"RevertByAnother", revertByAnother},
		{"Confirm", confirm},
		{"Prune", prune},
		{"Shared", shared},
		{"Secrets", secrets},
		{"Cancelled", cancelled},
		{"OrderWithoutTree", orderWithoutTree},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newBench(t, open)) })
	}
	t.Run("Damage", func(t *testing.T) {
		for _, d := range Damages() {
			t.Run(d.Name, func(t *testing.T) { damaged(t, newBench(t, open), d) })
		}
	})
}

// bench is a subject with what a test of it needs.
type bench struct {
	Subject
	t       *testing.T
	ctx     context.Context
	content *Content
}

func newBench(t *testing.T, open func(t *testing.T) Subject) *bench {
	s := open(t)
	t.Cleanup(func() { Unlock(s.Home) })
	return &bench{Subject: s, t: t, ctx: t.Context(), content: NewContent()}
}

func (b *bench) deploy(epoch uint64, tree facsimile.Digest) node.Staged {
	b.t.Helper()
	staged, err := Deploy(b.ctx, b.Node, b.Name, epoch, tree, b.content)
	must(b.t, err)
	return staged
}

func (b *bench) promise(epoch uint64) node.Ballot {
	b.t.Helper()
	_, err := b.Node.Promise(b.ctx, Ballot(epoch), Owner(b.Name), time.Hour)
	must(b.t, err)
	return Ballot(epoch)
}

func (b *bench) stage(epoch uint64, tree facsimile.Digest) node.Order {
	b.t.Helper()
	o := Order(epoch, b.Name, tree)
	_, err := b.Node.Stage(b.ctx, b.promise(epoch), o, b.content)
	must(b.t, err)
	return o
}

func (b *bench) look(tree facsimile.Digest) node.Report {
	b.t.Helper()
	r, err := b.Node.Look(b.ctx, tree)
	must(b.t, err)
	return r
}

// exact checks that the node is on tree and nothing but tree.
func (b *bench) exact(tree facsimile.Digest) {
	b.t.Helper()
	if r := b.look(tree); r.Current != tree || !r.Exact || !r.Staged {
		b.t.Errorf("after the deployment the node is not exact: current %s, exact %v, staged %v", r.Current.Short(), r.Exact, r.Staged)
	}
	found, err := Differences(b.ctx, b.Node, tree)
	if err != nil || len(found) > 0 {
		b.t.Errorf("Verify says %v %v", found, err)
	}
}

func (b *bench) refused(err error, words ...string) {
	b.t.Helper()
	var e *facsimile.Error
	if !errors.As(err, &e) || e.Outcome != facsimile.Refused {
		b.t.Errorf("want a refusal, got %v", err)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			b.t.Errorf("the refusal does not say %q: %v", w, err)
		}
	}
}

func (b *bench) kinds() (kinds []node.EventKind) {
	b.t.Helper()
	var last uint64
	for e, err := range b.Node.Journal(b.ctx, 0) {
		must(b.t, err)
		if e.Seq != last+1 {
			b.t.Errorf("event %d follows event %d", e.Seq, last)
		}
		last = e.Seq
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func lookChangesNothing(t *testing.T, b *bench) {
	tree := b.content.Add(t, b.content.File("a", "1", 0o644))
	r := b.look(tree)
	if r.Owner != (node.Owner{}) || r.Exact || r.Staged || r.Promised != 0 || r.Free == 0 || r.System == "" {
		t.Errorf("a new home reports %+v", r)
	}
	if _, err := os.Lstat(b.Home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking made the home: %v", err)
	}
	found, err := Differences(b.ctx, b.Node, tree)
	if err != nil || len(found) != 1 || found[0].Kind != facsimile.ReleaseDiffers {
		t.Errorf("of a node without a home Verify says %v %v", found, err)
	}
	must(t, os.MkdirAll(filepath.Join(b.Home, "theirs"), 0o755))
	b.look(tree)
	if names := list(t, b.Home); !reflect.DeepEqual(names, []string{"theirs"}) {
		t.Errorf("looking left %v", names)
	}
}

func firstDeployment(t *testing.T, b *bench) {
	tree := Sample(t, b.content)
	b.deploy(1, tree)
	b.exact(tree)
	want := []node.EventKind{node.EventPromised, node.EventStaged, node.EventSwitching, node.EventSwitched, node.EventConfirmed, node.EventReleased}
	if got := b.kinds(); !reflect.DeepEqual(got, want) {
		t.Errorf("the journal holds %v, want %v", got, want)
	}
	for e, err := range b.Node.Journal(b.ctx, 3) {
		must(t, err)
		if e.Kind != node.EventSwitched || e.Tree != tree || e.Order == nil || e.Order.Epoch != 1 {
			t.Errorf("after 3 comes %+v", e)
		}
		break
	}
	r := b.look(facsimile.Digest{})
	if r.Owner != Owner(b.Name) || r.Promised != 1 || r.Last.Tree != tree || !r.Last.Confirmed || !r.Last.Previous.IsZero() || r.Exact {
		t.Errorf("the report is %+v", r)
	}
	checkLayout(t, b.Home, tree)
}

// checkLayout checks the names and modes that others rely on.
func checkLayout(t *testing.T, home string, tree facsimile.Digest) {
	t.Helper()
	for name, want := range map[string]fs.FileMode{".facs": 0o700, "releases": 0o755, "releases/" + tree.Hex(): 0o755} {
		info, err := os.Stat(filepath.Join(home, name))
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
	if to, err := os.Readlink(filepath.Join(home, "current")); err != nil || to != "releases/"+tree.Hex() {
		t.Errorf("current points to %q %v", to, err)
	}
}

func workIsCounted(t *testing.T, b *bench) {
	c := b.content
	first := c.Add(t, c.File("a", "one", 0o644), c.File("b", "two!", 0o644), c.File("b2", "two!", 0o600), c.Secret("s", "three"))
	second := c.Add(t, c.File("a", "one", 0o755), c.File("moved/b", "two!", 0o644), c.File("new", "four four", 0o644), c.Secret("t", "three"))
	for _, step := range []struct {
		epoch uint64
		tree  facsimile.Digest
		want  node.Staged
	}{
		{1, first, node.Staged{Received: 3, Bytes: 3 + 4 + 5 + 16}},
		{2, first, node.Staged{Reused: 4}},
		{3, second, node.Staged{Received: 1, Bytes: 9, Reused: 3}},
		{4, first, node.Staged{Reused: 4}},
	} {
		if got := b.deploy(step.epoch, step.tree); got != step.want {
			t.Errorf("epoch %d: staging did %+v, want %+v", step.epoch, got, step.want)
		}
		b.exact(step.tree)
	}
	if c.Opened() != 4 {
		t.Errorf("%d blobs were asked for, want 4", c.Opened())
	}
}

func damaged(t *testing.T, b *bench, d Damage) {
	tree := Sample(t, b.content)
	b.deploy(1, tree)
	b.exact(tree)
	d.Do(t, b.Home, tree)
	found, err := Differences(b.ctx, b.Node, tree)
	if err != nil {
		t.Fatalf("Verify says %v after %v", err, found)
	}
	for i := range found {
		if found[i].Note == "" && found[i].Kind != facsimile.Missing {
			t.Errorf("%v has no note", found[i])
		}
		found[i].Note = ""
	}
	if !reflect.DeepEqual(found, d.Want) {
		t.Errorf("Verify finds %v, want %v", found, d.Want)
	}
	if r := b.look(tree); r.Exact {
		t.Error("Look says that a damaged release is exact")
	}
	b.stage(2, tree)
	if r := b.look(tree); !r.Staged {
		t.Error("what was staged does not count as staged")
	}
	if len(d.Want) == 1 && d.Want[0].Kind != facsimile.ReleaseDiffers {
		if again, err := Differences(b.ctx, b.Node, tree); err != nil || len(again) != 1 {
			t.Errorf("staging changed what is live: %v %v", again, err)
		}
	}
	must(t, b.Node.Release(b.ctx, Ballot(2)))
	b.deploy(3, tree)
	b.exact(tree)
	b.promise(4)
	_, err = b.Node.Prune(b.ctx, Ballot(4), 5, nil)
	must(t, err)
	if names := list(t, filepath.Join(b.Home, "releases")); !reflect.DeepEqual(names, []string{tree.Hex()}) {
		t.Errorf("mending left %v", names)
	}
}

func list(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
