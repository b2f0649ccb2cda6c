// Package build makes programs from source, by the class of the project. The same source gives the
// same bytes on any machine and in any folder, and what was built once from a commit is not built again.
package build
