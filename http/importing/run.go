package importing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
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
	if o.Parallel <= 0 {
		o.Parallel = 6
	}
	p, err := load(o.Mapping)
	if err != nil {
		return Summary{}, &MappingError{err}
	}
	jobs, left, err := p.jobs(o.Paths, o.ErrorsFile)
	if err != nil {
		return Summary{}, err
	}
	var unused atomic.Int64
	for _, j := range jobs { // what is wrong with a file as a whole shows before anything is sent
		_, file, err := j.open(&unused)
		if err != nil {
			return Summary{}, err
		}
		if err := file.Close(); err != nil {
			return Summary{}, err
		}
	}
	rejects, err := newRejects(o.ErrorsFile)
	if err != nil {
		return Summary{}, err
	}
	r := &run{plan: p, jobs: jobs, options: o, rejects: rejects, accepted: map[string]int{}}
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
	r.report(summary)
	return summary, errors.Join(err, closeErr)
}

// run is one import under way.
type run struct {
	plan    *plan
	jobs    []job
	options Options
	rejects *rejects
	client  *client // the sender, with its figures
	sender  Sender
	show    *progress

	read  atomic.Int64 // rows
	bytes atomic.Int64 // of the files

	mu       sync.Mutex // of what follows
	flying   inFlight
	accepted map[string]int
	updated  int
}

// live reads the files and sends what they become.
func (r *run) live(ctx context.Context) error {
	r.show = newProgress(r)
	r.client = newClient(r.options.Server, r.options.Key, r.options.Parallel, r.show.note)
	if r.options.pause != nil {
		r.client.pause = r.options.pause
	}
	r.sender = r.client
	defer r.client.close()
	defer r.show.close()
	r.flying.writers = map[uuid.UUID][]*chunk{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.options.Parallel + 1) // the reader is one of the group
	group.Go(func() error {
		s := &sending{run: r, ctx: ctx, group: group, chunk: newChunk()}
		if err := r.rows(ctx, s.take); err != nil {
			return err
		}
		s.flush()
		return nil
	})
	return group.Wait()
}

// take is what is done with a row: with the commands it becomes, and with what
// is wrong with it, which is in the errors file already. job is nil for what
// happens once.
type take func(j *job, of *row, commands []*Command, problems []error) error

// rows reads everything, in order.
func (r *run) rows(ctx context.Context, take take) error {
	of := &row{file: r.plan.name}
	once, err := r.plan.onceCommands(of)
	if err != nil {
		return err
	}
	if err := take(nil, of, once, nil); err != nil {
		return err
	}
	for i := range r.jobs {
		if err := r.rowsOf(ctx, &r.jobs[i], take); err != nil {
			return fmt.Errorf("%s: %w", r.jobs[i].path, err)
		}
	}
	return nil
}

func (r *run) rowsOf(ctx context.Context, j *job, take take) error {
	in, file, err := j.open(&r.bytes)
	if err != nil {
		return err
	}
	defer file.Close()
	for ctx.Err() == nil {
		var of *row
		var commands []*Command
		var problems []error
		rec, err := in.next()
		bad, isBad := errors.AsType[*badRow](err)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case isBad:
			of = &row{file: j.path, line: bad.line, raw: bad.raw}
			problems = []error{errors.New(bad.reason)}
		case err != nil:
			return err
		default:
			of = &row{file: j.path, line: rec.line, raw: rec.raw}
			commands, problems = j.section.commandsOf(r.plan, rec, of)
		}
		r.read.Add(1)
		for _, problem := range problems {
			if err := r.rejects.add(of, problem.Error()); err != nil {
				return err
			}
		}
		if err := take(j, of, commands, problems); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// count adds what was accepted, and the rows that were updated.
func (r *run) count(accepted map[string]int, rows []*row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, n := range accepted {
		r.accepted[name] += n
	}
	for _, row := range rows {
		if row.updated {
			r.updated++
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
