package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/view"
)

// group is one install group: which files are made, from what, and with which attributes.
type group struct {
	at       facsimile.Origin
	kind     string // tmpl or copy
	dir      string
	files    []string
	optfiles []string
	glob     []string
	pattern  *regexp.Regexp // nil: none
	replace  string         // in Go's form
	skip     *regexp.Regexp
	targets  []string
	modules  []string
	mode     facsimile.Mode // 0: as the source has it
	owner    string
	group    string
	links    facsimile.Value // a map: where → to what
	override bool
}

func (g group) skips(rel string) bool {
	if g.skip == nil {
		return false
	}
	dir, base := "", rel
	if slash := strings.LastIndexByte(rel, '/'); slash >= 0 {
		dir, base = rel[:slash], rel[slash+1:]
	}
	return g.skip.MatchString(base) || dir != "" && g.skip.MatchString(dir)
}

// attributes gives a file the mode and owner of its group. A file with a secret in it is for
// its owner alone unless the group says otherwise, and never for everybody.
func (g group) attributes(f *facsimile.File) *facsimile.Error {
	if f.Secret {
		f.Mode &= 0o700
	}
	if g.mode != 0 {
		f.Mode = g.mode
	}
	if f.Secret && f.Mode&0o007 != 0 {
		return facsimile.Errorf(facsimile.BadInput, "%s has a secret in it, and its group gives it the mode %s, which everybody can read", f.Path, g.mode).
			WithHint("use 0600, or 0640 with a group")
	}
	f.Owner, f.Group = g.owner, g.group
	return nil
}

// reader reads one group from the definition and collects what is wrong with it.
type reader struct {
	sources  *facsimile.Sources
	v        facsimile.Value
	problems facsimile.Problems
}

func readGroups(sources *facsimile.Sources, c *view.Context) ([]group, error) {
	path := facsimile.Path{"install", "groups"}
	r := reader{sources: sources}
	if c.Root().Lookup(path).IsAbsent() {
		return nil, r.withoutGroups(c.Root().Get("install"))
	}
	list, err := c.Show(path)
	if err != nil {
		return nil, err
	}
	if list.Kind() != facsimile.List {
		r.fail(list, "install.groups is %s, want a list", list.Kind())
		return nil, r.problems
	}
	var groups []group
	for _, v := range list.Items() {
		r.v = v
		groups = append(groups, r.group())
	}
	return groups, r.problems.OrNil()
}

// withoutGroups refuses an install that says something, and no groups: nothing would come of it.
func (r *reader) withoutGroups(install facsimile.Value) error {
	switch install.Kind() {
	case facsimile.Absent, facsimile.Null:
		return nil
	case facsimile.Map:
		if install.Len() == 0 {
			return nil
		}
		first := install.Entries()[0]
		return facsimile.Errorf(facsimile.BadInput, "install has no groups").WithAt(r.sources.Position(first.KeyAt)).
			WithHint("write what it says, now under %s, under install.groups: a list of groups", first.Key)
	}
	r.fail(install, "install is %s, want a map with groups in it", install.Kind())
	return r.problems
}

func (r *reader) fail(v facsimile.Value, format string, args ...any) {
	r.problems = append(r.problems, facsimile.Errorf(facsimile.BadInput, format, args...).WithAt(r.sources.Position(v.Origin())))
}

func (r *reader) group() group {
	if r.v.Kind() != facsimile.Map {
		r.fail(r.v, "an install group is %s, want a map", r.v.Kind())
		return group{}
	}
	g := group{
		at:       r.v.Origin(),
		kind:     r.text("type"),
		dir:      r.text("dir"),
		files:    r.list("files"),
		optfiles: r.list("optfiles"),
		glob:     r.list("glob"),
		skip:     r.regexp("skip"),
		targets:  r.list("targets"),
		modules:  r.list("modules"),
		owner:    r.text("owner"),
		group:    r.text("group"),
		links:    r.v.Get("link"),
		override: r.v.Get("override").Bool(),
	}
	switch g.kind {
	case "", "copy":
		g.kind = "copy"
	case "tmpl":
		if g.dir == "" {
			r.fail(r.v, "an install group of type tmpl needs dir: the folder of its templates")
		}
	default:
		r.fail(r.v.Get("type"), "install group type %q is not known, want tmpl or copy", g.kind)
	}
	if mode := r.v.Get("mode"); !mode.IsAbsent() {
		g.mode = r.mode(mode)
	}
	r.replacement(&g)
	return g
}

func (r *reader) mode(v facsimile.Value) facsimile.Mode {
	if v.Kind() != facsimile.String {
		r.fail(v, "mode is %s, want octal digits in quotes, as in \"0644\"", v.Kind())
		return 0
	}
	mode, err := facsimile.ParseMode(v.Str())
	if err != nil {
		r.fail(v, "%v", err)
	}
	return mode
}

func (r *reader) replacement(g *group) {
	pattern, replace := r.v.Get("pattern"), r.v.Get("replace")
	if pattern.IsAbsent() != replace.IsAbsent() {
		r.fail(r.v, "an install group has one of pattern and replace, and needs both or neither")
		return
	}
	if pattern.IsAbsent() {
		return
	}
	if g.kind == "tmpl" {
		r.fail(pattern, "pattern and replace are of copy groups: a template goes where it stands under %s", deployPrefix)
		return
	}
	g.pattern = r.regexp("pattern")
	g.replace = goReplacement(r.text("replace"))
}

// goReplacement turns a replacement of Python's re.sub (\1, \g<1>, \g<name>, \\) into Go's.
func goReplacement(s string) string {
	s = strings.ReplaceAll(s, "$", "$$")
	pythonReference := regexp.MustCompile(`\\\\|\\g<\w+>|\\\d{1,2}`)
	return pythonReference.ReplaceAllStringFunc(s, func(m string) string {
		switch {
		case m == `\\`:
			return `\`
		case strings.HasPrefix(m, `\g<`):
			return "${" + m[3:len(m)-1] + "}"
		}
		return "${" + m[1:] + "}"
	})
}

func (r *reader) text(key string) string {
	v := r.v.Get(key)
	if v.Kind() == facsimile.Hidden {
		r.fail(v, "%s of an install group has a secret in it, and names of files are no secret", key)
		return ""
	}
	if !v.IsAbsent() && v.Kind() != facsimile.String {
		r.fail(v, "%s of an install group is %s, want a string", key, v.Kind())
	}
	return v.Str()
}

func (r *reader) list(key string) []string {
	v := r.v.Get(key)
	if v.IsAbsent() {
		return nil
	}
	if v.Kind() != facsimile.List || slices.ContainsFunc(v.Items(), func(i facsimile.Value) bool { return i.Kind() != facsimile.String }) {
		r.fail(v, "%s of an install group is %s, want a list of strings", key, v.Kind())
		return nil
	}
	out := make([]string, v.Len())
	for i, item := range v.Items() {
		out[i] = item.Str()
	}
	return out
}

func (r *reader) regexp(key string) *regexp.Regexp {
	text := r.text(key)
	if text == "" {
		return nil
	}
	re, err := regexp.Compile(strings.NewReplacer(tokenPatterns()...).Replace(text))
	if err != nil {
		r.fail(r.v.Get(key), "%s of an install group is not a regular expression: %v", key, err)
	}
	return re
}

// The tokens of copy groups. A path is matched by pattern as it is written, tokens included,
// so that no folder of this machine decides what matches.
const (
	srcToken   = "$SRC_DIR$"
	buildToken = "$BUILD_DIR$"
)

func tokenPatterns() []string {
	var pairs []string
	for _, t := range []string{srcToken, buildToken} {
		pairs = append(pairs, t, fmt.Sprintf("(?:%s)", regexp.QuoteMeta(t)))
	}
	return pairs
}
