package http

import (
	"context"
	"time"

	"crm/domain"
	"crm/http/access"
	"crm/projections/readmodels"
)

// salesLine is one group of the sales report.
type salesLine struct {
	Key             string         `json:"key" doc:"The period in UTC, the id, or the name of the office or family; empty for deals without." example:"2017-Q1"`
	Name            caption        `json:"name" doc:"What the key is called today."`
	WonCount        int64          `json:"won_count"`
	WonValue        []domain.Money `json:"won_value" nullable:"false" doc:"By currency. A sum too large for 64 bits stops there."`
	LostCount       int64          `json:"lost_count"`
	WinRate         float64        `json:"win_rate" doc:"won / (won + lost)"`
	MeanDaysToClose *float64       `json:"mean_days_to_close" doc:"From opening to closing, won and lost alike."`
	MeanDaysToWin   *float64       `json:"mean_days_to_win"`
	MeanDaysToLose  *float64       `json:"mean_days_to_lose"`
}

// SalesInput is the question of the sales report: the deals that closed in the period.
type SalesInput struct {
	Freshness
	Moment
	Days
	GroupBy string `query:"group_by" enum:"all,month,quarter,year,owner,manager,office,product,family" default:"month" doc:"Owner: at closing, with the manager and office of today. Product and family: each with its share of the value, in proportion to the line items' totals; deals and lines without a product count for none. all: one line."`
}

func (in *SalesInput) question(time.Time) (readmodels.SalesQuestion, error) {
	period, err := in.period()
	return readmodels.SalesQuestion{By: readmodels.SalesGrouping(in.GroupBy), Period: period, AsOf: in.asOf()}, err
}

// ownerLine is what one employee did.
type ownerLine struct {
	Key          string           `json:"key" doc:"The employee's id; empty for what names nobody."`
	Name         domain.Personal  `json:"name"`
	Interactions int64            `json:"interactions" doc:"In which the employee took part."`
	Channels     map[string]int64 `json:"channels" nullable:"false" doc:"The interactions by channel." example:"{\"call\":12,\"email\":30}"`
	OpenedCount  int64            `json:"opened_count" doc:"Deals opened in the period that are theirs."`
	WonCount     int64            `json:"won_count" doc:"Deals won in the period that were theirs then."`
	WonValue     []domain.Money   `json:"won_value" nullable:"false"`
	LostCount    int64            `json:"lost_count"`
}

// OwnersInput is the question of the owners' report.
type OwnersInput struct {
	Freshness
	Moment
	Days
}

func (in *OwnersInput) question(time.Time) (readmodels.OwnersQuestion, error) {
	period, err := in.period()
	return readmodels.OwnersQuestion{Period: period, AsOf: in.asOf()}, err
}

type salesDrill struct {
	SalesInput
	Drill
}

type ownersDrill struct {
	OwnersInput
	Drill
}

func (s *Server) salesQueries() {
	serveReport[SalesInput, salesDrill](s, query{
		"report.sales", access.ReportsRead, "/reports/sales", "reports", "Won and lost deals", []string{"sales", "catalog"},
	}, func(asked readmodels.SalesQuestion) lineKeys { return salesKeys[asked.By] },
		func(ctx context.Context, asked readmodels.SalesQuestion) (report[salesLine], error) {
			lines, err := s.cfg.Models.Sales.Report(ctx, asked)
			return report[salesLine]{each(lines, func(l readmodels.SalesLine) salesLine { return salesLineOf(l, asked.By) })}, err
		})
	serveReport[OwnersInput, ownersDrill](s, query{
		"report.owners", access.ReportsRead, "/reports/owners", "reports", "What each employee did: interactions, and deals opened and closed",
		[]string{"activity", "sales", "catalog"},
	}, always[readmodels.OwnersQuestion](idKeys.orNone()),
		func(ctx context.Context, asked readmodels.OwnersQuestion) (report[ownerLine], error) {
			lines, err := s.cfg.Models.Activity.Owners(ctx, asked)
			return report[ownerLine]{each(lines, ownerLineOf)}, err
		})
}

func salesLineOf(l readmodels.SalesLine, by readmodels.SalesGrouping) salesLine {
	return salesLine{
		Key: l.Key, Name: caption{l.Name, by == readmodels.ByOwner || by == readmodels.ByManager}, WonCount: l.Won, LostCount: l.Lost, WinRate: rounded(l.WinRate()), WonValue: amounts(l.Value),
		MeanDaysToClose: roundedIf(l.DaysToClose), MeanDaysToWin: roundedIf(l.DaysToWin), MeanDaysToLose: roundedIf(l.DaysToLose),
	}
}

func ownerLineOf(o readmodels.OwnerActivity) ownerLine {
	line := ownerLine{
		Key: o.Key, Name: domain.Personal(o.Name), Interactions: o.Interactions, Channels: map[string]int64{},
		OpenedCount: o.Opened, WonCount: o.Won, WonValue: amounts(o.Value), LostCount: o.Lost,
	}
	for _, c := range o.Channels {
		line.Channels[string(c.Channel)] = c.Count
	}
	return line
}
