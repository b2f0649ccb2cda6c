package define

import (
	"fmt"
	"slices"
	"strings"

	"facsimile.dev/facsimile"
)

// keySet describes the known keys of a map: those that mean something, and the maps below.
// Users may have keys of their own anywhere, so an unknown key is only pointed out where it is
// near a known one.
type keySet struct {
	keys []string
	in   map[string]*keySet // by key
	each *keySet            // of every key that is not in in, or of every element of a list
	open bool               // keys are names here, and nothing is near them
}

// knownKeys describes a layer.
func knownKeys() *keySet {
	words := func(s string) []string { return strings.Fields(s) }
	service := &keySet{keys: words("exec n_instances per_node port health after name reload drain restart user group env max_unavailable")}
	module := &keySet{
		keys: words("name logical_name daemon targets genconfig config_name config freeform secret secrets db service tasks directories spares per_node"),
		in:   map[string]*keySet{"service": service},
	}
	project := &keySet{keys: words("repo version class src_dir projects")}
	projects := &keySet{open: true, each: project}
	project.in = map[string]*keySet{"projects": projects}
	node := &keySet{keys: words("region transport home ssh"), in: map[string]*keySet{"ssh": {keys: words("address port user")}}}
	group := &keySet{keys: words("type files optfiles dir glob pattern replace skip targets modules mode owner group link override")}
	return &keySet{
		keys: words("name projects instances inherit state regions targets nodes deploy home install modules service config " +
			"parity strict abstract undefined syntax references legacy environ renamed"),
		in: map[string]*keySet{
			"projects": projects,
			"modules":  {open: true, each: module},
			"nodes":    {open: true, each: node},
			"install":  {keys: words("groups"), in: map[string]*keySet{"groups": {open: true, each: group}}},
			"deploy": {
				keys: words("user nodes layout keep shared foreign strategy postcmd health destdir libcheck_ignorelist become absent"),
			},
		},
	}
}

// check points out keys that are near known ones.
func (s *keySet) check(p *part, path facsimile.Path, note func(*facsimile.Error), sources *facsimile.Sources) {
	if p.value.Kind() == facsimile.List && s.each != nil {
		for i, item := range p.value.Items() {
			s.each.check(&part{value: item, plain: true}, path.Index(i), note, sources)
		}
		return
	}
	if !p.isMap() {
		return
	}
	for k := range p.each {
		below := s.in[k.name]
		if below == nil {
			below = s.each
		}
		if below != nil {
			below.check(k.part, path.Child(k.name), note, sources)
		}
		if s.open || slices.Contains(s.keys, k.name) {
			continue
		}
		if near := s.near(k.name, p); len(near) > 0 {
			note(problem(sources, fmt.Sprintf("%s has no meaning here", path.Child(k.name)), "did you mean "+strings.Join(near, ", ")+"?", k.keyAt))
		}
	}
}

// near are the known keys that a key may have been meant as. Short words, and words that start
// differently, are near by accident; a key that stands there as well was not meant.
func (s *keySet) near(name string, p *part) []string {
	if len(name) < 4 {
		return nil
	}
	return slices.DeleteFunc(facsimile.Nearest(name, s.keys), func(known string) bool {
		_, there := p.find(known)
		return there || len(known) < 4 || !strings.EqualFold(known[:1], name[:1])
	})
}
