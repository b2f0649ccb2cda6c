package define

import (
	"fmt"
	"slices"

	"facsimile.dev/facsimile"
)

// wrapModules is the document of a modules file as a layer: {modules: …}. TOML cannot have a
// list at its top, so there the list may stand under the key modules.
func wrapModules(doc facsimile.Value) facsimile.Value {
	if under := doc.Get(modulesName); doc.Len() == 1 && under.Kind() == facsimile.List {
		return doc
	}
	if doc.Kind() == facsimile.Map && doc.Len() == 0 {
		return doc
	}
	return facsimile.MapAt([]facsimile.Entry{{Key: modulesName, KeyAt: doc.Origin(), Value: doc}}, doc.Origin())
}

// modulesByName makes the list form of modules the map form: the two mean the same, and so do
// appending a list of modules and merging it.
func (c *compiler) modulesByName(e facsimile.Entry) facsimile.Entry {
	v := e.Value
	if v.Kind() == facsimile.Map {
		for _, m := range v.Entries() {
			if name := m.Value.Get("name"); name.Kind() == facsimile.String && name.Str() != trimSign(m.Key) {
				c.fail(fmt.Sprintf("the module %q says that its name is %q", m.Key, name.Str()), "leave the name out, or rename one", name.Origin(), m.KeyAt)
			}
		}
		return e
	}
	if v.Kind() != facsimile.List {
		if v.Kind() != facsimile.Null {
			c.fail(fmt.Sprintf("modules are a list or a map by name, this is %s", v.Kind()), "", e.KeyAt)
		}
		return e
	}
	entries := make([]facsimile.Entry, 0, v.Len())
	seen := map[string]facsimile.Origin{}
	for _, m := range v.Items() {
		name, ok := m.Entry("name")
		if !ok || name.Value.Kind() != facsimile.String || name.Value.Str() == "" {
			c.fail("a module of a list needs a name", `write "name: …" into it`, m.Origin())
			continue
		}
		text, at := name.Value.Str(), name.Value.Origin()
		if first, twice := seen[text]; twice {
			c.fail(fmt.Sprintf("the module %q is written twice in one list", text), "join the two, or rename one", at, first)
			continue
		}
		seen[text] = at
		entries = append(entries, facsimile.Entry{Key: literalKey(text), KeyAt: at, Value: m})
	}
	if e.Key == modulesName+"+" {
		e.Key = modulesName
	}
	e.Value = facsimile.MapAt(entries, v.Origin())
	return e
}

// literalKey writes a name so that no sign is read from it.
func literalKey(name string) string {
	if trimSign(name) != name {
		return name + "="
	}
	return name
}

// trimSign is a key without its sign.
func trimSign(key string) string {
	if n := len(key); n > 1 && (key[n-1] == '+' || key[n-1] == '!' || key[n-1] == '=') {
		return key[:n-1]
	}
	return key
}

// MergeModules joins the modules of the projects of one instance into one map by name: those
// of the top ("") first, then those that only a project's own source defines, by project. What
// the top says holds for all, and one project may say more of a module in its own source; two
// that say different things are an error with both places.
func MergeModules(of map[facsimile.Project]*Resolved) (facsimile.Value, error) {
	var projects []facsimile.Project
	for p := range of {
		projects = append(projects, p)
	}
	slices.Sort(projects) // "" comes first
	var (
		entries  []facsimile.Entry
		index    = map[string]int{}
		owner    = map[string]facsimile.Project{} // who said what entries hold; absent for the top
		problems facsimile.Problems
		origin   facsimile.Origin
	)
	for _, p := range projects {
		r := of[p]
		modules := r.Root().Get(modulesName)
		if origin.IsZero() {
			origin = modules.Origin()
		}
		for _, e := range modules.Entries() {
			i, known := index[e.Key]
			switch {
			case !known:
				index[e.Key] = len(entries)
				entries = append(entries, e)
				owner[e.Key] = p
			case sameModule(entries[i].Value, e.Value):
			case owner[e.Key] == "":
				entries[i], owner[e.Key] = e, p
			case of[""] != nil && sameModule(of[""].Root().Get(modulesName).Get(e.Key), e.Value):
			default:
				path, a, b := firstDifference(nameless(entries[i].Value), nameless(e.Value), facsimile.Path{modulesName, e.Key})
				problems = append(problems, problem(r.d.sources, fmt.Sprintf("the projects %q and %q define the module %q differently: %s", owner[e.Key], p, e.Key, path), "define it in one place, or give them different names", a, b))
			}
		}
	}
	return facsimile.MapAt(entries, origin), problems.OrNil()
}

// sameModule compares two modules of one key. Only the list form has the name inside.
func sameModule(a, b facsimile.Value) bool { return nameless(a).Equal(nameless(b)) }

func nameless(m facsimile.Value) facsimile.Value {
	if m.Get("name").IsAbsent() {
		return m
	}
	entries := slices.DeleteFunc(slices.Clone(m.Entries()), func(e facsimile.Entry) bool { return e.Key == "name" })
	return facsimile.MapAt(entries, m.Origin())
}

// firstDifference leads to the first place where two values differ, with the origins there.
func firstDifference(a, b facsimile.Value, at facsimile.Path) (facsimile.Path, facsimile.Origin, facsimile.Origin) {
	if a.Kind() != facsimile.Map || b.Kind() != facsimile.Map {
		return at, a.Origin(), b.Origin()
	}
	for _, e := range a.Entries() {
		other, ok := b.Entry(e.Key)
		if !ok {
			return at.Child(e.Key), e.KeyAt, b.Origin()
		}
		if !e.Value.Equal(other.Value) {
			return firstDifference(e.Value, other.Value, at.Child(e.Key))
		}
	}
	for _, e := range b.Entries() {
		if _, ok := a.Entry(e.Key); !ok {
			return at.Child(e.Key), a.Origin(), e.KeyAt
		}
	}
	return at, a.Origin(), b.Origin()
}
