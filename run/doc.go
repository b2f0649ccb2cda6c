// Package run runs an instance's services on this machine: what `facs up`, `down` and `ps` stand on.
//
// A [Supervisor] starts each replica once what it waits for is healthy, watches it, starts it
// again with growing pauses when it ends, and stops everything in the reverse order. Its log is
// one stream of labelled lines and one file per replica.
//
// # Nothing survives
//
// Each replica leads a session and a process group of its own, and the supervisor is the
// subreaper of all that they start (prctl(2), PR_SET_CHILD_SUBREAPER), so a process that
// daemonises comes back to the supervisor rather than to init and is ended with the rest. If the
// supervisor itself is killed, the kernel kills the replicas with it (PR_SET_PDEATHSIG). What
// they had started is found by [Down] or by the next start: by a mark in the environment that
// it inherited, and by a list that the supervisor keeps. A process is only ever signalled
// through a handle (pidfd_open(2)) after its start time was compared with the known one, so
// a process id that the system gave to another process is never hit.
//
// Two ways out are left: a process that runs as another user; and one that left its session, wiped its
// environment, and did so less than a second before its supervisor was killed by SIGKILL.
//
// # The run folder
//
// Everything known about a running instance stands in one folder, mode 0700: lock (held with
// flock(2) while a supervisor lives), status.json, log/REPLICA.log. No environment, no
// argument and no secret is written there.
//
// Only Linux can run an instance; elsewhere the package compiles and refuses.
package run
