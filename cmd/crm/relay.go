package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"crm/domain"
	"crm/projections"
	"crm/projections/relay"
)

// relaying is where events are published, and which.
type relaying struct {
	Relay             string `env:"CRM_RELAY" placeholder:"URL" help:"Message broker that every event is published to, as a CloudEvent, at least once: nats://HOST:4222 (JetStream; tls:// for TLS), kafka://HOST:9092 (?tls=true for TLS), amqp://HOST/VHOST or amqps://. Default none."`
	RelayPrefix       string `default:"crm.events" env:"CRM_RELAY_PREFIX" placeholder:"NAME" help:"Beginning of the subjects on NATS (NAME.deal.won), the topic on Kafka, the topic exchange on AMQP. Default ${default}."`
	RelayPayload      string `default:"reference" enum:"reference,whole" env:"CRM_RELAY_PAYLOAD" help:"What the broker is told of an event: reference, where it stands in the log but not its data; whole, the data and the reason too, with what is personal in them. Default ${default}."`
	RelayCategories   string `env:"CRM_RELAY_CATEGORIES" placeholder:"LIST" help:"Only events about such things, with commas: customer,deal. Default all."`
	RelayFromStart    bool   `env:"CRM_RELAY_FROM_START" help:"A relay that never ran begins at the start of the log, not at its end."`
	RelayPasswordFile string `env:"CRM_RELAY_PASSWORD_FILE" placeholder:"FILE" help:"File with the password of the user in --relay. Default: the one in the URL, if there is one."`
}

// relayConfig is the relay that is asked for; nil for none.
func (r *relaying) relayConfig(installation string, log *slog.Logger) (*relay.Config, error) {
	if r.Relay == "" {
		return nil, nil //nolint:nilnil // no relay is what most have
	}
	password := ""
	if r.RelayPasswordFile != "" {
		text, err := os.ReadFile(r.RelayPasswordFile)
		if err != nil {
			return nil, fmt.Errorf("--relay-password-file: %w", err)
		}
		password = strings.TrimSpace(string(text))
	}
	target, err := relay.ParseTarget(r.Relay, password, r.RelayPrefix)
	if err != nil {
		return nil, fmt.Errorf("--relay: %w", err)
	}
	cfg := &relay.Config{Target: target, Whole: r.RelayPayload == "whole", FromStart: r.RelayFromStart, Installation: installation, Log: log}
	if r.RelayCategories != "" {
		cfg.Selection.Categories = strings.Split(r.RelayCategories, ",")
	}
	for _, category := range cfg.Selection.Categories {
		if !slices.Contains(domain.Categories, category) {
			return nil, errors.New("--relay-categories: there are " + strings.Join(domain.Categories, ", "))
		}
	}
	return cfg, nil
}

// openRelay makes the relay that is asked for, which the engine is to run.
func (a *app) openRelay() ([]projections.Reactor, error) {
	cfg, err := a.settings.relayConfig(a.settings.PublicURL, a.log)
	if cfg == nil || err != nil {
		return nil, err
	}
	a.relay = relay.New(*cfg)
	return []projections.Reactor{a.relay}, nil
}
