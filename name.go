package facsimile

import (
	"fmt"
	"strings"
)

// The names of things are distinct types, so that the compiler refuses to mix them.
type (
	// Project names a project or subproject of a definition.
	Project string
	// Module names a piece of the platform that projects share.
	Module string
	// Instance names an environment; dots make a subinstance: dev.me overlays dev.
	Instance string
	// Target names a type of node: frontend, app, database.
	Target string
	// Node names one host.
	Node string
	// Region names a geographic place.
	Region string
	// Replica names one numbered copy of a service, as in apid.0.
	Replica string
	// Layer names one definition file, or the part of one, that takes part in a merge.
	Layer string
)

// maxName is the longest name taken anywhere, in bytes: that of a DNS name.
const maxName = 253

// ParseInstance checks the name of an instance: parts of letters, digits, "_" and "-",
// joined by dots, none empty and none starting with "-".
func ParseInstance(s string) (Instance, error) {
	if err := checkName("instance", s, true); err != nil {
		return "", err
	}
	return Instance(s), nil
}

// ParseNode checks the name of a node, which has the grammar of a host name and "_" besides.
// Nothing that passes can be taken for an option, a path or a shell word.
func ParseNode(s string) (Node, error) {
	if err := checkName("node", s, true); err != nil {
		return "", err
	}
	return Node(s), nil
}

// ParseName checks the name of a thing that has no dots (kind says what, for the error):
// a project, module, target, region or user.
func ParseName(kind, s string) (string, error) {
	if err := checkName(kind, s, false); err != nil {
		return "", err
	}
	return s, nil
}

// Parent is the instance that i overlays: dev for dev.me, and "" for dev.
func (i Instance) Parent() Instance {
	if dot := strings.LastIndexByte(string(i), '.'); dot >= 0 {
		return i[:dot]
	}
	return ""
}

func checkName(kind, s string, dots bool) error {
	switch {
	case s == "":
		return fmt.Errorf("empty %s name", kind)
	case len(s) > maxName:
		return fmt.Errorf("%s name is %d bytes long, the most is %d", kind, len(s), maxName)
	}
	labels := []string{s}
	if dots {
		labels = strings.Split(s, ".")
	}
	for _, label := range labels {
		if label == "" {
			return fmt.Errorf("%s name %q has an empty part", kind, s)
		}
		if label[0] == '-' {
			return fmt.Errorf("%s name %q has a part that starts with %q", kind, s, "-")
		}
		if i := strings.IndexFunc(label, notInName); i >= 0 {
			return fmt.Errorf("%s name %q may not contain %q", kind, s, []rune(label[i:])[0])
		}
	}
	return nil
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
}
