// Package release makes releases: the files of an instance, stored by content, and one digest
// that names them all.
//
// A Manifest names the tree of each part, a part being what one project puts on one node. The
// manifest's digest is the digest of the release, so it holds nothing but what ships: the same
// files give the same digest on any machine, at any time. How a release came about is in a
// Statement beside it. A node's tree is the disjoint union of its parts.
//
// A file that a secret went into is stored sealed (Seal), never in the clear: its digest in the
// tree is that of the sealed bytes, so that neither the store nor the tree lets anybody test a
// guess of the content. The keys that open a release's sealed files are in a document of their
// own, sealed in its turn under a key that only the holder of the instance's state can derive.
//
// doc/format/release.md specifies every format, for other readers.
package release
