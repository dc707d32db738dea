package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"crm/eventstore/nodebench"
)

// benchNode is `crm bench node`.
type benchNode struct {
	Dir      string        `type:"path" placeholder:"DIR" help:"Folder on the disk to measure; what is made there is gone afterwards. Default: the system's temporary folder."`
	Events   []int         `default:"1000000,5000000" placeholder:"N,…" help:"Sizes at which start and memory are measured; at the smallest, reads. A million takes 0.5 GB. Default ${default}."`
	Rounds   int           `default:"3" placeholder:"N" help:"How often each measurement of appends and reads is made; medians are printed. Default ${default}."`
	Duration time.Duration `default:"3s" placeholder:"DURATION" help:"How long appends are counted, each time. Default ${default}."`
}

// Validate is called with what was parsed.
func (b *benchNode) Validate() error {
	for _, events := range b.Events {
		if events < 1 || events > 20_000_000 {
			return fmt.Errorf("--events %d is not within 1 to 20000000", events)
		}
	}
	switch {
	case len(b.Events) == 0:
		return errors.New("--events names no size")
	case b.Rounds < 1 || b.Rounds > 100:
		return fmt.Errorf("--rounds %d is not within 1 to 100", b.Rounds)
	case b.Duration <= 0 || b.Duration > time.Minute:
		return fmt.Errorf("--duration %s is not within 1ns to 1m", b.Duration)
	}
	return nil
}

// Run measures and prints.
func (b *benchNode) Run(ctx context.Context, std streams) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if b.Dir == "" {
		b.Dir = os.TempDir()
	}
	return nodebench.Run(ctx, nodebench.Options{
		Dir: b.Dir, Events: b.Events, Rounds: b.Rounds, Duration: b.Duration, Out: std.out, Progress: std.err,
		Command: func(ctx context.Context, data string) *exec.Cmd {
			return exec.CommandContext(ctx, self, "node", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warn")
		},
	})
}
