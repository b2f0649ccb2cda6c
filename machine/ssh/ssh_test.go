//go:build unix

package ssh

import (
	"testing"

	"facsimile.dev/facsimile/machine"
	"facsimile.dev/facsimile/machine/machinetest"
)

func TestConn(t *testing.T) {
	w := newWorld(t)
	w.serve("h1")
	d := w.dialer()
	machinetest.Run(t, func(t *testing.T) machine.Conn { return w.dial(d, named("h1")) })
}
