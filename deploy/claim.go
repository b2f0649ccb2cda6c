package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/node"
)

// claim is the note that a rollout leaves on its own machine while nodes hold ballots of it. Its
// lock lives as long as the process: whoever gets the lock and finds a note knows that the writer
// is dead, or could not give back all that it held, and may go on with its token, which nodes
// grant without waiting for the lease to end. A note of another machine (a shared folder) proves
// nothing and is not used.
type claim struct {
	path string
	lock *flock.Flock
	note note // zero: nobody holds anything
}

// note is what a claim says. All ballots in it have one token: a second rollout with it begins
// only when the first is over.
type note struct {
	Epoch uint64                      `json:"epoch"` // the highest that was asked for
	Token string                      `json:"token"`
	Held  map[facsimile.Node][]uint64 `json:"held"` // epochs that a node may hold still
	Host  string                      `json:"host"`
	PID   int                         `json:"pid"`
	Who   string                      `json:"who"`
	Since time.Time                   `json:"since"`
}

// takeClaim locks the claim at path. Refused: a rollout is under way on this machine.
func takeClaim(path string) (*claim, error) {
	if path == "" {
		return &claim{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot note the rollout in %s: %w", path, err)
	}
	c := &claim{path: path, lock: flock.New(path + ".lock")}
	got, err := c.lock.TryLock()
	if err != nil {
		return nil, facsimile.Errorf(facsimile.Refused, "cannot lock %s.lock: %w", path, err)
	}
	have, readErr := readNote(path)
	if !got {
		who := "another process of this machine"
		if readErr == nil && have.PID != 0 {
			who = fmt.Sprintf("process %d of %s, since %s", have.PID, have.Who, have.Since.Local().Format(time.TimeOnly))
		}
		return nil, facsimile.Errorf(facsimile.Refused, "a rollout is under way here: %s", who).WithHint("wait for it to end, or end it")
	}
	if host, err := os.Hostname(); err == nil && readErr == nil && have.Host == host {
		c.note = have
	}
	return c, nil
}

// readNote gives what a claim says. One that a power cut left half-written says nothing.
func readNote(path string) (note, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return note{}, err
	}
	var n note
	return n, json.Unmarshal(b, &n)
}

// begin notes a ballot before any of the nodes is asked to grant it.
func (c *claim) begin(b node.Ballot, nodes []Member, who string, now time.Time) error {
	if c.note.Held == nil {
		c.note.Held = map[facsimile.Node][]uint64{}
	}
	for _, m := range nodes {
		c.note.Held[m.Name] = append(c.note.Held[m.Name], b.Epoch)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "" // a note that nobody will use
	}
	c.note.Epoch, c.note.Token = b.Epoch, b.Token
	c.note.Host, c.note.PID, c.note.Who, c.note.Since = host, os.Getpid(), who, now
	return c.write()
}

// end notes which ballots could not be given back, and goes where all were.
func (c *claim) end(held map[facsimile.Node][]uint64) error {
	if c.note.Held = held; len(held) > 0 || c.path == "" {
		return c.write()
	}
	if err := os.Remove(c.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (c *claim) write() error {
	if c.path == "" {
		return nil
	}
	text, err := json.Marshal(c.note)
	if err != nil {
		return err
	}
	temp := c.path + ".new"
	if err := os.WriteFile(temp, append(text, '\n'), 0o600); err != nil {
		return facsimile.Errorf(facsimile.Refused, "cannot note the rollout in %s: %w", c.path, err)
	}
	return os.Rename(temp, c.path)
}

// free gives the lock back, as the end of the process would.
func (c *claim) free() error {
	if c.lock == nil {
		return nil
	}
	return c.lock.Unlock()
}
