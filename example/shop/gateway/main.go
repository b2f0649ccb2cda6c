// Command gateway is the door of the shop: a reverse proxy that spreads requests over the replicas
// of the api, leaves out those that do not answer, and signs what it passes on, so that the api
// can tell it from anybody else who reaches its port.
package main

import (
	"context"
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
		fmt.Fprintln(os.Stderr, "gateway:", err)
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends, then lets the requests under way finish.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "`address` to listen on")
	configFile := flags.String("config", "etc/gateway.conf", "configuration `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	config, err := readConfig(*configFile)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(out, nil))
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	pool := newPool(config.upstreams, log)
	go pool.watch(ctx, time.Second)

	srv := &http.Server{
		Handler:           newProxy(config, pool, log),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
	}
	log.Info("listening", "address", listener.Addr().String(), "upstreams", len(config.upstreams))
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}
