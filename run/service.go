package run

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"facsimile.dev/facsimile"
)

// Service is one replica to run.
type Service struct {
	Name   facsimile.Replica  `json:"name"` // unique in the instance; the label of its log lines
	Module facsimile.Module   `json:"module"`
	Node   facsimile.Node     `json:"node"`
	Argv   []string           `json:"argv"`          // the program and its arguments; see Words
	Env    []string           `json:"env,omitempty"` // KEY=VALUE, over a clean environment; see Environment
	Dir    string             `json:"dir"`           // the folder it starts in; absolute
	Health Health             `json:"health"`
	After  []facsimile.Module `json:"after,omitempty"` // modules of which every replica must be healthy first; those without a replica here are passed over
	Grace  time.Duration      `json:"grace,omitempty"` // between asking it to end and killing it; 0 means DefaultGrace
}

// Health says how to tell that a replica does its work. Without an address it is healthy
// once its process has lived for a second; where it ends before, it could not start.
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

// The variables that mark what a replica started, so that it is found even when it left its
// session and its supervisor is gone. They hold a random name of the run, and the replica.
const (
	runVariable     = "FACS_RUN"
	replicaVariable = "FACS_REPLICA"
)

const cleanPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Environment is what a replica sees: nothing of whoever runs facs, but PATH with the usual folders,
// HOME as the folder it starts in and LANG=C.UTF-8, over these what the service says, and two
// variables of the supervisor's own.
func Environment(s Service, run string) []string {
	env := []string{"PATH=" + cleanPath, "HOME=" + s.Dir, "LANG=C.UTF-8"}
	env = append(env, s.Env...) // of two entries of one name the later counts
	return append(env, runVariable+"="+run, replicaVariable+"="+string(s.Name))
}

func (s Service) grace() time.Duration {
	if s.Grace > 0 {
		return s.Grace
	}
	return DefaultGrace
}

func (h Health) timeout() time.Duration {
	if h.Timeout > 0 {
		return h.Timeout
	}
	return DefaultHealthTimeout
}

// program finds the file of Argv[0]: as it stands if it has a slash, relative to Dir; otherwise in the
// PATH that the replica will have.
func (s Service) program() (string, error) {
	name := s.Argv[0]
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(s.Dir, name)
		}
		return name, executable(name)
	}
	search := cleanPath
	for _, e := range s.Env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			search = value
		}
	}
	for _, dir := range filepath.SplitList(search) {
		if file := filepath.Join(dir, name); filepath.IsAbs(dir) && executable(file) == nil {
			return file, nil
		}
	}
	return "", facsimile.Errorf(facsimile.Refused, "%s cannot start: there is no program %q in its PATH %s", s.Name, name, search)
}

func executable(file string) error {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return err
	case info.IsDir() || info.Mode().Perm()&0o111 == 0:
		return &os.PathError{Op: "exec", Path: file, Err: os.ErrPermission}
	}
	return nil
}
