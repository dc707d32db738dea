package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"crm/eventstore"
	"crm/eventstore/copying"
	"crm/eventstore/embedded"
)

// nodeCopy is `crm node copy`.
type nodeCopy struct {
	To         string        `required:"" env:"CRM_NODE_COPY_TO" placeholder:"esdb://…" help:"Event store that gets the history: a cluster, or another node. It must be empty, or hold the beginning of this history."`
	From       string        `env:"CRM_NODE_COPY_FROM" placeholder:"esdb://…" help:"Event store that has the history. Default: that of the data folder, be it served or not."`
	VerifyOnly bool          `help:"Compare, and write nothing."`
	InFlight   int           `default:"256" placeholder:"N" help:"Appends under way at once, 1 to 4096; 1 waits for each. Default ${default}."`
	Patience   time.Duration `default:"1m" placeholder:"DURATION" help:"How long an event store may be away before this gives up. Default ${default}."`
	dataFolder
	logging
}

// Validate is called with what was parsed.
func (c *nodeCopy) Validate() error {
	if c.To == "" {
		return errors.New("--to is empty")
	}
	if c.InFlight < 1 || c.InFlight > 4096 {
		return fmt.Errorf("--in-flight %d is not within 1 to 4096", c.InFlight)
	}
	if c.Patience <= 0 {
		return fmt.Errorf("--patience %s is not positive", c.Patience)
	}
	if c.From == "" {
		return c.dataFolder.Validate()
	}
	return nil
}

// Run copies, verifies, and says so in one line. Progress goes to standard error.
func (c *nodeCopy) Run(ctx context.Context, std streams) (err error) {
	source, release, err := c.source(ctx, std)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	report, err := copying.Run(ctx, copying.Options{
		Source: source, Target: eventstore.Config{ConnectionString: c.To},
		VerifyOnly: c.VerifyOnly, InFlight: c.InFlight, Patience: c.Patience,
		Out: std.err, Terminal: isTerminal(std.err),
	})
	_, differ := errors.AsType[*copying.DifferenceError](err)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; run it again and it goes on where it was")
	case err == nil || differ && c.VerifyOnly:
		return errors.Join(err, c.say(std.out, report))
	}
	return err
}

// source is the event store to copy from. A folder that nobody serves is opened
// until release is called.
func (c *nodeCopy) source(ctx context.Context, std streams) (_ eventstore.Config, release func() error, err error) {
	none := func() error { return nil }
	if c.From != "" {
		return eventstore.Config{ConnectionString: c.From}, none, nil
	}
	if err := c.mustHaveEvents(); err != nil {
		return eventstore.Config{}, nil, err
	}
	socket := embedded.SocketAt(c.socket())
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", socket); err == nil {
		return eventstore.Config{UnixSocket: socket}, none, conn.Close()
	}
	e, err := openEvents(c.Data, storing{}, c.logger(std.err))
	if err != nil {
		return eventstore.Config{}, nil, err
	}
	return eventstore.Config{UnixSocket: e.socket}, e.close, nil
}

func (c *nodeCopy) say(out io.Writer, r copying.Report) error {
	what := "verified: the same"
	switch {
	case r.Source != r.Target:
		what = "verified: NOT the same"
	case r.Appended > 0:
		what = fmt.Sprintf("copied %d events (%.0f/s), verified: the same", r.Appended, float64(r.Appended)/r.Appending.Seconds())
	}
	_, err := fmt.Fprintf(out,
		"%s; source %d events sha256:%s, target %d events sha256:%s; %d streams, metadata of %d, %d tombstones, up to position %s; left out %d system events; %d events without a place for their recorded time\n",
		what, r.Source.Events, r.Source.Digest, r.Target.Events, r.Target.Digest,
		r.Streams, r.Metadata, r.Tombstones, r.End, r.System, r.Undated)
	return err
}
