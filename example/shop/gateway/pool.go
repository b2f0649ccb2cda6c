package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// pool knows the replicas of the api and which of them answer.
type pool struct {
	log  *slog.Logger
	http *http.Client

	mu   sync.Mutex
	all  []upstream
	down map[int]bool // by uiid
	next int
}

// newPool takes every replica for healthy until one does not answer.
func newPool(all []upstream, log *slog.Logger) *pool {
	return &pool{log: log, all: all, down: map[int]bool{}, http: &http.Client{Timeout: 2 * time.Second}}
}

// pick gives the replicas that answer in turn; false if there is none.
func (p *pool) pick() (upstream, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.all {
		u := p.all[p.next%len(p.all)]
		p.next++
		if !p.down[u.uiid] {
			return u, true
		}
	}
	return upstream{}, false
}

// find gives the replica with a uiid, whether it answers or not: it alone has its orders.
func (p *pool) find(uiid int) (upstream, bool) {
	for _, u := range p.all {
		if u.uiid == uiid {
			return u, true
		}
	}
	return upstream{}, false
}

// mark notes whether a replica answers, and logs a change.
func (p *pool) mark(u upstream, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down[u.uiid] == up {
		p.log.Info("replica", "uiid", u.uiid, "address", u.address, "up", up)
	}
	p.down[u.uiid] = !up
}

// state says of each replica whether it answers.
func (p *pool) state() (states []map[string]any, anyUp bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.all {
		states = append(states, map[string]any{"uiid": u.uiid, "address": u.address, "up": !p.down[u.uiid]})
		anyUp = anyUp || !p.down[u.uiid]
	}
	return states, anyUp
}

// watch asks each replica for its health until ctx ends.
func (p *pool) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for _, u := range p.all {
			up := p.healthy(ctx, u)
			if ctx.Err() != nil {
				return
			}
			p.mark(u, up)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *pool) healthy(ctx context.Context, u upstream) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+u.address+"/health", nil)
	if err != nil {
		return false
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
