package eventstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
)

// moved is a test's own event, whose shape changed twice.
type moved struct {
	City    string `json:"city"`
	Country string `json:"country"`
}

func (moved) EventType() string { return "test.moved" }

// movedCodec reads all three shapes: {"to":"Graz, AT"}, {"place":{"to":"Graz, AT"}}
// and {"city":"Graz","country":"AT"}.
func movedCodec(missing ...retiredShape) *codec {
	steps := map[retiredShape]upcast{
		{"test.moved", 1}: func(data []byte) ([]byte, error) {
			return append(append([]byte(`{"place":`), data...), '}'), nil
		},
		{"test.moved", 2}: func(data []byte) ([]byte, error) {
			var old struct{ Place struct{ To string } }
			if err := json.Unmarshal(data, &old); err != nil {
				return nil, err
			}
			city, country, ok := strings.Cut(old.Place.To, ", ")
			if !ok {
				return nil, errors.New("no country")
			}
			return marshal(moved{city, country})
		},
	}
	for _, shape := range missing {
		delete(steps, shape)
	}
	return newCodec([]shape{stored[moved](3)}, steps)
}

func TestUpcast(t *testing.T) {
	t.Parallel()
	newest := `{"city":"Graz","country":"AT"}`
	for name, test := range map[string]struct {
		schema string
		data   string
		codec  *codec
		want   domain.Event
	}{
		"newest":             {"3", newest, movedCodec(), moved{"Graz", "AT"}},
		"one behind":         {"2", `{"place":{"to":"Graz, AT"}}`, movedCodec(), moved{"Graz", "AT"}},
		"two behind":         {"1", `{"to":"Graz, AT"}`, movedCodec(), moved{"Graz", "AT"}},
		"from the future":    {"4", newest, movedCodec(), domain.Unreadable{Type: "test.moved", Why: "unknown schema"}},
		"none":               {"0", newest, movedCodec(), domain.Unreadable{Type: "test.moved", Why: "unknown schema"}},
		"negative":           {"-1", newest, movedCodec(), domain.Unreadable{Type: "test.moved", Why: "unknown schema"}},
		"a step is missing":  {"1", `{"to":"Graz, AT"}`, movedCodec(retiredShape{"test.moved", 2}), domain.Unreadable{Type: "test.moved", Why: "unknown schema"}},
		"a step that fails":  {"1", `{"to":"Graz"}`, movedCodec(), domain.Unreadable{Type: "test.moved", Why: "payload"}},
		"a damaged old form": {"2", `{"place":`, movedCodec(), domain.Unreadable{Type: "test.moved", Why: "payload"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := []byte(test.data)
			event, data, _ := test.codec.decode("test.moved", given, []byte(`{"schema":`+test.schema+`}`))
			if diff := cmp.Diff(test.want, event); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := newest; event == (moved{"Graz", "AT"}) && string(data) != want {
				t.Errorf("the data is %s, want its newest form", data)
			}
			if string(given) != test.data {
				t.Errorf("the stored bytes were changed to %s", given)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	c := newCodec(registered, retired)
	for name, test := range map[string]struct{ eventType, data, metadata, why string }{
		"unknown type":           {"deal.forgotten", `{}`, `{"schema":1}`, "unknown type"},
		"no type":                {"", `{}`, `{"schema":1}`, "unknown type"},
		"no metadata":            {"deal.won", `{}`, ``, "metadata"},
		"metadata is null":       {"deal.won", `{}`, `null`, "metadata"},
		"metadata is a list":     {"deal.won", `{}`, `[1]`, "metadata"},
		"metadata of wrong type": {"deal.won", `{}`, `{"schema":1,"actor":7}`, "metadata"},
		"metadata is cut off":    {"deal.won", `{}`, `{"schema":1,"actor":"k`, "metadata"},
		"no schema":              {"deal.won", `{}`, `{"actor":"key-1"}`, "unknown schema"},
		"no payload":             {"deal.won", ``, `{"schema":1}`, "payload"},
		"payload is null":        {"deal.won", `null`, `{"schema":1}`, "payload"},
		"payload is a list":      {"deal.won", `[]`, `{"schema":1}`, "payload"},
		"payload is cut off":     {"deal.won", `{"value":{"minor":1`, `{"schema":1}`, "payload"},
		"payload of wrong type":  {"deal.won", `{"value":"much"}`, `{"schema":1}`, "payload"},
		"trailing bytes":         {"deal.won", `{}{}`, `{"schema":1}`, "payload"},
		"an id that is none":     {"deal.customer_linked", `{"customer":"Mozart"}`, `{"schema":1}`, "payload"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, data, _ := c.decode(test.eventType, []byte(test.data), []byte(test.metadata))
			if diff := cmp.Diff(domain.Unreadable{Type: test.eventType, Why: test.why}, event); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if string(data) != test.data {
				t.Errorf("the bytes are %q, want them as stored", data)
			}
		})
	}
}

// TestUnreadableKeepsItsMetadata is for whoever parks the event.
func TestUnreadableKeepsItsMetadata(t *testing.T) {
	t.Parallel()
	_, _, meta := newCodec(registered, retired).decode("deal.forgotten", []byte(`{}`), []byte(`{"schema":1,"actor":"key-1"}`))
	if meta.Actor != "key-1" {
		t.Errorf("the metadata is %+v", meta)
	}
}

func TestTwiceRegistered(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("one type was registered for two shapes")
		}
	}()
	newCodec([]shape{stored[moved](1), stored[moved](2)}, nil)
}

// metas are metadata of every degree of fullness.
func metas() []domain.Meta {
	command := domain.CommandRef{Name: "deal.win", ID: uuid.MustParse("0b3f5c1e-7d2a-4c68-9a41-5e0d8f7b6c21"), Fingerprint: "5d41402abc4b2a76b9719d911017c592"}
	whole := domain.Meta{
		OccurredAt: time.Date(2026, 11, 22, 9, 30, 15, 123456000, time.UTC), Actor: "key-1", OnBehalfOf: "key-2", Reason: "weil",
		Source: domain.Source{Application: "import", Import: "run", Row: "7"}, Command: command,
		CorrelationID: "c", CausationID: "d", TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	bare := domain.Meta{OccurredAt: whole.OccurredAt, Actor: "key-1", Command: domain.CommandRef{Name: "deal.win", ID: command.ID}}
	row, quoted, early := bare, whole, bare
	row.Source.Row = "7"
	quoted.Reason, quoted.Actor = "he said \"no\" \\ and left\n\u2028 – \x00 \U0001F409", "ключ"
	early.OccurredAt = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	return []domain.Meta{{}, bare, whole, row, quoted, early}
}

func TestMetadataRoundTrip(t *testing.T) {
	t.Parallel()
	c := newCodec(registered, retired)
	for _, meta := range metas() {
		_, metadata, err := c.encode(deal.Reopened{}, meta)
		if err != nil {
			t.Fatal(err)
		}
		_, _, got := c.decode("deal.reopened", []byte("{}"), metadata)
		if diff := cmp.Diff(meta, got, plainPersonal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", metadata, diff)
		}
	}
}

// plainPersonal compares personal text by its text.
var plainPersonal = cmp.Transformer("plain", domain.Personal.Plain)

// TestOwnMetadataIsScanned finds a field that was added to domain.Meta and not
// to scanMeta: all would work, and rebuilds would be slow.
func TestOwnMetadataIsScanned(t *testing.T) {
	t.Parallel()
	for i, meta := range metas() {
		metadata, err := marshal(envelope{Schema: 1, Meta: meta})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := scanMeta(metadata); ok == strings.Contains(string(metadata), `\`) {
			t.Errorf("metadata %d: scanned is %v for %s", i, ok, metadata)
		}
	}
	g, err := parseGolden(goldenPath("deal.won", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := scanMeta(g.Metadata); !ok {
		t.Error("metadata with every field is not scanned")
	}
}

func FuzzDecode(f *testing.F) {
	c := newCodec(registered, retired)
	for _, s := range registered {
		g, err := parseGolden(goldenPath(s.eventType, s.version))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s.eventType, []byte(g.Data), []byte(g.Metadata))
	}
	f.Fuzz(func(t *testing.T, eventType string, data, metadata []byte) {
		event, newest, meta := c.decode(eventType, data, metadata)
		if event == nil || event.EventType() != eventType {
			t.Fatalf("a %q came back as %#v", eventType, event)
		}
		if _, bad := event.(domain.Unreadable); bad {
			return
		}
		// What can be read can be written, and reads the same again.
		again, metaAgain, err := c.encode(event, meta)
		if err != nil {
			t.Fatalf("%s %s was read but cannot be written: %v", newest, metadata, err)
		}
		second, _, secondMeta := c.decode(eventType, again, metaAgain)
		if !reflect.DeepEqual(event, second) || !meta.OccurredAt.Equal(secondMeta.OccurredAt) {
			t.Fatalf("%s reads as %#v, written and read again as %#v", newest, event, second)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	for _, meta := range metas() {
		metadata, err := marshal(envelope{Schema: 1, Meta: meta})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(metadata)
		f.Add(bytes.ReplaceAll(metadata, []byte(":"), []byte(" : ")))
		f.Add(bytes.ReplaceAll(metadata, []byte("actor"), []byte("Actor")))
		copied, _ := Copied(metadata, firstRecordedAt)
		f.Add(copied)
		f.Add(bytes.ReplaceAll(copied, []byte(`,"$recordedAt`), []byte(`, "$recordedAt`)))
	}
	f.Add([]byte(`{"$recordedAt":"2026-11-22T09:30:15.1234567Z"}`))
	f.Add([]byte(`{"$recordedAt":"2026-11-22T09:30:15.1234567Z" }`))
	f.Add([]byte(`{"schema":1,"actor":"a","actor":"b","unknown":{}}`))
	f.Fuzz(func(t *testing.T, metadata []byte) {
		schema, meta, err := decodeMeta(metadata)
		metadata, _, _ = Original(metadata)
		var want envelope
		wantErr := json.Unmarshal(metadata, &want)
		if !isObject(metadata) {
			wantErr = errors.New("not an object")
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, encoding/json says %v", metadata, err, wantErr)
		}
		if err == nil && (schema != want.Schema || !reflect.DeepEqual(meta, want.Meta)) {
			t.Fatalf("%q is %d %#v, encoding/json says %#v", metadata, schema, meta, want)
		}
	})
}

func benchmarkEvents(b *testing.B) (c *codec, data, metadata []byte, eventType string) {
	b.Helper()
	c = newCodec(registered, retired)
	meta := metas()[1]
	meta.Source = domain.Source{Application: "import", Import: "x-education", Row: "4711"}
	meta.Command.Fingerprint = "5d41402abc4b2a76b9719d911017c592"
	meta.CorrelationID = meta.Command.ID.String()
	event := customer.Registered{
		Kind: customer.Person, Details: customer.Details{Name: "Ελένη Παπαδοπούλου", Language: "el", JobTitle: "Head of Purchasing"},
		Stage: customer.Lead, Touchpoint: customer.Touchpoint{Source: "Google", Medium: "organic_search"},
	}
	data, metadata, err := c.encode(event, meta)
	if err != nil {
		b.Fatal(err)
	}
	return c, data, metadata, event.EventType()
}

func BenchmarkDecode(b *testing.B) {
	c, data, metadata, eventType := benchmarkEvents(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(data) + len(metadata)))
	for b.Loop() {
		if event, _, _ := c.decode(eventType, data, metadata); event == nil {
			b.Fatal("nothing")
		}
	}
}

func BenchmarkDecodeMeta(b *testing.B) {
	_, _, metadata, _ := benchmarkEvents(b)
	copied, _ := Copied(metadata, firstRecordedAt)
	for name, metadata := range map[string][]byte{"written here": metadata, "copied": copied} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := decodeMeta(metadata); err != nil {
					b.Fatal(err)
				}
				firstRecorded(firstRecordedAt, metadata)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	c, data, metadata, eventType := benchmarkEvents(b)
	event, _, meta := c.decode(eventType, data, metadata)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.encode(event, meta); err != nil {
			b.Fatal(err)
		}
	}
}
