package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildPrograms builds the three programs as a user's machine would: from what LayOut wrote.
func buildPrograms(t *testing.T) (bin string) {
	t.Helper()
	dir := t.TempDir()
	if err := LayOut(dir); err != nil {
		t.Fatal(err)
	}
	bin = filepath.Join(dir, "bin")
	for _, name := range []string{"api", "gateway", "worker"} {
		cmd := exec.Command("go", "build", "-mod=readonly", "-trimpath", "-o", filepath.Join(bin, name), ".")
		cmd.Dir = filepath.Join(dir, name)
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", name, err, out)
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
