package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/build"
	"facsimile.dev/facsimile/run"
	"facsimile.dev/facsimile/source"
)

// buildPrograms builds the three programs as facs does: LayOut, repositories, checkout, build.
func buildPrograms(t *testing.T) (bin string) {
	t.Helper()
	dir := t.TempDir()
	if err := LayOut(dir); err != nil {
		t.Fatal(err)
	}
	if err := Init(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	bin = filepath.Join(dir, "bin")
	for _, r := range Repositories()[1:] {
		name := facsimile.Project(r.Name)
		from, err := source.Checkout(t.Context(), source.Request{Project: name, Repo: "../" + r.Name, Base: filepath.Join(dir, Definition),
			Version: r.Tag, Dest: filepath.Join(dir, "SRC")})
		if err != nil {
			t.Fatal(err)
		}
		config, err := source.ConfigFS(from.Dir)
		if err != nil || config == nil {
			t.Errorf("%s has no definition of its own: %v", r.Name, err)
		}
		if _, err := build.Build(t.Context(), build.Request{Class: build.Go, Project: name, SrcDir: from.Dir, Commit: from.Commit, BuildDir: bin,
			Arch: runtime.GOARCH}); err != nil {
			t.Fatal(err)
		}
	}
	return bin
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

func writeConf(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program.conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// lockedBuffer takes the output of a process while the test may read it.
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

// start runs a program until the test ends, and checks that it then stops when asked.
func start(t *testing.T, program string, args ...string) (stop func()) {
	t.Helper()
	out := &lockedBuffer{}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s did not stop well: %v\n%s", filepath.Base(program), err, out)
			}
			if t.Failed() {
				t.Logf("%s:\n%s", filepath.Base(program), out)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// eventually asks until the answer is right or ten seconds are over.
func eventually(t *testing.T, what string, right func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !right() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func fetch(method, url, body string) (int, map[string]any) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	var doc map[string]any
	_ = json.Unmarshal(text, &doc) // a reply that is no JSON shows as nil
	return resp.StatusCode, doc
}

func healthy(address string) func() bool {
	return func() bool {
		status, _ := fetch("GET", "http://"+address+"/health", "")
		return status == 200
	}
}

// TestTheProgramsTogether runs two replicas of the api, a gateway and a worker, as processes.
func TestTheProgramsTogether(t *testing.T) {
	bin, data := buildPrograms(t), t.TempDir()
	const cookie, job = "0123456789abcdef-cookie", "0123456789abcdef-job"
	apiConf := writeConf(t, "title = The Shop (test)", "cookie_key = "+cookie, "job_key = "+job)
	var apis []string
	startAPI := func(uiid int) (stop func()) {
		stop = start(t, filepath.Join(bin, "api"), "--listen", apis[uiid-1], "--id", fmt.Sprint(uiid),
			"--name", fmt.Sprintf("apid.%d", uiid-1), "--config", apiConf, "--data", data)
		eventually(t, "the api is healthy", healthy(apis[uiid-1]))
		return stop
	}
	apis = append(apis, freeAddress(t), freeAddress(t))
	stopFirst := startAPI(1)
	startAPI(2)

	door, forger := freeAddress(t), freeAddress(t)
	upstreams := []string{"upstream = 1 " + apis[0], "upstream = 2 " + apis[1]}
	start(t, filepath.Join(bin, "gateway"), "--listen", door, "--config", writeConf(t, append(upstreams, "cookie_key = "+cookie)...))
	start(t, filepath.Join(bin, "gateway"), "--listen", forger, "--config", writeConf(t, append(upstreams, "cookie_key = 0123456789abcdef-wrong")...))
	eventually(t, "the gateway is healthy", healthy(door))
	eventually(t, "the other gateway is healthy", healthy(forger))

	served := map[any]bool{}
	for range 4 {
		if status, doc := fetch("GET", "http://"+door+"/", ""); status == 200 {
			served[doc["served_by"]] = true
		}
	}
	if !served["replica apid.0 (uiid 1)"] || !served["replica apid.1 (uiid 2)"] {
		t.Errorf("four calls were served by %v, want both replicas", served)
	}
	for what, address := range map[string]string{"a gateway with a wrong key": forger, "no signature": apis[0]} {
		if status, doc := fetch("GET", "http://"+address+"/", ""); status != 401 {
			t.Errorf("%s: status %d %v, want 401", what, status, doc)
		}
	}

	status, doc := fetch("POST", "http://"+door+"/orders", `{"item": "tea", "quantity": 2}`)
	made, _ := doc["order"].(map[string]any)
	id, _ := made["id"].(string)
	if status != 201 || id == "" {
		t.Fatalf("ordering: status %d, %v", status, doc)
	}
	start(t, filepath.Join(bin, "worker"), "--listen", freeAddress(t), "--name", "workerd.0",
		"--config", writeConf(t, "job_key = "+job, "api = "+apis[0], "api = "+apis[1], "pause = 10ms"))
	packed := func() bool {
		_, doc := fetch("GET", "http://"+door+"/orders/"+id, "")
		o, _ := doc["order"].(map[string]any)
		return o["state"] == "done" && o["worker"] == "workerd.0"
	}
	eventually(t, "the worker packed the order", packed)

	stopFirst()
	startAPI(1)
	eventually(t, "the order is still there after a restart of the api", packed)
}

// TestTheShopIsUp runs the shop as `facs up` does: in the order of `after`, until it is stopped.
func TestTheShopIsUp(t *testing.T) {
	bin, home := buildPrograms(t), t.TempDir()
	const cookie, job = "0123456789abcdef-cookie", "0123456789abcdef-job"
	one, two, door, back := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	apiConf := writeConf(t, "title = The Shop (up)", "cookie_key = "+cookie, "job_key = "+job)
	doorConf := writeConf(t, "upstream = 1 "+one, "upstream = 2 "+two, "cookie_key = "+cookie)
	backConf := writeConf(t, "api = "+one, "api = "+two, "job_key = "+job, "pause = 10ms")
	service := func(name facsimile.Replica, module facsimile.Module, address, command string, after ...facsimile.Module) run.Service {
		argv, err := run.Words(command)
		if err != nil {
			t.Fatal(err)
		}
		return run.Service{Name: name, Module: module, Node: "here", Argv: argv, Dir: home, After: after,
			Health: run.Health{Address: address, HTTP: "/health", Timeout: 10 * time.Second}}
	}
	services := []run.Service{
		service("gatewayd.0", "gateway", door, fmt.Sprintf("'%s/gateway' --listen %s --config '%s'", bin, door, doorConf), "api"),
		service("workerd.0", "worker", back, fmt.Sprintf("'%s/worker' --listen %s --name workerd.0 --config '%s'", bin, back, backConf), "api"),
		service("apid.0", "api", one, fmt.Sprintf("'%s/api' --listen %s --id 1 --name apid.0 --config '%s' --data '%s'", bin, one, apiConf, home)),
		service("apid.1", "api", two, fmt.Sprintf("'%s/api' --listen %s --id 2 --name apid.1 --config '%s' --data '%s'", bin, two, apiConf, home)),
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, done, log := make(chan struct{}), make(chan error, 1), &lockedBuffer{}
	supervisor := run.New(run.Options{Dir: filepath.Join(home, "run"), Log: log, Ready: func() { close(ready) }})
	go func() { done <- supervisor.Run(ctx, services) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("%v\n%s", err, log)
	}
	served := map[any]bool{}
	for range 4 {
		_, doc := fetch("GET", "http://"+door+"/", "")
		served[doc["uiid"]] = true
	}
	if !served[1.0] || !served[2.0] {
		t.Errorf("four calls were served by %v, want both replicas\n%s", served, log)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	if status, _ := fetch("GET", "http://"+door+"/health", ""); status != 0 {
		t.Error("the gateway still answers")
	}
}
