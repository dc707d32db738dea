package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"crm/cmd/crm/chronicle"
	"crm/cmd/crm/modelbench"
)

// benchProjections is `crm bench projections`.
type benchProjections struct {
	Dir       string        `type:"path" placeholder:"DIR" help:"Folder to work in, on the disk to measure. Default: one in the system's temporary folder, which is gone afterwards."`
	Keep      bool          `help:"Leave the filled event store in --dir for the next run."`
	Events    int           `default:"1000000" placeholder:"N" help:"About how many events the log holds; a million takes 1 GB, and its read models 2 GB. Default ${default}."`
	Customers int           `default:"100000" placeholder:"N" help:"How many customers they are of. Default ${default}."`
	Deals     int           `default:"200000" placeholder:"N" help:"How many deals. Default ${default}."`
	Part      []string      `default:"read,timeline,pair,all,copy,live,reads" placeholder:"PART,…" help:"What to measure. Default ${default}."`
	Batch     int           `default:"20000" placeholder:"N" help:"Events a builder gets at once. Default ${default}."`
	Rates     []int         `default:"50,1000,5000" placeholder:"N,…" help:"Events per second at which to measure how soon they can be read. Default ${default}."`
	Duration  time.Duration `default:"10s" placeholder:"DURATION" help:"How long, at each rate. Default ${default}."`
	Sizes     []int         `default:"10000,1000000" placeholder:"N,…" help:"Numbers of customers at which to measure reads. Default ${default}."`
	Seed      uint64        `default:"1" placeholder:"N" help:"Another one makes other events. Default ${default}."`
	Profiles  string        `type:"existingdir" placeholder:"DIR" help:"Folder for a processor profile of each part. Default: none is made."`
}

// Validate is called with what was parsed.
func (b *benchProjections) Validate() error {
	for _, part := range b.Part {
		if !slices.Contains(modelbench.Parts, part) {
			return fmt.Errorf("--part %q is none of %s", part, strings.Join(modelbench.Parts, ", "))
		}
	}
	for _, n := range slices.Concat(b.Rates, b.Sizes) {
		if n < 1 || n > 10_000_000 {
			return errors.New("--rates or --sizes holds a number that is not within 1 to 10000000")
		}
	}
	switch {
	case b.Keep && b.Dir == "":
		return errors.New("--keep needs --dir")
	case b.Keep && slices.Contains(b.Part, "live"):
		return errors.New("--keep goes without the part live, which appends to the log")
	case b.Customers < 1 || b.Deals < 1 || b.Events < 1 || max(b.Customers, b.Deals, b.Events) > 20_000_000:
		return errors.New("--customers, --deals or --events is not within 1 to 20000000")
	case b.Batch < 2 || b.Batch > 1_000_000:
		return fmt.Errorf("--batch %d is not within 2 to 1000000", b.Batch)
	case b.Duration <= 0 || b.Duration > time.Hour:
		return fmt.Errorf("--duration %s is not within 1ns to 1h", b.Duration)
	}
	return nil
}

// Run measures and prints.
func (b *benchProjections) Run(ctx context.Context, std streams) (err error) {
	if b.Dir == "" {
		if b.Dir, err = os.MkdirTemp("", "crm-bench-projections-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(b.Dir)) }()
	}
	return modelbench.Run(ctx, modelbench.Options{
		Dir: b.Dir, Keep: b.Keep, Parts: b.Part, Batch: b.Batch, Rates: b.Rates, Duration: b.Duration, Customers: b.Sizes,
		Chronicle: chronicle.Config{Seed: b.Seed, Customers: b.Customers, Deals: b.Deals, Events: b.Events},
		Profiles:  b.Profiles, Out: std.out, Progress: std.err,
	})
}
