package project

import (
	"io"
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/deploy"
	"facsimile.dev/facsimile/run"
)

// Options say where a definition is and who asks. Clock, randomness and the user's name come
// in as values, so that a test can hold them still.
type Options struct {
	Dir        string            // where the search for the definition starts: the current folder
	DefineDir  string            // the definition itself; no search
	TopDir     string            // in place of .facsimile beside the definition
	ConfigDir  string            // the user's configuration folder, where keys are kept
	Identities []string          // files with age or SSH keys, besides the one in ConfigDir
	SSHKeys    []string          // files with private keys for hosts, tried before the user's
	SSHConfig  string            // in place of the user's and the system's SSH configuration
	Environ    map[string]string // of the process
	Who        string            // USER@HOST, for journals and history
	Host       string
	Tool       string // name and version of the program, for the statement beside a release
	Frozen     bool   // refuse to generate state
	Now        func() time.Time
	Random     io.Reader
}

// Address names an instance, or one of its nodes: INSTANCE[/NODE].
type Address struct {
	Instance facsimile.Instance
	Node     facsimile.Node
}

// Filter selects what List shows. It never changes a value. Zero fields select all.
type Filter struct {
	Instance facsimile.Instance // required for nodes, regions and targets
	Region   facsimile.Region
	Target   facsimile.Target
}

// Item is one line of a list. Which fields are set depends on the kind.
type Item struct {
	Name     string   `json:"name"`
	Abstract bool     `json:"abstract,omitempty"` // of an instance: a layer for others
	Local    bool     `json:"local,omitempty"`    // of an instance: all its nodes are on this machine
	Nodes    []string `json:"nodes,omitempty"`    // of an instance, target or region
	Region   string   `json:"region,omitempty"`   // of a node
	Targets  []string `json:"targets,omitempty"`  // of a node or a module
	Version  string   `json:"version,omitempty"`  // of a project
	Repo     string   `json:"repo,omitempty"`     // of a project
	Class    string   `json:"class,omitempty"`    // of a project
	Replicas []string `json:"replicas,omitempty"` // of a module
	At       string   `json:"at,omitempty"`       // where it was defined: file:line:column
}

// Place is where something was written, as output has it.
type Place struct {
	Layer  facsimile.Layer `json:"layer"`
	File   string          `json:"file"`
	Line   int             `json:"line"`
	Column int             `json:"column"`
	Text   string          `json:"-"` // the line itself
}

// Overridden is a value that lost.
type Overridden struct {
	Value  facsimile.Value `json:"value"`
	Origin Place           `json:"origin"`
}

// ReadValue is a value that a reference read.
type ReadValue struct {
	Path   facsimile.Path `json:"path"`
	Origin Place          `json:"origin"`
}

// Explanation says why a value is what it is.
type Explanation struct {
	Path       facsimile.Path    `json:"path"`
	Value      facsimile.Value   `json:"value"`
	Secret     bool              `json:"secret"`
	Origin     Place             `json:"origin"`
	Expression string            `json:"expression,omitempty"` // of a reference, as it was written
	StateKey   string            `json:"state,omitempty"`      // of a generated value, its key in the state
	Project    facsimile.Project `json:"project,omitempty"`    // whose layers say so
	Overrode   []Overridden      `json:"overrode"`             // the nearest first
	Reads      []ReadValue       `json:"reads"`
}

// Finding is one result of a check.
type Finding struct {
	Error   *facsimile.Error
	Warning bool
}

// Built is a release as Build made or found it.
type Built struct {
	Digest    facsimile.Digest                    `json:"digest"`
	Instance  facsimile.Instance                  `json:"instance"`
	Versions  map[facsimile.Project]string        `json:"versions"`
	Nodes     map[facsimile.Node]facsimile.Digest `json:"nodes"`
	Trees     map[facsimile.Digest]facsimile.Tree `json:"trees"`
	Generated []string                            `json:"generated"` // names of what the state lacked and now has
	Folder    string                              `json:"-"`         // where the rendered files can be looked at
	Counts    Counts                              `json:"-"`
}

// Counts are measures of the work that a build did.
type Counts struct {
	Renders     int   // templates rendered
	Evaluations int   // references evaluated
	Files       int   // files hashed
	Written     int   // blobs new to the store
	Bytes       int64 // their size
}

// Difference is a value that two instances do not share.
type Difference struct {
	Path   facsimile.Path `json:"path"`
	Left   *Side          `json:"left"`  // nil: only the right one has it
	Right  *Side          `json:"right"` // nil: only the left one has it
	Meant  bool           `json:"meant"` // parity lists it
	Reason string         `json:"reason,omitempty"`
}

// Side is one side of a Difference.
type Side struct {
	Value  facsimile.Value `json:"value"`
	Origin Place           `json:"origin"`
}

// Comparison is how two instances differ by value.
type Comparison struct {
	Differences []Difference `json:"differences"`
	Equal       bool         `json:"equal"`
}

// The results of the rollout are those of the package deploy, and the states of running
// services those of run: a caller of this package needs neither.
type (
	// Plan is what a deployment would change.
	Plan = deploy.Plan
	// Result is how a rollout ended.
	Result = deploy.Result
	// Verification is the proof, or what is missing to it.
	Verification = deploy.Verification
	// Status is what all nodes say of themselves.
	Status = deploy.Status
	// Rollout is one entry of the history.
	Rollout = deploy.Entry
	// Progress tells how a phase of a rollout goes on one node.
	Progress = deploy.Event
	// Running is what runs of an instance on this machine.
	Running = run.Status
	// Stopped is what Down did.
	Stopped = run.Stopped
)

// Pending is a plan that cannot have a digest yet, since the state lacks something.
type Pending struct {
	Names []string `json:"pending"` // what would be generated
}

// DeployOptions are those of Deploy and Rollback.
type DeployOptions struct {
	Why      string
	Progress func(Progress) // may be nil; never called twice at once
	Say      func(string)   // what goes on before the rollout: "checking out api 1.4.2"; may be nil
}

// UpOptions are those of Up.
type UpOptions struct {
	Detach  bool
	Program string // the program to run as the supervisor, and its arguments: see Supervise
	Args    []string
	Log     io.Writer // the labelled lines of all replicas; nil: only their files
	Ready   func()    // called once, when all are healthy
	Deploy  DeployOptions
}
