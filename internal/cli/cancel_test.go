package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	facsimile "facsimile.dev/facsimile"
)

// TestInterruptedBeforeAnythingChanged interrupts each command before it begins: the status is 3, what is said is
// that no node was changed, and nothing did.
func TestInterruptedBeforeAnythingChanged(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "tiny"), os.DirFS("testdata/tiny")); err != nil {
		t.Fatal(err)
	}
	before := everything(t, dir)
	for _, command := range []string{"build beta", "plan beta", "deploy beta", "rollback beta", "verify beta", "up beta", "up beta --detach"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var stdout, stderr bytes.Buffer
		status := Run(ctx, Env{
			Args: strings.Fields(command), Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Dir: filepath.Join(dir, "tiny"),
			Environ: []string{"XDG_CONFIG_HOME=" + filepath.Join(dir, "config")}, Now: time.Now, Random: rand.Reader,
		})
		if status != int(facsimile.Refused) || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("facs %s: status %d, want 3 and a word about it:\n%s", command, status, stderr.String())
		}
		if after := everything(t, dir); after != before {
			t.Errorf("facs %s changed something:\nbefore\n%s\nafter\n%s", command, before, after)
			before = after
		}
	}
}

// everything lists what stands in a folder.
func everything(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		list.WriteString(name + "\n")
		if d.Type().IsRegular() {
			text, err := os.ReadFile(name)
			list.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

func TestDemoNeedsItsTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	env, stdout, stderr := testEnv(t, "demo")
	if status := Run(t.Context(), env); status != int(facsimile.Refused) || !strings.Contains(stderr.String(), "cannot find git") || stdout.Len() > 0 {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}
