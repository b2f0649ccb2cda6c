package run

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"facsimile.dev/facsimile"
)

// The test binary plays every process of these tests: started with the word child it is a service,
// with the word supervise a detached supervisor.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		if err := child(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "supervise" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := Supervise(ctx, os.Stdin, os.Stdout)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is what a service of these tests does.
func child(mode string, args []string) error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	switch mode {
	case "serve": // ADDRESS [FILE]: answers until it is asked to end; notes start and stop in FILE
		note(args[1:], "start")
		defer note(args[1:], "stop")
		l, err := net.Listen("tcp", args[0])
		if err != nil {
			return err
		}
		go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/crash" {
				os.Exit(3)
			}
			if r.URL.Path != "/health" {
				w.WriteHeader(http.StatusNotFound)
			}
		}))
		fmt.Println("serving")
		<-term
	case "stubborn": // PIDFILE: does not listen to anybody
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		if err := writePID(args[0]); err != nil {
			return err
		}
		fmt.Println("deaf")
		select {}
	case "fail":
		fmt.Println("I cannot find my hat")
		return fmt.Errorf("giving up")
	case "daemon": // PIDFILE keep|wipe: leaves a stubborn process in a session of its own
		cmd := exec.Command(os.Args[0], "child", "stubborn", args[0])
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if args[1] == "wipe" {
			cmd.Env = []string{"A=B"}
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		<-term
	case "fail-when": // FILE: fails as soon as there is the file
		awaitFile(args[0])
		fmt.Println("I lost my hat")
		return fmt.Errorf("giving up")
	case "orphan": // PIDFILE FILE: leaves, once there is FILE, a process that ends by itself after its parent
		cmd := exec.Command("/bin/sh", "-c", "echo $$ > "+args[0]+".next; mv "+args[0]+".next "+args[0]+"; while [ -d /proc/"+strconv.Itoa(os.Getpid())+" ]; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Env = []string{"PATH=/usr/bin:/bin"}
		if err := cmd.Start(); err != nil {
			return err
		}
		awaitFile(args[1])
	case "environment":
		fmt.Println(strings.Join(os.Environ(), " "))
		<-term
	default:
		return fmt.Errorf("unknown mode %q", mode)
	}
	return nil
}

func awaitFile(file string) {
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func touch(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func note(file []string, what string) {
	if len(file) == 0 {
		return
	}
	f, err := os.OpenFile(file[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(f, what, os.Getenv(replicaVariable))
		f.Close()
	}
}

func writePID(file string) error {
	if err := os.WriteFile(file+".next", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".next", file)
}

func exe(t *testing.T) string {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func service(t *testing.T, name, module string, argv ...string) Service {
	t.Helper()
	return Service{Name: facsimile.Replica(name), Module: facsimile.Module(module), Node: "app1", Dir: t.TempDir(),
		Argv: append([]string{exe(t), "child"}, argv...), Grace: 5 * time.Second}
}

// server is a service that answers for its health; args are passed on to it.
func server(t *testing.T, name, module string, args ...string) Service {
	t.Helper()
	address := freeAddress(t)
	s := service(t, name, module, append([]string{"serve", address}, args...)...)
	s.Health = Health{Address: address, HTTP: "/health", Timeout: 10 * time.Second}
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// lockedBuffer is a log that a test may read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually asks until the answer is right.
func eventually(t *testing.T, what string, right func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !right(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// pidIn waits for a process to write its id to a file.
func pidIn(t *testing.T, file string) ident {
	t.Helper()
	var id ident
	eventually(t, file+" has a process id", func() bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return false
		}
		p, err := inspect(pid)
		id = p.ident
		return err == nil
	})
	return id
}

// running is a supervisor in this process.
type running struct {
	dir  string
	log  *lockedBuffer
	stop context.CancelFunc
	done chan error
}

// begin runs services in this process, with short pauses.
func begin(t *testing.T, services ...Service) *running {
	t.Helper()
	return beginSettling(t, 20*time.Millisecond, services...)
}

// beginSettling is begin where a replica that cannot be asked for its health has to live for so long.
func beginSettling(t *testing.T, settling time.Duration, services ...Service) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{dir: filepath.Join(t.TempDir(), "run"), log: &lockedBuffer{}, stop: cancel, done: make(chan error, 1)}
	ready := make(chan struct{})
	s := New(Options{Dir: r.dir, Log: r.log, Ready: func() { close(ready) }})
	s.pace.minBackoff, s.pace.maxBackoff, s.pace.watch = time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
	s.pace.steadyProbe, s.pace.answer, s.pace.settling = 20*time.Millisecond, 500*time.Millisecond, settling
	go func() { r.done <- s.Run(ctx, services) }()
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("log:\n%s", r.log)
		}
	})
	select {
	case <-ready:
	case err := <-r.done:
		r.done <- err
	}
	return r
}

// end stops it and gives what Run returned.
func (r *running) end() error {
	r.stop()
	return <-r.done
}

func states(t *testing.T, dir string) map[facsimile.Replica]ReplicaStatus {
	t.Helper()
	status, err := Ps(dir)
	if err != nil {
		t.Fatal(err)
	}
	by := map[facsimile.Replica]ReplicaStatus{}
	for _, r := range status.Replicas {
		by[r.Name] = r
	}
	return by
}
