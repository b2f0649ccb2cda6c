package render

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"

	facsimile "facsimile.dev/facsimile"
)

// excludes are the patterns of exclude.rsync: what never ships. They are those of rsync's
// --exclude-from: a pattern with a "/" in it, other than at its end, is matched against the
// whole path, one without against the last name; "/" at the start holds it to the top, "/" at
// the end to folders; "*" stops at "/", "**" does not, "?" is one character, "[…]" a class.
type excludes []exclude

type exclude struct {
	match   *regexp.Regexp
	whole   bool // against the path, not the last name
	folders bool
}

const excludeFile = "exclude.rsync"

func readExcludes(folder Folder) (excludes, error) {
	text, err := fs.ReadFile(folder.FS, excludeFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out excludes
	var problems facsimile.Problems
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		line = strings.TrimPrefix(line, "- ")
		if strings.HasPrefix(line, "+ ") || line == "!" {
			problems = append(problems, facsimile.Errorf(facsimile.BadInput, "%s may only exclude: %q is another kind of rule", excludeFile, line).
				WithAt(facsimile.Position{File: path.Join(folder.Label, excludeFile), Line: n, Column: 1, Text: line}))
			continue
		}
		out = append(out, compileExclude(line))
	}
	return out, problems.OrNil()
}

func compileExclude(pattern string) exclude {
	e := exclude{folders: strings.HasSuffix(pattern, "/")}
	pattern = strings.TrimSuffix(pattern, "/")
	anchored := strings.HasPrefix(pattern, "/")
	pattern = strings.TrimPrefix(pattern, "/")
	e.whole = anchored || strings.Contains(pattern, "/") || strings.Contains(pattern, "**")
	var b strings.Builder
	b.WriteString(`\A`)
	if e.whole && !anchored {
		b.WriteString(`(?:.*/)?`)
	}
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			if strings.HasPrefix(pattern[i:], "**") {
				b.WriteString(`.*`)
				i++
			} else {
				b.WriteString(`[^/]*`)
			}
		case '?':
			b.WriteString(`[^/]`)
		case '[':
			end := strings.IndexByte(pattern[i:], ']')
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			b.WriteString("[" + strings.ReplaceAll(strings.Replace(pattern[i+1:i+end], "!", "^", 1), `\`, `\\`) + "]")
			i += end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(`\z`)
	match, err := regexp.Compile(b.String())
	if err != nil { // an odd character class: taken literally
		match = regexp.MustCompile(`\A` + regexp.QuoteMeta(pattern) + `\z`)
	}
	e.match = match
	return e
}

// match says whether a path, or a folder above it, is excluded.
func (x excludes) match(p string, dir bool) bool {
	for at := p; at != "."; at = path.Dir(at) {
		folder := dir || at != p
		for _, e := range x {
			subject := path.Base(at)
			if e.whole {
				subject = at
			}
			if (!e.folders || folder) && e.match.MatchString(subject) {
				return true
			}
		}
	}
	return false
}
