package deploy

import (
	"time"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// Phase is a step of a rollout.
type Phase string

// The phases, in order.
const (
	PhaseLook     Phase = "look"
	PhasePromise  Phase = "promise"
	PhaseStage    Phase = "stage"
	PhaseActivate Phase = "activate"
	PhaseRead     Phase = "read" // read back what was activated
	PhaseConfirm  Phase = "confirm"
	PhaseRevert   Phase = "revert"
	PhasePrune    Phase = "prune"
	PhaseRelease  Phase = "release"
	PhaseVerify   Phase = "verify"
)

// Event tells how a phase goes on one node.
type Event struct {
	Node   facsimile.Node
	Phase  Phase
	Done   bool // false: it begins
	Err    error
	Staged node.Staged // with the end of PhaseStage
}

// Ending is how a rollout, or its part on one node, ended.
type Ending string

// The endings.
const (
	EndDone        Ending = "done"
	EndUnchanged   Ending = "unchanged"
	EndRolledBack  Ending = "rolled-back"
	EndFailed      Ending = "failed"
	EndInterrupted Ending = "interrupted"
	EndUnknown     Ending = "unknown" // of a node only: it switched, or may have, and does not answer
)

// NodeResult is how a rollout ended on one node.
type NodeResult struct {
	Node   facsimile.Node `json:"node"`
	Phase  Phase          `json:"phase"` // the last one that was begun there
	Result Ending         `json:"result"`
	Error  string         `json:"error,omitempty"`
	Staged node.Staged    `json:"staged"`
}

// Result is how a rollout ended.
type Result struct {
	Digest   facsimile.Digest `json:"digest"`
	Epoch    uint64           `json:"epoch"` // 0: none was granted
	Result   Ending           `json:"result"`
	Nodes    []NodeResult     `json:"nodes"`              // by name
	Warnings []string         `json:"warnings,omitempty"` // what went wrong after the rollout stood
}

// Plan is what a deployment would change.
type Plan struct {
	Digest facsimile.Digest `json:"digest"`
	Nodes  []NodePlan       `json:"nodes"` // by name
}

// NodePlan is what a deployment would change on one node. The lists are of paths, in order.
type NodePlan struct {
	Node    facsimile.Node   `json:"node"`
	From    facsimile.Digest `json:"from"` // the tree that is live; zero: none
	To      facsimile.Digest `json:"to"`
	Add     []string         `json:"add"`
	Change  []string         `json:"change"`
	Remove  []string         `json:"remove"`
	Restart []string         `json:"restart"` // units
	Tasks   []string         `json:"tasks"`
	Note    string           `json:"note,omitempty"` // what the lists cannot say
}

// Answer is what verification says of one node.
type Answer string

// The answers.
const (
	Exact   Answer = "exact"
	Differs Answer = "differs"
	Unknown Answer = "unknown"
)

// NodeVerification is what one node was found to be.
type NodeVerification struct {
	Node        facsimile.Node         `json:"node"`
	Answer      Answer                 `json:"answer"`
	Differences []facsimile.Difference `json:"differences"`
	Error       string                 `json:"error,omitempty"`
}

// Verification is the proof, or what is missing to it.
type Verification struct {
	Digest facsimile.Digest   `json:"digest"` // zero: nothing was ever deployed
	Nodes  []NodeVerification `json:"nodes"`  // by name
	Exact  int                `json:"exact"`
	Total  int                `json:"total"`
}

// Service is one service of a node and its state.
type Service struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// NodeStatus is what a node says of itself.
type NodeStatus struct {
	Node     facsimile.Node     `json:"node"`
	Region   facsimile.Region   `json:"region"`
	Targets  []facsimile.Target `json:"targets"`
	Release  facsimile.Digest   `json:"release"` // zero, "none" as text: none, or unknown where Error is set
	Epoch    uint64             `json:"epoch"`
	Services []Service          `json:"services"`
	Error    string             `json:"error,omitempty"`
}

// Status is what all nodes say of themselves.
type Status struct {
	Instance facsimile.Instance `json:"instance"`
	Nodes    []NodeStatus       `json:"nodes"` // by name
}

// Entry is one rollout of the history.
type Entry struct {
	Epoch    uint64                       `json:"epoch"`
	Time     time.Time                    `json:"time"` // the operator's clock
	Who      string                       `json:"who"`
	What     string                       `json:"what"` // deploy or rollback
	Why      string                       `json:"why,omitempty"`
	Digest   facsimile.Digest             `json:"digest"`
	Versions map[facsimile.Project]string `json:"versions"`
	Result   Ending                       `json:"result"`
}
