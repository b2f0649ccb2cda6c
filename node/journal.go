package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	facsimile "facsimile.dev/facsimile"
)

const journalFile = "journal"

// Journal implements Node. It takes no lock: a line that is being written is not given yet.
func (h *Host) Journal(ctx context.Context, since uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		hm, err := h.open()
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer hm.close()
		if hm.facs == nil {
			return
		}
		f, _, err := hm.facs.open(journalFile)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer func() { _ = f.Close() }()
		readEvents(ctx, f, since, yield)
	}
}

func readEvents(ctx context.Context, f *os.File, since uint64, yield func(Event, error) bool) {
	r := bufio.NewReaderSize(f, 64<<10)
	for last := uint64(0); ; last++ {
		if err := ctx.Err(); err != nil {
			yield(Event{}, err)
			return
		}
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return // what has no end yet is not written yet
		}
		if err != nil {
			yield(Event{}, err)
			return
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil || e.Seq != last+1 {
			if _, more := r.Peek(1); more == io.EOF {
				return // a torn end, which the next change cuts off
			}
			yield(Event{}, facsimile.Errorf(facsimile.Refused, "the journal %s is damaged after event %d", f.Name(), last))
			return
		}
		if e.Seq > since && !yield(e, nil) {
			return
		}
	}
}

// journal is the journal opened for appending, under the lock.
type journal struct {
	d    *dir
	f    *os.File
	size int64
	last Event  // zero in an empty one
	torn string // what was cut off behind it, for people
}

// openJournal finds the last whole event and cuts off what a crash left behind it: a line
// without an end, or one that is no event. Nothing was promised on account of such a line,
// since it was never synced.
func (hm *home) openJournal() (*journal, error) {
	f, err := hm.facs.openAppend(journalFile)
	if err != nil {
		return nil, err
	}
	j := &journal{d: hm.facs, f: f}
	if err := j.findEnd(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func (j *journal) close() { _ = j.f.Close() } // everything in it is synced

func (j *journal) findEnd() error {
	st, err := statFile(j.f)
	if err != nil {
		return err
	}
	end := st.size
	for end > 0 {
		start, line, err := lastLine(j.f, end)
		if err != nil {
			return err
		}
		var e Event
		if bytes.HasSuffix(line, []byte("\n")) && json.Unmarshal(line, &e) == nil && e.Seq > 0 {
			j.last = e
			break
		}
		end = start
	}
	j.size = end
	if end == st.size {
		return nil
	}
	j.torn = fmt.Sprintf("a torn end of %d bytes was cut off the journal", st.size-end)
	j.d.change("truncate", journalFile)
	if err := j.f.Truncate(end); err != nil {
		return err
	}
	return j.f.Sync()
}

// lastLine gives the line that ends at end, its line feed included, and where it starts.
func lastLine(f *os.File, end int64) (start int64, line []byte, err error) {
	const chunk = 64 << 10
	for start = end; start > 0; {
		n := min(chunk, start)
		b := make([]byte, n, n+int64(len(line)))
		if _, err := f.ReadAt(b, start-n); err != nil {
			return 0, nil, err
		}
		start -= n
		line = append(b, line...)
		if i := bytes.LastIndexByte(line[:len(line)-1], '\n'); i >= 0 {
			return start + int64(i) + 1, line[i+1:], nil
		}
	}
	return 0, line, nil
}

// add appends an event and syncs it. When it returns without error the event survives a power
// cut; otherwise the journal is as it was.
func (j *journal) add(e Event) error {
	e.Seq = j.last.Seq + 1
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	j.d.change("write", journalFile)
	_, err = j.f.Write(line)
	if err == nil {
		j.d.change("fsync", journalFile)
		err = j.f.Sync()
	}
	if err == nil && j.last.Seq == 0 {
		err = j.d.sync() // the journal's own name
	}
	if err != nil {
		return errors.Join(err, j.f.Truncate(j.size))
	}
	j.last, j.size = e, j.size+int64(len(line))
	return nil
}

// note opens the journal for one event. The caller holds the lock.
func (hm *home) note(e Event) error {
	j, err := hm.openJournal()
	if err != nil {
		return err
	}
	defer j.close()
	e.Time = hm.host.now().UTC()
	return j.add(e)
}
