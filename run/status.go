package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"facsimile.dev/facsimile"
)

// State is where a replica stands.
type State string

// The states of a replica.
const (
	Waiting    State = "waiting"    // for the modules that it comes after
	Starting   State = "starting"   // its process runs and has not been healthy yet
	Healthy    State = "healthy"    // it does its work
	Unhealthy  State = "unhealthy"  // it was healthy and does not answer now
	Restarting State = "restarting" // it ended by itself and is started again after a pause
	Stopping   State = "stopping"   // it was asked to end
	Exited     State = "exited"     // it has ended and stays so
)

// Status is a running instance as its supervisor last wrote it.
type Status struct {
	Running  bool            `json:"running"`       // a supervisor lives
	PID      int             `json:"pid,omitempty"` // of the supervisor
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
	Reason   string            `json:"reason,omitempty"` // why it is unhealthy, is started again or has ended
	Log      string            `json:"log"`              // its log file
}

// Ps reads the status of the instance that has dir as its run folder. Where none ever ran
// the status is empty and no error.
func Ps(dir string) (Status, error) {
	r, err := readRecord(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, err
	}
	s := Status{Since: r.Since, Replicas: r.Replicas}
	if r.lives() {
		s.Running, s.PID = true, r.Supervisor.PID
		return s, nil
	}
	for i := range s.Replicas {
		if p := &s.Replicas[i]; p.State != Exited {
			p.State, p.PID, p.Reason = Exited, 0, "its supervisor was killed"
		}
	}
	return s, nil
}

// recordFormat is the version of status.json; a reader refuses any other.
const recordFormat = 1

// record is status.json: the status, and what it takes to find every process of a supervisor that was killed.
type record struct {
	Format     int             `json:"format"`
	Boot       string          `json:"boot"` // of the machine: idents count from it
	Run        string          `json:"run"`  // the mark in the environments
	Supervisor ident           `json:"supervisor"`
	Since      time.Time       `json:"since"`
	Replicas   []ReplicaStatus `json:"replicas"`
	Processes  []ident         `json:"processes"` // all that the supervisor had under it, as last seen
}

// lives reports whether the supervisor that wrote the record still runs.
func (r record) lives() bool { return r.Boot == bootID() && r.Supervisor.alive() }

func recordFile(dir string) string { return filepath.Join(dir, "status.json") }

func readRecord(dir string) (record, error) {
	text, err := os.ReadFile(recordFile(dir))
	if err != nil {
		return record{}, err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, fmt.Errorf("%s cannot be read: %w", recordFile(dir), err)
	}
	if r.Format != recordFormat {
		return record{}, facsimile.Errorf(facsimile.Refused, "%s has format %d; this facs reads %d", recordFile(dir), r.Format, recordFormat).
			WithHint("use the facs that runs the instance")
	}
	return r, nil
}

// board holds the record of a running supervisor and writes each change of it, whole or not at all.
type board struct {
	dir string

	mu      sync.Mutex
	record  record
	failure error // the last write
}

func newBoard(dir, run string, services []Service) (*board, error) {
	me, err := self()
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	r := record{Format: recordFormat, Boot: bootID(), Run: run, Supervisor: me.ident, Since: now}
	for _, s := range services {
		r.Replicas = append(r.Replicas, ReplicaStatus{Name: s.Name, Module: s.Module, Node: s.Node, State: Waiting,
			Address: s.Health.Address, Since: now, Log: logFile(dir, s.Name)})
	}
	b := &board{dir: dir, record: r}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write()
	return b, b.failure
}

// set changes what is known of replica i.
func (b *board) set(i int, change func(*ReplicaStatus)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.record.Replicas[i]
	before := *r
	change(r)
	if *r == before {
		return
	}
	if r.State != before.State {
		r.Since = time.Now().UTC()
	}
	b.write()
}

// see notes the processes that the supervisor has under it.
func (b *board) see(all []ident) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(all, b.record.Processes) {
		b.record.Processes = all
		b.write()
	}
}

// end notes that the supervisor leaves.
func (b *board) end() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.record.Supervisor, b.record.Processes = ident{}, nil
	b.write()
	return b.failure
}

// write replaces status.json. It is not synced to the disk: after a crash of the machine there is
// no process left to find.
func (b *board) write() {
	text, err := json.MarshalIndent(b.record, "", "  ")
	if err == nil {
		next := recordFile(b.dir) + ".next"
		if err = os.WriteFile(next, append(text, '\n'), 0o600); err == nil {
			err = os.Rename(next, recordFile(b.dir))
		}
	}
	b.failure = err
}
