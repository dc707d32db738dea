package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	crmhttp "crm/http"
)

// secretsChecked is how often files with secrets are looked at.
const secretsChecked = time.Second

// encryption is the certificate that `crm serve` shows.
type encryption struct {
	TLSCert string `name:"tls-cert" env:"CRM_TLS_CERT" placeholder:"FILE" help:"Certificate chain for HTTPS (PEM), with --tls-key. Both files are read again when they change. Default: HTTP, for a proxy in front or this machine alone."`
	TLSKey  string `name:"tls-key" env:"CRM_TLS_KEY" placeholder:"FILE" help:"Private key of the certificate (PEM)."`
}

// check refuses one without the other.
func (e *encryption) check() error {
	if (e.TLSCert == "") != (e.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	return nil
}

// certificate is one that can be replaced while it is shown. Connections go on with
// the one they began with.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
}

func (c *certificate) load(cert, key string) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("--tls-cert: %w", err)
	}
	c.current.Store(&pair)
	return nil
}

// config is TLS 1.2 at least, with Go's choice of ciphers.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// secret is something that is read from files, and again when they change.
type secret struct {
	files []string
	read  func() error
}

// watchSecrets reads secrets again whose files have changed, until ctx ends. What
// cannot be read, as half of a pair that is being replaced, stays as it was, and is
// tried again.
func watchSecrets(ctx context.Context, log *slog.Logger, secrets ...secret) {
	held := make([]string, len(secrets)) // nothing: what changed since the start is not missed
	warned := make([]string, len(secrets))
	tick := time.NewTicker(secretsChecked)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, s := range secrets {
			now := stamp(s.files)
			if now == held[i] {
				continue
			}
			if err := s.read(); err != nil {
				if warned[i] != now {
					log.WarnContext(ctx, "changed secrets cannot be read; the former ones stay", slog.Any("error", err))
				}
				warned[i] = now
				continue
			}
			first := held[i] == ""
			if held[i] = now; first {
				continue
			}
			log.InfoContext(ctx, "secrets were read again", slog.String("file", s.files[0]))
		}
	}
}

// stamp tells whether files have changed, by what is in them: two that are written
// within a tick of the kernel's clock, and are of one length, differ in nothing else.
func stamp(files []string) string {
	sum := sha256.New()
	for _, name := range files {
		text, err := os.ReadFile(name)
		_, _ = fmt.Fprintf(sum, "%t %d ", err == nil, len(text)) // a hash takes everything
		_, _ = sum.Write(text)
	}
	return string(sum.Sum(nil))
}

// secrets are what `crm serve` reads from files while it runs.
func (s *serve) secrets(surface *crmhttp.Server, shown *certificate) []secret {
	secrets := []secret{{[]string{s.KeyFile}, func() error {
		keys, err := s.keys()
		if err == nil {
			surface.ReplaceKeys(keys)
		}
		return err
	}}}
	if s.TLSCert != "" {
		secrets = append(secrets, secret{[]string{s.TLSCert, s.TLSKey}, func() error { return shown.load(s.TLSCert, s.TLSKey) }})
	}
	return secrets
}
