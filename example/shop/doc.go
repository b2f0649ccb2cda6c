// Package shop holds the example that the documentation, the tests and `facs demo` use: a small
// shop of three programs, each with a source repository of its own, and the definition that puts
// them on six nodes in three regions, on two folders of this machine, or on a developer's desk.
// README.md is its tour.
//
// The files are embedded as they stand. A folder with a go.mod cannot be embedded, so those
// files are called go.mod.in and go.sum.in here, and the programs are part of this module for
// vet and test; [LayOut] gives them their names back.
package shop
