package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm/cmd/crm/load"
)

// benchOverload is `crm bench overload`. It ends by itself.
type benchOverload struct {
	connection
	Clients  int           `default:"64" placeholder:"N" help:"Clients that ask as fast as they are answered, to find the peak. Default ${default}."`
	Times    int           `default:"4" placeholder:"N" help:"How many times the peak is offered, 2 to 20. Default ${default}."`
	Crowd    int           `default:"1600" placeholder:"N" help:"Connections over which it is offered, fewer than the server accepts. Default ${default}."`
	Rounds   int           `default:"3" placeholder:"N" help:"How often the peak and the overload are measured, in turns. Default ${default}."`
	Duration time.Duration `default:"6s" placeholder:"DURATION" help:"How long each measurement counts. Default ${default}."`
	Warmup   time.Duration `default:"2s" placeholder:"DURATION" help:"How long to ask before counting. Default ${default}."`
	Mix      string        `default:"register=30,patch=20,interaction=20,open=10,stage=20" placeholder:"OP=WEIGHT,…" help:"What to ask: ${operations}. Default ${default}."`
	Seed     uint64        `default:"1" placeholder:"N" help:"Seed of the order of operations and of the names; another seed makes other customers. Default ${default}."`

	mix load.Mix
}

// Validate is called with what was parsed.
func (b *benchOverload) Validate() (err error) {
	if err := b.connection.Validate(); err != nil {
		return err
	}
	switch {
	case b.Clients < 1 || b.Crowd < b.Clients || b.Crowd > 10_000:
		return fmt.Errorf("--clients %d is not within 1 to --crowd, or --crowd %d not within 1 to 10000", b.Clients, b.Crowd)
	case b.Times < 2 || b.Times > 20:
		return fmt.Errorf("--times %d is not within 2 to 20", b.Times)
	case b.Rounds < 1 || b.Rounds > 100:
		return fmt.Errorf("--rounds %d is not within 1 to 100", b.Rounds)
	case b.Duration <= 0 || b.Duration > 10*time.Minute || b.Warmup < 0 || b.Warmup > time.Minute:
		return errors.New("--duration is not within 1ns to 10m, or --warmup not within 0 to 1m")
	}
	if b.mix, err = load.ParseMix(b.Mix); err != nil {
		return fmt.Errorf("--mix: %w", err)
	}
	return nil
}

// Run measures, prints, and looks after what was acknowledged.
func (b *benchOverload) Run(ctx context.Context, std streams) error {
	key, err := b.key()
	if err != nil {
		return err
	}
	encrypted, err := b.encryption()
	if err != nil {
		return err
	}
	return (&load.Overload{
		Options: load.Options{
			Server: strings.TrimSuffix(b.Server, "/"), Key: key, TLS: encrypted, Clients: b.Clients,
			Duration: b.Duration, Warmup: b.Warmup, Mix: b.mix, Seed: b.Seed,
		},
		Times: b.Times, Crowd: b.Crowd, Rounds: b.Rounds,
	}).Run(ctx, std.out)
}
