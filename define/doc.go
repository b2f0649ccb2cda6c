// Package define reads definitions: layer files with exact origins become one resolved
// definition per instance, project and node.
package define
