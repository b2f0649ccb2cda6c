// Command worker does the jobs of the shop: it asks the replicas of the api in turn for an order, packs
// it, and says so. The key that it signs with is shared with the api alone.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		stop()
		os.Exit(1)
	}
}

// run works until ctx ends; a job under way is finished first.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8100", "`address` that answers for its health")
	name := flags.String("name", "worker", "the name of this replica")
	configFile := flags.String("config", "etc/worker.conf", "configuration `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, err := readConfig(*configFile)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(out, nil)).With("replica", *name)
	w := newWorker(config, *name, log)
	srv := &http.Server{Handler: w.routes(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	log.Info("working", "address", listener.Addr().String(), "apis", len(config.apis))

	worked := make(chan struct{})
	go func() { defer close(worked); w.work(ctx) }()
	select {
	case err := <-failed:
		return err
	case <-worked:
	}
	log.Info("stopping")
	grace, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}

// routes answers for the health of the worker: whether any api gave or refused it work lately.
func (w *worker) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(out http.ResponseWriter, _ *http.Request) {
		body := map[string]any{"status": "ok", "done": w.done.Load()}
		status := http.StatusOK
		if w.now().Sub(time.Unix(0, w.heard.Load())) > 10*time.Second {
			status, body["status"] = http.StatusServiceUnavailable, "no api answers"
		}
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(status)
		_ = json.NewEncoder(out).Encode(body) // a caller who went away needs no answer
	})
	return mux
}
