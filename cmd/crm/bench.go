package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm/cmd/crm/load"
)

// bench is `crm bench`.
type bench struct {
	Node        benchNode        `cmd:"" help:"Measure the embedded event store beside what it is built on; takes minutes and up to 3 GB of disk."`
	Projections benchProjections `cmd:"" help:"Measure how fast read models are built, how soon an event can be read, and how long reads take; takes minutes and up to 10 GB of disk."`
	HTTP        benchHTTP        `cmd:"" name:"http" help:"Ask a server as much as it takes, or at a rate, and print how long the answers took."`
	Overload    benchOverload    `cmd:"" help:"Offer a server several times what it takes, print what became of it, and look whether all that was acknowledged is there."`
	Compare     benchCompare     `cmd:"" help:"Ask a fresh server, and one that is plain chi and pgx without events, the same in turns, and print what each takes."`
	Plain       benchPlain       `cmd:"" hidden:"" help:"Serve the plain one until a signal comes."`
}

// benchHTTP is `crm bench http`.
type benchHTTP struct {
	connection
	Clients  int           `default:"64" placeholder:"N" help:"Clients that ask at once, each over a connection of its own. Default ${default}."`
	Duration time.Duration `default:"10s" placeholder:"DURATION" help:"How long to count. Default ${default}."`
	Warmup   time.Duration `default:"3s" placeholder:"DURATION" help:"How long to ask before counting. Default ${default}."`
	Rate     int           `default:"0" placeholder:"N" help:"Requests per second in all; 0 asks as fast as it is answered. Default ${default}."`
	Mix      string        `default:"register=30,patch=20,interaction=20,open=10,stage=20" placeholder:"OP=WEIGHT,…" help:"What to ask: ${operations}. Default ${default}."`
	Seed     uint64        `default:"1" placeholder:"N" help:"Seed of the order of operations and of the names; another seed makes other customers. Default ${default}."`

	Keyed bool `help:"Send an Idempotency-Key with every command."`

	mix load.Mix
}

// Validate is called with what was parsed.
func (b *benchHTTP) Validate() (err error) {
	if err := b.connection.Validate(); err != nil {
		return err
	}
	if b.Clients < 1 || b.Clients > 4096 {
		return fmt.Errorf("--clients %d is not within 1 to 4096", b.Clients)
	}
	if b.Duration <= 0 || b.Duration > time.Hour || b.Warmup < 0 {
		return errors.New("--duration is not within 1ns to 1h, or --warmup is negative")
	}
	if b.Rate < 0 {
		return fmt.Errorf("--rate %d is negative", b.Rate)
	}
	if b.mix, err = load.ParseMix(b.Mix); err != nil {
		return fmt.Errorf("--mix: %w", err)
	}
	return nil
}

// Run measures and prints.
func (b *benchHTTP) Run(ctx context.Context, std streams) error {
	key, err := b.key()
	if err != nil {
		return err
	}
	encrypted, err := b.encryption()
	if err != nil {
		return err
	}
	report, err := load.Run(ctx, load.Options{
		Server: strings.TrimSuffix(b.Server, "/"), Key: key, TLS: encrypted, Clients: b.Clients, Duration: b.Duration,
		Warmup: b.Warmup, Rate: b.Rate, Mix: b.mix, Seed: b.Seed, Keyed: b.Keyed,
	})
	if err != nil {
		return err
	}
	return report.Print(std.out)
}
