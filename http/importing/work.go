package importing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"crm/domain"
)

// Work is an import as somebody carries it out. Rows are numbered through all files,
// in the order in which they are read, from 1; number 0 is what happens once. The
// same files and mapping give the same numbers.
type Work struct {
	Plan   *Plan
	Files  []File
	Sender Sender
	// Parallel is how many requests are in flight at once. Default 6.
	Parallel int
	// Done is how many rows were done before, number 0 counted in: they are passed over.
	Done int64
	// Before is told of the streams that a request may write, before it does, and says
	// which of them undos have changed. Several goroutines call it. Nil is not told.
	Before func(ctx context.Context, streams []domain.Stream) (Pasts, error)
	// After is told what became of rows, in their order, by one goroutine at a time,
	// and every row once. Nil is not told.
	After func(ctx context.Context, results Results) error

	bytes atomic.Int64

	mu     sync.Mutex // of what follows
	flying inFlight
}

// Results are what became of some rows, one after the other.
type Results struct {
	Rows     []Result
	Accepted map[string]int // commands that were, by name
}

// Outcome of a row.
const (
	Stored   = "stored"   // all that it asks is so
	Updated  = "updated"  // the same, and it changed what an earlier import had brought
	Rejected = "rejected" // at least in part
	Empty    = "empty"    // it asks nothing
)

// Result is what became of a row.
type Result struct {
	Number  int64
	File    int // of Work.Files; -1 for what happens once
	Name    string
	Line    int
	Raw     []byte // as it stands in the file
	Outcome string
	Reasons []string    // why it was rejected
	Targets []uuid.UUID // what it is about: the row's own thing first
}

// Bytes is how much of the files was read. A file that is read for two sections
// counts twice.
func (w *Work) Bytes() int64 { return w.bytes.Load() }

// Do imports. It returns when the rows are stored or rejected and After knows of
// them, with a nil error also when rows were rejected. The error is a [FileError], of
// the sender, of Before or After, or of ctx; doing it again with the number of rows
// that After was told of completes it.
func (w *Work) Do(ctx context.Context) error {
	if w.Parallel <= 0 {
		w.Parallel = 6
	}
	jobs, err := w.Plan.jobs(w.Files)
	if err != nil {
		return err
	}
	w.flying.writers = map[uuid.UUID][]*chunk{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(w.Parallel + 1) // the reader is one of the group
	group.Go(func() error {
		s := &sending{work: w, ctx: ctx, group: group, chunk: newChunk()}
		if err := rows(ctx, w.Plan, jobs, &w.bytes, s.take); err != nil {
			return err
		}
		s.flush()
		return nil
	})
	return group.Wait()
}

// take is what is done with a row: with the commands it becomes, and with what is
// wrong with it.
type take func(of *row, commands []*Command, problems []error) error

// rows reads everything, in order.
func rows(ctx context.Context, p *Plan, jobs []job, bytes *atomic.Int64, take take) error {
	of := &row{file: -1, name: p.Name}
	once, err := p.onceCommands(of)
	if err != nil {
		return err
	}
	if err := take(of, once, nil); err != nil {
		return err
	}
	number := int64(0)
	for i := range jobs {
		if err := rowsOf(ctx, p, &jobs[i], bytes, &number, take); err != nil {
			return err
		}
	}
	return nil
}

func rowsOf(ctx context.Context, p *Plan, j *job, bytes *atomic.Int64, number *int64, take take) error {
	return j.each(ctx, bytes, number, func(_ reader, of *row, rec *record, bad error) error {
		if bad != nil {
			return take(of, nil, []error{bad})
		}
		commands, problems := j.section.commandsOf(p, rec, of)
		return take(of, commands, problems)
	})
}

// each reads a file and counts its rows on. A row that is none comes without a record,
// but with the reason.
func (j *job) each(ctx context.Context, bytes *atomic.Int64, number *int64, do func(in reader, of *row, rec *record, bad error) error) error {
	in, file, err := j.open(bytes)
	if err != nil {
		return err
	}
	defer file.Close()
	for ctx.Err() == nil {
		rec, err := in.next()
		bad, isBad := errors.AsType[*badRow](err)
		of := &row{file: j.file, name: j.Name, job: j}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case isBad:
			of.line, of.raw, err = bad.line, bad.raw, errors.New(bad.reason)
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return &FileError{j.Name, err}
		default:
			of.line, of.raw = rec.line, rec.raw
		}
		*number++
		of.number = *number
		if err := do(in, of, rec, err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// streams are those that the commands may write.
func streams(commands []*Command) []domain.Stream {
	seen := map[domain.Stream]bool{}
	var all []domain.Stream
	for _, c := range commands {
		if name := c.Stream(); !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	return all
}

// result is what became of the row.
func (r *row) result() Result {
	res := Result{
		Number: r.number, File: r.file, Name: r.name, Line: r.line, Raw: r.raw,
		Outcome: Stored, Reasons: r.reasons, Targets: r.targets,
	}
	switch {
	case len(r.reasons) > 0:
		res.Outcome = Rejected
	case r.updated:
		res.Outcome = Updated
	case len(r.targets) == 0:
		res.Outcome = Empty
	}
	return res
}

// reject notes why the row, or one of its commands, is not stored.
func (r *row) reject(format string, args ...any) {
	r.reasons = append(r.reasons, fmt.Sprintf(format, args...))
}
