package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// server answers for one replica.
type server struct {
	config config
	store  *store
	name   string
	log    *slog.Logger
}

// newServer gives the routes: health for anybody, orders for the gateway, jobs for the workers.
func newServer(c config, s *store, name string, log *slog.Logger) http.Handler {
	srv := &server{config: c, store: s, name: name, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", srv.health)
	mux.Handle("GET /{$}", srv.signed(c.cookieKey, srv.welcome))
	mux.Handle("GET /orders", srv.signed(c.cookieKey, srv.list))
	mux.Handle("POST /orders", srv.signed(c.cookieKey, srv.add))
	mux.Handle("GET /orders/{id}", srv.signed(c.cookieKey, srv.get))
	mux.Handle("POST /jobs/take", srv.signed(c.jobKey, srv.take))
	mux.Handle("POST /jobs/{id}/done", srv.signed(c.jobKey, srv.done))
	return mux
}

// signed lets a request pass that was signed with key, and answers 401 to any other.
func (s *server) signed(key []byte, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := verify(key, r, time.Now()); err != nil {
			s.log.Warn("refused", "method", r.Method, "path", r.URL.Path, "reason", err.Error())
			s.reply(w, http.StatusUnauthorized, map[string]any{"error": err.Error()})
			return
		}
		next(w, r)
	})
}

// reply adds to every answer which replica gave it.
func (s *server) reply(w http.ResponseWriter, status int, body map[string]any) {
	body["served_by"] = fmt.Sprintf("replica %s (uiid %d)", s.name, s.store.uiid)
	body["uiid"] = s.store.uiid
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Warn("the caller went away", "error", err.Error())
	}
}

func (s *server) fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, errNoOrder):
		status = http.StatusNotFound
	case errors.Is(err, errNotHis):
		status = http.StatusConflict
	default:
		s.log.Error("storage", "error", err.Error())
	}
	s.reply(w, status, map[string]any{"error": err.Error()})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if err := s.store.Check(); err != nil {
		s.reply(w, http.StatusServiceUnavailable, map[string]any{"status": "no database"})
		return
	}
	s.reply(w, http.StatusOK, map[string]any{"status": "ok"})
}

func (s *server) welcome(w http.ResponseWriter, _ *http.Request) {
	orders, err := s.store.List()
	if err != nil {
		s.fail(w, err)
		return
	}
	s.reply(w, http.StatusOK, map[string]any{"shop": s.config.title, "orders": len(orders)})
}

func (s *server) list(w http.ResponseWriter, _ *http.Request) {
	orders, err := s.store.List()
	if err != nil {
		s.fail(w, err)
		return
	}
	s.reply(w, http.StatusOK, map[string]any{"orders": orders})
}

func (s *server) add(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Item     string `json:"item"`
		Quantity int    `json:"quantity"`
	}
	if !s.read(w, r, &ask) {
		return
	}
	if ask.Item == "" || ask.Quantity < 1 {
		s.reply(w, http.StatusBadRequest, map[string]any{"error": "an order needs an item and a quantity from 1"})
		return
	}
	o, err := s.store.Add(ask.Item, ask.Quantity)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.log.Info("order", "id", o.ID)
	s.reply(w, http.StatusCreated, map[string]any{"order": o})
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	o, err := s.store.Get(r.PathValue("id"))
	if err != nil {
		s.fail(w, err)
		return
	}
	s.reply(w, http.StatusOK, map[string]any{"order": o})
}

func (s *server) take(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Worker string `json:"worker"`
	}
	if !s.read(w, r, &ask) {
		return
	}
	o, found, err := s.store.Take(ask.Worker)
	switch {
	case err != nil:
		s.fail(w, err)
	case !found:
		w.WriteHeader(http.StatusNoContent)
	default:
		s.reply(w, http.StatusOK, map[string]any{"order": o})
	}
}

func (s *server) done(w http.ResponseWriter, r *http.Request) {
	var say struct {
		Worker  string `json:"worker"`
		Receipt string `json:"receipt"`
	}
	if !s.read(w, r, &say) {
		return
	}
	o, err := s.store.Finish(r.PathValue("id"), say.Worker, say.Receipt)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.log.Info("done", "id", o.ID, "worker", o.Worker)
	s.reply(w, http.StatusOK, map[string]any{"order": o})
}

func (s *server) read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		s.reply(w, http.StatusBadRequest, map[string]any{"error": "the body is not the JSON that was expected"})
		return false
	}
	return true
}
