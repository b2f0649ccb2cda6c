package facsimile_test

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const modulePath = "facsimile.dev/facsimile"

// mayImport lists, for each package, the packages of this module that it may import besides
// the root. Everything else is banned; banReasons says why for the edges that tempt.
func mayImport() map[string][]string {
	return map[string][]string{
		"":                                   {},
		"cmd/facs":                           {"internal/cli"},
		"internal/cli":                       {"project", "internal/ui", "example/shop"},
		"internal/ui":                        {},
		"internal/atomicfile":                {},
		"internal/atomicfile/atomicfiletest": {"internal/atomicfile"},
		"project": {"define", "state", "view", "render", "release", "node", "deploy", "source", "build", "run",
			"jinja", "machine", "machine/ssh", "node/remote", "node/wire", "internal/atomicfile"},
		"define":                 {"define/syntax"},
		"define/syntax":          {},
		"internal/viewtest":      {"define", "state", "view"},
		"state":                  {"internal/atomicfile"},
		"view":                   {"define", "state", "jinja"},
		"render":                 {"view", "jinja", "release"},
		"release":                {"internal/atomicfile"},
		"node":                   {"release", "internal/atomicfile"},
		"node/remote":            {"node", "node/wire", "machine"},
		"node/nodetest":          {"node", "release"},
		"node/wire":              {"node"},
		"machine":                {},
		"machine/internal/child": {},
		"machine/ssh":            {"machine", "machine/internal/child"},
		"machine/local":          {"machine", "machine/internal/child"},
		"machine/machinetest":    {"machine"},
		"deploy":                 {"node", "release"},
		"source":                 {"internal/atomicfile"},
		"build":                  {"internal/atomicfile"},
		"run":                    {"internal/atomicfile"},
		"jinja":                  {},
		"example/shop":           {},
		"example/shop/api":       {},
		"example/shop/gateway":   {},
		"example/shop/worker":    {},
		"test/fleet/fleettest":   {},
		"test/fleet/lag":         {},
	}
}

// banReasons says why an edge is banned, "from → to"; "*" stands for any package.
func banReasons() map[string]string {
	return map[string]string{
		"* → project":       "project joins the engines; an engine that knows it closes a circle",
		"* → internal/cli":  "what a command can do, a library user can do: the work belongs below",
		"* → internal/ui":   "only the command line writes to the terminal",
		"jinja → *":         "the template language is a library of its own, useful without Facsimile",
		"define → state":    "a definition is pure: it must load without any key or state",
		"state → define":    "state is told what is needed; it does not read definitions",
		"render → state":    "render sees secrets only through a view, so that taint cannot be lost",
		"release → node":    "a release is the same wherever it goes",
		"deploy → render":   "a rollout moves a finished release; it never makes one",
		"view → render":     "data goes one way",
		"internal/cli → *":  "commands parse, call project and print; anything more belongs to project",
		"cmd/facs → *":      "main is a few lines",
		"facsimile → *":     "the root is vocabulary: it does no work",
		"node → deploy":     "a node answers; it does not know the rollout",
		"node/nodetest → *": "the suite tests the interface and nothing else",
	}
}

// sizeExceptions lists what may break the size budgets (a function over 100 lines, or of a
// cyclomatic complexity over 15), each with its reason: "package/file.go:Func".
func sizeExceptions() map[string]string {
	return map[string]string{
		"jinja/compile.go:stmt":         "a flat switch over the kinds of statements",
		"jinja/symbols.go:readStmt":     "a flat switch over the kinds of statements",
		"jinja/undeclared.go:stmt":      "a flat switch over the kinds of statements",
		"jinja/parse_stmt.go:tagParser": "a flat switch from the name of a tag to its parser",
	}
}

// stdlibBannedInRoot are the standard packages that the vocabulary may not use, since they do work.
var stdlibBannedInRoot = []string{"os", "net", "net/http", "os/exec", "syscall"}

type goFile struct {
	pkg  string // relative to the module, "" for the root
	path string // relative to the module
	ast  *ast.File
	fset *token.FileSet
	test bool
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil && p != "." {
				return filepath.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(p))
		if pkg == "." {
			pkg = ""
		}
		files = append(files, goFile{pkg: pkg, path: filepath.ToSlash(p), ast: f, fset: fset, test: strings.HasSuffix(p, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestImportsGoOneWay(t *testing.T) {
	allowed := mayImport()
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		may, known := allowed[f.pkg]
		if !known {
			t.Errorf("%s: package %q is not in the list of this test: say what it may import", f.path, f.pkg)
			continue
		}
		for _, spec := range f.ast.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			if f.pkg == "" && slices.Contains(stdlibBannedInRoot, imported) {
				t.Errorf("%s imports %s: the root is vocabulary and does no work", f.path, imported)
			}
			to, ours := strings.CutPrefix(imported, modulePath)
			to = strings.TrimPrefix(to, "/")
			if !ours || to == "" && f.pkg != "jinja" || slices.Contains(may, to) {
				continue
			}
			t.Errorf("%s imports %s, which it may not%s", f.path, imported, banReason(f.pkg, to))
		}
		if !f.test && slices.ContainsFunc(f.ast.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == `"testing"` }) && !strings.HasSuffix(f.pkg, "test") {
			t.Errorf("%s imports testing: it would be linked into the product", f.path)
		}
	}
}

func banReason(from, to string) string {
	if from == "" {
		from = "facsimile"
	}
	reasons := banReasons()
	for _, edge := range []string{from + " → " + to, from + " → *", "* → " + to} {
		if why, ok := reasons[edge]; ok {
			return ": " + why
		}
	}
	return ": data goes one way (ARCHITECTURE.md)"
}

func TestPackagesAreDocumented(t *testing.T) {
	docs := map[string][]string{}
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		if _, ok := docs[f.pkg]; !ok {
			docs[f.pkg] = nil
		}
		if f.ast.Doc != nil {
			docs[f.pkg] = append(docs[f.pkg], f.path)
		}
		for _, decl := range f.ast.Decls {
			checkDecl(t, f, decl)
		}
	}
	for pkg, in := range docs {
		if len(in) != 1 {
			t.Errorf("package %q has %d package comments %v, want one", pkg, len(in), in)
		}
	}
}

func checkDecl(t *testing.T, f goFile, decl ast.Decl) {
	t.Helper()
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.Name == "init" {
			t.Errorf("%s: init(): lists are explicit here", f.fset.Position(d.Pos()))
		}
		if f.ast.Name.Name != "main" && d.Name.IsExported() && receiverExported(d) && d.Doc == nil && !says(d) {
			t.Errorf("%s: %s has no doc comment", f.fset.Position(d.Pos()), d.Name.Name)
		}
	case *ast.GenDecl:
		if f.ast.Name.Name == "main" {
			return
		}
		for _, spec := range d.Specs {
			for _, name := range undocumented(d, spec) {
				t.Errorf("%s: %s has no doc comment", f.fset.Position(spec.Pos()), name)
			}
		}
	}
}

// says reports whether a method is one by which a value prints: its name says all.
func says(d *ast.FuncDecl) bool {
	return d.Recv != nil && (d.Name.Name == "Error" || d.Name.Name == "String")
}

func undocumented(d *ast.GenDecl, spec ast.Spec) []string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec:
		if d.Doc != nil || s.Doc != nil || s.Comment != nil {
			return nil
		}
		var names []string
		for _, n := range s.Names {
			if n.IsExported() {
				names = append(names, n.Name)
			}
		}
		return names
	}
	return nil
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

func TestSizeBudgets(t *testing.T) {
	exceptions := sizeExceptions()
	used := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		if n := lines(t, f.path); n > 500 {
			key := f.path
			used[key] = true
			if exceptions[key] == "" {
				t.Errorf("%s has %d lines, over 500", f.path, n)
			}
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			length := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			complexity := cyclomatic(fn)
			if length <= 100 && complexity <= 15 {
				continue
			}
			key := f.path + ":" + fn.Name.Name
			used[key] = true
			if exceptions[key] == "" {
				t.Errorf("%s: %s has %d lines and a cyclomatic complexity of %d; the budget is 100 and 15 (or a reason in sizeExceptions)",
					f.fset.Position(fn.Pos()), fn.Name.Name, length, complexity)
			}
		}
	}
	for key := range exceptions {
		if !used[key] {
			t.Errorf("sizeExceptions lists %s, which keeps the budget", key)
		}
	}
}

// cyclomatic is 1, and one more for every branch, case and short-circuit operator.
func cyclomatic(fn *ast.FuncDecl) int {
	n := 1
	ast.Inspect(fn, func(node ast.Node) bool {
		switch x := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if x.List != nil {
				n++
			}
		case *ast.CommClause:
			if x.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if x.Op == token.LAND || x.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}

func lines(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		n++
	}
	if err := scan.Err(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return n
}
