//go:build unix

package ssh

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// awaitEnd returns when no process of a session runs any more, or after muxTimeout. A master
// that ends tells those that lead through its jump hosts to end, and does not wait for them;
// they are no children of this program, so nobody says when they have.
func awaitEnd(session int) {
	for deadline := time.Now().Add(muxTimeout); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if errors.Is(syscall.Kill(-session, 0), syscall.ESRCH) || onlyZombies(session) {
			return
		}
	}
}

// onlyZombies reports whether /proc shows that all processes of a group have ended, though their
// parent, the first process of a container perhaps, does not look after them.
func onlyZombies(group int) bool {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return false // no Linux
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		// pid (name) state ppid group …, where the name may hold anything.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) > 2 && string(fields[2]) == strconv.Itoa(group) && string(fields[0]) != "Z" && string(fields[0]) != "X" {
			return false
		}
	}
	return true
}
