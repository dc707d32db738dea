package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Overload says how much is too much for a server.
type Overload struct {
	Options     // Clients is how many ask as fast as they are answered, for the peak
	Times   int // as much as the peak is offered
	Crowd   int // who offers it
	Rounds  int // how often both is done, in turns
}

// A tally is what one worker of the crowd was told.
type tally struct {
	stored   []string // positions of what was acknowledged
	refusals []time.Duration
	silent   int // refusals without Retry-After
}

func (t *tally) note(status int, took time.Duration, header http.Header, answer []byte) {
	switch status {
	case http.StatusOK, http.StatusCreated:
		var told receipt
		if json.Unmarshal(answer, &told) == nil && told.Events > 0 {
			t.stored = append(t.stored, told.Position)
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		t.refusals = append(t.refusals, took)
		if header.Get("Retry-After") == "" {
			t.silent++
		}
	}
}

// errOverload is a server that did not do in an overload what it must.
var errOverload = errors.New("in the overload an answer was lost, or a refusal did not say when to come back")

// Run finds what a server takes, offers it a multiple of that, and prints what became
// of it, in turns, since what else the machine does hits both. Then it looks whether
// everything that was acknowledged is in the log. It fails when something is not, or when
// a refusal had no Retry-After.
func (o *Overload) Run(ctx context.Context, out io.Writer) error {
	all := o.Options
	all.Clients = o.Crowd
	crowd, err := gather(ctx, all, 1)
	if err != nil {
		return err
	}
	defer crowd.dismiss()
	from, err := crowd.end(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "server %s · mix %s · seed %d · %s after %s each · %s\n", o.Server, o.Mix, o.Seed, o.Duration, o.Warmup, machine())
	var shares []float64
	sum := tally{}
	for round := range o.Rounds {
		peak := (&crew{crowd.workers[:o.Clients]}).run(ctx, o.Options)
		if ctx.Err() == nil && peak.total.PerSecond < 1 {
			return errors.New("the server answers nothing")
		}
		all.Rate = o.Times * int(peak.total.PerSecond)
		told := make([]tally, o.Crowd)
		for i, w := range crowd.workers {
			w.told = &told[i]
		}
		over := crowd.run(ctx, all)
		if err := ctx.Err(); err != nil {
			return err
		}
		for i, w := range crowd.workers {
			w.told = nil
			sum.stored = append(sum.stored, told[i].stored...)
			sum.refusals = append(sum.refusals, told[i].refusals...)
			sum.silent += told[i].silent
		}
		shares = append(shares, over.total.PerSecond/peak.total.PerSecond)
		_, _ = fmt.Fprintf(out, "\nround %d: %d clients as fast as answered: %.0f/s\n", round+1, o.Clients, peak.total.PerSecond)
		o.print(out, over)
	}
	slices.Sort(shares)
	_, _ = fmt.Fprintf(out, "\ngoodput in the overload: %.2f of the peak, median of %d rounds (%.2f to %.2f)\n",
		shares[len(shares)/2], len(shares), shares[0], shares[len(shares)-1])
	if len(sum.refusals) > 0 {
		refused := (&Report{Options: all}).summed("refused", sum.refusals)
		_, _ = fmt.Fprintf(out, "429 and 503 came after p50 %s, p99 %s, max %s; %d of %d without Retry-After\n",
			millis(refused.P50), millis(refused.P99), millis(refused.Max), sum.silent, refused.Count)
	}
	lost, err := crowd.missing(ctx, from, sum.stored)
	if err != nil {
		return fmt.Errorf("read back what was acknowledged: %w", err)
	}
	_, _ = fmt.Fprintf(out, "acknowledged in the overload: %d commands with events; the log has %d of them\n", len(sum.stored), len(sum.stored)-lost)
	if lost > 0 || sum.silent > 0 {
		return errOverload
	}
	return nil
}

// print tells what was sent in an overload, and how that was answered.
func (o *Overload) print(out io.Writer, over *Report) {
	sent := over.total.Count
	for _, times := range over.Failures {
		sent += times
	}
	line := func(what string, count int) {
		_, _ = fmt.Fprintf(out, "  %-32s %6.0f/s  %5.1f %%\n", what, over.rate(count), 100*float64(count)/float64(max(sent, 1)))
	}
	_, _ = fmt.Fprintf(out, "%d times that, %d/s due over %d connections:\n", o.Times, over.Options.Rate, o.Crowd)
	line("sent", sent)
	line("2xx", over.total.Count)
	for _, failure := range slices.Sorted(maps.Keys(over.Failures)) {
		line(failure, over.Failures[failure])
	}
}

// end is where the log ends.
func (c *crew) end(ctx context.Context) (position string, err error) {
	_, position, _, err = c.page(ctx, "end")
	return position, err
}

// missing counts the positions behind from at which the log has no event.
func (c *crew) missing(ctx context.Context, from string, positions []string) (int, error) {
	left := make(map[string]struct{}, len(positions))
	for _, position := range positions {
		left[position] = struct{}{}
	}
	for more := true; more; {
		var events []string
		var err error
		if events, from, more, err = c.page(ctx, from); err != nil {
			return 0, err
		}
		for _, position := range events {
			delete(left, position)
		}
	}
	return len(left), nil
}

// page reads the positions of a page of the log, where it ends, and whether there is more.
func (c *crew) page(ctx context.Context, after string) (events []string, through string, more bool, err error) {
	line := c.workers[0].line
	status, answer, err := line.ask(ctx, http.MethodGet, "/v1/events?limit=1000&after="+url.QueryEscape(after), "", "")
	if err != nil {
		return nil, "", false, err
	}
	if status != http.StatusOK {
		return nil, "", false, fmt.Errorf("the change feed answers %d: %.300s", status, answer)
	}
	for text := range bytes.Lines(answer) {
		var event struct{ Position string }
		if err := json.Unmarshal(text, &event); err != nil {
			return nil, "", false, err
		}
		events = append(events, event.Position)
	}
	return events, line.header.Get("Crm-Position"), line.header.Get("Link") != "", nil
}
