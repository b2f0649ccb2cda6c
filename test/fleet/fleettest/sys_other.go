//go:build !linux

package fleettest

import "syscall"

// Nothing is started where Check fails, and off Linux it does.

func endWithParent() *syscall.SysProcAttr { return nil }

func ownSession() *syscall.SysProcAttr { return nil }
