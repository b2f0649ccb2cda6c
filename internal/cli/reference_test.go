package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/internal/ui"
	"facsimile.dev/facsimile/project"
)

const referenceDir = "../../doc/reference"

// TestReference holds that doc/reference says what the commands say of themselves; -update writes it.
func TestReference(t *testing.T) {
	_, root := newTestRoot(t)
	pages := map[string]string{"README.md": indexPage(t, root), "exit-status.md": statusPage(root), "json.md": jsonPage(root)}
	for _, cmd := range root.Commands() {
		if !cmd.Hidden {
			pages[cmd.Name()+".md"] = commandPage(cmd)
		}
	}
	if *update {
		writeReference(t, pages)
	}
	have, err := os.ReadDir(referenceDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range have {
		if _, ok := pages[file.Name()]; !ok {
			t.Errorf("doc/reference/%s is of no command; -update removes it", file.Name())
		}
	}
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(referenceDir, name))
		if err != nil || string(got) != want {
			t.Errorf("doc/reference/%s is not what the commands say; -update writes it (%v)", name, err)
		}
	}
}

func writeReference(t *testing.T, pages map[string]string) {
	if err := os.RemoveAll(referenceDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(referenceDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(referenceDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const generated = "<!-- Generated from the commands: go test ./internal/cli -update -->\n"

func indexPage(t *testing.T, root *cobra.Command) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n# facs: the commands\n\n%s\n", generated, root.Long)
	a := newApp(Env{})
	newRoot(a)
	for _, g := range a.groups {
		fmt.Fprintf(&b, "\n## %s\n\n| command | |\n| --- | --- |\n", g.title)
		for _, cmd := range g.commands {
			fmt.Fprintf(&b, "| [`facs %s`](%s.md) | %s |\n", cmd.Use, cmd.Name(), cmd.Short)
		}
	}
	fmt.Fprintf(&b, "\n## Flags of every command\n\n%s", flagLines(root.PersistentFlags()))
	b.WriteString("\nSee also: [exit statuses](exit-status.md), [JSON output](json.md).\n")
	return b.String()
}

func commandPage(cmd *cobra.Command) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n# facs %s\n\n%s.\n\n    facs %s\n\n%s\n", generated, cmd.Name(), cmd.Short, cmd.Use, indentCode(cmd.Long))
	fmt.Fprintf(&b, "\n## Examples\n\n%s\n", strings.ReplaceAll("  "+cmd.Example, "\n", "\n  "))
	if flags := flagLines(cmd.NonInheritedFlags()); flags != "" {
		fmt.Fprintf(&b, "\n## Flags\n\n%s", flags)
	}
	b.WriteString("\nBesides these there are the [flags of every command](README.md#flags-of-every-command).\n\n## Exit status\n\n")
	for _, o := range outcomes(cmd) {
		fmt.Fprintf(&b, "- %d: %s\n", o, meaning(o))
	}
	if _, ok := documents()[cmd.Name()]; ok {
		fmt.Fprintf(&b, "\n`-o json` prints [this document](json.md#%s).\n", cmd.Name())
	}
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n    %s\n\n%s\n\n%s\n", sub.CommandPath(), sub.Short,
				strings.TrimSuffix(sub.UseLine(), " [flags]"), indentCode(sub.Long), strings.ReplaceAll("  "+sub.Example, "\n", "\n  "))
		}
	}
	return b.String()
}

// indentCode makes what is indented in help a block of code.
func indentCode(text string) string { return strings.ReplaceAll(text, "\n  ", "\n      ") }

func flagLines(flags *pflag.FlagSet) string {
	var b strings.Builder
	for _, row := range flagRows(flags) {
		fmt.Fprintf(&b, "- `%s`: %s\n", strings.TrimSpace(row[0]), row[1])
	}
	return b.String()
}

func statusPage(root *cobra.Command) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n# Exit statuses\n\n| status | meaning | given by |\n| --- | --- | --- |\n", generated)
	for o := facsimile.Done; o <= facsimile.TwoReleases; o++ {
		var by []string
		for _, cmd := range root.Commands() {
			if !cmd.Hidden && slices.Contains(outcomes(cmd), o) {
				by = append(by, fmt.Sprintf("[%s](%s.md)", cmd.Name(), cmd.Name()))
			}
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", o, meaning(o), strings.Join(by, " "))
	}
	b.WriteString(`
Ctrl-C before anything changed is 3, since nothing was. After that, what was interrupted says itself how it stands. A failure
of the machine that nobody planned for, such as a full disk, is 3 where nothing was changed by then.

Without a terminal, whatever would ask stops with 3 and names the flag that answers.
`)
	return b.String()
}

// documents are what -o json prints, by command.
func documents() map[string]any {
	return map[string]any{
		"init":     initDocument{},
		"check":    checkDocument{},
		"list":     []project.Item{},
		"show":     facsimile.Value{},
		"explain":  project.Explanation{},
		"diff":     project.Comparison{},
		"build":    project.Built{},
		"plan":     planDocument{},
		"deploy":   project.Result{},
		"rollback": project.Result{},
		"status":   statusDocument{},
		"verify":   project.Verification{},
		"history":  []project.Rollout{},
		"up":       project.Running{},
		"ps":       project.Running{},
		"down":     project.Stopped{},
		"version":  versionDocument{},
	}
}

func jsonPage(root *cobra.Command) string {
	var b bytes.Buffer
	b.WriteString(generated + `
# JSON output

With ` + "`-o json`" + ` a command prints one document to standard output. Fields are added from release to release, never renamed
or removed; what is marked with ? may be left out. Lists are never null.

Standard error has one document per line: notices as ` + "`{\"notice\": …}`" + `, and an error as

    {"error": …, "hint": …, "at": [{"file": …, "line": …, "column": …}]}

Several errors at once are the first one in this form, with all of them in ` + "`errors`" + `.

A value of a definition stands as itself; a secret as ` + "`{\"secret\": FINGERPRINT}`" + `, one not yet generated as
` + "`{\"pending\": true}`" + `, and what differs from node to node as ` + "`{\"per\": \"node\", \"expression\": …}`" + `.
`)
	all := documents()
	for _, g := range commands(newApp(Env{})) {
		for _, cmd := range g.commands {
			doc, ok := all[cmd.Name()]
			if !ok {
				continue
			}
			fmt.Fprintf(&b, "\n## %s\n\n```\n%s\n```\n", cmd.Name(), shape(reflect.TypeOf(doc), ""))
		}
	}
	return b.String()
}

// shape is what values of a type look like in JSON.
func shape(t reflect.Type, indent string) string {
	switch t {
	case reflect.TypeFor[facsimile.Value]():
		return "VALUE"
	case reflect.TypeFor[facsimile.Digest]():
		return `"sha256:…" or "none"`
	case reflect.TypeFor[liveRelease]():
		return `"sha256:…", "none" or "unknown"`
	case reflect.TypeFor[facsimile.Path]():
		return `"a.b.c"`
	case reflect.TypeFor[facsimile.Mode]():
		return `"0644"`
	}
	if t.PkgPath() == "time" && t.Name() == "Time" {
		return `"2026-01-02T03:04:05Z"`
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shape(t.Elem(), indent) + " or null"
	case reflect.Slice:
		return "[" + shape(t.Elem(), indent) + ", …]"
	case reflect.Map:
		return "{" + name(t.Key()) + ": " + shape(t.Elem(), indent) + ", …}"
	case reflect.Struct:
		var b strings.Builder
		b.WriteString("{\n")
		writeFields(&b, t, indent+"  ", map[string]bool{})
		b.WriteString(indent + "}")
		return b.String()
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return name(t)
	}
	return "number"
}

// name is the name of a type of strings, in capitals, or what any string is.
func name(t reflect.Type) string {
	if t == reflect.TypeFor[facsimile.Digest]() {
		return "DIGEST"
	}
	if t.PkgPath() == "" {
		return "text"
	}
	return strings.ToUpper(t.Name())
}

// writeFields writes the fields as encoding/json does: a field beats one of the same name in what is embedded.
func writeFields(b *strings.Builder, t reflect.Type, indent string, seen map[string]bool) {
	var embedded []reflect.Type
	for f := range t.Fields() {
		if f.Anonymous {
			embedded = append(embedded, f.Type)
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "-" || seen[key] {
			continue
		}
		seen[key] = true
		if options != "" {
			key += "?"
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, key, shape(f.Type, indent))
	}
	for _, inner := range embedded {
		writeFields(b, inner, indent, seen)
	}
}

// TestDocumentsHaveNoNullLists holds that a list without elements is an empty list in every document.
func TestDocumentsHaveNoNullLists(t *testing.T) {
	doc := newPlanDocument(project.Plan{}, project.Pending{})
	env, stdout, _ := testEnv(t, "-o=json")
	a := newApp(env)
	if err := a.ui.Print(doc, func(*ui.Page) {}); err != nil || strings.Contains(stdout.String(), "null") {
		t.Errorf("%v: %s", err, stdout)
	}
}
