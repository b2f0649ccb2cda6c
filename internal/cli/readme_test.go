package cli

import (
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// readme is "readme": the block in README.md that shows the demonstration is what the last
// command printed. A line of "…" stands for lines that are left out; what differs in every run
// is not compared.
func readme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: readme")
	}
	text, err := os.ReadFile("../../README.md")
	ts.Check(err)
	_, rest, ok := strings.Cut(string(text), "<!-- demo:")
	if !ok {
		ts.Fatalf("README.md has no block of the demonstration")
	}
	_, rest, _ = strings.Cut(rest, "```\n")
	block, _, _ := strings.Cut(rest, "\n```")
	printed := sameInEveryRun(ts.ReadFile("stdout"))
	for part := range strings.SplitSeq(sameInEveryRun(block), "\n…") {
		part = strings.Trim(part, "\n…")
		at := strings.Index(printed, part)
		if at < 0 {
			ts.Fatalf("README.md shows what the demonstration does not print, or not in this place:\n%s\n\nit goes on with:\n%s", part, printed)
		}
		printed = printed[at+len(part):]
	}
}

// sameInEveryRun replaces what differs: digests, process ids, the sizes of programs.
func sameInEveryRun(s string) string {
	for _, r := range []struct{ pattern, same string }{
		{`sha256:[0-9a-f]{12,64}`, "sha256:…"},
		{`(?m)(127\.0\.0\.1:\d+) +\d+$`, "$1 PID"},
		{`\d+(\.\d+)? [kMG]?B\b`, "SIZE"},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.same)
	}
	return s
}
