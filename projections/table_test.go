package projections_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

type address struct {
	City string   `json:"city"`
	Tags []string `json:"tags,omitempty"`
}

// everything has a field of every type that can be stored, plain and as a pointer.
type everything struct {
	ID       domain.DealID     `db:"id"`
	Text     string            `db:"text"`
	Personal domain.Personal   `db:"personal"`
	Short    string            `db:"short"`
	Day      domain.Date       `db:"day"`
	Born     time.Time         `db:"born"`
	JSONText string            `db:"json_text"`
	Yes      bool              `db:"yes"`
	Int      int               `db:"int"`
	IntInInt int               `db:"int_in_integer"`
	Int64    domain.Quantity   `db:"int64"`
	Int32    int32             `db:"int32"`
	Int16    int16             `db:"int16"`
	Wide     int16             `db:"int16_in_bigint"`
	Float    float64           `db:"float"`
	At       time.Time         `db:"at"`
	UUID     uuid.UUID         `db:"uuid"`
	Bytes    []byte            `db:"bytes"`
	Raw      json.RawMessage   `db:"raw"`
	Said     json.RawMessage   `db:"said"`
	Address  address           `db:"address"`
	List     []address         `db:"list"`
	Map      map[string]string `db:"map"`
	IDs      []domain.DealID   `db:"ids"`
	Numbers  []int64           `db:"numbers"`
	Huge     big.Int           `db:"huge"`

	MaybeText  *string          `db:"maybe_text"`
	MaybeDay   *domain.Date     `db:"maybe_day"`
	MaybeInt   *int64           `db:"maybe_int"`
	MaybeAt    *time.Time       `db:"maybe_at"`
	MaybeUUID  *domain.DealID   `db:"maybe_uuid"`
	MaybeFloat *float64         `db:"maybe_float"`
	MaybeYes   *bool            `db:"maybe_yes"`
	MaybeBytes *json.RawMessage `db:"maybe_bytes"`
}

const everythingSQL = `(
	id uuid PRIMARY KEY, text text NOT NULL, personal text NOT NULL, short varchar(10) NOT NULL, day date, born date NOT NULL,
	json_text jsonb NOT NULL, yes boolean NOT NULL, int bigint NOT NULL, int_in_integer integer NOT NULL, int64 bigint NOT NULL,
	int32 integer NOT NULL, int16 smallint NOT NULL, int16_in_bigint bigint NOT NULL, float double precision NOT NULL,
	at timestamptz NOT NULL, uuid uuid NOT NULL, bytes bytea, raw jsonb, said json, address jsonb NOT NULL, list jsonb, map jsonb,
	ids uuid[] NOT NULL, numbers bigint[] NOT NULL, huge numeric NOT NULL,
	maybe_text text, maybe_day date, maybe_int bigint, maybe_at timestamptz, maybe_uuid uuid, maybe_float double precision,
	maybe_yes boolean, maybe_bytes jsonb);`

var (
	kept  = projections.NewKeyed[domain.DealID, everything]("kept", "id")
	added = projections.NewAppended[everything]("added")
)

var wide = cmp.Comparer(func(a, b big.Int) bool { return a.Cmp(&b) == 0 })

// program is a projection of one table-writing step per event.
type program struct {
	ddl  string
	step func(w *projections.Writer, n int)
}

func (program) Name() string                 { return "program" }
func (program) Version() int                 { return 1 }
func (p program) Schema() projections.Schema { return projections.Schema{Tables: p.ddl} }
func (program) Handles() []string            { return []string{"test.noted"} }

func (p program) Apply(w *projections.Writer, e domain.Recorded) error {
	p.step(w, e.Event.(noted).N)
	return nil
}

// steps are events numbered 0 to n-1.
func steps(n int) []domain.Recorded {
	events := make([]domain.Recorded, n)
	for i := range events {
		events[i].Event = noted{N: i}
	}
	return events
}

func full() everything {
	text, day, number, at, yes, float := "x", domain.Date("1969-07-20"), int64(-1), time.Date(1969, 7, 20, 20, 17, 40, 1000, time.UTC), false, -0.5
	id, raw := domain.DealID{UUID: uuid.NewSHA1(domain.Namespace, []byte("maybe"))}, json.RawMessage(`[1, 2]`)
	return everything{
		ID: domain.DealID{UUID: uuid.NewSHA1(domain.Namespace, []byte("id"))}, Text: "žluťoučký 馬 \"quoted\"", Personal: "Ada", Short: "ten chars!",
		Day: "2024-02-29", Born: time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC), JSONText: `{"a": "b"}`, Yes: true,
		Int: math.MaxInt64, IntInInt: math.MinInt32, Int64: math.MinInt64, Int32: math.MaxInt32, Int16: math.MinInt16, Wide: -7, Float: math.Pi,
		At: time.Date(2026, 11, 22, 23, 59, 59, 999_999_000, time.UTC), UUID: uuid.NewSHA1(domain.Namespace, []byte("uuid")),
		Bytes: []byte{0, 1, 255}, Raw: json.RawMessage(`{"z": [true, null]}`), Said: json.RawMessage(`{"b":1, "a":2}`), Address: address{City: "Brno", Tags: []string{"hq"}},
		List: []address{{City: "Oslo"}}, Map: map[string]string{"b": "2", "a": "1"},
		IDs: []domain.DealID{id, {}}, Numbers: []int64{math.MinInt64, 0, 7}, Huge: *new(big.Int).Mul(big.NewInt(math.MinInt64), big.NewInt(1e15)),
		MaybeText: &text, MaybeDay: &day, MaybeInt: &number, MaybeAt: &at, MaybeUUID: &id, MaybeFloat: &float, MaybeYes: &yes, MaybeBytes: &raw,
	}
}

// Every type comes back as it was written, by each of the ways rows take: COPY,
// INSERT, upsert, load.
func TestEveryTypeComesBack(t *testing.T) {
	t.Parallel()
	zero := everything{ID: domain.DealID{UUID: uuid.NewSHA1(domain.Namespace, []byte("zero"))}, JSONText: "0"}
	zero.Born, zero.At = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	rows := []everything{full(), zero}
	for name, copies := range map[string]int{"pipelined": 1, "copied": 150} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			var loaded []everything
			p := program{ddl: "CREATE TABLE kept " + everythingSQL + strings.Replace("CREATE TABLE added "+everythingSQL, "PRIMARY KEY", "NOT NULL", 1)}
			p.step = func(w *projections.Writer, n int) {
				for i, row := range rows {
					kept.Update(w, row.ID, func(stored *everything) {
						switch n {
						case 0:
							if diff := cmp.Diff(everything{ID: row.ID}, *stored, wide); diff != "" {
								t.Errorf("a new row (-want +got):\n%s", diff)
							}
							*stored = rows[i]
							stored.ID = domain.DealID{} // the key stays the key
						case 1:
							loaded = append(loaded, *stored)
							for range copies {
								added.Add(w, *stored)
							}
						}
					})
				}
			}
			if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Batches(steps(3), 1)...); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rows, loaded, wide); diff != "" {
				t.Errorf("loaded rows (-want +got):\n%s", diff)
			}
			tables := read(t, pool, "program")
			if len(tables["added"]) != copies*len(rows) {
				t.Errorf("%d rows were added, want %d", len(tables["added"]), copies*len(rows))
			}
			for i := range tables["added"] {
				if tables["added"][i] != tables["kept"][i/copies] {
					t.Fatalf("row %d was added as %s, kept as %s", i, tables["added"][i], tables["kept"][i/copies])
				}
			}
			// And what Postgres itself makes of it.
			var text, day, born, at, uuids, maybe, lists string
			err := pool.QueryRow(t.Context(), `SELECT text, day::text, born::text, extract(epoch FROM at)::text, uuid::text, maybe_int::text || maybe_at::text,
				ids::text || numbers::text || huge FROM program.kept WHERE id = $1`, rows[0].ID.String()).Scan(&text, &day, &born, &at, &uuids, &maybe, &lists)
			if err != nil {
				t.Fatal(err)
			}
			if text != rows[0].Text || day != "2024-02-29" || born != "1815-12-10" || at != "1795391999.999999" || uuids != rows[0].UUID.String() {
				t.Error(text, day, born, at, uuids, maybe)
			}
			if want := fmt.Sprintf("{%s,NULL}{-9223372036854775808,0,7}-9223372036854775808000000000000000", rows[0].IDs[0]); lists != want {
				t.Errorf("lists and a huge number are %s, want %s", lists, want)
			}
		})
	}
}

func TestDeleteAndComeBack(t *testing.T) {
	t.Parallel()
	type row struct {
		ID string `db:"id"`
		N  int    `db:"n"`
	}
	table := projections.NewKeyed[string, row]("things", "id")
	p := program{ddl: "CREATE TABLE things (id text PRIMARY KEY, n bigint NOT NULL)", step: func(w *projections.Writer, n int) {
		switch n {
		case 0, 1, 4:
			table.Update(w, "a", func(r *row) { r.N++ })
			table.Update(w, "b", func(r *row) { r.N += 10 })
		case 2:
			table.Delete(w, "a")
			table.Delete(w, "never there")
		case 3:
			table.Update(w, "a", func(r *row) { r.N += 100 })
			table.Delete(w, "b")
		case 5:
			table.Delete(w, "b")
		}
	}}
	for size := 1; size <= 6; size++ {
		pool := projectionstest.Pool(t)
		if err := projectionstest.Replay(t.Context(), pool, p, projectionstest.Batches(steps(6), size)...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{`{"id":"a","n":101}`}, read(t, pool, "program")["things"]); diff != "" {
			t.Errorf("in batches of %d (-want +got):\n%s", size, diff)
		}
	}
}

// The tables of the code are compared with those in the database when they are
// first used.
func TestTableThatDoesNotFit(t *testing.T) {
	t.Parallel()
	step := func(w *projections.Writer, _ int) { lines.Add(w, lineRow{}) }
	for name, test := range map[string]struct{ ddl, detail string }{
		"missing":             {"CREATE TABLE other (id int)", "columns nth position subject text"},
		"a column missing":    {"CREATE TABLE lines (position bigint, nth integer, text text)", "columns subject"},
		"columns of bad type": {"CREATE TABLE lines (position bigint, subject text, nth numeric, text text)", "columns nth subject"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := projectionstest.Replay(t.Context(), projectionstest.Pool(t), program{ddl: test.ddl, step: step}, steps(1))
			f, ok := errors.AsType[*projections.Failure](err)
			if !ok || f.Class != projections.BadSchema || f.Table != "lines" || f.Detail != test.detail {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNullWhereNoneMayBe(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	type row struct {
		ID int `db:"id"`
		N  int `db:"n"`
	}
	table := projections.NewKeyed[int, row]("things", "id")
	p := program{ddl: "CREATE TABLE things (id bigint PRIMARY KEY, n bigint); INSERT INTO things VALUES (1, NULL)", step: func(w *projections.Writer, _ int) {
		table.Update(w, 1, func(*row) {})
	}}
	err := projectionstest.Replay(t.Context(), pool, p, steps(1))
	if f, ok := errors.AsType[*projections.Failure](err); !ok || f.Class != projections.Rejected || f.Detail != "column n" {
		t.Errorf("got %v", err)
	}
}

func TestTypesThatCannotBeStored(t *testing.T) {
	t.Parallel()
	type noTag struct {
		ID int `db:"id"`
		N  int
	}
	type twice struct {
		ID    int `db:"id"`
		Again int `db:"id"`
	}
	type channel struct {
		ID int      `db:"id"`
		C  chan int `db:"c"`
	}
	type unsigned struct {
		ID uint64 `db:"id"`
	}
	type good struct {
		ID   int    `db:"id"`
		Text string `db:"text"`
	}
	type key struct {
		ID   int    `db:"id"`
		Text string `db:"text"`
	}
	type keyOfOtherType struct {
		ID   int64  `db:"id"`
		Text string `db:"text"`
	}
	type keyOfPointer struct {
		ID   int     `db:"id"`
		Text *string `db:"text"`
	}
	for name, test := range map[string]struct {
		make func()
		says string
	}{
		"no struct":         {func() { projections.NewAppended[int]("t") }, "a row is a struct"},
		"no tag":            {func() { projections.NewAppended[noTag]("t") }, "field N"},
		"a column twice":    {func() { projections.NewAppended[twice]("t") }, `column "id"`},
		"a channel":         {func() { projections.NewAppended[channel]("t") }, `column "c": chan int`},
		"unsigned":          {func() { projections.NewAppended[unsigned]("t") }, "uint64"},
		"no key":            {func() { projections.NewKeyed[int, good]("t") }, "has key columns"},
		"unknown key":       {func() { projections.NewKeyed[int, good]("t", "other") }, `key column "other"`},
		"key of other type": {func() { projections.NewKeyed[int64, good]("t", "id") }, "int64 in the key and int in the row"},
		"one for two":       {func() { projections.NewKeyed[int, good]("t", "id", "text") }, "of one column"},
		"two for one":       {func() { projections.NewKeyed[key, good]("t", "id") }, "not the key columns"},
		"one of two":        {func() { projections.NewKeyed[keyOfOtherType, good]("t", "id", "text") }, "int64 in the key"},
		"pointer in key":    {func() { projections.NewKeyed[keyOfPointer, good]("t", "id", "text") }, `cannot be key column "text"`},
		"same name":         {func() { projections.NewEngine(nil, projections.Config{}, notes{name: "a"}, notes{name: "a"}) }, "two read models"},
		"name of ours":      {func() { projections.NewEngine(nil, projections.Config{}, notes{name: "crm"}) }, "cannot name"},
		"name of Postgres":  {func() { projections.NewEngine(nil, projections.Config{}, notes{name: "pg_x"}) }, "cannot name"},
		"no identifier":     {func() { projections.NewEngine(nil, projections.Config{}, notes{name: "a-b"}) }, "cannot name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, test.says) {
					t.Errorf("it says %q, want %q", text, test.says)
				}
			}()
			test.make()
		})
	}
	projections.NewKeyed[key, good]("t", "text", "id") // any order
}

// A plan that was made while a table was empty must not read all of it once it is full.
func TestKeyedRowsAreReachedByTheirKey(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	b := projectionstest.Open(t, pool, notes{name: "notes"})
	events := history(3000)
	at := domain.Position{}
	for _, part := range projectionstest.Batches(events, 100) {
		if err := b.Apply(t.Context(), batch(at, part)); err != nil {
			t.Fatal(err)
		}
		at = part[len(part)-1].Position
	}
	b.Close() // its statistics are sent when it ends
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var sequential, byIndex int
		err := pool.QueryRow(t.Context(), `SELECT sum(seq_tup_read), sum(idx_scan) FROM pg_stat_user_tables
			WHERE schemaname = @schema AND relname IN ('subjects', 'days')`, pgx.NamedArgs{"schema": "notes"}).Scan(&sequential, &byIndex)
		if err != nil {
			t.Fatal(err)
		}
		if byIndex > 1000 {
			if sequential > 0 {
				t.Errorf("%d rows were read in passing", sequential)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d index scans", byIndex)
		}
	}
}
