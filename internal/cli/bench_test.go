package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"facsimile.dev/facsimile/example/shop"
)

// example lays the example out, with its repositories, and gives the folder of its definition.
func example(b *testing.B) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "example")
	if err := shop.LayOut(dir); err != nil {
		b.Fatal(err)
	}
	if err := shop.Init(b.Context(), dir); err != nil {
		b.Fatal(err)
	}
	return filepath.Join(dir, shop.Definition)
}

// BenchmarkShow shows an instance of the example: all that a command does, but for starting a process.
func BenchmarkShow(b *testing.B) {
	dir := example(b)
	for b.Loop() {
		env := Env{Args: []string{"show", "prod"}, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Dir: dir, Environ: os.Environ()}
		if status := Run(b.Context(), env); status != 0 {
			b.Fatalf("status %d", status)
		}
	}
}

// BenchmarkShowProcess is the same as people wait for it: the program, from its start to its end.
func BenchmarkShowProcess(b *testing.B) {
	dir := example(b)
	program := filepath.Join(b.TempDir(), "facs")
	if out, err := exec.Command("go", "build", "-o", program, "facsimile.dev/facsimile/cmd/facs").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() {
		cmd := exec.Command(program, "show", "prod")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}
