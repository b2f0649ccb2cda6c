package run

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"facsimile.dev/facsimile"
)

const (
	maxLine    = 64 << 10 // a longer line is shown in pieces
	maxLogFile = 16 << 20 // a log file that grows over it becomes NAME.log.1
	lastLines  = 12       // kept to show what a replica said before it failed
)

// mux joins the output of replicas into one stream of labelled lines.
type mux struct {
	mu    sync.Mutex
	out   io.Writer // may be nil
	width int       // of the longest label
}

// line writes one line whole, whoever else writes.
func (m *mux) line(label, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.out != nil {
		_, _ = fmt.Fprintf(m.out, "%-*s | %s\n", m.width, label, text) // a reader who went away does not stop services
	}
}

// replicaLog takes the output of one replica, over all its starts.
type replicaLog struct {
	name facsimile.Replica
	mux  *mux
	file string

	mu   sync.Mutex
	out  *os.File
	size int64
	last []string
}

// logFile is where the output of a replica stands.
func logFile(dir string, name facsimile.Replica) string {
	return filepath.Join(dir, "log", string(name)+".log")
}

// newReplicaLog starts a fresh file; the one of the run before stays beside it, with .1 appended.
func newReplicaLog(dir string, name facsimile.Replica, m *mux) (*replicaLog, error) {
	l := &replicaLog{name: name, mux: m, file: logFile(dir, name)}
	if err := os.MkdirAll(filepath.Dir(l.file), 0o700); err != nil {
		return nil, err
	}
	return l, l.rotate()
}

func (l *replicaLog) rotate() error {
	if l.out != nil {
		l.out.Close()
	}
	if err := os.Rename(l.file, l.file+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(l.file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	l.out, l.size = out, 0
	return err
}

// add takes one line, to the stream and the file. A file that cannot be written is said once, and
// the stream goes on.
func (l *replicaLog) add(text string) {
	l.mux.line(string(l.name), text)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, text)
	if len(l.last) > lastLines {
		l.last = l.last[1:]
	}
	if l.out == nil {
		return
	}
	if l.size > maxLogFile {
		if err := l.rotate(); err != nil {
			l.out = nil
			l.mux.line(string(l.name), "facs: its log file cannot be written any more: "+err.Error())
			return
		}
	}
	n, err := l.out.WriteString(text + "\n")
	l.size += int64(n)
	if err != nil {
		l.out.Close()
		l.out = nil
		l.mux.line(string(l.name), "facs: its log file cannot be written any more: "+err.Error())
	}
}

// tail gives the last lines.
func (l *replicaLog) tail() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.last...)
}

func (l *replicaLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out != nil {
		l.out.Close()
		l.out = nil
	}
}

// follow reads lines until every process that holds the other end is gone.
func (l *replicaLog) follow(r io.Reader) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		text, err := lines.ReadSlice('\n')
		if n := len(text); n > 0 {
			if text[n-1] == '\n' {
				text = text[:n-1]
			}
			l.add(string(text))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
