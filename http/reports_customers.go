package http

import (
	"context"
	"time"

	"crm/domain/consent"
	"crm/domain/customer"
	"crm/http/access"
	"crm/projections/readmodels"
)

type sourceLine struct {
	Key    string                  `json:"key" example:"lead:Google"`
	Source string                  `json:"source" doc:"Of the latest touchpoint, exactly as recorded; empty where nobody named one."`
	Stage  customer.LifecycleStage `json:"stage" example:"lead"`
	Count  int64                   `json:"count"`
}

type coverageLine struct {
	Key     string          `json:"key" example:"newsletter:email:granted"`
	Purpose string          `json:"purpose"`
	Channel consent.Channel `json:"channel"`
	Status  consent.Status  `json:"status" enum:"requested,granted,withdrawn,objected,expired"`
	Count   int64           `json:"count" doc:"Customers."`
}

// churnLine is one month, quarter or year.
type churnLine struct {
	Key         string   `json:"key" example:"2026-11"`
	AtStart     int64    `json:"at_start" doc:"Customers when it began: those at the stage customer or won_back."`
	New         int64    `json:"new" doc:"Became customers."`
	Churned     int64    `json:"churned" doc:"Became former."`
	WonBack     int64    `json:"won_back" doc:"Came back from former."`
	Reverted    int64    `json:"reverted" doc:"Went back to a stage before customer."`
	AtEnd       int64    `json:"at_end"`
	ChurnRate   *float64 `json:"churn_rate" doc:"churned / at_start"`
	WinBackRate *float64 `json:"win_back_rate" doc:"won_back / (former customers at the start + churned)"`
}

// SourcesInput is the question of the sources' report.
type SourcesInput struct {
	Freshness
	Moment
}

func (in *SourcesInput) question(time.Time) (readmodels.SourcesQuestion, error) {
	return readmodels.SourcesQuestion{AsOf: in.asOf()}, nil
}

// CoverageInput is the question of the consent coverage.
type CoverageInput struct {
	Freshness
	Moment
}

func (in *CoverageInput) question(now time.Time) (readmodels.CoverageQuestion, error) {
	return readmodels.CoverageQuestion{Now: now, AsOf: in.asOf()}, nil
}

// ChurnInput is the question of the churn report. The periods that hold its first and
// its last day are reported whole.
type ChurnInput struct {
	Freshness
	Moment
	Days
	GroupBy string `query:"group_by" enum:"month,quarter,year" default:"month"`
}

const wholeDay = 24 * time.Hour

// question ends with today, or the day that it is about, unless it ends before.
func (in *ChurnInput) question(now time.Time) (readmodels.ChurnQuestion, error) {
	asked := readmodels.ChurnQuestion{By: readmodels.ChurnGrouping(in.GroupBy), AsOf: in.asOf()}
	var err error
	if asked.Period, err = in.period(); err != nil {
		return asked, err
	}
	today := now.UTC()
	if !asked.At.IsZero() {
		today = asked.At
	}
	if end := today.Truncate(wholeDay).Add(wholeDay); asked.Until.IsZero() || end.Before(asked.Until) {
		asked.Until = end
	}
	return asked, nil
}

type sourcesDrill struct {
	SourcesInput
	Drill
}

type coverageDrill struct {
	CoverageInput
	Drill
}

type churnDrill struct {
	ChurnInput
	Drill
}

func (s *Server) customerReportQueries() {
	serveReport[ChurnInput, churnDrill](s, query{
		"report.churn", access.ReportsRead, "/reports/churn", "reports", "Which customers left and came back", []string{"customers"},
	}, func(asked readmodels.ChurnQuestion) lineKeys { return churnKeys[asked.By] },
		func(ctx context.Context, asked readmodels.ChurnQuestion) (report[churnLine], error) {
			lines, err := s.cfg.Models.Customers.Churn(ctx, asked)
			return report[churnLine]{each(lines, churnLineOf)}, err
		})
	serveReport[SourcesInput, sourcesDrill](s, query{
		"report.sources", access.ReportsRead, "/reports/sources", "reports", "Customers by source and lifecycle stage, without the archived", []string{"customers"},
	}, always[readmodels.SourcesQuestion](sourceKeys),
		func(ctx context.Context, asked readmodels.SourcesQuestion) (report[sourceLine], error) {
			lines, err := s.cfg.Models.Customers.Sources(ctx, asked)
			return report[sourceLine]{each(lines, sourceLineOf)}, err
		})
	serveReport[CoverageInput, coverageDrill](s, query{
		"report.consent_coverage", access.ReportsRead, "/reports/consent-coverage", "reports", "Consents by purpose, channel and status", []string{"consents"},
	}, always[readmodels.CoverageQuestion](coverageKeys),
		func(ctx context.Context, asked readmodels.CoverageQuestion) (report[coverageLine], error) {
			lines, err := s.cfg.Models.Consents.Coverage(ctx, asked)
			return report[coverageLine]{each(lines, coverageLineOf)}, err
		})
}

func churnLineOf(l readmodels.ChurnLine) churnLine {
	return churnLine{
		Key: l.Key, AtStart: l.AtStart, New: l.New, Churned: l.Churned, WonBack: l.WonBack, Reverted: l.Reverted, AtEnd: l.AtEnd,
		ChurnRate: roundedIf(l.ChurnRate()), WinBackRate: roundedIf(l.WinBackRate()),
	}
}

func sourceLineOf(c readmodels.SourceCount) sourceLine {
	return sourceLine{c.Line(), c.Source, c.Stage, c.Count}
}

func coverageLineOf(c readmodels.Coverage) coverageLine {
	return coverageLine{Key: c.Line(), Purpose: c.Purpose, Channel: c.Channel, Status: c.Status, Count: c.Count}
}
