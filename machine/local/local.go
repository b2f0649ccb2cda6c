// Package local is a machine.Conn to this machine: its programs are child processes.
package local
