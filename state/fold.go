package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"facsimile.dev/facsimile"
)

// version is what the journal of one instance folds to. It never changes once it was made.
type version struct {
	instance   facsimile.Instance
	project    string
	head       Head
	newest     *entry // nil where there is none
	order      []*entry
	known      map[Head]bool
	changes    map[string]bool // the IDs of all changes
	recipients []string
	items      map[itemKey]*item
	vault      vault
	unlocked   atomic.Pointer[key] // once the seal of the newest entry was found to hold
}

// vault opens what is sealed. Each Store has one.
type vault interface {
	// unlock opens the key of a version and checks that its newest entry was sealed with it.
	unlock(v *version) (*key, error)
	// envelope gives the bytes that an item of a secret speaks of, and checks their digest.
	envelope(v *version, it *item) ([]byte, error)
}

func newVersion(in facsimile.Instance, project string, v vault) *version {
	return &version{
		instance: in, project: project, vault: v,
		known: map[Head]bool{}, changes: map[string]bool{}, items: map[itemKey]*item{},
	}
}

// conflict is two entries of different branches that changed one thing.
type conflict struct{ a, b *entry }

// fold plays a journal from its beginning, parents before children.
func (v *version) fold(entries map[Head]*entry) error {
	heads, err := headsOf(entries)
	if err != nil {
		return err
	}
	switch len(heads) {
	case 0:
		return nil
	case 1:
	default:
		return v.forked(heads)
	}
	conflicts := map[itemKey]conflict{}
	items := 0
	for _, e := range entries {
		items += len(e.items)
	}
	v.items = make(map[itemKey]*item, items)
	v.play(entries, heads[0], conflicts)
	v.head, v.newest = heads[0].head, heads[0]
	var problems facsimile.Problems
	for _, key := range slices.SortedFunc(maps.Keys(conflicts), itemKey.compare) {
		c := conflicts[key]
		problems = append(problems, facsimile.Errorf(facsimile.Refused, "the state of %s has two values for %s: one of %s and one of %s",
			v.instance, plain(v.items[key].name()), c.a.told(), c.b.told()))
	}
	if len(problems) > 0 {
		return problems
	}
	return v.checkIDs()
}

// forked refuses a journal with several heads. It names all and advises to remove none: the
// journal does not know which of them the nodes run, and its passwords are the ones in use.
func (v *version) forked(heads []*entry) error {
	told := make([]string, len(heads))
	for i, e := range heads {
		why := cmp.Or(e.Why, "no reason given")
		told[i] = fmt.Sprintf("%s, %s, %s.jsonl", e.told(), strconv.Quote(why), e.head.Hex())
	}
	return facsimile.Errorf(facsimile.Refused, "the state of %s has %d newest entries that do not know of each other: %s",
		v.instance, len(heads), strings.Join(told, "; and ")).
		WithHint("two branches changed the state. Keep the entry that the nodes run, since its passwords are live: " +
			"the newest receipt in .facs/receipts of a node's home names it, as state_head. " +
			"Set the other one aside, outside the journal. Never guess: without the nodes' answer change nothing")
}

// play applies e after all that came before it. It keeps its own stack: a journal may be long.
func (v *version) play(entries map[Head]*entry, newest *entry, conflicts map[itemKey]conflict) {
	stack := []*entry{newest}
	for len(stack) > 0 {
		e := stack[len(stack)-1]
		depth := len(stack)
		for _, p := range e.Parents {
			if !v.known[p] {
				stack = append(stack, entries[p])
			}
		}
		if len(stack) > depth {
			continue
		}
		stack = stack[:depth-1]
		if !v.known[e.head] {
			v.apply(e, conflicts)
		}
	}
}

// apply takes the items of one entry. Of one thing the highest generation holds. Where an entry
// does not go beyond what is there, they are of two branches, and only a later one that goes
// beyond both settles it.
func (v *version) apply(e *entry, conflicts map[itemKey]conflict) {
	v.known[e.head] = true
	v.changes[e.Change] = true
	v.order = append(v.order, e)
	if e.Recipients != nil {
		v.recipients = e.Recipients
	}
	for _, it := range e.items {
		key := it.key()
		if have := v.items[key]; have != nil && it.Generation <= have.Generation {
			conflicts[key] = conflict{have.entry, e}
			continue
		}
		v.items[key] = it
		delete(conflicts, key)
	}
}

// headsOf are the entries that no other has as a parent, in order of time.
func headsOf(entries map[Head]*entry) ([]*entry, error) {
	heads := maps.Clone(entries)
	for _, e := range entries {
		for _, p := range e.Parents {
			if entries[p] == nil {
				return nil, facsimile.Errorf(facsimile.Refused,
					"the journal of %s is not complete: %s follows %s, which is not there", e.Instance, e.told(), p.Short()).
					WithHint("get %s.jsonl back from version control or a backup", p.Hex())
			}
			delete(heads, p)
		}
	}
	return slices.SortedFunc(maps.Values(heads), func(a, b *entry) int {
		return cmp.Or(a.When.Compare(b.When), cmp.Compare(a.head.Hex(), b.head.Hex()))
	}), nil
}

func (k itemKey) compare(l itemKey) int {
	return cmp.Or(cmp.Compare(k.kind, l.kind), cmp.Compare(k.name, l.name), cmp.Compare(k.sub, l.sub))
}

// checkIDs refuses a state in which two replicas have one id.
func (v *version) checkIDs() error {
	owner := map[int]*item{}
	for _, it := range v.items {
		if it.Replica == "" {
			continue
		}
		other := owner[it.UIID]
		owner[it.UIID] = it
		if other == nil {
			continue
		}
		a, b := other, it
		if a.Replica > b.Replica {
			a, b = b, a
		}
		return facsimile.Errorf(facsimile.Refused, "in the state of %s the id %d belongs to %s, by %s, and to %s, by %s",
			v.instance, it.UIID, plain(string(a.Replica)), a.entry.told(), plain(string(b.Replica)), b.entry.told())
	}
	return nil
}

// with is v after one more entry.
func (v *version) with(e *entry) (*version, error) {
	next := &version{
		instance: v.instance, project: v.project, vault: v.vault, recipients: v.recipients,
		items: maps.Clone(v.items), known: maps.Clone(v.known), changes: maps.Clone(v.changes), order: slices.Clone(v.order),
	}
	conflicts := map[itemKey]conflict{}
	next.apply(e, conflicts)
	next.head, next.newest = e.head, e
	for key := range conflicts {
		return nil, facsimile.Errorf(facsimile.BadInput, "one change has two values for %s", plain(next.items[key].name()))
	}
	return next, next.checkIDs()
}
