// Package fleettest gives end-to-end tests real hosts on one machine: Debian with systemd as
// PID 1 and OpenSSH, each with a root file system and a network namespace of its own, joined by
// a network whose delays and partitions the test sets.
//
//	fleet := fleettest.Up(t, 4, "eu", "us", "ap") // eu1 us1 ap1 eu2
//	err := fleet.Cut(ctx, "eu1", "")
//	out, err := fleet.Command(ctx, env, facs, "deploy", "shop").CombinedOutput()
//
// The work is done by the tool ../fleet, which people use by hand as well; ../README.md says
// what the hosts are, what they cost and what to beware of.
//
// A fleet ends when its test does, and also when the process is killed, panics, times out or
// exits: another process, in a session of its own, waits for that. What is left when that one is
// killed too, the next fleet removes. Fleets of several processes and checkouts run side by side.
package fleettest
