package eventstore

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
)

// everything has a field of each sort that a plan reads.
type everything struct {
	ID     domain.CustomerID `json:"id"`
	Plain  uuid.UUID         `json:"plain,omitzero"`
	Name   domain.Personal   `json:"name,omitempty"`
	Text   string            `json:"text"`
	Slug   domain.StageID    `json:"slug,omitempty"`
	Number int               `json:"number,omitempty"`
	Long   int64             `json:"long"`
	Truth  bool              `json:"truth,omitempty"`
	Many   domain.Quantity   `json:"many"`
	At     time.Time         `json:"at,omitzero"`
	Money  domain.Money      `json:"money,omitzero"`
	Lists  [][]string        `json:"lists,omitempty"`
	Inner  []struct {
		Currency domain.Currency `json:"currency,omitempty"`
	} `json:"inner,omitempty"`
	domain.Patch[empty]
}

type empty struct{}

func (everything) EventType() string { return "test.everything" }

// readAlike has an event read by its plan and by encoding/json, and compares.
func readAlike(t *testing.T, data []byte) {
	t.Helper()
	var want everything
	wantErr := json.Unmarshal(data, &want)
	got, err := decoding[everything]()(data)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q is read with %v, want %v", data, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%q (-encoding/json +plan)\n%s", data, cmp.Diff(want, got))
	}
}

var written = []string{
	`{"id":"0198c5f0-0000-7000-8000-000000000001","text":"","long":0,"many":"1.5"}`,
	`{"id":"0198c5f0-0000-7000-8000-000000000001","plain":"0198c5f0-0000-7000-8000-000000000002","name":"O'Brien 明","text":"x",` +
		`"slug":"lead","number":-12,"long":9223372036854775807,"truth":true,"many":"0.001","at":"2026-11-22T10:00:00.5Z","money":{"minor":100,"currency":"EUR"},` +
		`"lists":[["a","b"],[]],"inner":[{},{"currency":"USD"}],"set":{},"clear":["name"]}`,
}

func TestPlansReadAsJSON(t *testing.T) {
	t.Parallel()
	read := planOf(reflect.TypeFor[everything]())
	if read == nil {
		t.Fatal("there is no plan for everything")
	}
	for _, text := range written {
		s, event := scanner{rest: text}, everything{}
		read(&s, reflect.ValueOf(&event).UnsafePointer())
		if s.failed || s.rest != "" {
			t.Errorf("the plan does not read %s; left is %q", text, s.rest)
		}
		readAlike(t, []byte(text))
		for i := range text { // anything may be damaged
			for _, to := range []string{"", " ", "0", "1", "-", `"`, `\`, "{", "}", "[", "]", ",", ":", "\xff", "\x00", "null", `\u0041`, ".0", "e1", "Name"} {
				readAlike(t, []byte(text[:i]+to+text[i:]))
				readAlike(t, []byte(text[:i]+to+text[i+1:]))
			}
			readAlike(t, []byte(text[:i]))
		}
		readAlike(t, []byte(strings.ReplaceAll(text, `"long"`, `"LONG"`)))
	}
}

func FuzzPlans(f *testing.F) {
	for _, text := range written {
		f.Add([]byte(text))
	}
	f.Fuzz(readAlike)
}

// Every event that is stored has a plan, which reads its golden file. Where one has
// none, it is only slow; it should be known.
func TestStoredEventsHavePlans(t *testing.T) {
	t.Parallel()
	c := newCodec(registered, retired)
	for _, s := range registered {
		g, err := parseGolden(goldenPath(s.eventType, s.version))
		if err != nil {
			t.Fatal(err)
		}
		event, _, _ := c.decode(s.eventType, g.Data, g.Metadata)
		read := planOf(reflect.TypeOf(event))
		if read == nil {
			t.Errorf("%s has no plan", s.eventType)
			continue
		}
		data, err := marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		scan, place := scanner{rest: string(data)}, reflect.New(reflect.TypeOf(event))
		read(&scan, place.UnsafePointer())
		if scan.failed || scan.rest != "" {
			t.Errorf("%s is not read by its plan: %s, left is %q", s.eventType, data, scan.rest)
		} else if diff := cmp.Diff(event, place.Elem().Interface().(domain.Event)); diff != "" {
			t.Errorf("%s (-encoding/json +plan)\n%s", s.eventType, diff)
		}
	}
}
