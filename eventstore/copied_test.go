package eventstore

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/eventstore/wire"
)

var firstRecordedAt = time.Date(2026, 11, 22, 9, 30, 15, 123456700, time.UTC)

func TestCopied(t *testing.T) {
	t.Parallel()
	const member = `"$recordedAt":"2026-11-22T09:30:15.1234567Z"`
	for name, test := range map[string]struct{ original, copied string }{
		"our own":          {`{"schema":1}`, `{"schema":1,` + member + `}`},
		"none":             {``, `{` + member + `}`},
		"an empty object":  {`{}`, `{` + member + ` }`},
		"a roomy one":      {" {\t} \n", " {\t" + member + " } \n"},
		"space all around": {" { \"a\" : 1 }\r\n", " { \"a\" : 1 ," + member + "}\r\n"},
		"nested":           {`{"a":{}}`, `{"a":{},` + member + `}`},
		"the same key":     {`{"$recordedAt":"yesterday"}`, `{"$recordedAt":"yesterday",` + member + `}`},
		"the key within":   {`{"a":{` + member + `}}`, `{"a":{` + member + `},` + member + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied, ok := Copied([]byte(test.original), firstRecordedAt)
			if !ok || string(copied) != test.copied {
				t.Fatalf("the copy of %q is %q, %v, want %q", test.original, copied, ok, test.copied)
			}
			original, at, ok := Original(copied)
			if !ok || string(original) != test.original || at != firstRecordedAt {
				t.Errorf("the original is %q of %v, %v", original, at, ok)
			}
			again, ok := Copied(copied, firstRecordedAt.Add(time.Hour))
			if !ok || !bytes.Equal(again, copied) {
				t.Errorf("the copy of the copy is %q, %v", again, ok)
			}
		})
	}
}

func TestNotCopied(t *testing.T) {
	t.Parallel()
	for _, metadata := range []string{`null`, `[1]`, `"{}"`, `{"a":1`, `{"a":1}}`, `}`, ` `, "\x00\x01"} {
		if copied, ok := Copied([]byte(metadata), firstRecordedAt); ok || string(copied) != metadata {
			t.Errorf("%q became %q, %v", metadata, copied, ok)
		}
	}
	for _, at := range []time.Time{firstRecordedAt.Add(1), time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if copied, ok := Copied([]byte(`{}`), at); ok {
			t.Errorf("%v became %s", at, copied)
		}
	}
	for _, metadata := range []string{
		``, `{}`, `}`, `{"schema":1}`,
		`{"$recordedAt":"2026-11-22T09:30:15.1234567Z"  }`,               // two spaces
		`{"a":1,"$recordedAt":"2026-11-22T09:30:15.1234567Z" }`,          // a space behind others
		`{"a":1, "$recordedAt":"2026-11-22T09:30:15.1234567Z"}`,          // a space before
		`{"a":1,"$recordedAt":"2026-11-22T09:30:15.123456Z"}`,            // six digits
		`{"a":1,"$recordedAt":"2026-11-22T09:30:15.12+01:00"}`,           // of that length
		`{"a":1,"$recordedAt":"2026-11-22T09:30:15,1234567Z"}`,           // a comma
		`{"a":1,"$recordedAt":"2026-02-30T09:30:15.1234567Z"}`,           // no such day
		`{"a":1,"$recordedAt":"2026-11-22T09:30:15.1234567Z","b":2}`,     // not the last
		`{"a":{"b":1,"$recordedAt":"2026-11-22T09:30:15.1234567Z"}}`,     // not of the whole
		`{"a":1,"$recordedAt":"2026-11-22T09:30:15.1234567Z"} trailing}`, // no end
	} {
		if original, at, ok := Original([]byte(metadata)); ok || string(original) != metadata || !at.IsZero() {
			t.Errorf("%s was taken for the copy of %s of %v", metadata, original, at)
		}
	}
}

// TestCopiedIsScanned: a copied log must rebuild as fast as the original.
func TestCopiedIsScanned(t *testing.T) {
	t.Parallel()
	for i, meta := range metas() {
		metadata, err := marshal(envelope{Schema: 1, Meta: meta})
		if err != nil {
			t.Fatal(err)
		}
		copied, _ := Copied(metadata, firstRecordedAt)
		if _, _, ok := scanMeta(copied); ok == strings.Contains(string(metadata), `\`) {
			t.Errorf("metadata %d: scanned is %v for %s", i, ok, copied)
		}
	}
}

// TestCopiedEventsKeepTheirTime reads a copy in every way that the store has.
func TestCopiedEventsKeepTheirTime(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	stream := newStream()
	proposals, err := s.proposals(proposed("a"))
	if err != nil {
		t.Fatal(err)
	}
	proposals[0].Metadata, _ = Copied(proposals[0].Metadata, firstRecordedAt)
	if _, err := s.appends.Append(t.Context(), wire.Append{Stream: string(stream), Expected: wire.NoStream, Events: proposals}); err != nil {
		t.Fatal(err)
	}
	loaded, err := s.Load(t.Context(), stream, domain.NoStream)
	if err != nil || len(loaded) != 1 {
		t.Fatalf("loaded %d events, %v", len(loaded), err)
	}
	_, head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	subscriber := NewSubscriber(s, SubscriberConfig{})
	t.Cleanup(func() { _ = subscriber.Close() })
	messages, err := subscriber.Subscribe(t.Context(), All)
	if err != nil {
		t.Fatal(err)
	}
	caughtUp := collect(t, messages, 1)
	// What comes now is handed out by the tail.
	proposals[0].ID = uuid.New()
	if _, err := s.appends.Append(t.Context(), wire.Append{Stream: string(stream), Expected: 0, Events: proposals}); err != nil {
		t.Fatal(err)
	}
	live := collect(t, messages, 1)
	for way, at := range map[string]time.Time{
		"load": loaded[0].RecordedAt, "head": head, "subscriber": caughtUp[0].RecordedAt, "tail": live[0].RecordedAt,
	} {
		if at != firstRecordedAt {
			t.Errorf("%s: recorded at %v, want %v", way, at, firstRecordedAt)
		}
	}
	if loaded[0].Meta.Actor != "key-1" {
		t.Errorf("the metadata is %+v", loaded[0].Meta)
	}
}

func FuzzCopied(f *testing.F) {
	for _, meta := range metas() {
		metadata, err := marshal(envelope{Schema: 1, Meta: meta})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(metadata, firstRecordedAt.UnixNano()/100)
	}
	for _, metadata := range []string{``, `{}`, ` { } `, `null`, `{"a":{}}` + "\n", `{"$recordedAt":"2026-11-22T09:30:15.1234567Z"}`} {
		f.Add([]byte(metadata), int64(0))
	}
	f.Fuzz(func(t *testing.T, metadata []byte, ticks int64) {
		at := time.Unix(ticks/1e7, ticks%1e7*100).UTC()
		given := bytes.Clone(metadata)
		undone, first, before := Original(metadata)
		if redone, ok := Copied(undone, first); before && ok && !bytes.Equal(redone, metadata) {
			if _, _, twice := Original(undone); !twice {
				t.Fatalf("%q was undone to %q and redone to %q", metadata, undone, redone)
			}
		}
		copied, ok := Copied(metadata, at)
		if !bytes.Equal(metadata, given) {
			t.Fatalf("%q was changed to %q", given, metadata)
		}
		object := json.Valid(metadata) && isObject(metadata)
		if !ok {
			if before || (object || len(metadata) == 0) && at.Year() >= 0 && at.Year() <= 9999 || !bytes.Equal(copied, metadata) {
				t.Fatalf("%q of %v cannot be copied, and became %q", metadata, at, copied)
			}
			return
		}
		original, back, marked := Original(copied)
		switch {
		case !marked:
			t.Fatalf("%q is not known as a copy of %q", copied, metadata)
		case before && (!bytes.Equal(copied, metadata) || back != first):
			t.Fatalf("the copy %q of %v became %q of %v", metadata, first, copied, back)
		case !before && (!bytes.Equal(original, metadata) || back != at):
			t.Fatalf("%q of %v came back as %q of %v", metadata, at, original, back)
		case object && !json.Valid(copied):
			t.Fatalf("%q became %q", metadata, copied)
		}
		schema, meta, err := decodeMeta(metadata)
		schemaOfCopy, metaOfCopy, errOfCopy := decodeMeta(copied)
		if schema != schemaOfCopy || !reflect.DeepEqual(meta, metaOfCopy) || (err == nil) != (errOfCopy == nil) {
			t.Fatalf("%q is %d %#v %v, its copy %d %#v %v", metadata, schema, meta, err, schemaOfCopy, metaOfCopy, errOfCopy)
		}
	})
}
