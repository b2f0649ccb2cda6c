package run

import (
	"errors"
	"time"

	"facsimile.dev/facsimile"
)

// State is where a replica stands.
type State string

// The states of a replica.
const (
	Waiting    State = "waiting"  // for the modules that it comes after
	Starting   State = "starting" // its process runs and has not been healthy yet
	Healthy    State = "healthy"
	Unhealthy  State = "unhealthy"  // it was healthy and does not answer now
	Restarting State = "restarting" // it ended by itself and is started again after a pause
	Stopping   State = "stopping"
	Exited     State = "exited"
)

// Status is a running instance as its supervisor last wrote it.
type Status struct {
	Running  bool            `json:"running"` // a supervisor lives
	PID      int             `json:"pid,omitempty"`
	Since    time.Time       `json:"since,omitzero"`
	Replicas []ReplicaStatus `json:"replicas"` // in the order in which they were given
}

// ReplicaStatus is one replica of a Status.
type ReplicaStatus struct {
	Name     facsimile.Replica `json:"name"`
	Module   facsimile.Module  `json:"module"`
	Node     facsimile.Node    `json:"node"`
	State    State             `json:"state"`
	PID      int               `json:"pid,omitempty"`
	Address  string            `json:"address,omitempty"`
	Restarts int               `json:"restarts"`
	Since    time.Time         `json:"since,omitzero"`   // of the state
	Reason   string            `json:"reason,omitempty"` // why it is unhealthy or ended
	Log      string            `json:"log"`              // its log file
}

// Ps reads the status of the instance that has dir as its run folder. Where none ever ran
// the status is empty and no error.
func Ps(dir string) (Status, error) { return Status{}, errors.New("not yet") }
