package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// BuildStatus is one set of tables of a read model, as Postgres has it. What is
// read, what is built beside it, what was read before: each is a build.
type BuildStatus struct {
	Name    string `json:"name"`
	Build   int64  `json:"build" doc:"Identity of the set of tables."`
	Version int    `json:"version" doc:"Of the code that fills it."`
	State   string `json:"state" enum:"building,ready,live,retired" doc:"building: its first reading of the log; ready: complete, another one is read; live: it is what is read; retired: it was."`
	Read    bool   `json:"read" doc:"Whether it is what queries see."`
	Purpose string `json:"purpose" enum:"serve,hold,compare" doc:"serve: to be read one day; hold: to be read when somebody says so; compare: to be compared, and dropped."`
	Schema  string `json:"schema" doc:"Of the tables in Postgres."`
	// Position is up to where in the log the tables hold everything.
	Position   string     `json:"position"`
	Done       *float64   `json:"done,omitempty" db:"-" minimum:"0" maximum:"1" doc:"What part of the log it holds, as of its last commit: of a build that is being filled, up to some seconds ago. Absent where the log does not say where it ends."`
	Events     int64      `json:"events" doc:"How many events went into it."`
	RecordedAt *time.Time `json:"recorded_at,omitempty" doc:"When the store took the last of them."`
	CreatedAt  time.Time  `json:"created_at"`
	RetiredAt  *time.Time `json:"retired_at,omitempty"`
	// Leader is the host and process that writes it, or did last; Led whether it
	// still does.
	Leader string `json:"leader,omitempty" doc:"Host and process that writes it, or did last."`
	Led    bool   `json:"led" doc:"Whether somebody writes it now."`
}

// Builds is [Builds], and says what part of the log each holds.
func (r *Rebuilder) Builds(ctx context.Context) ([]BuildStatus, error) {
	all, err := Builds(ctx, r.pool)
	if err != nil || r.cfg.Head == nil {
		return all, err
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if head, _, err := r.cfg.Head(ctx); err == nil {
		for i := range all {
			all[i].measured(head)
		}
	}
	return all, nil
}

// measured is b, which may be nil, with the part that it holds of a log that ends at
// head, zero where that is not known.
func (b *BuildStatus) measured(head domain.Position) *BuildStatus {
	if b == nil || head.Commit == 0 {
		return b
	}
	if at, err := domain.ParsePosition(b.Position); err == nil {
		done := min(float64(at.Commit)/float64(head.Commit), 1)
		b.Done = &done
	}
	return b
}

// Builds lists the builds of all read models, by name, the oldest first; none in a
// database that [Migrate] has not seen, and ErrOldBooks where an older program's has. It
// changes nothing.
func Builds(ctx context.Context, db Querier) ([]BuildStatus, error) {
	rows, err := db.Query(ctx, `
		SELECT name, build, version, state, schema_name = name AS read, purpose, schema_name AS schema,
			CASE WHEN position_commit = position_prepare THEN position_commit::text
				ELSE position_commit || '/' || position_prepare END AS position,
			events, recorded_at, created_at, retired_at, coalesce(leader, '') AS leader,
			EXISTS (SELECT FROM pg_locks WHERE `+leadOf("build")+`) AS led
		FROM crm.projections ORDER BY name, build`, leaderLocks)
	var found []BuildStatus
	if err == nil {
		found, err = pgx.CollectRows(rows, pgx.RowToStructByNameLax[BuildStatus])
	}
	if notMade(err) {
		return nil, nil
	}
	for i := range found {
		b := &found[i]
		for _, at := range []*time.Time{b.RecordedAt, b.RetiredAt, &b.CreatedAt} {
			if at != nil {
				*at = at.UTC()
			}
		}
	}
	return found, ofBooks(err)
}
