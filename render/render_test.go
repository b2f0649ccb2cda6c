package render_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/viewtest"
	"facsimile.dev/facsimile/render"
)

// project is a definition with two nodes, and a source and build folder on disk.
type project struct {
	files  map[string]string
	source map[string]string
	build  map[string]string
}

func simple(groups string) project {
	return project{
		files: map[string]string{
			"facsimile.yaml": "name: shop\nhome: /srv/shop\ntitle: The Shop\ninstall: {groups: [" + groups + "]}\n",
			"modules.yaml":   "- {name: api, targets: [app]}\n- {name: gateway, targets: [frontend], service: {exec: x, port: 80}}\n",
			"define/one.yaml": "deploy: {nodes: {frontend: [fe1], app: [app1]}}\n" +
				"nodes: {fe1: {region: eu}, app1: {region: us}}\n",
		},
		source: map[string]string{},
		build:  map[string]string{},
	}
}

func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, link := strings.CutPrefix(content, "-> "); link {
			if err := os.Symlink(target, to); err != nil {
				t.Fatal(err)
			}
			continue
		}
		mode := fs.FileMode(0o640)
		if strings.HasPrefix(content, "#!") {
			mode = 0o750
		}
		if err := os.WriteFile(to, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (p project) render(t testing.TB) (render.Output, error) {
	t.Helper()
	made := viewtest.New(t, p.files, "one", nil)
	made.State.Allot(t, made.View)
	state := made.State
	made = viewtest.New(t, p.files, "one", nil)
	made.State.Take(state)
	var layers []string
	for _, l := range made.Resolved[""].Layers() {
		layers = append(layers, string(l))
	}
	return render.Render(context.Background(), render.Input{
		View: made.View, Sources: made.Sources,
		Projects: []render.Project{{
			Version: "1.2.3",
			Folders: []render.Folder{{FS: viewtest.Files(p.files), Layers: append([]string{"_ALL_"}, layers...)}},
			SrcDir:  write(t, p.source), BuildDir: write(t, p.build),
		}},
	})
}

// shipped lists what a node gets: path → "mode[ secret] content", or the link.
func shipped(t testing.TB, out render.Output, n facsimile.Node) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, part := range out.Parts {
		if part.Node != n {
			continue
		}
		for _, item := range part.Items {
			f := item.File
			switch f.Type {
			case facsimile.Symlink:
				got[f.Path] = "-> " + f.Link
				continue
			case facsimile.Directory:
				got[f.Path] = "folder"
				continue
			}
			r, err := item.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			secret := ""
			if f.Secret {
				secret = " secret"
			}
			got[f.Path] = fmt.Sprintf("%s%s %s", f.Mode, secret, b)
		}
	}
	delete(got, "etc/shop.version")
	return got
}

func want(t testing.TB, out render.Output, n facsimile.Node, files map[string]string) {
	t.Helper()
	if d := cmp.Diff(files, shipped(t, out, n)); d != "" {
		t.Errorf("node %s (-want +got):\n%s", n, d)
	}
}

func TestTemplatesByLayer(t *testing.T) {
	p := simple("{type: tmpl, dir: tmpl, skip: '^_partial'}")
	p.files["tmpl/_ALL_/_DEPLOY_/etc/app.conf"] = "{% include '_partial/head' %}\ntitle = {{ instance.title }}\nnode = {{ node.name }}\n"
	p.files["tmpl/_ALL_/_partial/head"] = "# {{ facs.instance }}"
	p.files["tmpl/_ALL_/_DEPLOY_/etc/over"] = "everybody"
	p.files["tmpl/one/_DEPLOY_/etc/over"] = "one"
	p.files["tmpl/other/_DEPLOY_/etc/not"] = "never"
	p.files["tmpl/_ALL_/_DEPLOY_/bin/run"] = "#!/bin/sh\necho {{ region }}\n"
	p.files["tmpl/_ALL_/init.sql"] = "password '{{ module.api.password }}' on {{ node.name }}"
	out, err := p.render(t)
	if err != nil {
		t.Fatal(err)
	}
	want(t, out, "fe1", map[string]string{
		"etc/app.conf": "0644 # onetitle = The Shop\nnode = fe1\n",
		"etc/over":     "0644 one",
		"bin/run":      "0755 #!/bin/sh\necho eu\n",
	})
	if len(out.Operator) != 2 || out.Operator[0].Path != "init.sql" || !out.Operator[0].Secret ||
		!strings.Contains(string(out.Operator[0].Content), "secret-passwd.api") {
		t.Errorf("for the operator: %+v", out.Operator)
	}
}

// Every way by which a secret can reach a file marks it.
func TestTaint(t *testing.T) {
	p := simple("{type: tmpl, dir: tmpl}")
	p.files["facsimile.yaml"] += "dsn: \"pg://x:{{ module.api.password }}@h\"\nplain: 1\n"
	for name, text := range map[string]string{
		"printed":   "{{ module.api.password }}",
		"reference": "{{ instance.dsn }}",
		"filtered":  "{{ module.api.password | upper | length }}",
		"condition": "{% if module.api.password == 'x' %}a{% else %}b{% endif %}",
		"untaken":   "{% if module.api.password == 'x' %}a{% endif %}",
		"variable":  "{% set v = 0 %}{% if module.api.password == 'x' %}{% set v = 1 %}{% endif %}{{ v }}",
		"macro":     "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(module.api.password) }}",
		"joined":    "{{ [1, module.api.password] | join('-') }}",
	} {
		p.files["tmpl/_ALL_/_DEPLOY_/secret/"+name] = text
	}
	for name, text := range map[string]string{
		"user":   "{{ module.api.username }}",
		"other":  "{% for name, m in module.items() %}{{ name }}{% endfor %}",
		"plain":  "{{ instance.plain }}",
		"length": "{{ module | length }}",
	} {
		p.files["tmpl/_ALL_/_DEPLOY_/plain/"+name] = text
	}
	out, err := p.render(t)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range shipped(t, out, "app1") {
		secret := strings.HasPrefix(got, "0600 secret ")
		if wantSecret := strings.HasPrefix(name, "secret/"); secret != wantSecret {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestWorldReadableSecretIsRefused(t *testing.T) {
	p := simple("{type: tmpl, dir: tmpl, mode: '0644'}")
	p.files["tmpl/_ALL_/_DEPLOY_/etc/key"] = "{{ module.api.password }}"
	_, err := p.render(t)
	if err == nil || !strings.HasPrefix(err.Error(), "facsimile.yaml:4:20: etc/key has a secret in it") {
		t.Errorf("got %v", err)
	}
	p = simple("{type: tmpl, dir: tmpl, mode: '0640', group: shop}")
	p.files["tmpl/_ALL_/_DEPLOY_/etc/key"] = "{{ module.api.password }}"
	if _, err := p.render(t); err != nil {
		t.Error(err)
	}
}

func TestCopyGroups(t *testing.T) {
	p := simple(`
  {type: copy, files: ["$BUILD_DIR$/api"], pattern: "^.*/", replace: "bin/", mode: "0755"},
  {files: [conf/a.conf, "$SRC_DIR$/b.txt"], optfiles: [missing, conf/opt]},
  {files: ["$SRC_DIR$/x/sub/deep/c.txt"], pattern: "^.*/(sub)/(.*)$", replace: "swapped/\\2.\\1"},
  {dir: tree, skip: '\.o$'},
  {dir: "$SRC_DIR$/tree", pattern: "^.SRC_DIR./tree/", replace: "elsewhere/"},
  {glob: ["globs/*.txt"], targets: [app]},
  {link: {"bin/latest": api}, modules: [gateway]}`)
	p.build["api"] = "#!ELF"
	p.source = map[string]string{
		"conf/a.conf": "a", "conf/opt": "opt", "b.txt": "b", "x/sub/deep/c.txt": "c",
		"tree/one": "1", "tree/deep/two": "2", "tree/deep/skip.o": "o", "tree/link": "-> one", "tree/run": "#!/bin/sh",
		"globs/x.txt": "x", "globs/y.dat": "y", ".git/config": "never",
	}
	out, err := p.render(t)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"bin/api": "0755 #!ELF", "conf/a.conf": "0644 a", "b.txt": "0644 b", "conf/opt": "0644 opt",
		"swapped/deep/c.txt.sub": "0644 c",
		"tree/one":               "0644 1", "tree/deep/two": "0644 2", "tree/link": "0644 1", "tree/run": "0755 #!/bin/sh",
		"bin/latest": "-> api",
	}
	for name, got := range shipped(t, out, "fe1") {
		if strings.HasPrefix(name, "elsewhere") || files[name] == got {
			delete(files, name)
			continue
		}
		t.Errorf("%s is %q", name, got)
	}
	if len(files) > 0 {
		t.Errorf("missing %v", files)
	}
	app := shipped(t, out, "app1")
	if app["globs/x.txt"] != "0644 x" || app["bin/latest"] != "" || app["elsewhere/deep/two"] != "0644 2" {
		t.Errorf("app1 has %v", app)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, groups string
		change       func(*project)
		want         string
	}{
		{"unknown type", "{type: magic}", nil, `"magic" is not known`},
		{"missing file", "{files: [nowhere]}", nil, "cannot install nowhere: there is no such file"},
		{"absolute", "{files: [/etc/passwd]}", nil, "/etc/passwd is outside"},
		{"unknown token", "{files: ['$HOME$/x']}", nil, "is outside"},
		{"escape", "{files: [../../etc/passwd]}", nil, "cannot install ../../etc/passwd"},
		{"link out", "{files: [out]}", func(p *project) { p.source["out"] = "-> /etc/passwd" }, "cannot install out"},
		{"linked folder out", "{dir: d}", func(p *project) { p.source["d/out"] = "-> /etc" }, "cannot install d"},
		{"folder as file", "{files: [d]}", func(p *project) { p.source["d/x"] = "1" }, "it is no regular file"},
		{"destination out", "{files: [a], pattern: '^', replace: '../'}", func(p *project) { p.source["a"] = "1" }, "not a clean path"},
		{"pattern alone", "{files: [a], pattern: x}", nil, "needs both or neither"},
		{"bad pattern", "{files: [a], pattern: '(', replace: x}", nil, "not a regular expression"},
		{"bad mode", "{files: [a], mode: '9'}", nil, "not a file mode"},
		{"mode as a number", "{files: [a], mode: 644}", nil, "octal digits in quotes"},
		{"files as text", "{files: a}", nil, "want a list of strings"},
		{"twice", "{files: [a]}, {files: [b], pattern: b, replace: a}", func(p *project) { p.source["a"], p.source["b"] = "1", "2" }, "a and b both write a"},
		{"template folder missing", "{type: tmpl, dir: tmlp}", func(p *project) {
			p.files["tmpl/_ALL_/_DEPLOY_/x"] = "1"
		}, "facsimile.yaml:4:20: cannot install tmlp: there is no folder of templates of that name [did you mean tmpl?]"},
		{"source folder missing", "{dir: sub/tre}", func(p *project) { p.source["sub/tree/x"] = "1" },
			"facsimile.yaml:4:20: cannot install sub/tre: there is no folder of that name [did you mean sub/tree?]"},
		{"token folder missing", "{dir: '$BUILD_DIR$/tre'}", func(p *project) { p.build["tree/x"] = "1" }, "[did you mean $BUILD_DIR$/tree?]"},
		{"folder is a file", "{dir: a}", func(p *project) { p.source["a"] = "1" }, "cannot install a: it is no folder"},
		{"install without groups", "", func(p *project) {
			p.files["facsimile.yaml"] = "name: shop\nhome: /srv/shop\ninstall: {tmpl: [x]}\n"
		}, "facsimile.yaml:3:11: install has no groups"},
		{"install is a list", "", func(p *project) {
			p.files["facsimile.yaml"] = "name: shop\nhome: /srv/shop\ninstall: [{type: tmpl, dir: tmpl}]\n"
		}, "install is a list, want a map"},
		{"include out", "{type: tmpl, dir: tmpl}", func(p *project) {
			p.files["tmpl/_ALL_/_DEPLOY_/x"] = "{% include '../../facsimile.yaml' %}"
		}, "facsimile.yaml"},
		{"undefined", "{type: tmpl, dir: tmpl}", func(p *project) {
			p.files["tmpl/_ALL_/_DEPLOY_/x"] = "1\n2 {{ instance.titel }}"
		}, "tmpl/_ALL_/_DEPLOY_/x:2:6"},
		{"syntax", "{type: tmpl, dir: tmpl}", func(p *project) {
			p.files["tmpl/_ALL_/_DEPLOY_/x"] = "\n{% if %}"
		}, "tmpl/_ALL_/_DEPLOY_/x:2:"},
		{"shared over files", "", func(p *project) {
			p.files["define/one.yaml"] = strings.Replace(p.files["define/one.yaml"], "deploy: {", "deploy: {shared: [etc/../x], ", 1)
		}, "deploy.shared"},
	} {
		p := simple(c.groups)
		if c.change != nil {
			c.change(&p)
		}
		_, err := p.render(t)
		if err == nil || !strings.Contains(hinted(err), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.name, hinted(err), c.want)
		}
		var e *facsimile.Error
		if errors.As(err, &e) && len(e.At) == 0 {
			t.Errorf("%s: %v has no place", c.name, err)
		}
	}
}

// hinted is an error with its hint, as far as it has one.
func hinted(err error) string {
	var e *facsimile.Error
	if errors.As(err, &e) && e.Hint != "" {
		return fmt.Sprintf("%v [%s]", e, e.Hint)
	}
	return fmt.Sprint(err)
}

// A folder that is there and has nothing for this instance is no slip of the pen, nor is what
// only a build would make where nothing was built.
func TestFoldersWithNothingToInstall(t *testing.T) {
	p := simple("{type: tmpl, dir: tmpl}, {dir: empty, skip: '.*'}")
	p.files["tmpl/other/_DEPLOY_/x"] = "1"
	p.source["empty/x"] = "1"
	out, err := p.render(t)
	if err != nil {
		t.Fatal(err)
	}
	want(t, out, "fe1", map[string]string{})
	made := viewtest.New(t, simple("{dir: $BUILD_DIR$/made}").files, "one", nil)
	if _, err := render.Render(context.Background(), render.Input{
		View: made.View, Sources: made.Sources, Unbuilt: true, Projects: []render.Project{{}},
	}); err != nil {
		t.Error(err)
	}
}

func TestOverrideSharedExtraExcludeAndGenconfig(t *testing.T) {
	p := simple("{files: [a]}, {files: [b], pattern: b, replace: a, override: true}")
	p.source["a"], p.source["b"] = "1", "2"
	p.files["extra/_ALL_/share/x"] = "x {{ not.rendered }}"
	p.files["extra/_ALL_/share/x.orig"] = "left by an editor"
	p.files["extra/_ALL_/bin/tool"] = "#!/bin/sh"
	p.files["extra/one/share/x"] = "of one"
	p.files["exclude.rsync"] = "# what never ships\n*.orig\n/never/\n"
	p.files["extra/_ALL_/never/y"] = "y"
	p.files["define/one.yaml"] = strings.Replace(p.files["define/one.yaml"], "deploy: {", "deploy: {shared: [var/log], ", 1)
	p.files["modules.yaml"] += "- {name: conf, genconfig: true, config_name: c, config: {z: 1, a: [x, '{{ instance.title }}']}}\n" +
		"- {name: hidden, genconfig: true, config_codec: json, config: {key: '{{ module.api.password }}'}}\n"
	out, err := p.render(t)
	if err != nil {
		t.Fatal(err)
	}
	want(t, out, "app1", map[string]string{
		"a": "0644 2", "share/x": "0644 of one", "bin/tool": "0755 #!/bin/sh", "var/log": "-> ../../../shared/var/log",
		"etc/c.yaml":      "0644 z: 1\na:\n  - x\n  - The Shop\n",
		"etc/hidden.json": "0600 secret {\n  \"key\": \"secret-passwd.api\"\n}\n",
	})
}

func TestVersionFile(t *testing.T) {
	out, err := simple("").render(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range out.Parts {
		if len(part.Items) != 1 || part.Items[0].File.Path != "etc/shop.version" {
			t.Errorf("%+v", part.Items)
		}
	}
}

// Files come in the same order and with the same modes whatever the umask and the order of the
// file system, and each template is rendered once per node.
func TestRenderIsDeterministic(t *testing.T) {
	p := simple("{type: tmpl, dir: tmpl}")
	for i := range 20 {
		p.files[fmt.Sprintf("tmpl/_ALL_/_DEPLOY_/etc/%02d", i*7%20)] = "{% for k in instance %}{{ k }} {% endfor %}"
	}
	first, err := p.render(t)
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.render(t)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(shipped(t, first, "fe1"), shipped(t, again, "fe1")); d != "" {
		t.Error(d)
	}
	if first.Renders != 40 {
		t.Errorf("%d renders, want 40", first.Renders)
	}
}

func BenchmarkRender(b *testing.B) {
	p := simple("{type: tmpl, dir: tmpl}")
	for i := range 300 {
		p.files[fmt.Sprintf("tmpl/_ALL_/_DEPLOY_/etc/%03d.conf", i)] = strings.Repeat(
			"title = {{ instance.title }}\nnode = {{ node.name | upper }}\n{% for name, m in module.items() %}user {{ m.username }}\n{% endfor %}\n", 10)
	}
	made := viewtest.New(b, p.files, "one", nil)
	made.State.Allot(b, made.View)
	in := render.Input{View: made.View, Sources: made.Sources, Projects: []render.Project{{
		Folders: []render.Folder{{FS: viewtest.Files(p.files), Layers: []string{"_ALL_", "one"}}},
	}}}
	b.ReportAllocs()
	var renders int
	for b.Loop() {
		out, err := render.Render(context.Background(), in)
		if err != nil {
			b.Fatal(err)
		}
		renders += out.Renders
	}
	b.ReportMetric(float64(renders)/b.Elapsed().Seconds(), "templates/s")
}
