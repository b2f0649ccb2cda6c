// Package facsimile is the vocabulary of Facsimile: the names, values, trees and errors
// that its engines hand to each other. It does no work of its own and imports only the
// standard library, so that every engine can be read, tested and replaced alone.
//
// # The tour
//
// Facsimile makes exact copies of an environment. Data goes one way:
//
//	define  layers of definition files       → one resolved definition, every value with its Origin
//	state   what is generated once           → passwords, ids, placement, ports; sealed
//	view    definition + state + topology    → everything that a project's templates can see on one node
//	render  view + templates + groups        → the files of each node
//	release files                            → content-addressed trees and one digest
//	node    what a host can be asked         → stage, activate, verify
//	deploy  release + nodes                  → a rollout, its history, and the proof
//	run     a deployed copy on this machine  → its processes, their health and their log
//
// Package project joins them, in that order, for the command line and for programs.
// Package jinja is the template language; it knows nothing of Facsimile.
//
// Words: an Instance is a set of machines that act in concert to give the full platform
// (prod, beta, dev.me). A Target is a type of node, a Region a geographic place, a Node one
// host. A Module is a piece of the platform with a password, a service or a database of its
// own; a Replica is one numbered copy of a module's service. A Layer is one definition file,
// or the part of one, that takes part in a merge, and an Origin says where a value was written.
package facsimile
