package project_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/project"
)

// begin makes the smallest definition and opens it, as a program would.
func begin(t *testing.T, change func(*project.Options)) (*project.Project, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hello")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := project.Init(dir, ""); err != nil {
		t.Fatal(err)
	}
	return open(t, dir, change), dir
}

func open(t *testing.T, dir string, change func(*project.Options)) *project.Project {
	t.Helper()
	o := project.Options{
		Dir: dir, ConfigDir: filepath.Join(filepath.Dir(dir), "config"), Who: "tester@desk", Host: "desk",
		Tool: "test", Now: time.Now, Random: rand.Reader,
	}
	if change != nil {
		change(&o)
	}
	p, err := project.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func outcome(err error) facsimile.Outcome {
	var e *facsimile.Error
	if errors.As(err, &e) {
		return e.Outcome
	}
	return facsimile.Done
}

func TestFromInitToProof(t *testing.T) {
	p, dir := begin(t, nil)
	ctx := t.Context()
	if findings, err := p.Check(ctx); err != nil || len(findings) > 0 {
		t.Fatalf("%+v, %v", findings, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".facsimile", "state")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check wrote a state: %v", err)
	}
	if _, pending, err := p.Plan(ctx, "dev", nil); err != nil || len(pending.Names) != 1 || pending.Names[0] != "passwd.web" {
		t.Fatalf("pending %q, %v", pending.Names, err)
	}
	first, err := p.Deploy(ctx, "dev", project.DeployOptions{Why: "first"})
	if err != nil || first.Result != "done" {
		t.Fatalf("%+v, %v", first, err)
	}
	proof, err := p.Verify(ctx, project.Address{Instance: "dev"})
	if err != nil || proof.Exact != 1 || proof.Total != 1 || proof.Digest != first.Digest {
		t.Fatalf("%+v, %v", proof, err)
	}
	again, err := p.Deploy(ctx, "dev", project.DeployOptions{})
	if err != nil || again.Result != "unchanged" {
		t.Fatalf("%+v, %v", again, err)
	}
	conf, err := os.ReadFile(filepath.Join(dir, "run", "dev1", "current", "etc", "app.conf"))
	if err != nil || !strings.Contains(string(conf), "Hello from dev1 of dev") {
		t.Errorf("%q, %v", conf, err)
	}
}

// A template that fails leaves no state behind, and no release.
func TestFailedRenderGeneratesNothing(t *testing.T) {
	p, dir := begin(t, nil)
	write(t, filepath.Join(dir, "tmpl", "_ALL_", "_DEPLOY_", "etc", "bad"), "{{ instance.greting }}")
	_, err := p.Build(t.Context(), "dev", nil)
	var e *facsimile.Error
	if !errors.As(err, &e) || len(e.At) == 0 || e.At[0].File != "tmpl/_ALL_/_DEPLOY_/etc/bad" || !strings.Contains(e.Hint, "greeting") {
		t.Fatalf("got %v", err)
	}
	for _, left := range []string{"state/dev", "tmp/store/releases"} {
		if entries, err := os.ReadDir(filepath.Join(dir, ".facsimile", left)); err == nil && len(entries) > 0 {
			t.Errorf("%s holds %v", left, entries)
		}
	}
}

func TestFrozenNamesWhatIsMissing(t *testing.T) {
	p, _ := begin(t, func(o *project.Options) { o.Frozen = true })
	_, err := p.Deploy(t.Context(), "dev", project.DeployOptions{})
	if outcome(err) != facsimile.Refused || !strings.Contains(err.Error(), "passwd.web") {
		t.Fatalf("got %v", err)
	}
}

// The same definition in another folder, by another person, gives the same digest where the
// state is the same; the folder is no part of what ships.
func TestDigestDoesNotDependOnTheFolder(t *testing.T) {
	p, dir := begin(t, nil)
	first, err := p.Build(t.Context(), "dev", nil)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(filepath.Dir(dir), "a", "longer", "way")
	if err := os.MkdirAll(filepath.Dir(elsewhere), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(elsewhere, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(filepath.Dir(dir), "config")
	other := open(t, elsewhere, func(o *project.Options) {
		o.ConfigDir, o.Who = config, "somebody@else"
		o.Now = func() time.Time { return time.Unix(0, 0) }
	})
	second, err := other.Build(t.Context(), "dev", nil)
	if err != nil || second.Digest != first.Digest {
		t.Fatalf("%s and %s, %v", first.Digest, second.Digest, err)
	}
}

func TestUnknownNames(t *testing.T) {
	p, _ := begin(t, nil)
	for what, err := range map[string]error{
		"did you mean dev?": func() error { _, err := p.Build(t.Context(), "dve", nil); return err }(),
		"did you mean greeting?": func() error {
			_, err := p.Show(t.Context(), project.Address{Instance: "dev"}, "", facsimile.Path{"greting"})
			return err
		}(),
		"did you mean nodes?": func() error { _, err := p.List(t.Context(), "node", project.Filter{Instance: "dev"}); return err }(),
		"did you mean dev1?": func() error {
			_, err := p.Verify(t.Context(), project.Address{Instance: "dev", Node: "dev2"})
			return err
		}(),
	} {
		var e *facsimile.Error
		if !errors.As(err, &e) || e.Hint != what || e.Outcome != facsimile.BadInput {
			t.Errorf("want the hint %q, got %v", what, err)
		}
	}
	if _, err := p.Rollback(t.Context(), "dev", "sha256:0000", project.DeployOptions{}); outcome(err) != facsimile.BadInput {
		t.Errorf("got %v", err)
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hello")
	write(t, filepath.Join(dir, "modules.yaml"), "mine")
	if _, err := project.Init(dir, ""); outcome(err) != facsimile.Refused {
		t.Fatalf("got %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if _, err := project.Init(t.TempDir(), "not a name"); outcome(err) != facsimile.BadInput {
		t.Errorf("got %v", err)
	}
}

// Two programs that build one instance at once write the same folder for the operator.
func TestTwoBuildsAtOnce(t *testing.T) {
	p, dir := begin(t, nil)
	if _, err := p.Build(t.Context(), "dev", nil); err != nil { // so that nobody generates below
		t.Fatal(err)
	}
	for n := range 40 {
		write(t, filepath.Join(dir, "tmpl", "_ALL_", "_DEPLOY_", "etc", strconv.Itoa(n), "file"), "x")
	}
	builders := []*project.Project{p}
	for range 3 {
		builders = append(builders, open(t, dir, func(o *project.Options) { o.ConfigDir = filepath.Join(filepath.Dir(dir), "config") }))
	}
	var group sync.WaitGroup
	for _, b := range builders {
		group.Go(func() {
			for range 5 {
				built, err := b.Build(t.Context(), "dev", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(built.Folder); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// Where the state was lost, nothing new is generated beside what the nodes run with.
func TestALostStateIsNotBegunAnew(t *testing.T) {
	p, dir := begin(t, nil)
	if _, err := p.Deploy(t.Context(), "dev", project.DeployOptions{}); err != nil {
		t.Fatal(err)
	}
	lost := filepath.Join(dir, ".facsimile", "state")
	if err := os.Rename(lost, filepath.Join(dir, "aside")); err != nil {
		t.Fatal(err)
	}
	again := func() error {
		other := open(t, dir, func(o *project.Options) { o.ConfigDir = filepath.Join(filepath.Dir(dir), "config") })
		_, err := other.Deploy(t.Context(), "dev", project.DeployOptions{})
		return err
	}
	err := again()
	var e *facsimile.Error
	if !errors.As(err, &e) || e.Outcome != facsimile.Refused || !strings.Contains(e.Msg, "the nodes of dev run state sha256:") ||
		!strings.Contains(e.Msg, "tester@desk") || !strings.Contains(e.Hint, lost) {
		t.Fatalf("got %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(lost, "dev")); err == nil && len(entries) > 0 {
		t.Errorf("a state was begun: %v", entries)
	}
	if err := os.RemoveAll(lost); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "aside"), lost); err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Errorf("with the state back: %v", err)
	}
}

// A node that does not answer is no sign of a lost state: the rollout itself refuses it.
func TestTheFirstDeploymentToANodeThatIsDown(t *testing.T) {
	p, dir := begin(t, nil)
	write(t, filepath.Join(dir, "run", "dev1"), "no folder")
	_, err := p.Deploy(t.Context(), "dev", project.DeployOptions{})
	if outcome(err) != facsimile.Refused || !strings.Contains(err.Error(), "failed on node dev1") {
		t.Fatalf("got %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "run", "dev1")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Deploy(t.Context(), "dev", project.DeployOptions{}); err != nil {
		t.Errorf("once it answers: %v", err)
	}
}

// Whoever interrupts a checkout is not told of a place in the definition.
func TestAnInterruptedCheckoutHasNoPlace(t *testing.T) {
	p, dir := begin(t, nil)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "facsimile.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(text)+"\nprojects:\n  api: {repo: ../api, version: 1.0.0}\n")
	p = open(t, dir, func(o *project.Options) { o.ConfigDir = filepath.Join(filepath.Dir(dir), "config") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Build(ctx, "dev", nil); err != context.Canceled { //nolint:errorlint // bare: with no place
		t.Errorf("build: %#v", err)
	}
	if _, err := p.Deploy(ctx, "dev", project.DeployOptions{}); err != context.Canceled { //nolint:errorlint // bare: with no place
		t.Errorf("deploy: %#v", err)
	}
}
