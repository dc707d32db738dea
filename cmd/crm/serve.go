package main

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
)

// serve is `crm serve`.
type serve struct {
	production
	encryption
	settings
}

// Validate is called with what was parsed.
func (s *serve) Validate() error {
	return errors.Join(s.production.check(), s.encryption.check(), s.settings.check())
}

// Run starts the server. It returns when the context ends and everything has
// stopped.
func (s *serve) Run(ctx context.Context, std streams) error {
	keys, err := s.keys()
	if err != nil {
		return err
	}
	var shown certificate
	var encrypted *tls.Config
	if s.TLSCert != "" {
		if err := shown.load(s.TLSCert, s.TLSKey); err != nil {
			return usage(err)
		}
		encrypted = shown.config()
	}
	log := s.logger(std.err)
	app, err := openApp(ctx, s.settings, backends{
		connection: s.EventStore, postgres: s.Postgres, tls: encrypted,
		rebuild: "give crm serve an empty database: read models are rebuilt from the log",
	}, keys, log)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { watchSecrets(watching, log, s.secrets(app.surface, &shown)...) })
	defer watcher.Wait()
	defer stop()
	return app.run(ctx, func(context.Context) error { return app.announce(std.out, "") })
}
