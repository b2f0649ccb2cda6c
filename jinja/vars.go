package jinja

import (
	"maps"
	"slices"
)

// MapVars returns m as the variables of a rendering. Keys are in sorted
// order. The map must not change while it is used.
func MapVars(m map[string]Value) Mapping { return mapVars(m) }

type mapVars map[string]Value

// Get implements [Mapping].
func (m mapVars) Get(key string) (Value, bool, error) {
	v, ok := m[key]
	return v, ok, nil
}

// Keys implements [Mapping].
func (m mapVars) Keys() ([]string, error) {
	return slices.Sorted(maps.Keys(m)), nil
}

// Vars returns pairs as the variables of a rendering, in order. Pairs whose
// key is not a string are left out.
func Vars(pairs ...Pair) Mapping {
	d := newDict(len(pairs))
	for _, p := range pairs {
		if name, ok := p.Key.AsString(); ok {
			d.setString(name, p.Value)
		}
	}
	return pairVars{d}
}

type pairVars struct{ d *dict }

// Get implements [Mapping].
func (p pairVars) Get(key string) (Value, bool, error) {
	v, ok := p.d.getString(key)
	return v, ok, nil
}

// Keys implements [Mapping].
func (p pairVars) Keys() ([]string, error) {
	keys := make([]string, 0, p.d.len())
	for i := range p.d.entries {
		if !p.d.entries[i].deleted {
			keys = append(keys, p.d.entries[i].key.text())
		}
	}
	return keys, nil
}
