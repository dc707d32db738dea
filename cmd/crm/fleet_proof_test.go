package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/domain"
	"crm/eventstore"
	"crm/projections/projectionstest"
	"crm/projections/readmodels"
)

// prove waits until all servers show all of the log, and holds them to it: the log
// has what was written and no event more, and every row of every read model is what
// a fresh build of that log gives, as crm projections verify finds too.
func (f *fleet) prove(clerks []*clerk) {
	f.t.Helper()
	log := f.log()
	known := written(clerks)
	maps.Copy(known, f.filled)
	f.holdLog(log, known)
	f.followed(log[len(log)-1].Position)
	fresh := projectionstest.Pool(f.t)
	for _, p := range readmodels.NewModels(nil).Projections() {
		name := p.Name()
		if err := projectionstest.Replay(f.t.Context(), fresh, p, projectionstest.Batches(log, 2000)...); err != nil {
			f.t.Fatalf("build %s anew: %v", name, err)
		}
		f.sameTables(name, fresh)
	}
	f.mustProjections("verify")
	looked := lookedOf(clerks)
	f.t.Logf("%d events are in the read models once; %d reads of an own write, and %d that got no answer", len(log), looked.seen, looked.away)
	if f.t.Failed() {
		f.t.FailNow() // what follows would only repeat it
	}
}

// log is every event, in order.
func (f *fleet) log() []domain.Recorded {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 2*time.Minute)
	defer cancel()
	store, err := eventstore.Open(ctx, eventstore.Config{ConnectionString: f.connection()})
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	head, _, err := store.Head(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	subscriber := eventstore.NewSubscriber(store, eventstore.SubscriberConfig{})
	defer func() { _ = subscriber.Close() }()
	messages, err := subscriber.Subscribe(ctx, eventstore.All)
	if err != nil {
		f.t.Fatal(err)
	}
	var log []domain.Recorded
	for msg := range messages {
		batch, _ := eventstore.BatchOf(msg.Context())
		log = append(log, batch.Events...)
		msg.Ack()
		if !batch.Through.Before(head) {
			return log
		}
	}
	f.t.Fatal("the log ends before its head")
	return nil
}

// holdLog checks that streams end where their writers were told, and have no event
// twice and no gap.
func (f *fleet) holdLog(log []domain.Recorded, written map[domain.Stream]domain.Revision) {
	f.t.Helper()
	last, ids := map[domain.Stream]domain.Revision{}, map[string]bool{}
	for _, e := range log {
		before, known := last[e.Stream]
		if !known {
			before = domain.NoStream
		}
		if e.Revision != before+1 || ids[e.ID.String()] {
			f.t.Errorf("%s: revision %d with id %s follows %d", e.Stream, e.Revision, e.ID, before)
		}
		last[e.Stream], ids[e.ID.String()] = e.Revision, true
	}
	for stream, revision := range written {
		if last[stream] != revision {
			f.t.Errorf("%s ends at revision %d; %d was acknowledged", stream, last[stream], revision)
		}
		delete(last, stream)
	}
	for stream := range last {
		if !strings.HasPrefix(string(stream), "pipeline-") { // which servers define
			f.t.Errorf("%s was written by nobody", stream)
		}
	}
}

// followed waits until every server says that its read models are there.
func (f *fleet) followed(head domain.Position) {
	f.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for i := range f.servers {
		for behind := f.server(i).behind(head); behind != ""; behind = f.server(i).behind(head) {
			if time.Now().After(deadline) {
				f.t.Fatalf("server %d does not get to the end of the log: %s", i, behind)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// behind names a read model that does not show everything up to position, or whose
// server does not answer.
func (p *program) behind(position domain.Position) string {
	p.t.Helper()
	var models struct {
		Data []struct{ Name, State, Position, Trouble string }
	}
	status, _ := p.ask("GET", "/v1/projections", "", &models)
	if status != 200 || len(models.Data) == 0 {
		return fmt.Sprint("it answers ", status)
	}
	for _, m := range models.Data {
		at, err := domain.ParsePosition(m.Position)
		if err != nil || at.Before(position) {
			return fmt.Sprintf("%s is %s %s at %s of %s", m.Name, m.State, m.Trouble, m.Position, position)
		}
	}
	return ""
}

// sameTables compares a read model of the fleet with its fresh build, row by row.
func (f *fleet) sameTables(name string, fresh *pgxpool.Pool) {
	f.t.Helper()
	want, err := projectionstest.Tables(f.t.Context(), fresh, name)
	if err != nil {
		f.t.Fatal(err)
	}
	got, err := projectionstest.Tables(f.t.Context(), f.database, name)
	if err != nil {
		f.t.Fatal(err)
	}
	rows := 0
	for table := range want {
		rows += len(want[table])
		if !slices.Equal(want[table], got[table]) {
			f.t.Errorf("%s.%s has %d rows, and %d in a fresh build; the first that differ (-fresh +live):\n%s",
				name, table, len(got[table]), len(want[table]), firstDifferences(want[table], got[table]))
		}
		delete(got, table)
	}
	for table := range got {
		f.t.Errorf("%s.%s is in no fresh build", name, table)
	}
	if want, got := f.counted(fresh, name), f.counted(f.database, name); want != got {
		f.t.Errorf("%s counts %d events, and %d in a fresh build", name, got, want)
	}
	if rows == 0 {
		f.t.Errorf("%s has no rows: nothing was compared", name)
	}
}

// counted is how many events a read model says it holds.
func (f *fleet) counted(db *pgxpool.Pool, name string) int64 {
	f.t.Helper()
	rows, err := db.Query(f.t.Context(), "SELECT events FROM crm.projections WHERE schema_name = $1", name)
	if err != nil {
		f.t.Fatal(err)
	}
	events, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
	if err != nil {
		f.t.Fatalf("%s: %v", name, err)
	}
	return events
}

// firstDifferences are the first rows that are on one side only.
func firstDifferences(want, got []string) string {
	var some []string
	for len(some) < 6 && len(want)+len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0] < got[0]:
			some, want = append(some, "- "+want[0]), want[1:]
		case len(want) == 0 || got[0] < want[0]:
			some, got = append(some, "+ "+got[0]), got[1:]
		default:
			want, got = want[1:], got[1:]
		}
	}
	return strings.Join(some, "\n")
}
