// Package deploy puts a release on the nodes of an instance and proves that it is there.
//
// # A rollout
//
// A rollout is a short list of steps, each on all nodes at once and each with a deadline:
//
//	look      every node answers, belongs to this instance, and says what it runs
//	promise   every node grants one ballot: the epoch, one above the highest that any node saw
//	stage     every node has the whole new tree beside the live one, verified
//	activate  every node switches by one rename
//	read back every node says which tree is live, and that every path of it is right
//	confirm   every node notes that the rollout stands
//	prune     old releases go; the ballot is given back
//
// Up to and with stage nothing live changes, and a failure gives the ballots back: the outcome
// is facsimile.Refused. When a node fails at or after activate, all nodes that switched are
// switched back: facsimile.RolledBack, once each of them was read back. What cannot be switched
// back, or does not answer any more, leaves facsimile.TwoReleases, and the error says what to do.
// Nothing is believed because a call returned: what counts is what Look says afterwards.
//
// # Interrupted
//
// A cancelled context before the first switch changes nothing. Once switching has begun it is
// too late: the switch takes place on all nodes, is read back and confirmed, or, where a node
// fails, undone, exactly as without the interruption. Going on ends sooner and in fewer states
// than turning half of the nodes around.
//
// A process that is killed leaves nodes that each stand on one whole release. The same
// deployment again finishes it. While it held the ballot it noted it in its claim (a file on
// this machine, locked for as long as the process lives): the next process here finds the lock
// free and the note in it, knows that the writer is dead, and asks with the same token and a
// higher epoch, which nodes grant at once. Anybody else waits until the lease runs out.
package deploy
