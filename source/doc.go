// Package source fetches the source of a project at a version: a git tag, checked out once and
// shared by all instances.
//
// A checkout appears whole or not at all, and is used again only while it is what was checked out: its tag
// still names the same commit, and nothing in it was edited. It runs git itself, since only git
// applies .gitattributes exactly as the people who wrote the source see it.
//
// What a repository says is never trusted to run anything here: no hooks, no ext:: transport, no
// option, path or shell word made of a name.
package source
