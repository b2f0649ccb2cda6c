package view

import (
	"encoding/binary"
	"slices"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/jinja"
)

// Read is one value that a result depends on.
type Read struct {
	Path   facsimile.Path
	Origin facsimile.Origin
	Secret bool
}

// secretBit is set in every tag that a secret reached, so that taint is one test.
const secretBit jinja.Tag = 1 << 31

// ledger gives out the tags of one context. A tag stands for a set of reads; sets are
// interned, so that equal sets have equal tags and a union of known sets costs one look-up.
type ledger struct {
	reads  []Read
	leaves map[leaf]jinja.Tag
	sets   [][]uint32 // by tag-1: sorted indexes into reads
	bySet  map[string]jinja.Tag
	unions map[[2]jinja.Tag]jinja.Tag
}

type leaf struct {
	origin facsimile.Origin
	path   string
}

func newLedger() *ledger {
	return &ledger{
		leaves: map[leaf]jinja.Tag{},
		bySet:  map[string]jinja.Tag{},
		unions: map[[2]jinja.Tag]jinja.Tag{},
	}
}

// leaf is the tag of one value.
func (l *ledger) leaf(r Read) jinja.Tag {
	key := leaf{r.Origin, r.Path.String()}
	if tag, ok := l.leaves[key]; ok {
		return tag
	}
	l.reads = append(l.reads, r)
	tag := l.intern([]uint32{uint32(len(l.reads) - 1)}, r.Secret)
	l.leaves[key] = tag
	return tag
}

func (l *ledger) intern(set []uint32, secret bool) jinja.Tag {
	key := make([]byte, 0, 4*len(set))
	for _, i := range set {
		key = binary.LittleEndian.AppendUint32(key, i)
	}
	if tag, ok := l.bySet[string(key)]; ok {
		return tag
	}
	l.sets = append(l.sets, set)
	tag := jinja.Tag(len(l.sets))
	if secret {
		tag |= secretBit
	}
	l.bySet[string(key)] = tag
	return tag
}

// union is the tag of all that a and b stand for.
func (l *ledger) union(a, b jinja.Tag) jinja.Tag {
	switch {
	case a == b || b == 0:
		return a
	case a == 0:
		return b
	case a > b:
		a, b = b, a
	}
	pair := [2]jinja.Tag{a, b}
	if tag, ok := l.unions[pair]; ok {
		return tag
	}
	set := slices.Concat(l.set(a), l.set(b))
	slices.Sort(set)
	tag := l.intern(slices.Compact(set), (a|b)&secretBit != 0)
	l.unions[pair] = tag
	return tag
}

func (l *ledger) set(t jinja.Tag) []uint32 {
	if t == 0 {
		return nil
	}
	return l.sets[t&^secretBit-1]
}

// all gives the reads behind a tag, in the order in which they were first read.
func (l *ledger) all(t jinja.Tag) []Read {
	set := l.set(t)
	reads := make([]Read, len(set))
	for i, n := range set {
		reads[i] = l.reads[n]
	}
	return reads
}
