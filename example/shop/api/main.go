// Command api is the order service of the shop: it keeps orders, and hands them as jobs to the
// workers. Several replicas of it run, each with a database file of its own; the number that it
// is given with --id is its uiid, which never changes, so the orders of a replica stay its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends, then lets the requests under way finish.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("api", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8000", "`address` to listen on")
	id := flags.Int("id", 0, "the uiid of this replica")
	name := flags.String("name", "api", "the name of this replica")
	configFile := flags.String("config", "etc/api.conf", "configuration `file`")
	data := flags.String("data", "var/lib", "`folder` of the database")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *id < 1 {
		return errors.New("--id must be the uiid of this replica, from 1")
	}
	config, err := readConfig(*configFile)
	if err != nil {
		return err
	}
	store, err := openStore(filepath.Join(*data, fmt.Sprintf("api-%d.db", *id)), *id)
	if err != nil {
		return err
	}
	defer store.Close()

	log := slog.New(slog.NewTextHandler(out, nil)).With("replica", *name)
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           newServer(config, store, *name, log),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
	}
	log.Info("listening", "address", listener.Addr().String(), "uiid", *id)
	return serve(ctx, srv, listener, log)
}

func serve(ctx context.Context, srv *http.Server, listener net.Listener, log *slog.Logger) error {
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
