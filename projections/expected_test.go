package projections_test

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"crm/domain"
)

// expected is what the tables of notes hold after events, worked out by plain maps.
func expected(events []domain.Recorded) map[string][]string {
	type subject struct {
		noted, sum int
		last       any
		first      time.Time
	}
	subjects := make(map[uuid.UUID]*subject)
	days := make(map[[2]string]int)
	tables := map[string][]string{"subjects": nil, "days": nil, "lines": nil}
	put := func(table string, row map[string]any) {
		text, err := json.Marshal(row)
		if err != nil {
			panic(err)
		}
		tables[table] = append(tables[table], canonical(string(text)))
	}
	for _, e := range events {
		switch event := e.Event.(type) {
		case noted:
			s := subjects[event.Subject]
			if s == nil {
				s = &subject{first: e.Meta.OccurredAt}
				subjects[event.Subject] = s
			}
			s.noted++
			s.sum += event.N
			if s.last = event.Text; event.Text == "" {
				s.last = nil
			}
			days[[2]string{e.Meta.OccurredAt.Format(time.DateOnly), []string{"even", "odd"}[event.N%2]}]++
			put("lines", map[string]any{"position": e.Position.Commit, "subject": event.Subject, "nth": s.noted, "text": event.Text})
		case struck:
			delete(subjects, event.Subject)
		}
	}
	for id, s := range subjects {
		put("subjects", map[string]any{
			"subject": id, "noted": s.noted, "sum": s.sum, "last_text": s.last, "extra": "none",
			"first_at": s.first.Format("2006-01-02T15:04:05.999999-07:00"),
		})
	}
	for key, n := range days {
		put("days", map[string]any{"day": key[0], "kind": key[1], "noted": n})
	}
	for _, rows := range tables {
		slices.Sort(rows)
	}
	return tables
}

// canonical is a JSON object with its keys in order.
func canonical(object string) string {
	var fields map[string]any
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		panic(err)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(text)
}
