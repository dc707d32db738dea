package main

import (
	"context"
	"errors"
)

// serve is `crm serve`.
type serve struct {
	production
	settings
}

// Validate is called with what was parsed.
func (s *serve) Validate() error { return errors.Join(s.production.check(), s.settings.check()) }

// Run starts the server. It returns when the context ends and everything has
// stopped.
func (s *serve) Run(ctx context.Context, std streams) error {
	keys, err := s.keys()
	if err != nil {
		return err
	}
	app, err := openApp(ctx, s.settings, backends{
		connection: s.EventStore, postgres: s.Postgres,
		rebuild: "give crm serve an empty database: read models are rebuilt from the log",
	}, keys, s.logger(std.err))
	if err != nil {
		return err
	}
	return app.run(ctx, func(context.Context) error { return app.announce(std.out, "") })
}
