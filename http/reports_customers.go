package http

import (
	"context"
	"time"

	"crm/domain/consent"
	"crm/domain/customer"
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

// ReportInput is what a report without further parameters takes.
type ReportInput struct {
	Freshness
	Moment
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
func (in *ChurnInput) question(s *Server) (readmodels.ChurnQuestion, error) {
	asked := readmodels.ChurnQuestion{By: readmodels.ChurnGrouping(in.GroupBy), AsOf: in.asOf()}
	var err error
	if asked.Period, err = in.period(); err != nil {
		return asked, err
	}
	today := s.cfg.Now().UTC()
	if !asked.At.IsZero() {
		today = asked.At
	}
	if end := today.Truncate(wholeDay).Add(wholeDay); asked.Until.IsZero() || end.Before(asked.Until) {
		asked.Until = end
	}
	return asked, nil
}

func (s *Server) customerReportQueries() {
	customers, consents := []string{"customers"}, []string{"consents"}
	serveQuery(s, query{"report.churn", "/reports/churn", "reports", "Which customers left and came back", customers}, s.reportChurn)
	serveQuery(s, query{"report.churn.events", "/reports/churn/events", "reports", drillSummary, drillModels}, s.drillChurn)
	serveQuery(s, query{
		"report.sources", "/reports/sources", "reports", "Customers by source and lifecycle stage, without the archived", customers,
	}, s.reportSources)
	serveQuery(s, query{"report.sources.events", "/reports/sources/events", "reports", drillSummary, drillModels}, s.drillSources)
	serveQuery(s, query{
		"report.consent_coverage", "/reports/consent-coverage", "reports", "Consents by purpose, channel and status", consents,
	}, s.reportConsentCoverage)
	serveQuery(s, query{
		"report.consent_coverage.events", "/reports/consent-coverage/events", "reports", drillSummary, append(consents, drillModels...),
	}, s.drillConsentCoverage)
}

func (s *Server) reportChurn(ctx context.Context, in *ChurnInput) (*plain[report[churnLine]], error) {
	asked, err := in.question(s)
	if err != nil {
		return nil, err
	}
	lines, err := s.cfg.Models.Customers.Churn(ctx, asked)
	if err != nil {
		return nil, err
	}
	return reportOf(lines, func(l readmodels.ChurnLine) churnLine {
		return churnLine{
			Key: l.Key, AtStart: l.AtStart, New: l.New, Churned: l.Churned, WonBack: l.WonBack, Reverted: l.Reverted, AtEnd: l.AtEnd,
			ChurnRate: roundedIf(l.ChurnRate()), WinBackRate: roundedIf(l.WinBackRate()),
		}
	}), nil
}

func (s *Server) drillChurn(ctx context.Context, in *struct {
	ChurnInput
	Line
	Drill
},
) (*listed[entryCard], error) {
	asked, err := in.question(s)
	return drillLine(ctx, s, "report.churn", asked, err, churnKeys[asked.By], in.Line, in.Drill)
}

func (s *Server) reportSources(ctx context.Context, in *ReportInput) (*plain[report[sourceLine]], error) {
	counts, err := s.cfg.Models.Customers.Sources(ctx, readmodels.SourcesQuestion{AsOf: in.asOf()})
	if err != nil {
		return nil, err
	}
	return reportOf(counts, func(c readmodels.SourceCount) sourceLine { return sourceLine{c.Line(), c.Source, c.Stage, c.Count} }), nil
}

func (s *Server) drillSources(ctx context.Context, in *struct {
	ReportInput
	Line
	Drill
},
) (*listed[entryCard], error) {
	return drillLine(ctx, s, "report.sources", readmodels.SourcesQuestion{AsOf: in.asOf()}, nil, sourceKeys, in.Line, in.Drill)
}

func (s *Server) reportConsentCoverage(ctx context.Context, in *ReportInput) (*plain[report[coverageLine]], error) {
	counts, err := s.cfg.Models.Consents.Coverage(ctx, readmodels.CoverageQuestion{Now: s.cfg.Now(), AsOf: in.asOf()})
	if err != nil {
		return nil, err
	}
	return reportOf(counts, func(c readmodels.Coverage) coverageLine {
		return coverageLine{Key: c.Line(), Purpose: c.Purpose, Channel: c.Channel, Status: c.Status, Count: c.Count}
	}), nil
}

func (s *Server) drillConsentCoverage(ctx context.Context, in *struct {
	ReportInput
	Line
	Drill
},
) (*listed[entryCard], error) {
	asked := readmodels.CoverageQuestion{Now: s.cfg.Now(), AsOf: in.asOf()}
	return drillLine(ctx, s, "report.consent_coverage", asked, nil, coverageKeys, in.Line, in.Drill)
}
