package node

import (
	"context"
	"time"
)

// OnStep has f told before each change of the disk.
func (h *Host) OnStep(f func(op, path string)) { h.step = f }

// SetTick sets what is taken for the tick of the file system's clock.
func (h *Host) SetTick(d time.Duration) { h.tick = d }

// Lock takes the lock under which a node switches.
func (h *Host) Lock(ctx context.Context, what string) (unlock func(), err error) {
	hm, err := h.open()
	if err != nil {
		return nil, err
	}
	return hm.lock(ctx, lockFile, what)
}
