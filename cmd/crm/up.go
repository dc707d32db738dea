package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"crm/cmd/crm/demo"
	crmhttp "crm/http"
	"crm/http/access"
)

// up is `crm up`.
type up struct {
	Data string `default:".crm" env:"CRM_DATA" type:"path" placeholder:"DIR" help:"Folder that everything is kept in; created if need be. Default .crm."`
	Demo bool   `env:"CRM_DEMO" help:"Fill it with a believable company: two years of customers, deals, consents and interactions. Doing it twice changes nothing."`
	storing
	settings
}

// Validate is called with what was parsed.
func (u *up) Validate() error {
	if u.Data == "" {
		return errors.New("--data is empty")
	}
	return u.check()
}

// Run starts everything in one folder and prints one line when it is ready. It
// returns when the context ends and everything has stopped.
func (u *up) Run(ctx context.Context, std streams) (err error) {
	log := u.logger(std.err)
	laptop, err := startLaptop(ctx, u.Data, u.storing, log)
	switch {
	case err != nil && ctx.Err() != nil: // and not what became of initdb then
		return errors.New("interrupted before it was ready")
	case err != nil:
		return err
	}
	defer func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, laptop.stop(within))
		if failure := laptop.events.Err(); failure != nil {
			err = failure // whatever else went wrong came of it
		}
	}()
	key, err := adminKey(u.Data)
	if err != nil {
		return err
	}
	app, err := openApp(ctx, u.settings, backends{
		socket: laptop.events.socket, node: laptop.events.Node, postgres: laptop.postgres,
		rebuild: "remove " + shellWord(filepath.Join(u.Data, "postgres")) + " and start again: read models are rebuilt from the log",
	}, map[string]crmhttp.Key{"admin": {Hash: crmhttp.HashKey(key), Role: access.Admin}}, log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-laptop.events.Done():
			cancel(laptop.events.Err())
		case <-ctx.Done():
		}
	}()
	return app.run(ctx, func(ctx context.Context) error {
		if u.Demo {
			if err := app.fillWithDemo(ctx); err != nil {
				return err
			}
		}
		return app.announce(std.out, " key="+filepath.Join(u.Data, "admin.key"))
	})
}

// stopTimeout bounds what stops after the server: Postgres and the event store.
const stopTimeout = 5 * time.Second

// fillWithDemo lets the demo company happen.
func (a *app) fillWithDemo(ctx context.Context) error {
	events := 0
	began := time.Now()
	asks := demo.Commands(demo.Config{})
	for i, answer := range a.commands.DoAll(ctx, asks) {
		if answer.Err != nil {
			return fmt.Errorf("demo: %s: %w", asks[i].Command.CommandName(), answer.Err)
		}
		events += answer.Receipt.Events
	}
	a.log.InfoContext(ctx, "demo company is there", slog.Int("events", events), slog.Duration("took", time.Since(began)))
	return nil
}
