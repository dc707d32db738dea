package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"crm/projections/postgres"
)

// laptop is everything that production has elsewhere: a private Postgres and the
// embedded event store, in one folder.
//
//	DIR/admin.key   an API key, 0600
//	DIR/events/     the event store; the only thing that cannot be rebuilt
//	DIR/node.sock   its socket, 0600
//	DIR/postgres/   the read models
type laptop struct {
	log      *slog.Logger
	events   *events
	postgres string            // connection string; the same after a restart of the cluster
	cluster  *postgres.Cluster // watch owns it while it runs
	config   postgres.Config
	stopping chan struct{}
	watcher  sync.WaitGroup
}

// database is where the read models live in the private Postgres.
const database = "crm"

// startLaptop opens the folder, creating it if need be. It fails when another
// process uses it; the error names that process.
func startLaptop(ctx context.Context, dir string, s storing, log *slog.Logger) (_ *laptop, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	l := &laptop{
		log:      log,
		config:   postgres.Config{Dir: filepath.Join(dir, "postgres"), Durable: true, Log: log},
		stopping: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.stop(context.WithoutCancel(ctx)))
		}
	}()
	// Postgres first: its lock names the process that holds the folder.
	if l.cluster, err = postgres.Start(ctx, l.config); err != nil {
		return nil, err
	}
	if err := l.cluster.EnsureDatabase(ctx, database); err != nil {
		return nil, err
	}
	l.postgres = l.cluster.DSN(database)
	if l.events, err = openEvents(dir, s, log); err != nil {
		return nil, err
	}
	l.watcher.Go(l.watch)
	return l, nil
}

// watch starts Postgres again when it dies: what it held is on disk, and until it
// is back reads answer 503.
func (l *laptop) watch() {
	for {
		select {
		case <-l.stopping:
			return
		case <-l.cluster.Done():
		}
		select {
		case <-l.stopping:
			return
		default:
		}
		l.log.Error("postgres ended by itself; starting it again")
		_ = l.cluster.Stop(context.Background()) // it says how it ended, which the log has
		for {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			cluster, err := postgres.Start(ctx, l.config)
			cancel()
			if err == nil {
				l.cluster = cluster
				break
			}
			l.log.Error("postgres does not start", slog.Any("error", err))
			select {
			case <-l.stopping:
				return
			case <-time.After(time.Second):
			}
		}
	}
}

// stop ends Postgres and, last, the event store.
func (l *laptop) stop(ctx context.Context) error {
	close(l.stopping)
	l.watcher.Wait()
	var errs []error
	if l.cluster != nil {
		errs = append(errs, l.cluster.Stop(ctx))
	}
	if l.events != nil {
		errs = append(errs, l.events.close())
	}
	return errors.Join(errs...)
}

// adminKey is the folder's API key, made on the first start and readable by its
// owner only.
func adminKey(dir string) (string, error) {
	name := filepath.Join(dir, "admin.key")
	held, err := os.ReadFile(name)
	if err == nil {
		if key := strings.TrimSpace(string(held)); key != "" {
			return key, os.Chmod(name, 0o600) // whoever opened it to others did not mean to
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("admin key: %w", err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails, crypto/rand says
	key := "crm_" + base64.RawURLEncoding.EncodeToString(secret)
	temp := name + ".new"
	if err := os.WriteFile(temp, []byte(key+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("admin key: %w", err)
	}
	if err := os.Rename(temp, name); err != nil {
		return "", fmt.Errorf("admin key: %w", err)
	}
	return key, nil
}
