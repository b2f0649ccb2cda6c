package define

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"facsimile.dev/facsimile"
)

// write makes files below a folder; a name that ends in "/" is a folder, a text that starts
// with "-> " a link.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(to, path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"outside.yaml":           "secret: 1\n",
		"d/facsimile.yaml":       "name: d\n",
		"d/define/in.yaml":       "-> ../other/in.yaml",
		"d/other/in.yaml":        "x: 1\n",
		"d/define/out.yaml":      "-> ../../outside.yaml",
		"d/define/absolute.yaml": "-> " + filepath.Join(dir, "outside.yaml"),
		"d/define/loop.yaml":     "-> loop.yaml",
		"d/define/dangling.yaml": "-> nowhere.yaml",
		"d/define/folder.yaml":   "-> ../other",
	})
	root, err := os.OpenRoot(filepath.Join(dir, "d"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, fsys := range map[string]fs.FS{"DirFS": os.DirFS(filepath.Join(dir, "d")), "Root": root.FS()} {
		d, err := Load(fsys, new(facsimile.Sources), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for in, want := range map[facsimile.Instance]string{
			"in":       "no problem",
			"out":      "leads out of the folder",
			"absolute": "leads out of the folder",
			"loop":     "too many",
			"dangling": "",
			"folder":   "not a regular file",
		} {
			if got := problemsOf(t, d, in); !strings.Contains(got, want) || want == "" && got == "no problem" || strings.Contains(got, "secret") {
				t.Errorf("%s: %s: %s", name, in, got)
			}
		}
	}
}

func TestLargeFiles(t *testing.T) {
	fsys := fstest.MapFS{
		"facsimile.yaml":   {Data: []byte("name: x\n")},
		"define/p.yaml":    {Data: []byte(strings.Repeat("# long\n", 100))},
		"define/zero.yaml": {Data: []byte{}},
	}
	d, err := Load(fsys, new(facsimile.Sources), Options{MaxFileSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := problemsOf(t, d, "p"), `define/p.yaml: cannot read the layer "p": it has 700 bytes or more; the most is 100`; got != want {
		t.Error(got)
	}
	if got := problemsOf(t, d, "zero"); got != "no problem" {
		t.Error(got)
	}
}

func TestLoadNothing(t *testing.T) {
	for _, fsys := range []fs.FS{fstest.MapFS{}, fstest.MapFS{"README.md": {}}, os.DirFS(filepath.Join(t.TempDir(), "nowhere"))} {
		if _, err := Load(fsys, new(facsimile.Sources), Options{}); err == nil {
			t.Error("a definition was found in nothing")
		}
	}
}

func TestCancelled(t *testing.T) {
	d := load(t, shop)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Resolve(ctx, "prod", "", nil); err == nil {
		t.Error("resolved although cancelled")
	}
	if _, err := d.Resolve(context.Background(), "prod", "", nil); err != nil {
		t.Error("the cancelled attempt was kept:", err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"shop/facsimile.yaml":                             "projects: {api: {repo: ./api}, lib: {repo: ../lib}, far: {repo: 'git@host:far.git'}}\n",
		"shop/define/prod.yaml":                           "",
		"shop/tmpl/_ALL_/":                                "",
		"shop/api/facsimile.json":                         "{}",
		"shop/api/cmd/":                                   "",
		"shop/other/facsimile.toml":                       "",
		"shop/.facsimile/tmp/SRC/x/config/facsimile.yaml": "",
		"lib/config/facsimile/facsimile.yaml":             "",
		"lib/src/":                                        "",
		"one/config/facsimile.json":                       "{}",
		"one/config/x/":                                   "",
		"two/facsimile/define/prod.yaml":                  "",
		"two/facsimile/main.go":                           "",
		"go/facsimile/main.go":                            "",
		"repo/facsimile/facsimile.yaml":                   "",
		"repo/facsimile/.git/":                            "",
	})
	for from, want := range map[string]string{
		"shop":                      "shop shop",
		"shop/define":               "shop shop",
		"shop/tmpl/_ALL_":           "shop shop",
		"shop/other":                "shop/other shop/other",
		"lib/src":                   "lib/config/facsimile lib",
		"lib/config/facsimile":      "lib/config/facsimile lib",
		"one/config/x":              "one/config one",
		"one":                       "one/config one",
		"two":                       "two/facsimile two",
		"two/facsimile":             "two/facsimile two",
		"repo/facsimile":            "repo/facsimile repo/facsimile",
		"repo":                      "repo/facsimile repo/facsimile",
		"go/facsimile":              `no definition in `,
		"nowhere":                   `cannot find the definition`,
		"shop/api/cmd":              `the definition in DIR/shop/api stands inside DIR/shop/api, the repo of project "api" of the definition in DIR/shop`,
		"shop/.facsimile/tmp/SRC/x": `the definition in DIR/shop/.facsimile/tmp/SRC/x/config stands inside the top dir DIR/shop/.facsimile of the definition in DIR/shop`,
	} {
		l, err := Find(filepath.Join(dir, from))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = l.Dir + " " + l.Top
		}
		got = strings.ReplaceAll(got, dir+"/", "")
		if !strings.HasPrefix(got, strings.ReplaceAll(want, "DIR/", "")) {
			t.Errorf("%s:\n got %s\nwant %s", from, got, want)
		}
	}
	// A relative repo of an outer definition that stands in a folder of its own.
	if l, err := At(filepath.Join(dir, "shop/api")); err != nil || l.Top != filepath.Join(dir, "shop/api") {
		t.Error(l, err)
	}
	if _, err := At(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there was taken")
	}
}
