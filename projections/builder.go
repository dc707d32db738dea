package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
)

// Builder applies batches to the tables of one projection, over a connection of
// its own. It is what the engine runs for each projection; alone it serves tests
// and tools. After an error it is of no more use: close it and open another,
// which finds the checkpoint where the last commit left it.
//
// It belongs to one goroutine at a time.
type Builder struct {
	projection Projection
	schema     string
	conn       *pgx.Conn
	checkpoint Checkpoint
	handles    map[string]bool
	bindings   map[table]*binding
	prepared   struct{ begin, relax, move, commit *pgconn.StatementDescription }

	writer  Writer
	first   domain.Position // of the batch at work: its first event that is new
	scratch []byte          // where statements are put together
}

// OpenBuilder takes over the tables of p, in the schema of its name, and creates
// them where they are missing or of another version. A builder that had them
// before can write no more. The database is one that [Migrate] has seen.
func OpenBuilder(ctx context.Context, pool *pgxpool.Pool, p Projection) (*Builder, error) {
	return openBuilder(ctx, pool, p, false)
}

func openBuilder(ctx context.Context, pool *pgxpool.Pool, p Projection, keep bool) (_ *Builder, err error) {
	conn, err := connect(ctx, pool, p.Name())
	if err != nil {
		return nil, err
	}
	b := &Builder{
		projection: p, schema: p.Name(), conn: conn,
		handles: make(map[string]bool), bindings: make(map[table]*binding),
	}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	for _, eventType := range p.Handles() {
		b.handles[eventType] = true
	}
	if b.checkpoint, err = take(ctx, conn, p, keep); err != nil {
		return nil, lasting(err, domain.Position{}, "")
	}
	for _, s := range []statement{
		{"begin", &b.prepared.begin, "BEGIN"},
		{"relax", &b.prepared.relax, "SELECT set_config('synchronous_commit', 'off', true)"},
		{"move", &b.prepared.move, moveSQL},
		{"commit", &b.prepared.commit, "COMMIT"},
	} {
		if *s.into, err = conn.PgConn().Prepare(ctx, s.verb, s.sql, nil); err != nil {
			return nil, lasting(err, domain.Position{}, "")
		}
	}
	return b, nil
}

// connect opens a connection outside the pool: it is held for good, and requests
// must not wait for it.
func connect(ctx context.Context, pool *pgxpool.Pool, name string) (*pgx.Conn, error) {
	cfg := pool.Config()
	if cfg.BeforeConnect != nil {
		if err := cfg.BeforeConnect(ctx, cfg.ConnConfig); err != nil {
			return nil, err
		}
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "crm projection " + name
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return nil, err
	}
	// Every row is reached by its primary key. A plan made while a table was
	// empty would read all of it, and be kept while the table grows to millions
	// of rows.
	_, err = conn.Exec(ctx, "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off")
	if err != nil {
		closeNow(conn)
		return nil, err
	}
	return conn, nil
}

// Checkpoint is where the tables are.
func (b *Builder) Checkpoint() Checkpoint { return b.checkpoint }

// Live reports whether the first catch-up is done, and so all indexes are there.
func (b *Builder) Live() bool { return b.checkpoint.live }

// Apply brings the tables from the checkpoint to batch.Through, rows and
// checkpoint in one transaction. What of the batch was applied before is left
// out, so a batch may come twice. The error is a [Failure] when the same would
// happen again, [ErrFenced] or [ErrOutOfStep] when the builder's checkpoint is
// wrong, and otherwise one that passes: the way to Postgres, or Postgres itself.
func (b *Builder) Apply(ctx context.Context, batch domain.Batch) error {
	at := b.checkpoint.Position
	switch {
	case !at.Before(batch.Through):
		return nil
	case at.Before(batch.After):
		return ErrOutOfStep
	}
	b.writer.reset()
	to := b.checkpoint
	to.Position = batch.Through
	b.first = batch.Through
	for i := range batch.Events {
		e := &batch.Events[i]
		if !at.Before(e.Position) {
			continue
		}
		applied, err := b.apply(e)
		if err != nil {
			return err
		}
		if !applied {
			continue
		}
		if to.Events == b.checkpoint.Events {
			b.first = e.Position
		}
		to.Events++
		to.RecordedAt = e.RecordedAt
	}
	if err := b.write(ctx, to); err != nil {
		return err
	}
	b.checkpoint = to
	return nil
}

// unknownType is why an event is [domain.Unreadable] whose type the program does
// not know.
const unknownType = "unknown type"

// apply has the projection see one event, if it wants to.
func (b *Builder) apply(e *domain.Recorded) (bool, error) {
	b.writer.event = eventRef{at: e.Position, eventType: e.Event.EventType()}
	handled := b.handles[b.writer.event.eventType]
	if u, bad := e.Event.(domain.Unreadable); bad {
		switch {
		case u.Why == unknownType:
			return false, b.failure(UnknownType, "", nil) // it may well be for us
		case handled:
			return false, b.failure(Unreadable, u.Why, nil)
		}
	}
	if !handled {
		return false, nil
	}
	var refusal error
	if err := b.guard(func() { refusal = b.projection.Apply(&b.writer, *e) }); err != nil {
		return false, err
	}
	if refusal != nil {
		return false, b.failure(BadEvent, "", refusal)
	}
	return true, nil
}

// guard runs what the projection's author wrote and makes a panic a failure.
func (b *Builder) guard(run func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = b.failure(Panicked, place(), fmt.Errorf("panic: %v", p))
		}
	}()
	run()
	return nil
}

// failure is one at the event at work.
func (b *Builder) failure(class Class, detail string, cause error) error {
	return &Failure{
		Class: class, Position: b.writer.event.at, EventType: b.writer.event.eventType, Detail: detail, cause: cause,
	}
}

// Finish ends the first catch-up: it creates the indexes and tells the planner
// about the tables. It does nothing where that is done.
func (b *Builder) Finish(ctx context.Context) error {
	if b.checkpoint.live {
		return nil
	}
	if err := finish(ctx, b.conn, b.checkpoint, b.projection, b.schema); err != nil {
		return lasting(err, domain.Position{}, "")
	}
	b.checkpoint.live = true
	return nil
}

// Close gives the connection back, at once.
func (b *Builder) Close() { closeNow(b.conn) }

func closeNow(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // whatever it was doing is rolled back
}
