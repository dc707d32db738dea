package cloudevents_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/cloudevents"
	"crm/domain/deal"
)

// FuzzForms checks that whatever a log holds, which others may have written, is said as
// CloudEvents wants it: one line of JSON, with all that is required, in every form.
func FuzzForms(f *testing.F) {
	f.Add("deal-0190a5a0-0000-7000-8000-000000000001", "deal.teleported", "desk", "She called:\nthe budget is there.", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", int64(1795257000), int64(7), []byte(`{"title":"R&D <Lab>"}`))
	f.Add("other program's – stream", "\a", "\x00", "\u0085\ufffe\ufdd0🙂", "\xff\xfe", int64(-62135596801), int64(-1), []byte(`{"a":1}x`))
	f.Add("\r", "\n", "\u2028", "", "", int64(253402300800), int64(1)<<40, []byte("{ \"a\"\n:\t[] }"))
	f.Fuzz(func(t *testing.T, stream, eventType, actor, reason, word string, occurred, number int64, data []byte) {
		if stream == "" || eventType == "" {
			return // no store takes these
		}
		e := domain.Recorded{
			ID: uuid.NewSHA1(domain.Namespace, []byte(word)), Stream: domain.Stream(stream), Revision: domain.Revision(number & 0x7fffffff),
			Position: domain.Position{Commit: uint64(number), Prepare: uint64(occurred)}, RecordedAt: time.UnixMicro(number & 0xffffffffffff),
			Event: domain.Unreadable{Type: eventType, Why: "unknown type"}, Data: data,
			Meta: domain.Meta{
				OccurredAt: time.Unix(occurred, 0), Actor: actor, OnBehalfOf: word, Reason: domain.Personal(reason),
				Source:        domain.Source{Application: word, Import: actor, Row: word},
				Command:       domain.CommandRef{Name: word, ID: uuid.NewSHA1(domain.Namespace, data)},
				CorrelationID: word, CausationID: actor, TraceParent: word,
			},
		}
		var object map[string]any
		if json.Unmarshal(data, &object) == nil && object != nil { // as the log's reader has seen to
			e.Event = deal.Reopened{}
		}
		whole := cloudevents.Of("https://crm.example.com", &e)
		for name, form := range map[string]cloudevents.Event{"whole": whole, "masked": whole.Masked(json.RawMessage(`{}`)), "reference": whole.Reference()} {
			line := form.AppendJSON(nil)
			if bytes.ContainsAny(line, "\n\r") {
				t.Fatalf("%s is not one line: %q", name, line)
			}
			if err := check(line); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, line)
			}
		}
	})
}
