//go:build !linux

package main

// dumpNothing has nothing to turn off here: only Linux lets a process ask for it.
func dumpNothing() {}
