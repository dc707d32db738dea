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

// reportQueries registers the reports.
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

// Drill is what a drill-down takes besides the parameters of its report: of which line
// the events are asked for, and which page of them.
type Drill struct {
	Key    string `query:"key" maxLength:"200" doc:"The line's key; key= is the line without one. Left out: all lines."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Events of a page."`
	Cursor string `query:"cursor" maxLength:"1000" doc:"next_cursor of the page before, with the same parameters."`
	given  bool
}

// Resolve notes whether there was a key at all: an empty one is a key too.
func (d *Drill) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	d.given = u.Query().Has("key")
	return nil
}

func (d *Drill) drill() *Drill { return d }

func (d *Drill) line(keys lineKeys) (readmodels.LineKey, error) {
	if !d.given {
		return nil, nil
	}
	return &d.Key, cmp.Or(checkText("key", d.Key), keys.check(d.Key))
}

// parameters are those of a report whose question is Q, behind a pointer to I.
type parameters[I, Q any] interface {
	*I
	position() string
	question(now time.Time) (Q, error)
}

// drillParameters are those of the report's drill-down: the same, and Drill.
type drillParameters[D, Q any] interface {
	parameters[D, Q]
	drill() *Drill
}

// inquiry is what a report is asked. The events behind its lines follow from it.
type inquiry interface {
	Behind(readmodels.LineKey) readmodels.Figure
}

// serveReport registers a report, and its drill-down beside it: the same path and
// parameters with /events behind. keys tells what the keys of the lines look like.
func serveReport[I, D any, In parameters[I, Q], Drilling drillParameters[D, Q], Q inquiry, Answer any](
	s *Server, q query, keys func(Q) lineKeys, answer func(context.Context, Q) (Answer, error),
) {
	serveQuery[I, In](s, q, func(ctx context.Context, in *I) (*plain[Answer], error) {
		asked, err := In(in).question(s.cfg.Now())
		if err != nil {
			return nil, err
		}
		body, err := answer(ctx, asked)
		return &plain[Answer]{body}, err
	})
	behind := query{
		q.id + ".events", q.needs, q.path + "/events", q.tag,
		"The events behind a line of the report, by deal or customer, in the order of the log",
		append([]string{"timeline", "deals", "customers"}, q.models...),
	}
	serveQuery[D, Drilling](s, behind, func(ctx context.Context, in *D) (*listed[entryCard], error) {
		asked, err := Drilling(in).question(s.cfg.Now())
		if err != nil {
			return nil, err
		}
		d := Drilling(in).drill()
		line, err := d.line(keys(asked))
		if err != nil {
			return nil, err
		}
		named := question(q.id, asked, line)
		after, err := markOf[readmodels.BehindMark](named, d.Cursor)
		if err != nil {
			return nil, err
		}
		found, err := s.cfg.Models.Timeline.Behind(ctx, asked.Behind(line), after, d.Limit)
		if err != nil {
			return nil, err
		}
		return listOf(found.Items, pageAfter(named, found.Next), entryOf), nil
	})
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
