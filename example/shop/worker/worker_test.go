package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testKey = "key-of-the-worker-tests"

// api stands for a replica of the api with one job; done gets the receipt.
func api(t *testing.T, key string, done chan<- string) string {
	t.Helper()
	jobs := make(chan string, 1)
	jobs <- `{"order": {"id": "1-1", "item": "tea", "quantity": 2}}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if signature([]byte(key), r.Header.Get(timeHeader), r.Method, r.URL.RequestURI(), body) != r.Header.Get(signatureHeader) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var say map[string]string
		if err := json.Unmarshal(body, &say); err != nil || say["worker"] != "workerd.0" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.URL.Path == "/jobs/1-1/done" {
			done <- say["receipt"]
			return
		}
		select {
		case job := <-jobs:
			fmt.Fprint(w, job)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

func newTestWorker(key string, apis ...string) *worker {
	c := config{apis: apis, jobKey: []byte(key), pause: time.Millisecond}
	return newWorker(c, "workerd.0", slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func TestAJobIsTakenAndDone(t *testing.T) {
	done := make(chan string, 1)
	w := newTestWorker(testKey, "127.0.0.1:1", api(t, testKey, done)) // the first does not answer, and stops nobody
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.work(ctx) }()
	if receipt := <-done; len(receipt) != 16 {
		t.Errorf("receipt %q", receipt)
	}
	cancel()
	<-stopped
	if got := w.done.Load(); got != 1 {
		t.Errorf("%d jobs done, want 1", got)
	}
}

func TestAWrongKeyGetsNoJob(t *testing.T) {
	address := api(t, testKey, make(chan string, 1))
	found, err := newTestWorker("a-key-that-is-wrong", address).one(t.Context(), address)
	if found || err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("found %v, error %v, want 401", found, err)
	}
}

func TestHealthIsThatOfTheApis(t *testing.T) {
	w := newTestWorker(testKey, "127.0.0.1:1")
	now := time.Now()
	w.now = func() time.Time { return now }
	for _, step := range []struct {
		later time.Duration
		want  int
	}{{0, 200}, {11 * time.Second, 503}} {
		now = now.Add(step.later)
		rec := httptest.NewRecorder()
		w.routes().ServeHTTP(rec, httptest.NewRequest("GET", "/health", nil))
		if rec.Code != step.want {
			t.Errorf("after %v: health %d, want %d", step.later, rec.Code, step.want)
		}
	}
}

func TestConfig(t *testing.T) {
	key := "job_key = " + testKey + "\n"
	for _, test := range []struct{ text, want string }{
		{key + "api = host:1\npause = 20ms", ""},
		{key, "no api"},
		{key + "api = host", "HOST:PORT"},
		{key + "pause = 0s", "not a pause"},
		{"api = host:1", "job_key must be there"},
		{key + "colour = red", `:2: unknown key "colour"`},
		{"api", ":1: expected key = value"},
	} {
		file := filepath.Join(t.TempDir(), "worker.conf")
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readConfig(file)
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
}
