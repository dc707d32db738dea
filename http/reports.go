package http

import (
	"context"
	"math"
	"time"

	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/projections"
)

// salesLine is one group of the sales report.
type salesLine struct {
	Key             string         `json:"key" doc:"The period in UTC, the id, or the name of the office or family; empty for deals without." example:"2017-Q1"`
	Name            string         `json:"name" doc:"What the key is called today."`
	WonCount        int64          `json:"won_count"`
	WonValue        []domain.Money `json:"won_value" nullable:"false" doc:"By currency. A sum too large for 64 bits stops there."`
	LostCount       int64          `json:"lost_count"`
	WinRate         float64        `json:"win_rate" doc:"won / (won + lost)"`
	MeanDaysToClose *float64       `json:"mean_days_to_close" doc:"From opening to closing, won and lost alike."`
	MeanDaysToWin   *float64       `json:"mean_days_to_win"`
	MeanDaysToLose  *float64       `json:"mean_days_to_lose"`
}

type sourceLine struct {
	Source string                  `json:"source" doc:"Of the latest touchpoint, exactly as recorded; empty where nobody named one."`
	Stage  customer.LifecycleStage `json:"stage" example:"lead"`
	Count  int64                   `json:"count"`
}

type coverageLine struct {
	Purpose string          `json:"purpose"`
	Channel consent.Channel `json:"channel"`
	Status  consent.Status  `json:"status" enum:"requested,granted,withdrawn,objected,expired"`
	Count   int64           `json:"count" doc:"Customers."`
}

// report is the answer of a report, which is never long.
type report[T any] struct {
	Data []T `json:"data" nullable:"false"`
}

type salesInput struct {
	Freshness
	From    string `query:"from" format:"date" doc:"Deals that closed on this day (UTC) or later."`
	To      string `query:"to" format:"date" doc:"Deals that closed on this day (UTC) or earlier."`
	GroupBy string `query:"group_by" enum:"all,month,quarter,year,owner,manager,office,product,family" default:"month" doc:"Owner: at closing, with the manager and office of today. Product and family: each with its share of the value, in proportion to the line items' totals; deals and lines without a product count for none. all: one line."`
}

func (s *Server) reportQueries() {
	serveQuery(s, query{
		"report.sales", "/reports/sales", "reports", "Won and lost deals", []string{"sales", "catalog"},
	}, s.reportSales)
	serveQuery(s, query{
		"report.sources", "/reports/sources", "reports", "Customers by source and lifecycle stage, without the archived", []string{"customers"},
	}, s.reportSources)
	serveQuery(s, query{
		"report.consent_coverage", "/reports/consent-coverage", "reports", "Consents by purpose, channel and status", []string{"consents"},
	}, s.reportConsentCoverage)
}

func (s *Server) reportSales(ctx context.Context, in *salesInput) (*plain[report[salesLine]], error) {
	asked := projections.SalesQuestion{By: projections.SalesGrouping(in.GroupBy)}
	var err error
	if asked.From, err = startOf("from", in.From); err != nil {
		return nil, err
	}
	if asked.Until, err = startOf("to", in.To); err != nil {
		return nil, err
	}
	if in.To != "" {
		asked.Until = asked.Until.AddDate(0, 0, 1)
	}
	lines, err := s.cfg.Models.Sales.Report(ctx, asked)
	if err != nil {
		return nil, err
	}
	return reportOf(lines, func(l projections.SalesLine) salesLine {
		return salesLine{
			Key: l.Key, Name: l.Name, WonCount: l.Won, LostCount: l.Lost, WinRate: rounded(l.WinRate()),
			WonValue:        each(l.Value, func(m domain.Money) domain.Money { return m }),
			MeanDaysToClose: roundedDays(l.DaysToClose), MeanDaysToWin: roundedDays(l.DaysToWin), MeanDaysToLose: roundedDays(l.DaysToLose),
		}
	}), nil
}

func (s *Server) reportSources(ctx context.Context, _ *Freshness) (*plain[report[sourceLine]], error) {
	counts, err := s.cfg.Models.Customers.Sources(ctx)
	if err != nil {
		return nil, err
	}
	return reportOf(counts, func(c projections.SourceCount) sourceLine { return sourceLine(c) }), nil
}

func (s *Server) reportConsentCoverage(ctx context.Context, _ *Freshness) (*plain[report[coverageLine]], error) {
	counts, err := s.cfg.Models.Consents.Coverage(ctx, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	return reportOf(counts, func(c projections.Coverage) coverageLine {
		return coverageLine{Purpose: c.Purpose, Channel: c.Channel, Status: c.Status, Count: c.Count}
	}), nil
}

func reportOf[Row, T any](rows []Row, shown func(Row) T) *plain[report[T]] {
	return &plain[report[T]]{report[T]{Data: each(rows, shown)}}
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

// rounded drops the digits that adding up in another order would change.
func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }

func roundedDays(days *float64) *float64 {
	if days == nil {
		return nil
	}
	value := rounded(*days)
	return &value
}
