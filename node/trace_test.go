package node_test

import (
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
	"facsimile.dev/facsimile/node/nodetest"
)

// trace collects the changes of the disk that a host makes, in short.
func trace(h *node.Host, home string, steps *[]string) {
	hex := regexp.MustCompile(`[0-9a-f]{64}`)
	temp := regexp.MustCompile(`\.tmp-[0-9a-f]+`)
	h.OnStep(func(op, path string) {
		path = strings.TrimPrefix(strings.TrimSuffix(path, "/."), home)
		*steps = append(*steps, strings.TrimSpace(op+" "+strings.TrimPrefix(temp.ReplaceAllString(hex.ReplaceAllString(path, "TREE"), "TEMP"), "/")))
	})
}

// TestOrderOfChanges holds what a power cut cannot be tested with here: that everything is
// synced before the step that relies on it. A killed process leaves what it wrote in the
// system's memory, so the tests that kill would pass without a single fsync.
func TestOrderOfChanges(t *testing.T) {
	home := filepath.Join(memoryDir(t), "home")
	h, err := node.NewHost(node.HostOptions{Home: home, Name: name, Workers: 1})
	must(t, err)
	c := nodetest.NewContent()
	first := c.Add(t, c.File("a", "old", 0o644))
	deploy(t, h, 1, first, c)
	tree := c.Add(t, c.File("a", "new", 0o644))
	b, o := promise(t, h, 2), nodetest.Order(2, name, tree)

	var steps []string
	trace(h, home, &steps)
	_, err = h.Stage(t.Context(), b, o, c)
	must(t, err)
	stage := inOrder(steps,
		"create .facs/incoming/TEMP", "write .facs/incoming/TEMP", "rename .facs/incoming/TEMP", // the file
		"create .facs/trees/TEMP", "write .facs/trees/TREE", "fsync .facs/trees/TREE", "rename .facs/trees/TEMP", "fsync .facs/trees",
		"syncfs releases/.staging-TREE", // all of it is on the disk before it gets its name
		"rename releases/.staging-TREE", "fsync releases",
		"write .facs/journal", "fsync .facs/journal",
	)
	if stage != "" {
		t.Errorf("staging does not come to %q in %q", stage, steps)
	}

	steps = nil
	_, err = h.Activate(t.Context(), b, o)
	must(t, err)
	if want := []string{
		"create .facs/journal", // recovery looks
		"create .facs/journal", "write .facs/journal", "fsync .facs/journal",
		"symlink .facs/next", "rename .facs/next", "fsync",
		"mkdir .facs/receipts", "create .facs/receipts/TEMP", "write .facs/receipts/00000000000000000002.json",
		"fsync .facs/receipts/00000000000000000002.json", "rename .facs/receipts/TEMP", "fsync .facs/receipts",
		"write .facs/journal", "fsync .facs/journal",
	}; !reflect.DeepEqual(steps, want) {
		t.Errorf("activating does %q, want %q", steps, want)
	}

	steps = nil
	_, err = h.Promise(t.Context(), node.Ballot{Epoch: 3, Token: b.Token}, nodetest.Owner(name), time.Hour)
	must(t, err)
	if missing := inOrder(steps, "write .facs/promise.json", "fsync .facs/promise.json", "rename .facs/TEMP", "fsync .facs", "write .facs/journal", "fsync .facs/journal"); missing != "" {
		t.Errorf("promising does not come to %q in %q", missing, steps)
	}

	steps = nil
	for range 2 {
		_, err = h.Look(t.Context(), tree)
		must(t, err)
		_, err = nodetest.Differences(t.Context(), h, tree)
		must(t, err)
		_, err = h.Look(t.Context(), facsimile.Digest{1})
		must(t, err)
	}
	if len(steps) > 0 {
		t.Errorf("looking and verifying change %q", steps)
	}
}

// inOrder gives the first of want that does not come in steps after those before it.
func inOrder(steps []string, want ...string) string {
	for _, s := range steps {
		if len(want) > 0 && s == want[0] {
			want = want[1:]
		}
	}
	if len(want) > 0 {
		return want[0]
	}
	return ""
}
