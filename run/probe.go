package run

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// pace is how often things are tried.
type pace struct {
	firstProbe, lastProbe time.Duration // pauses between questions to a replica that is not healthy; they grow
	steadyProbe           time.Duration // pause while it is healthy
	answer                time.Duration // for the answer to one question
	minBackoff            time.Duration // pause before the first restart; it doubles
	maxBackoff            time.Duration
	settling              time.Duration // that a process lives before it is healthy, where nothing can be asked
	settled               time.Duration // one that was healthy for so long begins with minBackoff again
	watch                 time.Duration // pause between looks at what processes there are
}

func usualPace() pace {
	return pace{
		firstProbe: 20 * time.Millisecond, lastProbe: 500 * time.Millisecond, steadyProbe: 2 * time.Second, answer: 2 * time.Second,
		minBackoff: 200 * time.Millisecond, maxBackoff: 15 * time.Second, settled: 20 * time.Second,
		settling: time.Second, watch: time.Second,
	}
}

const (
	failuresAllowed  = 2 // in a row, of a replica that was healthy
	endingsAllowed   = 2 // before it was ever healthy: the third one is final
	sweepTimeout     = 10 * time.Second
	supervisorsGrace = 5 * time.Second // for a supervisor to tidy up, over the graces of its replicas
)

// prober asks replicas for their health.
type prober struct {
	http   *http.Client
	answer time.Duration
}

func newProber(answer time.Duration) prober {
	return prober{answer: answer, http: &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, // and no proxy
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // where it leads is not this replica's health
		},
	}}
}

// ask gives nil for a healthy answer.
func (p prober) ask(ctx context.Context, h Health) error {
	ctx, cancel := context.WithTimeout(ctx, p.answer)
	defer cancel()
	switch {
	case h.Address == "":
		return nil
	case h.HTTP == "":
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", h.Address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.Address+h.HTTP, nil)
	if err != nil {
		return err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 400 {
		return fmt.Errorf("%s answered %s", h.HTTP, resp.Status)
	}
	return nil
}
