// Package build makes programs from source, by the class of the project.
//
// The same source gives the same bytes, on any machine and in any folder: of the environment only
// what fetches and caches is let through, and everything that could end up in a program is
// pinned. What was built once from a commit, with one tool and one set of settings, is not built again.
package build
