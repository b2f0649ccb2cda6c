// Package project is the front door: it opens a definition and joins the engines, in the order
// in which data flows, for the command line and for programs.
//
// Open reads no more than it must. What only looks (List, Show, Explain, Check, Diff, Plan,
// Status, Verify, History) never writes: not even a missing password is generated. What makes
// something (Build, Deploy, Rollback, Up) generates first what the state lacks, commits it, and
// only then renders.
package project
