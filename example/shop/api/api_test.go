package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	cookieKey = "cookie-key-of-the-tests"
	jobKey    = "job-key-of-the-tests"
)

func newTestServer(t *testing.T) http.Handler {
	t.Helper()
	s, err := openStore(filepath.Join(t.TempDir(), "api-2.db"), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := config{title: "Test", cookieKey: []byte(cookieKey), jobKey: []byte(jobKey)}
	return newServer(c, s, "apid.1", slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// call sends a request signed with key; an empty key leaves it unsigned.
func call(h http.Handler, key, method, uri, body string, at time.Time) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, uri, strings.NewReader(body))
	if key != "" {
		unix := strconv.FormatInt(at.Unix(), 10)
		r.Header.Set(timeHeader, unix)
		r.Header.Set(signatureHeader, signature([]byte(key), unix, method, uri, []byte(body)))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOnlySignedRequestsPass(t *testing.T) {
	h := newTestServer(t)
	now := time.Now()
	for _, test := range []struct {
		name, key, method, uri string
		at                     time.Time
		want                   int
	}{
		{"health needs no signature", "", "GET", "/health", now, 200},
		{"unsigned", "", "GET", "/", now, 401},
		{"signed", cookieKey, "GET", "/", now, 200},
		{"a wrong key", "not-the-cookie-key-at-all", "GET", "/", now, 401},
		{"the key of the workers", jobKey, "GET", "/orders", now, 401},
		{"the key of the gateway, for a job", cookieKey, "POST", "/jobs/take", now, 401},
		{"too old", cookieKey, "GET", "/", now.Add(-time.Minute), 401},
		{"from the future", cookieKey, "GET", "/", now.Add(time.Minute), 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			if w := call(h, test.key, test.method, test.uri, "", test.at); w.Code != test.want {
				t.Errorf("status %d, want %d: %s", w.Code, test.want, w.Body)
			}
		})
	}
}

func TestSignatureIsOfTheWholeRequest(t *testing.T) {
	h := newTestServer(t)
	unix := strconv.FormatInt(time.Now().Unix(), 10)
	signed := signature([]byte(cookieKey), unix, "POST", "/orders", []byte(`{"item":"tea","quantity":1}`))
	r := httptest.NewRequest("POST", "/orders", strings.NewReader(`{"item":"tea","quantity":9}`))
	r.Header.Set(timeHeader, unix)
	r.Header.Set(signatureHeader, signed)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("a changed body gave status %d, want 401", w.Code)
	}
	if large := call(h, cookieKey, "POST", "/orders", strings.Repeat("x", maxBody+1), time.Now()); large.Code != http.StatusUnauthorized {
		t.Errorf("a body that is too large gave status %d, want 401", large.Code)
	}
}

func TestAnOrderBecomesAJob(t *testing.T) {
	h := newTestServer(t)
	now := time.Now()
	w := call(h, cookieKey, "POST", "/orders", `{"item":"tea","quantity":2}`, now)
	var reply struct {
		Order    order  `json:"order"`
		ServedBy string `json:"served_by"`
		UIID     int    `json:"uiid"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &reply); err != nil || w.Code != 201 {
		t.Fatalf("status %d, %v: %s", w.Code, err, w.Body)
	}
	if reply.Order.ID != "2-1" || reply.ServedBy != "replica apid.1 (uiid 2)" || reply.UIID != 2 {
		t.Errorf("reply %+v", reply)
	}
	for _, step := range []struct {
		key, method, uri, body string
		want                   int
		contains               string
	}{
		{jobKey, "POST", "/jobs/2-1/done", `{"worker":"w","receipt":"r"}`, 409, "not taken"},
		{jobKey, "POST", "/jobs/take", `{"worker":"w"}`, 200, `"id":"2-1"`},
		{jobKey, "POST", "/jobs/take", `{"worker":"v"}`, 204, ""},
		{jobKey, "POST", "/jobs/2-1/done", `{"worker":"v","receipt":"r"}`, 409, "not taken"},
		{jobKey, "POST", "/jobs/2-1/done", `{"worker":"w","receipt":"r"}`, 200, `"state":"done"`},
		{cookieKey, "GET", "/orders/2-1", "", 200, `"receipt":"r"`},
		{cookieKey, "GET", "/orders/2-7", "", 404, "no such order"},
		{cookieKey, "GET", "/orders/1-1", "", 404, "no such order"},
		{cookieKey, "GET", "/orders", "", 200, `"item":"tea"`},
		{cookieKey, "POST", "/orders", `{"item":""}`, 400, "needs an item"},
		{cookieKey, "POST", "/orders", `tea`, 400, "not the JSON"},
	} {
		w := call(h, step.key, step.method, step.uri, step.body, now)
		if w.Code != step.want || !strings.Contains(w.Body.String(), step.contains) {
			t.Errorf("%s %s: status %d, want %d with %q: %s", step.method, step.uri, w.Code, step.want, step.contains, w.Body)
		}
	}
}

func TestOrdersSurviveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "api-1.db")
	s, err := openStore(file, 1)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.Add("tea", 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openStore(file, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	kept, err := again.Get(made.ID)
	if err != nil || kept.Item != "tea" || kept.Quantity != 3 {
		t.Errorf("after a restart: %+v, %v", kept, err)
	}
	if next, err := again.Add("tea", 1); err != nil || next.ID != "1-2" {
		t.Errorf("the next order is %q, %v, want 1-2", next.ID, err)
	}
}

func TestALostJobIsGivenAgain(t *testing.T) {
	s, err := openStore(filepath.Join(t.TempDir(), "api-1.db"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	s.now = func() time.Time { return now }
	made, _ := s.Add("tea", 1)
	if o, found, err := s.Take("a"); err != nil || !found || o.ID != made.ID {
		t.Fatalf("took %+v, %v, %v", o, found, err)
	}
	if _, found, _ := s.Take("b"); found {
		t.Fatal("two workers have one job")
	}
	now = now.Add(jobLease + time.Second)
	if o, found, _ := s.Take("b"); !found || o.Worker != "b" {
		t.Errorf("a lost job went to %+v, %v", o, found)
	}
	if _, err := s.Finish(made.ID, "a", "late"); !errors.Is(err, errNotHis) {
		t.Errorf("the worker that lost the job finished it: %v", err)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"title = x\ncookie_key = short\njob_key = " + jobKey, "16 characters"},
		{"cookie_key = " + cookieKey + "\njob_key = " + jobKey + "\nport = 8", `:3: unknown key "port"`},
		{"title", ":1: expected key = value"},
		{"# only a comment\n", "must be there"},
	} {
		file := filepath.Join(t.TempDir(), "api.conf")
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readConfig(file)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		} else if strings.Contains(err.Error(), jobKey) {
			t.Errorf("the error holds a secret: %v", err)
		}
	}
}

func TestRunNeedsItsUiid(t *testing.T) {
	if err := run(t.Context(), []string{"--listen", "127.0.0.1:0"}, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "--id") {
		t.Errorf("without --id: %v", err)
	}
}
