package define

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"facsimile.dev/facsimile"
)

// versionsSuffix ends the layer that promotion writes: the last of an instance, and no
// instance itself.
const versionsSuffix = ".versions"

// shelf holds the layers of one place, by name: those in files of their own, and those that
// stand in the top file. The definition has one, and so has the own source of each project.
type shelf struct {
	folder *folder
	top    func() (*topFile, facsimile.Problems)
}

func newShelf(f *folder) *shelf {
	s := &shelf{folder: f}
	s.top = sync.OnceValues(s.readTop)
	return s
}

// topFile is what the top layer says of the definition as a whole.
type topFile struct {
	layer    *layer // never nil; empty where no such file stands
	name     facsimile.Project
	projects []facsimile.Project
	listed   []InstanceInfo // by instances:
	isListed bool
	inline   map[string]func() (*layer, facsimile.Problems)
}

// readTop reads the top layer, and splits off the instances that stand in it.
func (s *shelf) readTop() (*topFile, facsimile.Problems) {
	l, problems := s.folder.layer(topName)
	if len(problems) > 0 {
		return nil, problems
	}
	if l == nil {
		l = &layer{name: topName, body: &part{value: facsimile.MapAt(nil, facsimile.Origin{}), plain: true}}
	}
	t := &topFile{layer: l, inline: map[string]func() (*layer, facsimile.Problems){}}
	if name, ok := l.body.find("name"); ok {
		t.name = facsimile.Project(name.part.value.Str())
	}
	t.projects = projectNames(l.body, nil)
	c := &compiler{sources: s.folder.sources}
	if !l.listed.IsAbsent() {
		t.isListed = true
		t.readList(c, s)
	}
	return t, c.problems
}

// projectNames are the names of all projects that a layer declares, nested ones behind theirs.
func projectNames(body *part, names []facsimile.Project) []facsimile.Project {
	projects, ok := body.find("projects")
	if !ok || !projects.part.isMap() || len(names) > maxProjects {
		return names
	}
	for k := range projects.part.each {
		names = append(names, facsimile.Project(k.name))
		if k.part.isMap() {
			names = projectNames(k.part, names)
		}
	}
	return names
}

// readList reads instances: a list of names, or a map from name to layer.
func (t *topFile) readList(c *compiler, s *shelf) {
	add := func(name string, at facsimile.Origin) bool {
		in, err := facsimile.ParseInstance(name)
		if err != nil {
			c.fail(err.Error(), "", at)
			return false
		}
		if i := slices.IndexFunc(t.listed, func(info InstanceInfo) bool { return info.Name == in }); i >= 0 {
			c.fail(fmt.Sprintf("the instance %q is listed twice", in), "", at, t.listed[i].At)
			return false
		}
		if strings.HasSuffix(name, versionsSuffix) {
			c.fail(fmt.Sprintf("%q is the layer of versions of an instance, and no instance", in), "", at)
			return false
		}
		t.listed = append(t.listed, InstanceInfo{Name: in, At: at})
		return true
	}
	v := t.layer.listed
	switch v.Kind() {
	case facsimile.List:
		for _, item := range v.Items() {
			if item.Kind() != facsimile.String {
				c.fail(fmt.Sprintf("the name of an instance is text, this is %s", item.Kind()), "quote it", item.Origin())
				continue
			}
			add(item.Str(), item.Origin())
		}
	case facsimile.Map:
		for _, e := range v.Entries() {
			if !add(e.Key, e.KeyAt) {
				continue
			}
			switch {
			case e.Value.Kind() == facsimile.Map && e.Value.Len() > 0:
				t.inline[e.Key] = s.inlineLayer(t.layer, e)
			case e.Value.Kind() != facsimile.Map && e.Value.Kind() != facsimile.Null:
				c.fail(fmt.Sprintf("the instance %q is a layer, this is %s", e.Key, e.Value.Kind()), "write {} where there is nothing to say", e.Value.Origin())
			}
		}
	default:
		c.fail(fmt.Sprintf("instances are a list of names, or a map from name to layer, this is %s", v.Kind()), "", t.layer.listAt)
	}
}

// layer finds the layer of a name, in a file of its own or in the top file; nil where there is
// none.
func (s *shelf) layer(name string) (*layer, facsimile.Problems) {
	top, problems := s.top()
	if len(problems) > 0 {
		return nil, problems
	}
	if name == topName {
		return top.layer, nil
	}
	l, problems := s.folder.layer(name)
	inline, ok := top.inline[name]
	if !ok || len(problems) > 0 {
		return l, problems
	}
	in, problems := inline()
	if l != nil && in != nil {
		return nil, facsimile.Problems{problem(s.folder.sources, fmt.Sprintf("the layer %q stands in %s and in %s", name, in.file, l.file), "keep one of them", in.at, l.at)}
	}
	return in, problems
}

// inlineLayer is the layer of an instance that stands in the top file. It is a source of its
// own, so that origins name its layer, with the text of the file.
func (s *shelf) inlineLayer(top *layer, e facsimile.Entry) func() (*layer, facsimile.Problems) {
	return sync.OnceValues(func() (*layer, facsimile.Problems) {
		src := s.folder.sources.Source(e.KeyAt.Src)
		src.Layer = facsimile.Layer(e.Key)
		doc := movedTo(e.Value, s.folder.sources.Add(src))
		return newLayer(s.folder.sources, e.Key, top.file, doc)
	})
}

// layerNames are all names that inherit can say.
func (s *shelf) layerNames() []string {
	var names []string
	if top, problems := s.top(); len(problems) == 0 {
		for name := range top.inline {
			names = append(names, name)
		}
	}
	if l, err := s.folder.list(); err == nil {
		for name := range l.files {
			if name != modulesName && name != topName && name != schemaName {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
