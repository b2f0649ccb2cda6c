package shop

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v4"
)

func TestDefinitionFilesParse(t *testing.T) {
	var parsed []string
	err := fs.WalkDir(FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(FS(), name)
		if err != nil {
			return err
		}
		var doc any
		switch path.Ext(name) {
		case ".yaml":
			err = yaml.Unmarshal(text, &doc)
		case ".toml":
			err = toml.Unmarshal(text, &doc)
		case ".json":
			err = json.Unmarshal(regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAll(text, nil), &doc)
		default:
			return nil
		}
		if err != nil || doc == nil {
			t.Errorf("%s: %v", name, err)
		}
		parsed = append(parsed, strings.TrimPrefix(path.Ext(name), "."))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"yaml", "toml", "json"} {
		if !slices.Contains(parsed, format) {
			t.Errorf("no file of the example is %s", format)
		}
	}
}

// TestDefinitionNamesTheRepositories holds the versions in facsimile.yaml and the tags together.
func TestDefinitionNamesTheRepositories(t *testing.T) {
	var top struct {
		Projects map[string]struct{ Repo, Version, Class string }
	}
	text, err := fs.ReadFile(FS(), "shop/facsimile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	for _, r := range Repositories()[1:] {
		p := top.Projects[r.Name]
		if p.Repo != "../"+r.Name || p.Version != r.Tag || p.Class != "Go" {
			t.Errorf("project %s is %+v, and its repository %+v", r.Name, p, r)
		}
	}
	if len(top.Projects) != len(Repositories())-1 {
		t.Errorf("%d projects, %d repositories", len(top.Projects), len(Repositories()))
	}
}

func TestLayOut(t *testing.T) {
	dir := t.TempDir()
	if err := LayOut(dir); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"README.md", "shop/.gitignore", "shop/define/dev.me.yaml", "api/go.mod", "api/go.sum", "worker/go.mod",
		"gateway/config/facsimile/tmpl/_ALL_/_DEPLOY_/etc/gateway.conf"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
	script, err := os.Stat(filepath.Join(dir, "shop/extra/_ALL_/bin/report"))
	if err != nil || script.Mode().Perm()&0o100 == 0 {
		t.Errorf("bin/report cannot be run: %v, %v", script.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*.in")); len(left) > 0 {
		t.Errorf("not renamed: %v", left)
	}
	if err := LayOut(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("laying out over something: %v", err)
	}
}

func gitOut(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestRepositoriesAreTheSameEverywhere(t *testing.T) {
	config := filepath.Join(t.TempDir(), "gitconfig")
	hostile := "[user]\nname = Somebody\n[commit]\ngpgSign = true\n[core]\nautocrlf = true\nhooksPath = /nowhere\n[init]\ndefaultBranch = trunk\n"
	if err := os.WriteFile(config, []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	var commits [2][]string
	for i := range commits {
		dir := filepath.Join(t.TempDir(), "laid", "out")
		if i == 1 {
			t.Setenv("GIT_CONFIG_GLOBAL", config)
		}
		if err := LayOut(dir); err != nil {
			t.Fatal(err)
		}
		if err := Init(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		for _, r := range Repositories() {
			repo := filepath.Join(dir, r.Name)
			commits[i] = append(commits[i], gitOut(t, repo, "rev-parse", "HEAD"))
			if r.Tag != "" {
				if tagged := gitOut(t, repo, "rev-parse", r.Tag+"^{commit}"); tagged != commits[i][len(commits[i])-1] {
					t.Errorf("tag %s of %s names %s", r.Tag, r.Name, tagged)
				}
			}
			if branch := gitOut(t, repo, "symbolic-ref", "--short", "HEAD"); branch != "main" {
				t.Errorf("the branch of %s is %s", r.Name, branch)
			}
		}
	}
	if !slices.Equal(commits[0], commits[1]) {
		t.Errorf("two layings out gave %v and %v", commits[0], commits[1])
	}
}
