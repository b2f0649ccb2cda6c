package run

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ident names one process for ever: a process id is used again, but not with one start time.
type ident struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after boot; proc(5), field 22 of stat
}

// process is what /proc says of one process.
type process struct {
	ident
	parent  int
	session int
	zombie  bool // it ended and nobody has asked how yet
}

// inspect looks at one process.
func inspect(pid int) (process, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, err
	}
	return parseStat(text)
}

// parseStat reads /proc/PID/stat. The name of the program stands in parentheses and may hold
// anything, parentheses included, so the fields after it are counted from the last one.
func parseStat(text []byte) (process, error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("%.40q is not the state of a process", text)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:open])))
	fields := strings.Fields(string(text[end+1:]))
	if err != nil || len(fields) < 20 {
		return process{}, fmt.Errorf("%.40q is not the state of a process", text)
	}
	var p process
	p.PID = pid
	p.zombie = fields[0] == "Z" || fields[0] == "X"
	var errs [3]error
	p.parent, errs[0] = strconv.Atoi(fields[1])
	p.session, errs[1] = strconv.Atoi(fields[3])
	p.Start, errs[2] = strconv.ParseUint(fields[19], 10, 64)
	return p, errors.Join(errs[:]...)
}

// processes lists all processes of the machine.
func processes() ([]process, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, err := inspect(pid); err == nil { // those that just ended are not there
			all = append(all, p)
		}
	}
	return all, nil
}

// marked gives the values of the marks in the environment that a process was started with.
func marked(pid int) (run, replica string) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", "" // it ended, or is another user's
	}
	for entry := range strings.SplitSeq(string(text), "\x00") {
		if v, ok := strings.CutPrefix(entry, runVariable+"="); ok {
			run = v
		} else if v, ok := strings.CutPrefix(entry, replicaVariable+"="); ok {
			replica = v
		}
	}
	return run, replica
}

// alive reports whether the very process still runs.
func (id ident) alive() bool {
	p, err := inspect(id.PID)
	return err == nil && p.ident == id && !p.zombie
}

// signal sends to the very process and no other: the handle is taken first, then the start time compared.
// A process that is gone already is no error.
func (id ident) signal(sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(id.PID, 0)
	if err != nil {
		if errors.Is(err, unix.ESRCH) {
			return nil
		}
		return err
	}
	defer unix.Close(fd)
	if p, err := inspect(id.PID); err != nil || p.ident != id {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// self is this process.
func self() (process, error) { return inspect(os.Getpid()) }

// bootID names the boot of the machine, since start times count from it.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// setSubreaper makes this process, or no longer, the parent of what its descendants leave behind.
func setSubreaper(on bool) error {
	var arg uintptr
	if on {
		arg = 1
	}
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, arg, 0, 0, 0)
}

// lead makes a command lead a session and a process group of its own, and die with the
// thread that starts it, which must therefore be one that stays.
func lead(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// detach makes a command lead a session of its own, so that a terminal that closes does not end it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// awaitExit returns when a child has ended, and leaves it a zombie: until it is reaped, neither
// its id nor that of its group and session can be given to anybody else.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// signalGroup sends to a group whose leader has not been reaped.
func signalGroup(pid int, sig syscall.Signal) { _ = unix.Kill(-pid, sig) }

// reap asks a zombie how it ended, so that it goes.
func reap(pid int) { _, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) }

const (
	childEnded = syscall.SIGCHLD // says that a child ended
	goOn       = syscall.SIGCONT // wakes one that was halted
)

// supported says whether instances can run on this system.
func supported() error { return nil }
