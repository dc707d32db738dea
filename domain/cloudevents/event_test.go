package cloudevents_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/cloudevents"
	"crm/domain/deal"
)

var update = flag.Bool("update", false, "write missing golden files")

var (
	someDeal = domain.DealID{UUID: uuid.MustParse("0190a5a0-0000-7000-8000-000000000001")}
	recorded = domain.Recorded{
		ID:         uuid.MustParse("0190a5a0-0000-7000-8000-00000000000e"),
		Stream:     domain.DealStream(someDeal),
		Revision:   7,
		Position:   domain.Position{Commit: 1234, Prepare: 1234},
		RecordedAt: time.Date(2026, 11, 22, 9, 30, 0, 123456000, time.UTC),
		Event:      deal.Reopened{},
		Data:       []byte(`{"title":"R&D <Lab>"}`),
		Meta: domain.Meta{
			OccurredAt:    time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
			Actor:         "desk",
			OnBehalfOf:    "field sales",
			Reason:        "She called:\nthe budget is there.",
			Source:        domain.Source{Application: "importer", Import: "2026-11", Row: "17"},
			Command:       domain.CommandRef{Name: "deal.reopen", ID: uuid.MustParse("0190a5a0-0000-7000-8000-00000000000c"), Fingerprint: "f00d"},
			CorrelationID: "conversation-1",
			CausationID:   "0190a5a0-0000-7000-8000-00000000000b",
			TraceParent:   "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		},
	}
)

func TestTheFormsAreTheGolden(t *testing.T) {
	t.Parallel()
	whole := cloudevents.Of("https://crm.example.com/", &recorded)
	unreadable := recorded
	unreadable.Event, unreadable.Data = domain.Unreadable{Type: "deal.teleported", Why: "unknown type"}, []byte("\xff")
	var got bytes.Buffer
	for _, form := range []cloudevents.Event{
		whole, whole.Masked(json.RawMessage(`{}`)), whole.Reference(), cloudevents.Of("", &unreadable),
	} {
		if err := json.Indent(&got, form.AppendJSON(nil), "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
	}
	golden := filepath.Join("testdata", "forms.golden")
	if _, err := os.Stat(golden); *update && os.IsNotExist(err) {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("others read events as they are in %s; a name may be added, none changed (-want +got):\n%s", golden, diff)
	}
}

func TestEveryFormKeepsTheRules(t *testing.T) {
	t.Parallel()
	odd := recorded
	odd.Stream, odd.Meta = "other program's – stream", domain.Meta{Reason: "\x00\u0085\ufffe\ufdd0🙂"}
	unreadable := recorded
	unreadable.Event, unreadable.Data = domain.Unreadable{Type: "x", Why: "payload"}, nil
	for _, e := range []domain.Recorded{recorded, odd, unreadable} {
		for _, installation := range []string{"", "https://crm.example.com/base"} {
			whole := cloudevents.Of(installation, &e)
			for _, form := range []cloudevents.Event{whole, whole.Masked(json.RawMessage(`{}`)), whole.Reference()} {
				text := form.AppendJSON([]byte("before "))
				line, found := bytes.CutPrefix(text, []byte("before "))
				if !found || bytes.ContainsAny(line, "\n\r") {
					t.Errorf("%s is not one line behind what was there", text)
				}
				if err := check(line); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
	}
}

func TestOnlyTheWholeTellsWhatIsPersonal(t *testing.T) {
	t.Parallel()
	whole := cloudevents.Of("", &recorded)
	for name, form := range map[string]cloudevents.Event{
		"masked": whole.Masked(json.RawMessage(`{}`)), "reference": whole.Reference(),
	} {
		text := string(form.AppendJSON(nil))
		if strings.Contains(text, "budget") || strings.Contains(text, "Lab") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if text := string(whole.AppendJSON(nil)); !strings.Contains(text, `"reason":"She called: the budget is there."`) || !strings.Contains(text, `R&D <Lab>`) {
		t.Errorf("whole: %s", text)
	}
}

var attributeName = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// check holds an event against CloudEvents 1.0.2, sections 3 and 4, and against the
// JSON event format, section 3.
func check(line []byte) error {
	var attributes map[string]any
	if err := json.Unmarshal(line, &attributes); err != nil {
		return err
	}
	for _, required := range []string{"id", "source", "specversion", "type"} {
		if text, ok := attributes[required].(string); !ok || text == "" {
			return fmt.Errorf("%s is missing", required)
		}
	}
	if attributes["specversion"] != "1.0" {
		return fmt.Errorf("specversion %v", attributes["specversion"])
	}
	for name, value := range attributes {
		if name == "data" {
			if _, ok := value.(map[string]any); !ok || attributes["datacontenttype"] != "application/json" {
				return fmt.Errorf("data is %T of %v", value, attributes["datacontenttype"])
			}
			continue
		}
		if !attributeName.MatchString(name) {
			return fmt.Errorf("%q is no name of an attribute", name)
		}
		switch value := value.(type) {
		case string:
			if value == "" {
				return fmt.Errorf("%s is empty", name)
			}
			for _, r := range value {
				if unicode.IsControl(r) || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe {
					return fmt.Errorf("%s holds %U", name, r)
				}
			}
		case float64:
			if value != float64(int32(value)) {
				return fmt.Errorf("%s is %v, no Integer", name, value)
			}
		case bool:
		default:
			return fmt.Errorf("%s is %T, no type of an attribute", name, value)
		}
	}
	if _, err := url.Parse(attributes["source"].(string)); err != nil {
		return err
	}
	for _, name := range []string{"time", "recordedtime"} {
		if text, ok := attributes[name].(string); ok {
			if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func BenchmarkAppendJSON(b *testing.B) {
	var line []byte
	for b.Loop() {
		event := cloudevents.Of("https://crm.example.com", &recorded)
		line = event.AppendJSON(line[:0])
	}
}
