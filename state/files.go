package state

import (
	"context"
	"io"
	"time"

	"filippo.io/age"

	"facsimile.dev/facsimile"
)

// FilesOptions say where a Files is and who uses it.
type FilesOptions struct {
	Dir       string // the folder of states, which need not exist yet
	ProjectID string // states of another project are refused

	IdentityFiles []string       // private keys: age identities, or SSH keys without a passphrase
	Identities    []age.Identity // further ones
	Recipients    []string       // who can open a state that is begun: age or SSH public keys
	KeyDir        string         // the user's configuration folder, for a key where there is none

	Who, Host string // for the journal and the lock
	Now       func() time.Time
	Random    io.Reader     // for new keys; envelopes take theirs from the system
	LockWait  time.Duration // how long Commit waits for another process; 0 means 10 s
}

// Files is a Store in a folder. It may be used by several goroutines and several processes.
type Files struct{}

// Notice is something that a person should be told, once.
type Notice struct {
	Msg  string
	Hint string
}

// OpenFiles checks the options. It neither reads nor makes anything yet.
func OpenFiles(o FilesOptions) (*Files, error) { return &Files{}, nil }

// Notices gives what there is to tell since the last call.
func (f *Files) Notices() []Notice { return nil }

// Load implements Store.
func (f *Files) Load(ctx context.Context, in facsimile.Instance) (Snapshot, error) {
	return Snapshot{}, nil
}

// Commit implements Store.
func (f *Files) Commit(ctx context.Context, in facsimile.Instance, base Head, c Change) (Head, error) {
	return Head{}, facsimile.Errorf(facsimile.Refused, "not there yet")
}

// History implements Store.
func (f *Files) History(ctx context.Context, in facsimile.Instance) ([]JournalEntry, error) {
	return nil, nil
}
