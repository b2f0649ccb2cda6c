// Package wire carries node.Node over one stream of bytes, such as the standard input and output
// of `facs node serve` on a host behind SSH. Serve is the side of the host, Dial that of the
// operator. Whether a call goes to a node.Host in process or to one behind a stream makes no
// difference to what it does, nor to the errors that it gives.
//
// A handshake names the versions of both sides. Frames follow, which carry calls and their
// answers, any number of them at once, in both directions: the operator calls the methods of
// node.Node, and a node that stages calls back for what it lacks. Long answers come in parts, of
// which a caller has only so many bytes before it has taken the earlier ones, so neither side
// holds more than that. Every body that may shrink goes through one zstd stream per direction.
//
// Nothing that comes in is trusted: sizes are bounded, fields that are not known are refused,
// and what a node is given is checked by node.Host against the digests of the tree.
//
// doc/format/protocol.md specifies the protocol.
package wire
