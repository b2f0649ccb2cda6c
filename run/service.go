package run

import (
	"time"

	"facsimile.dev/facsimile"
)

// Service is one replica to run.
type Service struct {
	Name   facsimile.Replica  `json:"name"` // unique in the instance; the label of its log lines
	Module facsimile.Module   `json:"module"`
	Node   facsimile.Node     `json:"node"`
	Argv   []string           `json:"argv"`          // the program, by absolute path or found in the PATH of its environment, and its arguments
	Env    []string           `json:"env,omitempty"` // KEY=VALUE, over a clean environment; see [Environment]
	Dir    string             `json:"dir"`           // the folder it starts in
	Health Health             `json:"health"`
	After  []facsimile.Module `json:"after,omitempty"` // modules of which every replica must be healthy first
	Grace  time.Duration      `json:"grace,omitempty"` // between asking it to end and killing it; 0 means DefaultGrace
}

// Health says how to tell that a replica does its work. Without an address it is healthy
// as soon as its process has started.
type Health struct {
	Address string        `json:"address,omitempty"` // HOST:PORT that it listens on
	HTTP    string        `json:"http,omitempty"`    // path that must answer with a status below 400; "": a connection is enough
	Timeout time.Duration `json:"timeout,omitempty"` // from start to the first healthy answer; 0 means DefaultHealthTimeout
}

// What holds where a service does not say.
const (
	DefaultGrace         = 10 * time.Second
	DefaultHealthTimeout = 30 * time.Second
)
