package projections

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
)

// RebuildConfig wires a [Rebuilder]. Subscribe, BatchOf and Head are needed.
type RebuildConfig struct {
	// Subscribe makes a subscriber as [Config.Subscribe] does; large batches pay.
	Subscribe func(name string, checkpoint func(context.Context) (domain.Position, error)) message.Subscriber
	// BatchOf finds the events on the context of a message.
	BatchOf func(ctx context.Context) (domain.Batch, bool)
	// Head is the position of the last event of ours in the log, zero where there
	// is none.
	Head func(ctx context.Context) (domain.Position, time.Time, error)
	// Reaches reports whether the log reaches a position. Builds that have seen
	// more than there is are not gone on with. Default: it is not asked.
	Reaches func(ctx context.Context, position domain.Position) (bool, error)
	// Parking is what becomes of events that cannot be applied, as in [Config].
	Parking Parking
	// Limits are those of the windows in which builds are filled. Bytes is what all that
	// one task fills may take together: who takes more than the others ends its window
	// then. Default 1 GiB, as a task may be of seven builds.
	Limits BulkLimits
	// CloseTimeout is how long the batches at work may go on, and what is to be kept be
	// written, when the context ends. Default 5 s.
	CloseTimeout time.Duration
	// Log gets a line per change. Default: nothing is logged.
	Log *slog.Logger
}

// Rebuilder builds read models anew, from the start of the log, beside those that
// are read: to take their place, or to prove them right. It belongs to a server
// or to a process of its own; who may write a build its lock decides, so that any
// number of them may work on one database. It is safe for concurrent use.
type Rebuilder struct {
	cfg         RebuildConfig
	pool        *pgxpool.Pool
	projections []Projection

	mu      sync.Mutex
	givenUp map[string]error // what Maintain does not try again, by read model
}

// NewRebuilder makes a rebuilder of the projections. The database is one that
// [Migrate] has seen.
func NewRebuilder(pool *pgxpool.Pool, cfg RebuildConfig, projections ...Projection) *Rebuilder {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.CloseTimeout = cmp.Or(cfg.CloseTimeout, 5*time.Second)
	cfg.Limits.Bytes = cmp.Or(cfg.Limits.Bytes, 1<<30)
	return &Rebuilder{cfg: cfg, pool: pool, projections: projections, givenUp: map[string]error{}}
}

// The refusals of a [Rebuilder].
var (
	// ErrRebuilding is a build that someone else works on.
	ErrRebuilding = &domain.Error{
		Code: domain.Conflict, Slug: "read-model-rebuilding",
		Detail: "Another process is rebuilding this read model. Wait for it, or cancel it.",
	}
	// ErrCancelled is a build that was dropped while it was worked on.
	ErrCancelled = &domain.Error{
		Code: domain.Conflict, Slug: "read-model-rebuild-cancelled",
		Detail: "The rebuild was cancelled. What is read is as it was.",
	}
	// ErrNoTables is a read model that cannot be read yet.
	ErrNoTables = &domain.Error{
		Code: domain.Conflict, Slug: "read-model-without-tables",
		Detail: "This read model has no tables yet. A server builds them when it starts, and so does a rebuild.",
	}
	// ErrOtherVersion is a read model whose tables are of another version than
	// this program's.
	ErrOtherVersion = &domain.Error{
		Code: domain.Conflict, Slug: "read-model-other-version",
		Detail: "The tables that are read are of another version than this program builds. Use a program of their version, or rebuild them first.",
	}
)

// find gives the projections of the names, each once, all where none is named.
func (r *Rebuilder) find(names []string) ([]Projection, error) {
	if len(names) == 0 {
		return r.projections, nil
	}
	var found []Projection
	for _, name := range names {
		p, err := r.named(name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(found, func(f Projection) bool { return f.Name() == name }) {
			found = append(found, p)
		}
	}
	return found, nil
}

func (r *Rebuilder) named(name string) (Projection, error) { return Named(r.projections, name) }

// Version is of the named projection in this program, 0 for a strange name.
func (r *Rebuilder) Version(name string) int {
	p, err := r.named(name)
	if err != nil {
		return 0
	}
	return p.Version()
}

// Rebuild builds the named read models, all where none is named, and has each
// take the place of the one that is read once it has seen as much of the log. All
// are fed from one subscription. With noSwap nothing is replaced: the builds stay
// beside, complete, to be compared, and a later Rebuild goes on with them.
//
// What an earlier Rebuild has left, by whatever end, is gone on with. When ctx
// ends, what is read is as it was. tell, which may be nil, is told the [Progress].
//
// The error joins one for each read model that was not rebuilt: a [Failure],
// [ErrRebuilding] or [ErrCancelled] among them.
func (r *Rebuilder) Rebuild(ctx context.Context, names []string, noSwap bool, tell func(Progress)) error {
	projections, err := r.find(names)
	if err != nil {
		return err
	}
	f := newFeed(r, Rebuilding, tell)
	if err := r.begin(ctx, f, projections, noSwap); err != nil {
		return err
	}
	if err := f.run(ctx); err != nil {
		return err
	}
	return f.failures()
}

// begin has the feed rebuild projections.
func (r *Rebuilder) begin(ctx context.Context, f *feed, projections []Projection, noSwap bool) error {
	why := serve
	if noSwap {
		why = hold
	}
	for _, p := range projections {
		b, err := r.adopt(ctx, p, why)
		if err != nil {
			return fmt.Errorf("begin to rebuild %s: %w", p.Name(), err)
		}
		f.add(p, b, &replacing{feed: f, noSwap: noSwap}).purpose = why
	}
	return nil
}

// adopt finds the build that an earlier rebuild has left, or creates one, and
// drops what is of no more use.
func (r *Rebuilder) adopt(ctx context.Context, p Projection, why purpose) (build, error) {
	retired := time.Duration(0)
	if why == hold { // nothing takes the place of what is read yet, so what was read before is of use
		retired = keepRetired
	}
	if err := r.sweep(ctx, p, retired); err != nil {
		return build{}, err
	}
	var found build
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := lockName(ctx, tx, p.Name()); err != nil {
			return err
		}
		all, err := buildsOf(ctx, tx, p.Name())
		if err != nil {
			return err
		}
		for _, b := range all {
			if !b.unfinished() || b.purpose == compare || b.version != p.Version() {
				continue
			}
			found = b
			return nil
		}
		found, err = createBuild(ctx, tx, p, why)
		return err
	})
	return found, err
}

// unfinished reports whether b is on its way to be read.
func (b build) unfinished() bool {
	return b.state == buildBuilding && !b.read() || b.state == buildReady
}

// replacing is the course of a build that is to take the place of the one that is
// read.
type replacing struct {
	feed   *feed
	noSwap bool // it is not to take it yet

	mine  *shadow   // whose turn it is or will be, nil while it is not
	held  *pin      // nil while nothing is locked
	again time.Time // not to be tried before
}

func (c *replacing) step(ctx context.Context, s *shadow) (done bool, err error) {
	near, err := c.feed.near(ctx, s)
	switch {
	case err != nil:
		return false, err
	case !near && c.held == nil:
		return false, nil
	case s.builder.Live() && c.noSwap:
		c.feed.phase(s, Ready)
		return true, nil
	case s.builder.Live():
		return c.swap(ctx, s)
	}
	if err := s.builder.Flush(c.feed.working); err != nil { // not broken off: see take
		return false, err
	}
	c.feed.phase(s, Indexing)
	if err := s.builder.Finish(ctx); err != nil {
		return false, err
	}
	c.feed.phase(s, Following)
	return false, nil // much may have happened meanwhile
}
