package define

import "facsimile.dev/facsimile"

// Topology is what an instance consists of, before any overlay: the same for all its projects.
type Topology struct {
	Name     string // the definition's name
	Projects []ProjectDecl
	Regions  []facsimile.Region
	Targets  []TargetDecl
	Nodes    []NodeDecl // in the order of deploy.nodes
	State    string     // whose state it uses: "own", an instance, or "" for that of its parent
	Local    bool       // it has no deploy.nodes: it deploys to home on this machine, as the node LocalNode
}

// LocalNode is the name of the only node of an instance without deploy.nodes.
const LocalNode facsimile.Node = "local"

// ProjectDecl is a subproject, as its definition declares it.
type ProjectDecl struct {
	Name    facsimile.Project
	Parent  facsimile.Project // "" right below the top
	Repo    string            // a path relative to the definition, or a URL
	Version string
	Class   string
	SrcDir  string
	At      facsimile.Origin
}

// TargetDecl is a target with its nodes, in the order of the text.
type TargetDecl struct {
	Name  facsimile.Target
	Nodes []facsimile.Node
	At    facsimile.Origin
}

// Transport says how a node is reached.
type Transport string

// The transports.
const (
	SSH   Transport = "ssh"
	Rsync Transport = "rsync"
	Local Transport = "local"
)

// SSHDecl is how to log in to a node; zero values are left to the user's ssh configuration.
type SSHDecl struct {
	Address string
	Port    int
	User    string
}

// NodeDecl is a node with its place and the way in.
type NodeDecl struct {
	Name      facsimile.Node
	Region    facsimile.Region   // "" where none is given
	Targets   []facsimile.Target // in the order of deploy.nodes
	Transport Transport
	Home      facsimile.Value // text, which may hold references; absent where none is given
	SSH       SSHDecl
	At        facsimile.Origin // where it is listed
}

// Node finds a node.
func (t *Topology) Node(n facsimile.Node) (NodeDecl, bool) {
	for _, decl := range t.Nodes {
		if decl.Name == n {
			return decl, true
		}
	}
	return NodeDecl{}, false
}
