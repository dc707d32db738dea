package copying

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/go-cmp/cmp"

	"crm/eventstore"
)

// copyOf copies, and checks what no copy may get wrong.
func copyOf(t *testing.T, source, target *node) Report {
	t.Helper()
	report, err := Run(t.Context(), Options{Source: source.config(), Target: target.config()})
	if err != nil {
		t.Fatal(err)
	}
	if report.Source != report.Target {
		t.Errorf("source and target were found to be %+v", report)
	}
	mustBeCopies(t, source, target)
	return report
}

// original is an event without what another store sets anew.
type original struct {
	ID, Stream, Type, Content string
	Revision                  uint64
	Data, Metadata            string
	RecordedAt                time.Time // zero where metadata cannot tell
}

// originals reads a log without this package, as its reader has to.
func originals(t *testing.T, n *node) []original {
	t.Helper()
	var events []original
	for _, e := range stored(t, n) {
		if strings.HasPrefix(e.StreamID, "$") || e.EventType == "$streamDeleted" {
			continue
		}
		o := original{
			ID: e.EventID.String(), Stream: e.StreamID, Type: e.EventType, Content: e.ContentType,
			Revision: e.EventNumber, Data: string(e.Data),
		}
		metadata, first, copied := eventstore.Original(e.UserMetadata)
		if o.Metadata = string(metadata); !copied {
			first = e.CreatedDate
		}
		if _, can := eventstore.Copied(e.UserMetadata, first); can {
			o.RecordedAt = first
		}
		events = append(events, o)
	}
	return events
}

func mustBeCopies(t *testing.T, source, target *node) {
	t.Helper()
	mustBeginWith(t, originals(t, source), originals(t, target), true)
}

// mustBeginWith checks that found is a beginning of want, or all of it.
func mustBeginWith(t *testing.T, want, found []original, all bool) {
	t.Helper()
	for i, event := range found {
		if i == len(want) || event != want[i] {
			t.Fatalf("event %d is not that of the source (-source +target):\n%.2000s", i, cmp.Diff(want[min(i, len(want)-1)], event))
		}
	}
	if all && len(found) < len(want) {
		t.Fatalf("the target ends after %d of %d events", len(found), len(want))
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	source, target, third := newNode(t), newNode(t), newNode(t)
	w := newWriter(t, source, rand.New(rand.NewPCG(1, 2)))
	w.some(1500)
	// Larger than a run, smaller than an append may be.
	w.append("large", esdb.EventData{EventID: w.id(), EventType: "large", Data: make([]byte, 600<<10)})
	w.append("large", esdb.EventData{EventID: w.id(), EventType: "large", Data: make([]byte, 600<<10)})
	first := copyOf(t, source, target)
	if first.Appended == 0 || first.Appended != first.Source.Events || first.Undated == 0 {
		t.Errorf("the first copy reports %+v", first)
	}
	before := stored(t, target)

	again := copyOf(t, source, target)
	if again.Appended != 0 || again.Source.Digest != first.Source.Digest {
		t.Errorf("the second copy reports %+v, the first %+v", again, first)
	}
	if !reflect.DeepEqual(before, stored(t, target)) {
		t.Error("the second copy changed the target")
	}

	copied := copyOf(t, target, third)
	mustBeCopies(t, source, third)
	if copied.Source.Digest != first.Source.Digest {
		t.Errorf("the copy of the copy has digest %s, want %s", copied.Source.Digest, first.Source.Digest)
	}
	thirds := stored(t, third)
	for i, e := range stored(t, target) {
		if _, dated, _ := eventstore.Original(e.UserMetadata); dated.IsZero() {
			continue // that of an event which cannot say so
		}
		if !bytes.Equal(e.UserMetadata, thirds[i].UserMetadata) {
			t.Fatalf("%s@%d has metadata %s, its copy %s", e.StreamID, e.EventNumber, e.UserMetadata, thirds[i].UserMetadata)
		}
	}
	// And back: the original has nothing to learn.
	if back := copyOf(t, third, source); back.Appended != 0 {
		t.Errorf("copied back, %d events were appended", back.Appended)
	}

	w.some(500)
	more := copyOf(t, source, target)
	if more.Appended == 0 || more.Appended != more.Source.Events-first.Source.Events {
		t.Errorf("of %d new events, %d were appended", more.Source.Events-first.Source.Events, more.Appended)
	}
}

func TestAnEmptySource(t *testing.T) {
	t.Parallel()
	if report := copyOf(t, newNode(t), newNode(t)); report.Source.Events != 0 {
		t.Errorf("the report is %+v", report)
	}
}

// TestOneAtATime is the slow and strict way.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	source, target := newNode(t), newNode(t)
	newWriter(t, source, rand.New(rand.NewPCG(3, 4))).some(300)
	if _, err := Run(t.Context(), Options{Source: source.config(), Target: target.config(), InFlight: 1}); err != nil {
		t.Fatal(err)
	}
	mustBeCopies(t, source, target)
}

// TestStates copies what is said about streams, again and again as it changes.
func TestStates(t *testing.T) {
	t.Parallel()
	source, target := newNode(t), newNode(t)
	w := newWriter(t, source, rand.New(rand.NewPCG(5, 6)))
	check := func(want ...string) {
		t.Helper()
		copyOf(t, source, target)
		for _, n := range []*node{source, target} {
			var got []string
			for _, stream := range []string{"soft", "dead", "revived", "short", "said", "nothing but said"} {
				got = append(got, shown(t, n.client(t), stream))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", n.dir, diff)
			}
		}
	}
	for _, stream := range []string{"soft", "dead", "revived", "short", "said"} {
		w.append(stream, w.event(), w.event(), w.event())
	}
	any := esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}
	for _, stream := range []string{"soft", "revived"} {
		if _, err := w.client.DeleteStream(t.Context(), stream, any); err != nil {
			t.Fatal(err)
		}
	}
	w.say("short", `{"$maxCount":2}`)
	w.say("said", `{"note":"old"}`)
	w.say("said", `{"note":"new"}`)
	w.say("nothing but said", `{"$tb":7}`)
	check("gone", "0 1 2", "gone", "1 2", `0 1 2 {"note":"new"}`, `gone {"$tb":7}`)

	if _, err := w.client.TombstoneStream(t.Context(), "dead", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	w.append("revived", w.event(), w.event())
	w.say("short", `{"$maxCount":1}`)
	w.say("said", `{"note":"old"}`)
	check("gone", "tombstoned", "3 4", "2", `0 1 2 {"note":"old"}`, `gone {"$tb":7}`)
	check("gone", "tombstoned", "3 4", "2", `0 1 2 {"note":"old"}`, `gone {"$tb":7}`)

	w.say("soft", `{"note":"back"}`)
	if _, err := Run(t.Context(), Options{Source: source.config(), Target: target.config(), VerifyOnly: true}); !strings.Contains(fmt.Sprint(err), "stream soft") {
		t.Errorf("verified a target that lacks metadata: %v", err)
	}
	newWriter(t, target, w.rng).say("nobody's", `{}`)
	_, err := Run(t.Context(), Options{Source: source.config(), Target: target.config()})
	if _, differ := errors.AsType[*DifferenceError](err); !differ || !strings.Contains(err.Error(), "nobody's") {
		t.Errorf("copied to a target that knows more: %v", err)
	}
}

// shown is what a reader of a stream sees: its revisions, and notes in its metadata.
func shown(t *testing.T, client *esdb.Client, stream string) string {
	t.Helper()
	var words []string
	r, err := client.ReadStream(t.Context(), stream, esdb.ReadStreamOptions{From: esdb.Start{}}, 100)
	for err == nil {
		var e *esdb.ResolvedEvent
		if e, err = r.Recv(); err == nil {
			words = append(words, fmt.Sprint(e.Event.EventNumber))
		}
	}
	if e, ok := errors.AsType[*esdb.Error](err); ok {
		switch e.Code() {
		case esdb.ErrorCodeResourceNotFound:
			words = append(words, "gone")
		case esdb.ErrorCodeStreamDeleted:
			return "tombstoned"
		default:
			t.Fatal(err)
		}
	}
	r.Close()
	if r, err = client.ReadStream(t.Context(), "$$"+stream, esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1); err == nil {
		if e, err := r.Recv(); err == nil && (bytes.Contains(e.Event.Data, []byte("note")) || bytes.Contains(e.Event.Data, []byte(`"$tb":7}`))) {
			words = append(words, string(e.Event.Data))
		}
		r.Close()
	}
	return strings.Join(words, " ")
}

func TestRefused(t *testing.T) {
	t.Parallel()
	source := newNode(t)
	w := newWriter(t, source, rand.New(rand.NewPCG(7, 8)))
	w.some(200)
	refused := func(target *node, verifyOnly bool, want string) Report {
		t.Helper()
		report, err := Run(t.Context(), Options{Source: source.config(), Target: target.config(), VerifyOnly: verifyOnly})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		return report
	}
	refused(source, false, "same event store")

	strange := newNode(t)
	newWriter(t, strange, w.rng).append("lead-1", w.event())
	refused(strange, false, "already holds something else, first lead-1@0")
	if report := refused(strange, true, "already holds something else, first lead-1@0"); report.Target.Events != 1 || report.Source.Events < 200 {
		t.Errorf("the report is %+v", report)
	}

	empty := newNode(t)
	refused(empty, true, "ends after 0 of")
	if events := stored(t, empty); len(events) != 0 {
		t.Errorf("verifying wrote %d events", len(events))
	}

	gone := newNode(t)
	copyOf(t, source, gone)
	newWriter(t, gone, w.rng).append("lead-1", w.event())
	refused(gone, false, "goes on where the source ends, with lead-1@0")
	refused(gone, true, "goes on where the source ends, with lead-1@0")
	w.some(10)
	refused(gone, false, "the target holds lead-1@0")
}

// TestDifferences changes one thing of one event at a time.
func TestDifferences(t *testing.T) {
	t.Parallel()
	id := newWriter(t, newNode(t), rand.New(rand.NewPCG(9, 10))).id()
	good := esdb.EventData{EventID: id, EventType: "deal.won", ContentType: esdb.ContentTypeJson, Data: []byte(`{}`), Metadata: []byte(`{"schema":1}`)}
	source := newNode(t)
	newWriter(t, source, nil).append("deal-1", good)
	at := stored(t, source)[0].CreatedDate
	for want, change := range map[string]func(*esdb.EventData){
		"its data":            func(e *esdb.EventData) { e.Data = []byte(`{"a":1}`) },
		"its type":            func(e *esdb.EventData) { e.EventType = "deal.lost" },
		"its kind of content": func(e *esdb.EventData) { e.ContentType = esdb.ContentTypeBinary },
		"its metadata":        func(e *esdb.EventData) { e.Metadata, _ = eventstore.Copied([]byte(`{"schema":2}`), at) },
		"its recorded time": func(e *esdb.EventData) {
			e.Metadata, _ = eventstore.Copied([]byte(`{"schema":1}`), at.Add(100*time.Nanosecond))
		},
		"something else": func(e *esdb.EventData) { e.EventID[0]++ },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			target := newNode(t)
			bad := good
			bad.Metadata, _ = eventstore.Copied(good.Metadata, at)
			change(&bad)
			newWriter(t, target, nil).append("deal-1", bad)
			_, err := Run(t.Context(), Options{Source: source.config(), Target: target.config(), VerifyOnly: true})
			if _, differ := errors.AsType[*DifferenceError](err); !differ || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

// TestTooLarge has an event that fits at the source, and not with its time.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	source, target := newNode(t), newNode(t)
	w := newWriter(t, source, rand.New(rand.NewPCG(11, 12)))
	w.append("deal-1", w.event())
	w.append("deal-2", esdb.EventData{EventID: w.id(), EventType: "x", Data: make([]byte, 1<<20-10)})
	_, err := Run(t.Context(), Options{Source: source.config(), Target: target.config()})
	if err == nil || !strings.Contains(err.Error(), "deal-2@0") || !strings.Contains(err.Error(), "MaxAppendSize") {
		t.Errorf("%v", err)
	}
}

func TestAway(t *testing.T) {
	t.Parallel()
	source, target := newNode(t), newNode(t)
	target.stop(t)
	_, err := Run(t.Context(), Options{Source: source.config(), Target: target.config(), Patience: 200 * time.Millisecond})
	if !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "target") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, Options{Source: source.config(), Target: target.config()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestDisplay(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	d := &display{out: &out}
	d.tell() // nothing yet
	d.stage("reading the source", 0, 0)
	d.done.Store(200)
	d.tell()
	d.stage("copying", 50, 200)
	d.tell() // nothing to tell a rate from
	d.began = d.began.Add(-10 * time.Second)
	d.done.Store(150)
	d.tell()
	d.note(errors.New("away"))
	d.note(errors.New("away"))
	want := "reading the source: 200 events\ncopying: 150 of 200 events (10/s, 5s left)\ntrying again: away\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
