package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"crm/eventstore/embedded"
)

// nodeCheck is `crm node check`.
type nodeCheck struct {
	Backup string `type:"path" placeholder:"DIR" help:"Check this backup instead: its manifest, the hash of every file, and the store in it."`
	dataFolder
}

// Run checks, and fails when there is a damage.
func (c *nodeCheck) Run(ctx context.Context, std streams) error {
	tell, done := progress(std.err)
	report, err := c.check(ctx, embedded.CheckConfig{Permanent: permanent(), Progress: tell})
	done()
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return err
	}
	if err := printReport(std.out, report); err != nil {
		return err
	}
	switch {
	case report.Loss.What != "":
		return c.advise(fmt.Errorf("%w: %s", embedded.ErrWentBack, report.Loss.What))
	case report.Damages > 0:
		return fmt.Errorf("damages: %d. What a backup has is brought back by crm node restore", report.Damages)
	}
	return nil
}

func (c *nodeCheck) check(ctx context.Context, cfg embedded.CheckConfig) (_ embedded.Report, err error) {
	if c.Backup != "" {
		return embedded.CheckBackup(ctx, c.Backup, cfg)
	}
	if err := c.mustHaveEvents(); err != nil {
		return embedded.Report{}, err
	}
	frozen, err := embedded.FreezeServed(ctx, c.socket())
	if errors.Is(err, embedded.ErrNotServed) {
		return embedded.CheckStopped(ctx, c.events(), cfg)
	}
	if err != nil {
		return embedded.Report{}, err
	}
	defer func() { err = errors.Join(err, frozen.Close()) }()
	return embedded.Check(ctx, frozen.Dir, cfg)
}

func printReport(out io.Writer, r embedded.Report) error {
	if _, err := fmt.Fprintf(out, "checked %d events of %d streams, to position %d, and %s of tables in %.1f s: %.0f events/s\n",
		r.Events, r.Streams, r.Position, inMiB(r.Bytes), r.Took.Seconds(), r.EventsPerSecond()); err != nil {
		return err
	}
	for _, f := range r.Findings {
		line, _, _ := strings.Cut(f.String(), "\n") // Pebble's errors have more
		if _, err := fmt.Fprintf(out, "  %s\n", line); err != nil {
			return err
		}
	}
	if more := r.Damages - uint64(len(r.Findings)); more > 0 {
		if _, err := fmt.Fprintf(out, "  and %d more\n", more); err != nil {
			return err
		}
	}
	if r.Damages == 0 && r.Loss.What == "" {
		_, err := fmt.Fprintln(out, "ok")
		return err
	}
	return nil
}
