package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"
)

const (
	timeHeader      = "X-Shop-Time"
	signatureHeader = "X-Shop-Signature"
	maxBody         = 64 << 10
)

// proxy passes requests on to the api.
type proxy struct {
	config  config
	pool    *pool
	log     *slog.Logger
	forward *httputil.ReverseProxy
}

// newProxy gives the routes. Only "/" and orders are passed on: jobs are for workers, inside.
func newProxy(c config, pool *pool, log *slog.Logger) http.Handler {
	p := &proxy{config: c, pool: pool, log: log}
	p.forward = &httputil.ReverseProxy{Rewrite: p.rewrite, ErrorHandler: p.failed}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", p.health)
	mux.HandleFunc("GET /status", p.status)
	mux.HandleFunc("GET /{$}", p.balance)
	mux.HandleFunc("GET /orders", p.balance)
	mux.HandleFunc("POST /orders", p.balance)
	mux.HandleFunc("GET /orders/{id}", p.route)
	return mux
}

// balance sends a request to the next replica.
func (p *proxy) balance(w http.ResponseWriter, r *http.Request) {
	u, ok := p.pool.pick()
	if !ok {
		answer(w, http.StatusServiceUnavailable, map[string]any{"error": "no replica of the api answers"})
		return
	}
	p.send(w, r, u)
}

// route sends a request for one order to the replica that keeps it: the id begins with its uiid.
func (p *proxy) route(w http.ResponseWriter, r *http.Request) {
	id, _, _ := strings.Cut(r.PathValue("id"), "-")
	uiid, err := strconv.Atoi(id)
	u, ok := p.pool.find(uiid)
	if err != nil || !ok {
		answer(w, http.StatusNotFound, map[string]any{"error": "no replica keeps such an order"})
		return
	}
	p.send(w, r, u)
}

type upstreamKey struct{}

// send signs a request and passes it on. What a caller wrote into the signature headers is replaced.
func (p *proxy) send(w http.ResponseWriter, r *http.Request, u upstream) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, map[string]any{"error": fmt.Sprintf("the body is larger than %d bytes", maxBody)})
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	unix := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set(timeHeader, unix)
	r.Header.Set(signatureHeader, signature(p.config.cookieKey, unix, r.Method, r.URL.RequestURI(), body))
	p.forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), upstreamKey{}, u)))
}

// signature is the HMAC-SHA-256 of what a request asks for, as the api computes it.
func signature(key []byte, unix, method, uri string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s\n%x", unix, method, uri, sha256.Sum256(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	u, _ := r.In.Context().Value(upstreamKey{}).(upstream)
	r.Out.URL.Scheme, r.Out.URL.Host = "http", u.address
	r.SetXForwarded()
}

// failed answers for a replica that did not, and leaves it out until its health is good again.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	u, _ := r.Context().Value(upstreamKey{}).(upstream)
	if r.Context().Err() == nil {
		p.pool.mark(u, false)
	}
	p.log.Warn("upstream", "uiid", u.uiid, "error", err.Error())
	answer(w, http.StatusBadGateway, map[string]any{"error": fmt.Sprintf("replica %d does not answer", u.uiid)})
}

func (p *proxy) health(w http.ResponseWriter, _ *http.Request) {
	if _, up := p.pool.state(); !up {
		answer(w, http.StatusServiceUnavailable, map[string]any{"status": "no replica of the api answers"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"status": "ok"})
}

// status shows operators, who know the password, how the replicas are.
func (p *proxy) status(w http.ResponseWriter, r *http.Request) {
	user, pass, _ := r.BasicAuth()
	right := subtle.ConstantTimeCompare([]byte(user), []byte(p.config.statusUser)) &
		subtle.ConstantTimeCompare([]byte(pass), []byte(p.config.statusPass))
	if right != 1 || p.config.statusPass == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
		answer(w, http.StatusUnauthorized, map[string]any{"error": "the status needs its user and password"})
		return
	}
	states, _ := p.pool.state()
	answer(w, http.StatusOK, map[string]any{"replicas": states})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller who went away needs no answer
}
