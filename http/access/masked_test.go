package access_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/customer"
	"crm/http/access"
)

type partly struct{ public, secret string }

func (p partly) MarshalJSON() ([]byte, error) { return json.Marshal(p.public + p.secret) }

func (p partly) WithoutPersonal() any {
	if p.public == "" {
		return nil
	}
	return p.public
}

// What is personal is left out wherever it stands, and it shows where.
func TestMasked(t *testing.T) {
	t.Parallel()
	name := domain.Personal("Ada")
	for want, v := range map[string]any{
		`null`:                        name,
		`{"a":1,"masked":true}`:       map[string]any{"a": 1, "b": name},
		`[1]`:                         []any{name, 1, &name},
		`{"c":{"d":2,"masked":true}}`: map[string]any{"c": map[string]any{"d": 2, "e": name}},
		`{"f":3,"masked":true}`: struct {
			F     int                        `json:"f"`
			List  []domain.Personal          `json:"list"`
			Names map[string]domain.Personal `json:"names"`
			Only  struct{ Name domain.Personal }
			None  domain.Personal  `json:"none,omitempty"`
			Nil   *domain.Personal `json:"nil,omitempty"`
			Point *domain.Personal `json:"point"`
		}{3, []domain.Personal{"x"}, map[string]domain.Personal{"x": "y"}, struct{ Name domain.Personal }{"z"}, "", nil, &name},
		`{"list":[],"none":null}`:      map[string]any{"list": []domain.Personal{}, "none": nil},
		`{"masked":false,"x":1}`:       map[string]any{"masked": false, "x": 1, "y": name},
		`{"g":"public","masked":true}`: map[string]any{"g": partly{"public", "Ada"}, "h": partly{"", "Ada"}},
		`{"organization":"` + uuid.Nil.String() + `","relation":"works_at","masked":true}`: customer.Link{Relation: customer.WorksAt, Title: "Head"},
	} {
		got, err := access.Masked(v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%#v (-want +got):\n%s", v, diff)
		}
	}
}

// Where nothing is personal it is written as to anybody.
func TestMaskedIsAsEncodingJSONWrites(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)
	v := struct {
		Time   time.Time
		Until  *time.Time
		Money  domain.Money
		ID     uuid.UUID
		None   []int
		Map    map[uuid.UUID]int
		Float  float64
		Empty  string       `json:",omitempty"`
		Zero   domain.Money `json:",omitzero"`
		Text   string
		Bytes  []byte
		Number int64 `json:",string"`
		domain.Source
	}{Time: at, ID: uuid.New(), Float: math.Pi * 1e30, Text: "é<\u2028\"", Bytes: []byte{1}, Number: 7, Money: domain.Money{Minor: 5, Currency: "EUR"}}
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := access.Masked(v)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s\nwant %s\n%v", got, want, err)
	}
	if _, err := access.Masked(make(chan int)); err == nil || strings.Contains(err.Error(), "null") {
		t.Errorf("a channel: %v", err)
	}
}
