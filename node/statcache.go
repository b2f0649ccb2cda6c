package node

import (
	"encoding/json"
	"sync"
	"time"

	facsimile "facsimile.dev/facsimile"
)

// seen is what the system said of a file whose content was right.
type seen struct {
	Ino   uint64 `json:"i"`
	Size  int64  `json:"s"`
	Mtime int64  `json:"m"`
	Ctime int64  `json:"c"`
}

func (s stat) seen() seen { return seen{s.ino, s.size, s.mtime, s.ctime} }

// timestampTick is the most by which two changes of a file may be apart and still get the same
// time: kernels stamp files with the time of their last tick, at most 10 ms ago. The rest is
// for good measure.
const timestampTick = 30 * time.Millisecond

// recorder collects, per release, what need not be read again. A file that has the same inode,
// size, mtime and ctime as when its content was right has that content still: whoever writes to
// a file moves its ctime, and no system call sets that. The exception is a change within the same
// tick of the clock, so a file that was changed just before it was read is not recorded.
//
// Look may rely on the record. Verify reads every byte and never does.
type recorder struct {
	tick time.Duration
	mu   sync.Mutex
	seen map[string]seen // by path of the tree
}

func (h *Host) newRecorder() *recorder {
	return &recorder{tick: h.tick, seen: map[string]seen{}}
}

// add notes a file whose content was right, with what it was stat'ed as before it was read, at
// the time start.
func (r *recorder) add(path string, before stat, start time.Time) {
	if before.ctime >= start.Add(-r.tick).UnixNano() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[path] = before.seen()
}

// keep writes the record of a release.
func (r *recorder) keep(hm *home, tree facsimile.Digest) error {
	d, err := hm.facs.mkdir(cacheDir, 0o700)
	if err != nil {
		return err
	}
	defer d.close()
	return writeRecord(d, tree.Hex(), r.seen)
}

// seenOf reads the record of a release. Without one, everything is read.
func (hm *home) seenOf(tree facsimile.Digest) map[string]seen {
	b, err := readIn(hm.facs, cacheDir, tree.Hex(), maxTree)
	if err != nil {
		return nil
	}
	var r record[map[string]seen]
	if json.Unmarshal(b, &r) != nil || r.Format != recordFormat {
		return nil
	}
	return r.Record
}
