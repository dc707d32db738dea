package projections_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"crm/domain"
	"crm/projections"
	"crm/projections/projectionstest"
)

// Where nothing is parked, poison stops its projection, says where without saying what, and lets others go on.
func TestPoisonStopsOneProjection(t *testing.T) {
	t.Parallel()
	const secret = "a note that says what only its author may know"
	poison := history(300)[250]
	unreadable := func(why, eventType string) func([]domain.Recorded) {
		return func(events []domain.Recorded) { events[250].Event = domain.Unreadable{Type: eventType, Why: why} }
	}
	for name, test := range map[string]struct {
		apply  func(w *projections.Writer, e domain.Recorded) error
		spoil  func([]domain.Recorded)
		class  projections.Class
		where  domain.Position // zero where only the batch is known
		detail string
		table  string
	}{
		"refused": {class: projections.BadEvent, where: poison.Position, apply: func(*projections.Writer, domain.Recorded) error {
			return errBadNote
		}},
		"panic": {class: projections.Panicked, where: poison.Position, detail: "failure_test.go:", apply: func(*projections.Writer, domain.Recorded) error {
			panic(secret)
		}},
		"panic in a change": {class: projections.Panicked, where: poison.Position, detail: "failure_test.go:", apply: func(w *projections.Writer, _ domain.Recorded) error {
			subjects.Update(w, uuid.Nil, func(*subjectRow) { panic(secret) })
			return nil
		}},
		"change in a change": {class: projections.Panicked, where: poison.Position, apply: func(w *projections.Writer, _ domain.Recorded) error {
			subjects.Update(w, uuid.Nil, func(*subjectRow) { subjects.Delete(w, uuid.Nil) })
			return nil
		}},
		"rejected by Postgres": {class: projections.Rejected, table: "lines", detail: "22021", apply: func(w *projections.Writer, _ domain.Recorded) error {
			lines.Add(w, lineRow{Text: secret + "\x00"})
			return nil
		}},
		"out of range": {class: projections.Rejected, table: "lines", detail: "column nth", apply: func(w *projections.Writer, _ domain.Recorded) error {
			lines.Add(w, lineRow{Nth: 1 << 40})
			return nil
		}},
		"of unknown type":  {class: projections.UnknownType, where: poison.Position, spoil: unreadable("unknown type", "test.new")},
		"of damaged bytes": {class: projections.Unreadable, where: poison.Position, spoil: unreadable("payload", "test.noted"), detail: "payload"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := projectionstest.Pool(t)
			events := history(300)
			var everyone []projections.Projection
			if test.spoil != nil {
				test.spoil(events)
			} else {
				everyone = append(everyone, notes{name: "healthy"})
			}
			everyone = append(everyone, notes{name: "ill", apply: func(w *projections.Writer, e domain.Recorded) error {
				if e.Position != poison.Position {
					return nil
				}
				return test.apply(w, e)
			}})
			var logged journal
			log := newSource(events, 20)
			e, stop := start(t, pool, log, projections.Config{
				Log: slog.New(slog.NewTextHandler(&logged, nil)), Parking: projections.Parking{Max: -1},
			}, everyone...)

			s := eventually(t, e, "ill", "stopped", inState(projections.Stopped))
			where := test.where
			if where.IsZero() {
				where = s.Failure.Position
			}
			if s.Class != test.class || s.Failure.Position != where || s.Failure.Table != test.table || !strings.Contains(s.Failure.Detail, test.detail) {
				t.Errorf("stopped by %v (detail %q), want %s at %s in table %q", s.Failure, s.Failure.Detail, test.class, where, test.table)
			}
			if !s.Position.Before(poison.Position) {
				t.Errorf("it passed over the poison, to %s", s.Position)
			}
			applied := 0
			for applied < len(events) && !s.Position.Before(events[applied].Position) {
				applied++
			}
			compare(t, pool, "ill", events[:applied])

			if err := e.WaitFor(t.Context(), "ill", s.Position); err != nil {
				t.Errorf("waiting for what it did reach: %v", err)
			}
			if err := e.WaitFor(t.Context(), "ill", log.end()); !errors.Is(err, projections.ErrStopped) {
				t.Errorf("waiting for what it will not reach: %v", err)
			}
			if test.spoil == nil {
				wait(t, e, "healthy", log.end())
				compare(t, pool, "healthy", events)
			}
			stop()
			if text := logged.String(); strings.Contains(text, "author") || !strings.Contains(text, "class="+string(test.class)) {
				t.Errorf("the log says:\n%s", text)
			}
			if strings.Contains(s.Failure.Error(), "author") {
				t.Errorf("the failure says: %v", s.Failure)
			}
		})
	}
}

// What is not for a projection need not be readable, if its type is known.
func TestDamagedEventOfAnotherModelIsPassedOver(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(100)
	events[50].Event = domain.Unreadable{Type: "test.ignored", Why: "payload"}
	log := newSource(events, 7)
	e, _ := start(t, pool, log, projections.Config{}, notes{name: "notes"})
	wait(t, e, "notes", log.end())
	compare(t, pool, "notes", events)
}

// TestALogThatWentBack: a read model that has seen more than the log holds stops and
// says why, at the start or when it has to look at its checkpoint again. It leaves
// out nothing in silence: what comes in the place of what it has seen is not applied.
func TestALogThatWentBack(t *testing.T) {
	t.Parallel()
	pool := projectionstest.Pool(t)
	events := history(20)
	log := newSource(events, 5)
	reaches := func(_ context.Context, position domain.Position) (bool, error) {
		return !log.end().Before(position), nil
	}
	e, stop := start(t, pool, log, projections.Config{Reaches: reaches}, notes{name: "notes"})
	wait(t, e, "notes", log.end())
	stop()
	checkpoints, err := projections.Checkpoints(t.Context(), pool)
	if diff := cmp.Diff(map[string]domain.Position{"notes": log.end()}, checkpoints); err != nil || diff != "" {
		t.Errorf("checkpoints (-want +got), %v:\n%s", err, diff)
	}

	before := log
	log = newSource(events[:12:12], 5)
	var lines bytes.Buffer
	registry := prometheus.NewRegistry()
	e, stop = start(t, pool, log, projections.Config{
		Reaches: reaches, Registerer: registry, Log: slog.New(slog.NewTextHandler(&lines, nil)),
	}, notes{name: "notes"})
	status := eventually(t, e, "notes", "stopped", inState(projections.Stopped))
	if status.Class != projections.WentBack || status.Failure == nil || status.Failure.Position != before.end() {
		t.Errorf("stopped with %+v", status)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				told = told || family.GetName() == "crm_projection_trouble" && label.GetValue() == string(projections.WentBack)
			}
		}
	}
	log.append(history(30)[12:]...)
	stop()
	if !told || !strings.Contains(lines.String(), "class=went-back") {
		t.Errorf("told by the metrics: %v; by the log:\n%s", told, lines.String())
	}
	compare(t, pool, "notes", events)
}
