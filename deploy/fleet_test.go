package deploy_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/deploy"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/release"
)

// fastTemp is a folder in memory where the system has one: these tests are about order and not
// about disks, and a sync of a real one takes most of their time.
func fastTemp(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "facs-deploy-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		// Releases are read-only folders: they are made writable to be removed.
		_ = filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				_ = os.Chmod(p, 0o755)
			}
			return nil
		})
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// root derives keys as a state does.
type root string

func (r root) DeriveKey(purpose string, sum facsimile.Digest) ([32]byte, error) {
	return sha256.Sum256([]byte(string(r) + "/" + purpose + "/" + sum.Hex())), nil
}

// countingStore counts what leaves it.
type countingStore struct {
	*release.Store
	mu    sync.Mutex
	blobs int
	bytes int64
}

func (s *countingStore) Blob(d facsimile.Digest) (io.ReadCloser, error) {
	r, err := s.Store.Blob(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs++
	return countingReader{r, s}, err
}

type countingReader struct {
	io.ReadCloser
	s *countingStore
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.bytes += int64(n)
	return n, err
}

// fleet is an instance of some hosts on this machine, and a store.
type fleet struct {
	t     testing.TB
	dir   string
	names []facsimile.Node
	store *countingStore
	ways  map[facsimile.Node]*way // what the deployer uses
}

func newFleet(t testing.TB, names ...facsimile.Node) *fleet {
	t.Helper()
	dir := fastTemp(t)
	s, err := release.OpenStore(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, dir: dir, names: names, store: &countingStore{Store: s}, ways: map[facsimile.Node]*way{}}
	for _, n := range names {
		f.ways[n] = &way{Node: f.host(n), name: n}
	}
	return f
}

// boot is the clock of leases: that of the test, which stands still outside of a bubble's waits.
func boot() (string, time.Duration, error) {
	return "one boot", time.Since(time.Unix(0, 0)), nil
}

func (f *fleet) home(n facsimile.Node) string { return filepath.Join(f.dir, "homes", string(n)) }

// host is a node without anything between.
func (f *fleet) host(n facsimile.Node) *node.Host {
	f.t.Helper()
	h, err := node.NewHost(node.HostOptions{Home: f.home(n), Name: n, Boot: boot})
	if err != nil {
		f.t.Fatal(err)
	}
	return h
}

func (f *fleet) options() deploy.Options {
	opt := deploy.Options{
		Definition: "shop", Instance: "prod", Store: f.store, Keys: root("r"),
		Claim: filepath.Join(f.dir, "claim"), Who: "ann", Lease: time.Hour,
	}
	for _, n := range f.names {
		opt.Nodes = append(opt.Nodes, deploy.Member{Name: n, Region: "eu", Node: f.ways[n]})
	}
	return opt
}

func (f *fleet) deployer(change ...func(*deploy.Options)) *deploy.Deployer {
	f.t.Helper()
	opt := f.options()
	for _, c := range change {
		c(&opt)
	}
	d, err := deploy.New(opt)
	if err != nil {
		f.t.Fatal(err)
	}
	return d
}

// build makes a release whose files hold version.
func (f *fleet) build(version string, more ...*release.Item) release.Release {
	f.t.Helper()
	secret := &release.Item{
		File: facsimile.File{Path: "etc/password", Type: facsimile.RegularFile, Mode: 0o600, Secret: true},
		Open: release.Bytes([]byte("hunter2 of all versions")),
	}
	d := release.Draft{
		Definition: "shop", Instance: "prod",
		Statement: release.Statement{Versions: map[facsimile.Project]string{"api": version}, StateHead: "head " + version, Built: time.Unix(1, 0)},
	}
	for _, n := range f.names {
		items := append([]*release.Item{secret, plain("etc/version", version), plain("bin/api", "the same for ever")}, more...)
		d.Parts = append(d.Parts, release.Part{Project: "api", Node: n, Items: items})
	}
	rel, _, err := f.store.Put(context.Background(), d, root("r"))
	if err != nil {
		f.t.Fatal(err)
	}
	return rel
}

func plain(path, content string) *release.Item {
	return &release.Item{
		File: facsimile.File{Path: path, Type: facsimile.RegularFile, Mode: 0o644},
		Open: release.Bytes([]byte(content)),
	}
}

// must deploys and expects no error.
func (f *fleet) must(rel release.Release) deploy.Result {
	f.t.Helper()
	res, err := f.deployer().Deploy(context.Background(), rel, "")
	if err != nil {
		f.t.Fatalf("deploying %s: %v; %+v", rel.Digest.Short(), err, res)
	}
	return res
}

// onDisk says which of the releases each node runs, without asking the deployer: its version, or
// what is wrong.
func (f *fleet) onDisk(rels ...release.Release) map[facsimile.Node]string {
	f.t.Helper()
	found := map[facsimile.Node]string{}
	for _, n := range f.names {
		found[n] = "another"
		if _, err := os.Lstat(filepath.Join(f.home(n), "current")); errors.Is(err, os.ErrNotExist) {
			found[n] = "none"
			continue
		}
		for _, rel := range rels {
			if f.exact(n, rel) {
				found[n] = rel.Statement.Versions["api"]
			}
		}
	}
	return found
}

// exact compares what stands on disk with the release, file by file.
func (f *fleet) exact(n facsimile.Node, rel release.Release) bool {
	f.t.Helper()
	h := f.host(n)
	report, err := h.Look(context.Background(), facsimile.Digest{})
	if err != nil || report.Current != rel.Nodes[n] {
		return false
	}
	for range h.Verify(context.Background(), rel.Nodes[n]) {
		return false
	}
	b, err := os.ReadFile(filepath.Join(f.home(n), "current", "etc", "version"))
	return err == nil && string(b) == rel.Statement.Versions["api"]
}

func (f *fleet) expect(want string, rels ...release.Release) {
	f.t.Helper()
	for n, got := range f.onDisk(rels...) {
		if got != want {
			f.t.Errorf("node %s runs %s, want %s", n, got, want)
		}
	}
}

func outcome(err error) facsimile.Outcome {
	var e *facsimile.Error
	var p facsimile.Problems
	switch {
	case err == nil:
		return facsimile.Done
	case errors.As(err, &p):
		return outcome(p[0])
	case errors.As(err, &e):
		return e.Outcome
	}
	return -1
}

// call names a method of node.Node.
type call string

func calls() []call {
	return []call{"Look", "Promise", "Stage", "Activate", "Confirm", "Revert", "Prune", "Release"}
}

// fault is what goes wrong with a call.
type fault string

func faults() []fault {
	return []fault{
		"before",    // it fails before anything is done
		"after",     // it is done, and the answer is lost
		"hang",      // nothing is done, and no answer comes
		"hangAfter", // it is done, and no answer comes
		"die",       // the node is gone, from before this call on
		"dieAfter",  // the node is gone, from after this call on
	}
}

var errFault = errors.New("a fault was injected")

// way is the way to a node, on which things go wrong.
type way struct {
	node.Node
	name facsimile.Node

	mu     sync.Mutex
	counts map[call]int
	dead   bool
	plan   func(c call, nth int) fault
	hook   func(c call, nth int, done bool) // told before and after each call
	staged node.Staged                      // sum of all
}

func (w *way) reset(plan func(call, int) fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts, w.dead, w.plan, w.hook, w.staged = nil, false, plan, nil, node.Staged{}
}

func (w *way) count(c call) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[c]
}

// do makes one call, with whatever goes wrong.
func (w *way) do(ctx context.Context, c call, real func() error) error {
	w.mu.Lock()
	if w.counts == nil {
		w.counts = map[call]int{}
	}
	w.counts[c]++
	nth := w.counts[c]
	kind := fault("")
	if w.plan != nil {
		kind = w.plan(c, nth)
	}
	if kind == "die" || w.dead {
		w.dead, kind = true, "before"
	}
	hook := w.hook
	w.mu.Unlock()
	if hook != nil {
		hook(c, nth, false)
		defer hook(c, nth, true)
	}
	switch kind {
	case "before":
		return errFault
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	}
	err := real()
	switch kind {
	case "after", "dieAfter":
		w.mu.Lock()
		w.dead = w.dead || kind == "dieAfter"
		w.mu.Unlock()
		return errFault
	case "hangAfter":
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (w *way) Look(ctx context.Context, tree facsimile.Digest) (r node.Report, err error) {
	err = w.do(ctx, "Look", func() (err error) { r, err = w.Node.Look(ctx, tree); return err })
	return r, err
}

func (w *way) Promise(ctx context.Context, b node.Ballot, o node.Owner, lease time.Duration) (r node.Report, err error) {
	err = w.do(ctx, "Promise", func() (err error) { r, err = w.Node.Promise(ctx, b, o, lease); return err })
	return r, err
}

func (w *way) Stage(ctx context.Context, b node.Ballot, o node.Order, c node.Content) (s node.Staged, err error) {
	err = w.do(ctx, "Stage", func() (err error) {
		s, err = w.Node.Stage(ctx, b, o, c)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.staged.Received += s.Received
		w.staged.Bytes += s.Bytes
		w.staged.Reused += s.Reused
		return err
	})
	return s, err
}

func (w *way) Activate(ctx context.Context, b node.Ballot, o node.Order) (r node.Receipt, err error) {
	err = w.do(ctx, "Activate", func() (err error) { r, err = w.Node.Activate(ctx, b, o); return err })
	return r, err
}

func (w *way) Confirm(ctx context.Context, b node.Ballot, d facsimile.Digest) error {
	return w.do(ctx, "Confirm", func() error { return w.Node.Confirm(ctx, b, d) })
}

func (w *way) Revert(ctx context.Context, b node.Ballot, o node.Order) error {
	return w.do(ctx, "Revert", func() error { return w.Node.Revert(ctx, b, o) })
}

func (w *way) Verify(ctx context.Context, d facsimile.Digest) iter.Seq2[facsimile.Difference, error] {
	return func(yield func(facsimile.Difference, error) bool) {
		if err := w.do(ctx, "Verify", func() error { return nil }); err != nil {
			yield(facsimile.Difference{}, err)
			return
		}
		w.Node.Verify(ctx, d)(yield)
	}
}

func (w *way) Journal(ctx context.Context, since uint64) iter.Seq2[node.Event, error] {
	return func(yield func(node.Event, error) bool) {
		if err := w.do(ctx, "Journal", func() error { return nil }); err != nil {
			yield(node.Event{}, err)
			return
		}
		w.Node.Journal(ctx, since)(yield)
	}
}

func (w *way) Prune(ctx context.Context, b node.Ballot, keep int, pinned []facsimile.Digest) (gone []facsimile.Digest, err error) {
	err = w.do(ctx, "Prune", func() (err error) { gone, err = w.Node.Prune(ctx, b, keep, pinned); return err })
	return gone, err
}

func (w *way) Release(ctx context.Context, b node.Ballot) error {
	return w.do(ctx, "Release", func() error { return w.Node.Release(ctx, b) })
}

// counters are what a rollout cost, for goldens.
func (f *fleet) counters() string {
	text := ""
	for _, n := range f.names {
		w := f.ways[n]
		text += fmt.Sprintf("%s: look %d promise %d stage %d activate %d confirm %d revert %d prune %d release %d; %d blobs %d bytes %d reused\n",
			n, w.count("Look"), w.count("Promise"), w.count("Stage"), w.count("Activate"), w.count("Confirm"), w.count("Revert"), w.count("Prune"), w.count("Release"),
			w.staged.Received, w.staged.Bytes, w.staged.Reused)
		w.reset(nil)
	}
	return text
}

// tenMinutes takes no time in a bubble.
func tenMinutes(ctx context.Context) {
	timer := time.NewTimer(10 * time.Minute)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
