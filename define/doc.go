// Package define reads definitions: layer files become one resolved definition per instance,
// project and node, in which every value knows where it was written and what it overrode.
//
// # From files to values
//
// A layer file (package define/syntax reads it) is a map. Its keys may end in a sign that says
// how they merge, so a layer is first compiled into parts, in which names and operations are
// apart. A lineage puts the layers of an instance in order, each behind those that it inherits.
//
// The merge is JSON Merge Patch (RFC 7396) with two operations beside it, append and replace.
// It is written as one fold: for a place of the definition, the list of what each layer said of
// it, the lowest first. Settling that list gives the value; the list itself, read backwards, is
// the explanation. There is no second account of a merge that could disagree with the first.
//
// # Order
//
// For a project P and an instance a.b.c, each layer over the ones before: the modules file and
// the top layer of the definition; P's own layers in its source, in the same order; the
// definition's layer P; a, b, c, a.b, a.b.c; and a.b.c.versions. On a node, the overlays of its
// region, its targets by name, the patterns of nodes: in the order of the text, and its own
// name. They are read from the layers themselves and not from the merged value, so that a null
// or an append in an overlay acts on what the overlay goes over.
//
// Topology is read from the merged layers of the instance before any overlay, and overlays
// cannot change it. In layers of one project it does not count, but for the top itself.
//
// Nothing here evaluates references or starts a program.
package define
