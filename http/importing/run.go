package importing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Options are what the user asks for.
type Options struct {
	Mapping    string    // the name of a built-in mapping, or a YAML file
	Server     string    // URL of the API, such as http://127.0.0.1:8080
	Key        string    // API key
	Paths      []string  // files, and folders whose files are meant
	DryRun     bool      // say what would happen, and ask no server
	ErrorsFile string    // where rejected rows go; "" keeps none
	Out        io.Writer // what is said to the user; nil says nothing
	Terminal   bool      // Out is a terminal: draw a progress bar
	Parallel   int       // requests in flight at once; default 6

	pause func(context.Context, time.Duration) error // tests do not wait
}

// MappingError is a mapping that is not there or has a slip.
type MappingError struct{ error }

func (e *MappingError) Unwrap() error { return e.error }

// Summary is what an import came to.
type Summary struct {
	Rows       int            // read, good and bad
	Rejected   int            // rows with at least one reason in the errors file
	Updated    int            // rows that changed what an earlier import brought
	Commands   map[string]int // accepted by the server, by name; on a dry run: to be sent
	Requests   int            // made, with those that were made again
	Retries    int            // made again
	ErrorsFile string         // "" when no row was rejected, or none was asked for
	Took       time.Duration
}

// Run imports files through the API. It returns when every row is stored or
// rejected, with a nil error also when rows were rejected: the summary tells.
// The error is of the mapping, of a file that cannot be read, of the server
// refusing us, or of ctx. Running it again completes what was interrupted.
func Run(ctx context.Context, o Options) (Summary, error) {
	started := time.Now()
	if o.Out == nil {
		o.Out = io.Discard
	}
	p, _, err := Load(o.Mapping)
	if err != nil {
		return Summary{}, err
	}
	files, left, err := p.Local(o.Paths, o.ErrorsFile)
	if err != nil {
		return Summary{}, err
	}
	rejects, err := newRejects(o.ErrorsFile)
	if err != nil {
		return Summary{}, err
	}
	r := &run{options: o, rejects: rejects, work: Work{Plan: p, Files: files, Parallel: o.Parallel}, accepted: map[string]int{}}
	r.work.After = r.after
	for _, path := range left {
		r.say("left out: %s", path)
	}
	if o.DryRun {
		err = r.dry(ctx)
	} else {
		err = r.live(ctx)
	}
	file, closeErr := rejects.close()
	summary := Summary{
		Rows: int(r.read.Load()), Rejected: rejects.rejected(), Updated: r.updated,
		Commands: r.accepted, ErrorsFile: file, Took: time.Since(started),
	}
	if r.client != nil {
		summary.Requests, summary.Retries = int(r.client.requests.Load()), int(r.client.retries.Load())
	}
	if err == nil || summary.Rows > 0 {
		r.report(summary)
	}
	return summary, errors.Join(err, closeErr)
}

// run is one import under way.
type run struct {
	work    Work
	options Options
	rejects *rejects
	client  *client
	show    *progress

	read     atomic.Int64 // rows
	accepted map[string]int
	updated  int
}

// live reads the files and sends what they become.
func (r *run) live(ctx context.Context) error {
	r.show = newProgress(r)
	r.client = newClient(r.options.Server, r.options.Key, 6, r.show.note)
	if r.options.pause != nil {
		r.client.pause = r.options.pause
	}
	r.work.Sender = r.client
	defer r.client.close()
	defer r.show.close()
	return r.work.Do(ctx)
}

// after counts what became of rows, and writes down the rejected ones.
func (r *run) after(_ context.Context, results Results) error {
	for name, n := range results.Accepted {
		r.accepted[name] += n
	}
	for _, row := range results.Rows {
		if row.File >= 0 {
			r.read.Add(1)
		}
		if row.Outcome == Updated {
			r.updated++
		}
		if err := r.rejects.add(row); err != nil {
			return err
		}
	}
	return nil
}

// dry says what the files would become.
func (r *run) dry(ctx context.Context) error {
	r.say("mapping %s: %s", r.work.Plan.Name, r.work.Plan.About)
	all, err := r.work.Plan.DryRun(ctx, r.work.Files, r.rejects.add)
	for _, g := range all {
		r.read.Add(g.Rows)
		for name, n := range g.Commands {
			r.accepted[name] += n
		}
		r.tell(g)
	}
	return err
}

func (r *run) tell(g Glance) {
	if g.File == "" {
		r.say("once")
	} else {
		r.say("%s as %s: %d rows, %d rejected", g.File, g.Section, g.Rows, g.Rejected)
	}
	for _, name := range sortedNames(g.Commands) {
		r.say("  %7d %s", g.Commands[name], name)
	}
	for _, reason := range g.Reasons {
		r.say("  %7d × rejected: %s", reason.Rows, reason.Reason)
	}
	for i, example := range g.Examples {
		r.say("  example %d", i+1)
		for _, command := range example {
			r.say("    %s", command)
		}
	}
}

// report says what the import came to.
func (r *run) report(s Summary) {
	rate := float64(s.Rows) / max(s.Took.Seconds(), 0.001)
	r.say("%d rows in %s (%.0f rows/s), %d rejected, %d updated", s.Rows, s.Took.Round(time.Millisecond), rate, s.Rejected, s.Updated)
	for _, name := range sortedNames(s.Commands) {
		r.say("  %7d %s", s.Commands[name], name)
	}
	for _, reason := range r.rejects.first {
		r.say("  rejected %s", reason)
	}
	if s.Rejected > reasonsShown {
		r.say("  and more")
	}
	if s.ErrorsFile != "" {
		r.say("rejected rows are in %s", s.ErrorsFile)
	}
}

// say writes a line to the user. That nobody reads it stops no import.
func (r *run) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.options.Out, format+"\n", args...)
}
