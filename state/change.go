package state

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"facsimile.dev/facsimile"
)

// Change is what one commit does. It adds or replaces and removes nothing. Why may be set by
// whoever commits it; the rest comes from Allot.
type Change struct {
	ID          string // 32 hexadecimal digits, the same for each attempt to commit it
	Why         string // for the journal: the command that was run, say
	Begin       bool   // start the state of an instance even where nothing else changes
	Secrets     []NewSecret
	IDs         []NewID
	Places      []NewPlace
	Directories []NewDirectory
}

// NewSecret is a value for a key.
type NewSecret struct {
	Key   string
	Value facsimile.Secret
	Type  string // of the policy; empty for one that was set by hand
	Bits  int    // how many random bits went into it; 0 for one that was set by hand
}

// Format implements fmt.Formatter: a new secret prints as its key, also where package fmt would
// ask no method of the value itself.
func (s NewSecret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "new "+s.Key) }

// NewID gives a replica its id.
type NewID struct {
	Replica     facsimile.Replica
	UIID        int
	Module      facsimile.Module
	LogicalName string
}

// NewPlace puts a replica on a node, with a port or with none (0).
type NewPlace struct {
	Replica facsimile.Replica
	Node    facsimile.Node
	Port    int
	Base    int // the port that the definition asked for; 0 for an automatic one or none
}

// NewDirectory fixes a directory of a module.
type NewDirectory struct {
	Module facsimile.Module
	Name   string
	Path   string
}

// Format implements fmt.Formatter: a change prints as the names of what it changes.
func (c Change) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "change of %d: %s", len(c.Names()), strings.Join(c.Names(), ", "))
}

// Empty reports whether committing c would change nothing.
func (c Change) Empty() bool { return !c.Begin && len(c.Names()) == 0 }

// Names are the names of what c changes, in order, as the journal has them: the keys of secrets,
// and replica.NAME.uiid, replica.NAME.place, directory.MODULE.NAME.
func (c Change) Names() []string {
	var names []string
	for _, s := range c.Secrets {
		names = append(names, s.Key)
	}
	for _, id := range c.IDs {
		names = append(names, idName(id.Replica))
	}
	for _, p := range c.Places {
		names = append(names, placeName(p.Replica))
	}
	for _, d := range c.Directories {
		names = append(names, directoryName(d.Module, d.Name))
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}

func idName(r facsimile.Replica) string    { return fmt.Sprintf("replica.%s.uiid", r) }
func placeName(r facsimile.Replica) string { return fmt.Sprintf("replica.%s.place", r) }
func directoryName(m facsimile.Module, name string) string {
	return fmt.Sprintf("directory.%s.%s", m, name)
}
