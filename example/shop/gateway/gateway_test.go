package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// replica stands for one replica of the api: it checks the signature and says who it is.
func replica(t *testing.T, uiid int, key string) (upstream, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		body, _ := io.ReadAll(r.Body)
		want := signature([]byte(key), r.Header.Get(timeHeader), r.Method, r.URL.RequestURI(), body)
		if want != r.Header.Get(signatureHeader) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprintf(w, "%d %s", uiid, body)
	}))
	t.Cleanup(srv.Close)
	return upstream{uiid: uiid, address: strings.TrimPrefix(srv.URL, "http://")}, srv
}

const testKey = "key-of-the-gateway-tests"

func newTestProxy(t *testing.T, all ...upstream) (http.Handler, *pool) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	p := newPool(all, log)
	c := config{upstreams: all, cookieKey: []byte(testKey), statusUser: "gateway", statusPass: "open sesame"}
	return newProxy(c, p, log), p
}

func get(h http.Handler, method, uri, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, uri, strings.NewReader(body)))
	return w
}

func TestEveryReplicaHasItsTurn(t *testing.T) {
	one, _ := replica(t, 1, testKey)
	two, _ := replica(t, 2, testKey)
	h, _ := newTestProxy(t, one, two)
	var got []string
	for range 4 {
		got = append(got, strings.TrimSpace(get(h, "GET", "/", "").Body.String()))
	}
	if want := []string{"1", "2", "1", "2"}; !slices.Equal(got, want) {
		t.Errorf("answers came from %v, want %v", got, want)
	}
	if w := get(h, "POST", "/orders", "tea"); w.Code != 200 || w.Body.String() != "1 tea" {
		t.Errorf("a body passed on: status %d, %q", w.Code, w.Body)
	}
}

func TestAnOrderIsAskedOfItsReplica(t *testing.T) {
	one, _ := replica(t, 1, testKey)
	seven, _ := replica(t, 7, testKey)
	h, _ := newTestProxy(t, one, seven)
	for range 3 {
		if w := get(h, "GET", "/orders/7-12", ""); w.Code != 200 || w.Body.String() != "7 " {
			t.Errorf("status %d, %q", w.Code, w.Body)
		}
	}
	for _, id := range []string{"3-1", "x", "-1"} {
		if w := get(h, "GET", "/orders/"+id, ""); w.Code != 404 {
			t.Errorf("order %s: status %d, want 404", id, w.Code)
		}
	}
}

func TestAReplicaThatIsDownIsLeftOut(t *testing.T) {
	one, srv := replica(t, 1, testKey)
	two, _ := replica(t, 2, testKey)
	h, p := newTestProxy(t, one, two)
	srv.Close()
	if w := get(h, "GET", "/", ""); w.Code != http.StatusBadGateway {
		t.Errorf("the first call finds out: status %d, want 502", w.Code)
	}
	for range 3 {
		if w := get(h, "GET", "/", ""); w.Body.String() != "2 " {
			t.Errorf("status %d, %q, want replica 2", w.Code, w.Body)
		}
	}
	if w := get(h, "GET", "/health", ""); w.Code != 200 {
		t.Errorf("one replica is left: health %d, want 200", w.Code)
	}
	p.mark(two, false)
	for _, uri := range []string{"/", "/health"} {
		if w := get(h, "GET", uri, ""); w.Code != http.StatusServiceUnavailable {
			t.Errorf("no replica is left: %s gave %d, want 503", uri, w.Code)
		}
	}
	if p.healthy(t.Context(), one) || !p.healthy(t.Context(), two) {
		t.Error("the health check does not tell a replica that is down from one that is up")
	}
}

func TestWhatIsNotPassedOn(t *testing.T) {
	one, _ := replica(t, 1, testKey)
	h, _ := newTestProxy(t, one)
	for _, test := range []struct {
		method, uri, body string
		want              int
	}{
		{"POST", "/jobs/take", "", 404},
		{"DELETE", "/orders", "", 405},
		{"POST", "/orders", strings.Repeat("x", maxBody+1), 413},
		{"GET", "/status", "", 401},
	} {
		if w := get(h, test.method, test.uri, test.body); w.Code != test.want {
			t.Errorf("%s %s: status %d, want %d", test.method, test.uri, w.Code, test.want)
		}
	}
	r := httptest.NewRequest("GET", "/status", nil)
	r.SetBasicAuth("gateway", "open sesame")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"uiid":1`) {
		t.Errorf("the status with its password: %d %s", w.Code, w.Body)
	}
	forged := httptest.NewRequest("GET", "/", nil)
	forged.Header.Set(signatureHeader, "forged")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, forged)
	if w.Code != 200 {
		t.Errorf("a caller's own signature header was passed on: %d", w.Code)
	}
}

func TestConfig(t *testing.T) {
	key := "cookie_key = " + testKey + "\n"
	for _, test := range []struct{ text, want string }{
		{key + "upstream = 1 127.0.0.1:8000\n# more\nupstream = 2 host:1", ""},
		{key, "no upstream"},
		{key + "upstream = 127.0.0.1:8000", "UIID HOST:PORT"},
		{key + "upstream = 1 127.0.0.1", "UIID HOST:PORT"},
		{"upstream = 1 a:1", "cookie_key must be there"},
		{key + "colour = red", `:2: unknown key "colour"`},
		{"upstream", ":1: expected key = value"},
	} {
		file := filepath.Join(t.TempDir(), "gateway.conf")
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readConfig(file)
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
}
