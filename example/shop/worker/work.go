package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	timeHeader      = "X-Shop-Time"
	signatureHeader = "X-Shop-Signature"
)

// worker is one that takes jobs.
type worker struct {
	config config
	name   string
	log    *slog.Logger
	http   *http.Client
	now    func() time.Time
	heard  atomic.Int64 // when an api last answered, in nanoseconds since 1970
	done   atomic.Int64 // jobs
}

func newWorker(c config, name string, log *slog.Logger) *worker {
	w := &worker{config: c, name: name, log: log, http: &http.Client{Timeout: 5 * time.Second}, now: time.Now}
	w.heard.Store(time.Now().UnixNano()) // a fresh worker has the time to find its api
	return w
}

// work goes round the apis until ctx ends, and pauses when none of them has a job.
func (w *worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		busy := false
		for _, api := range w.config.apis {
			found, err := w.one(ctx, api)
			if err != nil && ctx.Err() == nil {
				w.log.Warn("job", "api", api, "error", err.Error())
			}
			busy = busy || found
		}
		if busy {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.config.pause):
		}
	}
}

// one takes a job from an api and does it. A job that was taken is finished even when ctx ends.
func (w *worker) one(ctx context.Context, api string) (found bool, err error) {
	var job struct {
		Order struct {
			ID       string `json:"id"`
			Item     string `json:"item"`
			Quantity int    `json:"quantity"`
		} `json:"order"`
	}
	found, err = w.call(ctx, api, "/jobs/take", map[string]string{"worker": w.name}, &job)
	if err != nil || !found {
		return false, err
	}
	o := job.Order
	receipt := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%d", o.ID, o.Item, o.Quantity))
	say := map[string]string{"worker": w.name, "receipt": hex.EncodeToString(receipt[:8])}
	_, err = w.call(context.WithoutCancel(ctx), api, "/jobs/"+url.PathEscape(o.ID)+"/done", say, nil)
	if err != nil {
		return true, err
	}
	w.done.Add(1)
	w.log.Info("packed", "order", o.ID)
	return true, nil
}

// call posts to an api, signed. It reports whether there was an answer with a body.
func (w *worker) call(ctx context.Context, api, path string, say, into any) (bool, error) {
	body, err := json.Marshal(say)
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+api+path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	unix := strconv.FormatInt(w.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(timeHeader, unix)
	req.Header.Set(signatureHeader, signature(w.config.jobKey, unix, req.Method, req.URL.RequestURI(), body))
	resp, err := w.http.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNoContent:
		w.heard.Store(w.now().UnixNano())
		return false, nil
	case http.StatusOK:
		w.heard.Store(w.now().UnixNano())
		if into == nil {
			return true, nil
		}
		return true, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into)
	}
	return false, fmt.Errorf("%s answered %s", path, resp.Status)
}

// signature is the HMAC-SHA-256 of what a request asks for, as the api computes it.
func signature(key []byte, unix, method, uri string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s\n%x", unix, method, uri, sha256.Sum256(body))
	return hex.EncodeToString(mac.Sum(nil))
}
