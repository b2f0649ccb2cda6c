package define

import (
	"fmt"
	"slices"
	"strings"

	"facsimile.dev/facsimile"
)

// InstanceInfo is one instance of a definition, or a layer that could be taken for one.
type InstanceInfo struct {
	Name     facsimile.Instance
	Abstract bool             // a layer for others, not an instance
	File     string           // the layer file of that name; "" where it is only listed
	At       facsimile.Origin // where it is listed, or the start of its file
}

// Instances lists the instances, in the order of their listing: that of the text for those
// that are listed, by name for files. It reads the file of each, to know which are abstract;
// the error is Problems, and what could be read is given all the same.
func (d *Definition) Instances() ([]InstanceInfo, error) {
	top, problems := d.shelf.top()
	if len(problems) > 0 {
		return nil, problems
	}
	l, err := d.shelf.folder.list()
	if err != nil {
		return nil, err
	}
	infos := slices.Clone(top.listed)
	if !top.isListed {
		for _, name := range top.candidates(l) {
			infos = append(infos, InstanceInfo{Name: facsimile.Instance(name)})
		}
	}
	for i := range infos {
		own, faults := d.shelf.layer(string(infos[i].Name))
		problems = append(problems, faults...)
		if own == nil {
			continue
		}
		infos[i].Abstract, infos[i].File = own.isBase, own.file
		if infos[i].At.IsZero() {
			infos[i].At = own.at
		}
	}
	return infos, problems.OrNil()
}

// candidates are the files that are instances where none are listed: those of define/, or of
// the folder itself where there is no define/. Layers of projects are none, and so are files
// whose name no instance can have.
func (t *topFile) candidates(l *listing) []string {
	files := l.flat
	if l.hasDefine {
		files = l.define
	}
	var names []string
	for _, name := range files {
		_, err := facsimile.ParseInstance(name)
		reserved := name == topName || name == modulesName || name == schemaName || name == string(t.name) ||
			strings.HasSuffix(name, versionsSuffix) || slices.Contains(t.projects, facsimile.Project(name))
		if err == nil && !reserved {
			names = append(names, name)
		}
	}
	return names
}

// known reports why a name is not one of an instance: nil if it is. It reads the top file and
// the instance's own.
func (d *Definition) known(in facsimile.Instance) facsimile.Problems {
	if _, err := facsimile.ParseInstance(string(in)); err != nil {
		return facsimile.Problems{facsimile.Errorf(facsimile.BadInput, "%w", err)}
	}
	top, problems := d.shelf.top()
	if len(problems) > 0 {
		return problems
	}
	l, err := d.shelf.folder.list()
	if err != nil {
		return asProblems(err)
	}
	var names []string
	if top.isListed {
		for _, info := range top.listed {
			names = append(names, string(info.Name))
		}
	} else {
		names = top.candidates(l)
	}
	if !slices.Contains(names, string(in)) {
		return facsimile.Problems{d.unknown(in, top, l, names)}
	}
	own, problems := d.shelf.layer(string(in))
	if len(problems) == 0 && own != nil && own.isBase {
		return facsimile.Problems{problem(d.sources, fmt.Sprintf("%q is abstract: a layer for other instances, not an instance", in), nearestHint(string(in), without(names, string(in)), "instances"), own.at)}
	}
	return problems
}

// unknown says that there is no such instance, and why.
func (d *Definition) unknown(in facsimile.Instance, top *topFile, l *listing, names []string) *facsimile.Error {
	msg := fmt.Sprintf("there is no instance %q", in)
	var at facsimile.Origin
	switch {
	case top.isListed && len(l.files[string(in)]) > 0:
		msg += ": it has a file, but is not listed"
		at = top.layer.listAt
	case strings.Contains(string(in), "."):
		msg += ": it has no file of its own and is not listed"
	}
	return problem(d.sources, msg, nearestHint(string(in), names, "instances"), at)
}

// nearestHint names what was meant, or what there is.
func nearestHint(got string, names []string, what string) string {
	if near := facsimile.Nearest(got, names); len(near) > 0 {
		return "did you mean " + strings.Join(near, ", ") + "?"
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) > 10:
		return fmt.Sprintf("there are %d %s, from %s to %s", len(names), what, names[0], names[len(names)-1])
	}
	return fmt.Sprintf("the %s are %s", what, strings.Join(names, ", "))
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
