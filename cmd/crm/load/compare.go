package load

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Subject is one of the servers that are compared.
type Subject struct {
	Name   string
	Server string // base URL
	Key    string
	// Resident is the memory of the server's process, in bytes.
	Resident func() (int64, error)
}

// Comparison says what to ask of two servers.
type Comparison struct {
	Subjects [2]Subject
	Clients  []int
	Rounds   int           // how often everything is asked; medians count
	Duration time.Duration // of each
	Warmup   time.Duration
	Rate     int // requests per second of the open loop; 0 leaves it out
	Seed     uint64
}

// scenarios are asked one after the other, of one server and then of the other.
var scenarios = []struct {
	name string
	mix  Mix
}{
	{"create", Mix{"register": 1}},
	{"patch", Mix{"patch": 1}},
	{"stage move", Mix{"stage": 1}},
	{"all commands", Mix{"register": 30, "patch": 20, "interaction": 20, "open": 10, "stage": 20}},
	{"card", Mix{"card": 1}},
	{"list", Mix{"list": 1}},
	{"timeline", Mix{"timeline": 1}},
	{"board", Mix{"board": 1}},
	{"80 reads, 20 writes", Mix{"card": 30, "list": 15, "timeline": 25, "board": 10, "register": 6, "patch": 4, "interaction": 4, "open": 2, "stage": 4}},
}

// openLoop is what the rate is asked of: commands, and the wait for one's own write.
var openLoop = Mix{"register": 30, "patch": 20, "interaction": 20, "open": 10, "stage": 20, "visible": 10}

// belongings are the customers, and as many deals, that each client has before anything counts.
const belongings = 50

// Compare asks both servers the same in turns, so that what else the machine does hits
// both, and prints what they took and the ratio. Which of the two is first changes with
// every round.
func Compare(ctx context.Context, c Comparison, out, progress io.Writer) error {
	_, _ = fmt.Fprintf(out, "%s beside %s · %d rounds of %s after %s warm-up each, in turns; medians · seed %d\n%s\n\n",
		c.Subjects[0].Name, c.Subjects[1].Name, c.Rounds, c.Duration, c.Warmup, c.Seed, machine())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(table, "as fast as answered\tclients\t%s/s\t%s/s\tratio\tp50\tp99\t%[2]s p50\tp99\t\n", c.Subjects[0].Name, c.Subjects[1].Name)
	for _, clients := range c.Clients {
		if err := c.closed(ctx, clients, table, progress); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if c.Rate > 0 {
		if err := c.open(ctx, out, progress); err != nil {
			return err
		}
	}
	for _, s := range c.Subjects {
		resident, err := s.Resident()
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "resident memory of %s at the end: %d MiB\n", s.Name, resident>>20)
	}
	return nil
}

// closed compares with so many clients that ask again as soon as they are answered.
func (c *Comparison) closed(ctx context.Context, clients int, table, progress io.Writer) error {
	crews, dismiss, err := c.crews(ctx, clients)
	if err != nil {
		return err
	}
	defer dismiss()
	for _, s := range scenarios {
		reports, err := c.measure(ctx, crews, Options{Clients: clients, Mix: s.mix}, fmt.Sprintf("%s, %d clients", s.name, clients), progress)
		if err != nil {
			return err
		}
		ours, theirs := reports[0].total, reports[1].total
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.0f\t%.0f\t%.2f\t%s\t%s\t%s\t%s\t\n", s.name, clients, ours.PerSecond, theirs.PerSecond,
			ours.PerSecond/theirs.PerSecond, millis(ours.P50), millis(ours.P99), millis(theirs.P50), millis(theirs.P99))
	}
	return nil
}

// open compares at a rate.
func (c *Comparison) open(ctx context.Context, out, progress io.Writer) error {
	clients := slices.Max(c.Clients)
	crews, dismiss, err := c.crews(ctx, clients)
	if err != nil {
		return err
	}
	defer dismiss()
	reports, err := c.measure(ctx, crews, Options{Clients: clients, Mix: openLoop, Rate: c.Rate}, fmt.Sprintf("%d requests/s", c.Rate), progress)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\nat %d requests/s, %d clients, latency from the due instant (open loop)\n", c.Rate, clients)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\tper second\tp50\tp99\tmax\t")
	for i, s := range c.Subjects {
		for _, name := range []string{allCommands, "visible"} {
			line := reports[i].line(name)
			_, _ = fmt.Fprintf(table, "%s: %s\t%.0f\t%s\t%s\t%s\t\n", s.Name, name, line.PerSecond, millis(line.P50), millis(line.P99), millis(line.Max))
		}
	}
	return table.Flush()
}

// crews gathers as many clients for each of the two.
func (c *Comparison) crews(ctx context.Context, clients int) (crews [2]*crew, dismiss func(), err error) {
	dismiss = func() {
		for _, crew := range crews {
			if crew != nil {
				crew.dismiss()
			}
		}
	}
	for i, s := range c.Subjects {
		o := Options{Server: s.Server, Key: s.Key, Clients: clients, Seed: c.Seed*1000 + uint64(clients)}
		if crews[i], err = gather(ctx, o, belongings); err != nil {
			dismiss()
			return crews, nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return crews, dismiss, nil
}

// measure runs one scenario in all rounds, and gives the median report of each.
func (c *Comparison) measure(ctx context.Context, crews [2]*crew, o Options, what string, progress io.Writer) ([2]*Report, error) {
	o.Duration, o.Warmup, o.Seed = c.Duration, c.Warmup, c.Seed
	var reports [2][]*Report
	for round := range c.Rounds {
		for turn := range crews {
			i := (turn + round) % len(crews)
			_, _ = fmt.Fprintf(progress, "%s: %s, round %d\n", what, c.Subjects[i].Name, round+1)
			report := crews[i].run(ctx, o)
			if ctx.Err() != nil {
				return [2]*Report{}, ctx.Err()
			}
			if len(report.Failures) > 0 {
				var text strings.Builder
				report.print(&text)
				return [2]*Report{}, fmt.Errorf("%s: %s:\n%s", c.Subjects[i].Name, what, text.String())
			}
			reports[i] = append(reports[i], report)
		}
	}
	var medians [2]*Report
	for i := range reports {
		slices.SortFunc(reports[i], func(a, b *Report) int { return cmp.Compare(a.Commands+a.Reads, b.Commands+b.Reads) })
		medians[i] = reports[i][len(reports[i])/2]
	}
	return medians, nil
}
