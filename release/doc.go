// Package release turns trees into an immutable, content-addressed release: files by SHA-256,
// trees by the digest of their canonical form, and a manifest whose digest names the whole
// instance. The same bytes give the same digest on any machine, at any time, by anyone.
package release
