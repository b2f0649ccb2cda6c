//go:build unix

package local_test

import (
	"testing"

	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/local"
	"facsimile.dev/facsimile/machine/machinetest"
)

func TestConn(t *testing.T) {
	machinetest.Run(t, func(*testing.T) machine.Conn { return local.New(machine.Target{Name: "here"}) })
}
