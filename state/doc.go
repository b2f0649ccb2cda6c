// Package state keeps what is generated once for an instance: passwords and other secrets, the
// ids of replicas, where they stand, their ports, the directories of modules.
//
// Allotting is pure. Allot compares what a definition needs with what a Snapshot has and says
// what is missing, as a Change; the same needs, snapshots and random bytes always give the same
// Change. Committing a Change to a Store is the only effect, and is all or nothing:
//
//	shared, own := Load…           what there is; needs no key
//	Allot(needs, shared, own, …)   what is missing; nothing written
//	Commit(base, change)           one entry in the journal, or ErrMoved: start again
//
// What was given out is never taken back: an id is not renumbered or used twice, a replica stays
// on its node while the node is a candidate, a directory stays where it first was. A secret is
// kept although its module left.
//
// # On disk
//
// The journal is the state. Each entry is a file named by its hash, names its parents, and says
// what changed; folding all entries gives a Snapshot. One rename, of the entry, is the commit;
// what an entry speaks of is safely on the disk before. Two branches that both commit merge in
// git without a conflict and leave two heads. Values stand in no entry: each secret is a file of
// its own, an age envelope to an identity that key.age holds, sealed to the recipients. An entry
// carries a MAC under the root that key.age holds too, so that those who know no more than the
// public keys can plant nothing. doc/format/state.md specifies all of it.
package state
