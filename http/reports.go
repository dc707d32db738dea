package http

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"crm/domain"
	"crm/projections/readmodels"
)

// report is the answer of a report, which is never long.
type report[T any] struct {
	Data []T `json:"data" nullable:"false"`
}

func reportOf[Row, T any](rows []Row, shown func(Row) T) *plain[report[T]] {
	return &plain[report[T]]{report[T]{Data: each(rows, shown)}}
}

// reportQueries registers the reports. Each has its drill-down beside it: the same
// path and parameters with /events behind, and of which line.
func (s *Server) reportQueries() {
	s.salesQueries()
	s.pipelineReportQueries()
	s.forecastQueries()
	s.customerReportQueries()
}

// Days is the period of a report.
type Days struct {
	From string `query:"from" format:"date" doc:"The first day (UTC). Default: no bound."`
	To   string `query:"to" format:"date" doc:"The last day (UTC). Default: no bound."`
}

func (d *Days) period() (p readmodels.Period, err error) {
	if p.From, err = startOf("from", d.From); err != nil {
		return p, err
	}
	if p.Until, err = startOf("to", d.To); err == nil && d.To != "" {
		p.Until = p.Until.AddDate(0, 0, 1)
	}
	return p, err
}

// startOf is the first instant of a day in UTC; no text is no bound.
func startOf(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() == 0 {
		return day, &parameterFault{name, "A day looks like 2026-11-22 and exists."}
	}
	return day, nil
}

// Drill is what every drill-down takes.
type Drill struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Events of a page."`
	Cursor string `query:"cursor" maxLength:"1000" doc:"next_cursor of the page before, with the same parameters."`
}

// Line is of which line of a report the events are asked for.
type Line struct {
	Key   string `query:"key" maxLength:"200" doc:"The line's key; key= is the line without one. Left out: all lines."`
	given bool
}

// Resolve notes whether there was a key at all: an empty one is a key too.
func (l *Line) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	l.given = u.Query().Has("key")
	return nil
}

func (l *Line) key() (readmodels.LineKey, error) {
	if !l.given {
		return nil, nil
	}
	return &l.Key, checkText("key", l.Key)
}

const drillSummary = "The events behind a line of the report, by deal or customer, in the order of the log"

// drillLine answers the drill-down of a report whose lines have such keys.
func drillLine[Q interface {
	Behind(readmodels.LineKey) readmodels.Figure
}](ctx context.Context, s *Server, name string, asked Q, wrong error, keys lineKeys, line Line, d Drill,
) (*listed[entryCard], error) {
	key, err := line.key()
	if err = cmp.Or(wrong, err); err != nil {
		return nil, err
	}
	if err := keys.check(key); err != nil {
		return nil, err
	}
	return s.drillInto(ctx, question(name, asked, key), d, asked.Behind(key))
}

// drillInto answers a drill-down. asked names the question, for the cursor.
func (s *Server) drillInto(ctx context.Context, asked string, d Drill, figure readmodels.Figure) (*listed[entryCard], error) {
	after, err := markOf[readmodels.BehindMark](asked, d.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := s.cfg.Models.Timeline.Behind(ctx, figure, after, d.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(found.Items, pageAfter(asked, found.Next), entryOf), nil
}

// amounts are amounts by currency, [] where there is none.
func amounts(sums []domain.Money) []domain.Money {
	return each(sums, func(m domain.Money) domain.Money { return m })
}

// rounded drops the digits that adding up in another order would change.
func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// roundedIf is the same of a figure that may be missing.
func roundedIf(x *float64) *float64 {
	if x == nil {
		return nil
	}
	value := rounded(*x)
	return &value
}
