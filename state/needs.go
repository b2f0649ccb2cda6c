package state

import "facsimile.dev/facsimile"

// Needs is what a definition wants of the state of one instance. The lists are in the order of
// the modules: ids are handed out in that order.
type Needs struct {
	Secrets     []SecretNeed
	Replicas    []ReplicaNeed
	Directories []DirectoryNeed
	MaxUIID     int       // the highest id to hand out; 0 means 255
	AutoPorts   PortRange // where automatic ports come from; zero means 20000 to 29999
}

// Policy says how a secret is generated.
type Policy struct {
	Type    string // password, hex, uuid, token; empty means password
	Length  int    // in characters of the value; 0 means the default of the type
	Charset string // of a password: the characters to use; empty means letters and digits
}

// SecretNeed is a secret by its key: passwd.USERNAME, or secrets.MODULE.NAME. Two needs of one
// key share one secret and must agree on the policy.
type SecretNeed struct {
	Key    string
	Policy Policy
	At     facsimile.Position
}

// ReplicaNeed is one numbered copy of a module's service.
type ReplicaNeed struct {
	Replica     facsimile.Replica
	Module      facsimile.Module
	LogicalName string
	Candidates  []facsimile.Node // where it may stand, in order; where there is one, it must
	Port        int              // the first of the module's ports on its node; 0: no port
	PortAuto    bool             // any free port of the range; Port is then 0
	At          facsimile.Position
}

// DirectoryNeed is a directory of a module. Path counts only at first need.
type DirectoryNeed struct {
	Module facsimile.Module
	Name   string
	Path   string
	At     facsimile.Position
}

// PortRange is First to Last, both included.
type PortRange struct{ First, Last int }
