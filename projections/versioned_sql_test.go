package projections_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// A swap renames the schema of what is read: the functions go along with their tables.
func TestAsOfSurvivesARename(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := bitemporal(seeded(1), 30)
	if err := projectionstest.Replay(t.Context(), pool, things{"things"}, events); err != nil {
		t.Fatal(err)
	}
	count := func(schema string) (n int) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), fmt.Sprintf("SELECT count(*) FROM %s.things_at(NULL, NULL)", schema)).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count("things")
	if _, err := pool.Exec(t.Context(), "ALTER SCHEMA things RENAME TO things__b1; CREATE SCHEMA things"); err != nil {
		t.Fatal(err)
	}
	if after := count("things__b1"); after != before || before == 0 {
		t.Errorf("%d things before, %d after", before, after)
	}
}

// chapters is a projection of rows that follow a stream each.
type chapters struct{}

type chapterRow struct {
	Subject  uuid.UUID `db:"subject"`
	Revision int64     `db:"revision"`
}

var chapterTable = projections.NewVersioned[uuid.UUID, chapterRow]("chapters", "subject").
	Following(func(row *chapterRow) domain.Revision { return domain.Revision(row.Revision) })

func (chapters) Name() string      { return "chapters" }
func (chapters) Version() int      { return 1 }
func (chapters) Handles() []string { return []string{"test.noted"} }

func (chapters) Schema() projections.Schema {
	return projections.Schema{Tables: `CREATE TABLE chapters (subject uuid NOT NULL, revision bigint NOT NULL,
		valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, CONSTRAINT chapters_pk PRIMARY KEY (subject));`}.Remembering(chapterTable)
}

func (chapters) Apply(w *projections.Writer, e domain.Recorded) error {
	chapterTable.Change(w, e.Event.(noted).Subject, e, func(row *chapterRow) { row.Revision = int64(e.Revision) })
	return nil
}

// Where a row follows a stream, an event that is not the next one is not applied.
func TestMissingRevision(t *testing.T) {
	t.Parallel()
	mine := newLives(1, 8, 4).Events
	for name, test := range map[string]struct{ stored, lost int }{"of a new row": {0, 0}, "in a batch": {0, 3}, "between batches": {2, 2}, "after a batch": {2, 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := projectionstest.Open(t, projectionstest.Pool(t), chapters{})
			if test.stored > 0 {
				if err := b.Apply(t.Context(), batch(domain.Position{}, mine[:test.stored])); err != nil {
					t.Fatal(err)
				}
			}
			at := b.Checkpoint().Position
			gap := slices.Concat(mine[test.stored:test.lost], mine[test.lost+1:])
			err := b.Apply(t.Context(), batch(at, gap))
			if !errors.Is(err, projections.ErrMissing) || !errors.Is(err, projections.ErrOutOfStep) {
				t.Errorf("got %v", err)
			}
			if !b.Checkpoint().Position.Before(mine[test.lost+1].Position) {
				t.Error("the checkpoint moved over what is missing")
			}
			if err := b.Apply(t.Context(), batch(at, mine[test.stored:])); err != nil {
				t.Errorf("with all events: %v", err)
			}
		})
	}
}

// A change runs on several versions, so what it adds would be added several times.
func TestVersionedChangesAddNothing(t *testing.T) {
	t.Parallel()
	type line struct {
		N int `db:"n"`
	}
	added := projections.NewAppended[line]("added")
	summed := projections.NewSums[string, sumRow]("sums", "part")
	for name, add := range map[string]func(w *projections.Writer){
		"rows": func(w *projections.Writer) { added.Add(w, line{}) },
		"sums": func(w *projections.Writer) { summed.Add(w, "a", func(*sumRow) {}) },
	} {
		p := program{ddl: things{}.Schema().Tables, step: func(w *projections.Writer, _ int) {
			thingTable.Change(w, thingKey{Part: "a"}, domain.Recorded{}, func(*thingRow) { add(w) })
		}}
		err := projectionstest.Replay(t.Context(), projectionstest.Pool(t), p, steps(1))
		if f, ok := errors.AsType[*projections.Failure](err); !ok || f.Class != projections.Panicked {
			t.Errorf("%s: %v", name, err)
		}
	}
}
