package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// Parking is what becomes of events that cannot be applied: their stream is parked,
// and the others go on. The later events of a parked stream are passed over, until
// the log says that it is to be tried again, or without the event (package
// readmodel); then the stream is read from the log.
type Parking struct {
	// Load gives the events of a stream after a revision, in order. Without it
	// nothing that was parked can be tried again, and the read model stops there.
	Load func(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error)
	// Max is how many streams may be parked. At one more the read model stops with
	// [TooManyParked]: it is not the events, then. Default 1,000; negative parks
	// nothing, and stops at the first event that cannot be applied.
	Max int
}

// defaultParked is the default of Parking.Max.
const defaultParked = 1000

// Ignorer is a [Projection] that has no use for some event types that this program
// does not know. Others stop it, as they may well be for it.
type Ignorer interface {
	Ignores(eventType string) bool
}

// Parked is a stream that a read model stands still for. It tells where and why,
// and never what: see [Failure].
type Parked struct {
	Stream domain.Stream
	// Revision is of the event that cannot be applied, or of the first that is
	// missing. What is before it is in the tables.
	Revision domain.Revision
	// Position, EventID and EventType are of the event at which that was noticed.
	Position  domain.Position
	EventID   uuid.UUID
	EventType string
	Class     Class
	Table     string
	Detail    string
	Attempts  int   // how often that event was tried
	Waiting   int64 // later events of the stream for this read model, up to its checkpoint
	ParkedAt  time.Time
}

// parkedAt is a stream that stands still at e.
func parkedAt(e *domain.Recorded, f *Failure) Parked {
	p := Parked{
		Stream: e.Stream, Revision: e.Revision, Position: e.Position, EventID: e.ID, EventType: e.Event.EventType(),
		Class: f.Class, Table: f.Table, Detail: f.Detail, Attempts: 1,
	}
	if g, ok := errors.AsType[gap](f.cause); ok { // and e itself is waiting
		p.Revision, p.Waiting = g.revision, 1
	}
	return p
}

// verdict says what becomes of an event that is at fault: its stream is parked, or
// the error is returned.
func (b *Builder) verdict(e *domain.Recorded, fault error) (park *Failure, stop error) {
	if fault == nil {
		return nil, nil
	}
	failure, ok := errors.AsType[*Failure](fault)
	if !ok { // ErrMissing
		missing, said := errors.AsType[gap](fault)
		if !said {
			missing = gap{e.Stream, e.Revision}
		}
		if !b.writer.bulk && !b.sequence.lasts(missing) {
			return nil, fault
		}
		failure = &Failure{Class: Missing, Position: e.Position, EventType: e.Event.EventType(), cause: fault}
	}
	if b.writer.bulk { // it is dealt with out of bulk, and nothing of the window is kept
		return nil, failure
	}
	if failure.Class == Missing {
		b.sequence.see(e)
	}
	limit := cmp.Or(b.Parking.Max, defaultParked)
	switch _, already := b.parked[e.Stream]; {
	case !failure.poisonous() || limit < 0:
		return nil, failure
	case !already && len(b.parked) >= limit:
		return nil, &Failure{
			Class: TooManyParked, Position: e.Position, EventType: e.Event.EventType(),
			Detail: strconv.Itoa(len(b.parked)), cause: failure,
		}
	}
	return failure, nil
}

// outcome is what a transaction writes down besides its rows.
type outcome struct {
	to      Checkpoint
	waiting map[domain.Stream]int64 // events passed over
	park    *Parked                 // a stream that stands still from now on, or elsewhere than before
	free    domain.Stream           // one that no longer does
	skip    *span                   // of the stream that is caught up with
	asked   domain.Position         // by whom
}

// span is a run of revisions.
type span struct{ first, last domain.Revision }

func (t *tally) passOver(stream domain.Stream) {
	if t.waiting == nil {
		t.waiting = make(map[domain.Stream]int64)
	}
	t.waiting[stream]++
}

// commit writes what is in the Writer, and what there is to note, in one transaction.
func (b *Builder) commit(ctx context.Context, o outcome) error {
	b.notes = o
	if err := b.write(ctx, o.to); err != nil {
		return err
	}
	b.notes = outcome{}
	for stream, n := range o.waiting {
		p := b.parked[stream]
		p.Waiting += n
		b.parked[stream] = p
	}
	if o.park != nil {
		b.parked[o.park.Stream] = *o.park
	}
	if o.skip != nil {
		b.skipped[b.catchUp] = append(b.skipped[b.catchUp], *o.skip)
	}
	delete(b.parked, o.free)
	b.checkpoint = o.to
	b.checkpoint.Parked = len(b.parked)
	return nil
}

// The statements that note it. All are told the build first.
const (
	parkSQL = `
		INSERT INTO crm.parked (build, stream, revision, position_commit, position_prepare, event_id, event_type,
			class, in_table, detail, attempts, waiting)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (build, stream) DO UPDATE SET
			revision = EXCLUDED.revision, position_commit = EXCLUDED.position_commit, position_prepare = EXCLUDED.position_prepare,
			event_id = EXCLUDED.event_id, event_type = EXCLUDED.event_type, class = EXCLUDED.class,
			in_table = EXCLUDED.in_table, detail = EXCLUDED.detail, attempts = EXCLUDED.attempts, waiting = EXCLUDED.waiting`
	freeSQL = "DELETE FROM crm.parked WHERE build = $1 AND stream = $2"
	waitSQL = `
		UPDATE crm.parked AS p SET waiting = p.waiting + passed.value::bigint
		FROM jsonb_each_text($2::jsonb) AS passed (key, value) WHERE p.build = $1 AND p.stream = passed.key`
	skipSQL = `
		INSERT INTO crm.skipped (build, stream, revision, last_revision, position_commit, position_prepare)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
)

// note sends what the transaction has to write down besides its rows.
func (b *Builder) note(sent *pipelined) {
	number := func(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
	build, o := number(b.checkpoint.build), &b.notes
	if len(o.waiting) > 0 {
		passed, err := json.Marshal(o.waiting)
		if err != nil {
			panic(err) // numbers by text
		}
		sent.exec(b.prepared.wait, build, passed)
	}
	if p := o.park; p != nil {
		sent.exec(b.prepared.park, build, []byte(p.Stream), number(int64(p.Revision)),
			number(int64(p.Position.Commit)), number(int64(p.Position.Prepare)), []byte(p.EventID.String()), []byte(p.EventType),
			[]byte(p.Class), []byte(p.Table), []byte(p.Detail), number(int64(p.Attempts)), number(p.Waiting))
	}
	if o.free != "" {
		sent.exec(b.prepared.free, build, []byte(o.free))
	}
	if o.skip != nil {
		sent.exec(b.prepared.skip, build, []byte(b.catchUp), number(int64(o.skip.first)), number(int64(o.skip.last)),
			number(int64(o.asked.Commit)), number(int64(o.asked.Prepare)))
	}
}

// recallParked reads what earlier builders have noted.
func (b *Builder) recallParked(ctx context.Context) error {
	parked, err := parkedOf(ctx, b.conn, "p.build = $1", b.checkpoint.build)
	if err != nil {
		return err
	}
	for _, p := range parked {
		b.parked[p.Stream] = p
	}
	b.checkpoint.Parked = len(parked)
	rows, err := b.conn.Query(ctx, "SELECT stream, revision, last_revision FROM crm.skipped WHERE build = $1", b.checkpoint.build)
	if err != nil {
		return err
	}
	var stream domain.Stream
	var s span
	_, err = pgx.ForEachRow(rows, []any{&stream, &s.first, &s.last}, func() error {
		b.skipped[stream] = append(b.skipped[stream], s)
		return nil
	})
	return err
}

// wasSkipped reports whether an event was left out on purpose, or is to be.
func (b *Builder) wasSkipped(stream domain.Stream, revision domain.Revision) bool {
	skipped := b.skipped[stream]
	if s := b.notes.skip; s != nil && stream == b.catchUp {
		skipped = append(slices.Clip(skipped), *s)
	}
	for _, s := range skipped {
		if s.first <= revision && revision <= s.last {
			return true
		}
	}
	return false
}

// parkedOf lists what is parked, the longest waiting first.
func parkedOf(ctx context.Context, db asker, where string, args ...any) ([]Parked, error) {
	rows, err := db.Query(ctx, `
		SELECT p.stream, p.revision, p.position_commit, p.position_prepare, p.event_id, p.event_type,
			p.class, p.in_table, p.detail, p.attempts, p.waiting, p.parked_at
		FROM crm.parked AS p JOIN crm.projections AS b USING (build)
		WHERE `+where+` ORDER BY p.parked_at, p.stream`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Parked, error) {
		var p Parked
		var commit, prepare int64
		err := row.Scan(&p.Stream, &p.Revision, &commit, &prepare, &p.EventID, &p.EventType,
			&p.Class, &p.Table, &p.Detail, &p.Attempts, &p.Waiting, &p.ParkedAt)
		p.Position = domain.Position{Commit: uint64(commit), Prepare: uint64(prepare)}
		p.ParkedAt = p.ParkedAt.UTC()
		return p, err
	})
}

// ParkedStreams tells what read models stand still for.
type ParkedStreams struct{ DB Querier }

// Of lists the streams that the read model of that name has parked, the longest
// waiting first; none in a database that [Migrate] has not seen.
func (p ParkedStreams) Of(ctx context.Context, model string) ([]Parked, error) {
	parked, err := parkedOf(ctx, p.DB, "b.schema_name = $1", model)
	if notMade(err) {
		return nil, nil
	}
	return parked, ofBooks(err)
}
