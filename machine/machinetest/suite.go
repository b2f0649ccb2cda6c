// Package machinetest holds the rules that every machine.Conn keeps.
package machinetest
