package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/flock"

	"facsimile.dev/facsimile"
)

// holder is who has a lock. It stands in the lock file for the others to read, and means
// nothing once the lock is free: the kernel frees it when the process ends, however it ends.
type holder struct {
	Who   string    `json:"who"`
	Host  string    `json:"host"`
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

const (
	lockWait = 10 * time.Second // how long to wait for another process, unless told otherwise
	lockPoll = 10 * time.Millisecond
)

// lock takes the lock at path and gives the way to free it. what says what it guards.
func lock(ctx context.Context, path, what string, me holder, wait time.Duration) (func(), error) {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	l := flock.New(path, flock.SetPermissions(0o666)) // under the umask: a folder may be shared by a group
	if ok, err := l.TryLockContext(limited, lockPoll); !ok {
		_ = l.Close()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return nil, facsimile.Errorf(facsimile.Refused, "%s is locked by %s", what, readHolder(path)).
				WithHint("wait until it has ended; nothing needs to be removed, since the lock goes with its process")
		}
		return nil, facsimile.Errorf(facsimile.Refused, "cannot lock %s: %w", what, err).
			WithHint("a change needs a folder that can be written; reading does not")
	}
	// Whoever reads it while it is written, or where it cannot be written, sees less of a name.
	if text, err := json.Marshal(me); err == nil {
		_ = os.WriteFile(path, text, 0o666)
	}
	return func() {
		_ = os.Truncate(path, 0)
		_ = l.Close()
	}, nil
}

// readHolder tells of whoever holds the lock at path.
func readHolder(path string) string {
	var h holder
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil || h.Who == "" {
		return "another process"
	}
	return fmt.Sprintf("%s on %s, process %d, since %s",
		plain(h.Who), plain(h.Host), h.PID, h.Since.UTC().Format(time.RFC3339))
}
