package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/http/access"
	"crm/projections/readmodels"
)

// forecastLine is one group of the forecast.
type forecastLine struct {
	Key       string         `json:"key" doc:"The month, the category, or the owner's id; empty for deals without." example:"2026-12"`
	Name      caption        `json:"name"`
	OpenCount int64          `json:"open_count" doc:"Open deals expected in the period, without the omitted."`
	Worth     []domain.Money `json:"worth" nullable:"false" doc:"Of the open deals."`
	Weighted  []domain.Money `json:"weighted" nullable:"false" doc:"The same, each times the probability of its stage."`
	WonCount  int64          `json:"won_count" doc:"Deals won in the period."`
	WonValue  []domain.Money `json:"won_value" nullable:"false"`
}

// ForecastPipeline narrows a forecast.
type ForecastPipeline struct {
	Pipeline uuid.UUID `query:"pipeline" format:"uuid" doc:"Default: all pipelines."`
}

// ForecastInput is the question of the forecast: the deals that are expected to close
// in the period, and those that were won in it.
type ForecastInput struct {
	Freshness
	Moment
	Days
	ForecastPipeline
	GroupBy string `query:"group_by" enum:"all,month,category,owner" default:"month" doc:"Month: in which an open deal is expected to close, or a won one was won. Category: closed is what was won. Owner: of a won deal, at closing."`
}

func (in *ForecastInput) question(time.Time) (readmodels.ForecastQuestion, error) {
	period, err := in.period()
	return readmodels.ForecastQuestion{
		Pipeline: domain.PipelineID{UUID: in.Pipeline}, By: readmodels.ForecastGrouping(in.GroupBy), Period: period, AsOf: in.asOf(),
	}, err
}

// accuracyLine is what came of one group of a forecast.
type accuracyLine struct {
	Key         string          `json:"key" doc:"The month, the owner's id, or the category or stage in which the deal stood then; empty for deals that were not in the forecast, or have none."`
	Name        caption         `json:"name"`
	Currency    domain.Currency `json:"currency" doc:"Empty for deals whose worth nobody knew."`
	Forecast    int64           `json:"forecast_minor" doc:"What had been won in the period, and the weighted worth of the deals that were open and expected in it."`
	Actual      int64           `json:"actual_minor" doc:"What was won in the period."`
	Accuracy    *float64        `json:"accuracy" doc:"1 − |forecast − actual| / actual, not below 0; null where nothing was won."`
	Bias        *float64        `json:"bias" doc:"(forecast − actual) / actual: above 0, the forecast was too high."`
	WonInPeriod int64           `json:"won_in_period_count" doc:"Deals of the forecast that were won in the period."`
	WonOutside  int64           `json:"won_outside_count" doc:"Deals of the forecast that were won, but before or after the period."`
	Lost        int64           `json:"lost_count" doc:"Deals of the forecast that were lost."`
	Open        int64           `json:"open_count" doc:"Deals of the forecast that are still open."`
	Unforeseen  int64           `json:"unforeseen_count" doc:"Deals won in the period that were not in the forecast."`
}

// AccuracyInput is the question of the forecast's accuracy.
type AccuracyInput struct {
	Freshness
	Moment
	Days
	ForecastPipeline
	On        string `query:"on" required:"true" doc:"The forecast as it stood at this instant, written like as_of." example:"2026-10-01"`
	OnKnownAt string `query:"on_known_at" doc:"What was known then: written like as_of. Default: on. A later instant lets in what was recorded late, as by an import."`
	GroupBy   string `query:"group_by" enum:"all,month,category,owner,stage" default:"month" doc:"Category and stage: where the deal stood at on."`
}

func (in *AccuracyInput) question(time.Time) (asked readmodels.AccuracyQuestion, err error) {
	asked.Pipeline, asked.By, asked.AsOf = domain.PipelineID{UUID: in.Pipeline}, readmodels.ForecastGrouping(in.GroupBy), in.asOf()
	if asked.Period, err = in.period(); err != nil {
		return asked, err
	}
	if asked.On.At, err = instantIn("on", in.On); err != nil {
		return asked, err
	}
	asked.On.KnownAt, err = instantIn("on_known_at", in.OnKnownAt)
	return asked, err
}

type forecastDrill struct {
	ForecastInput
	Drill
}

type accuracyDrill struct {
	AccuracyInput
	Drill
}

func (s *Server) forecastQueries() {
	own := []string{"deals", "sales", "catalog"}
	serveReport[ForecastInput, forecastDrill](s, query{
		"report.forecast", access.ReportsRead, "/reports/forecast", "reports", "The weighted forecast", own,
	}, func(asked readmodels.ForecastQuestion) lineKeys { return forecastKeys[asked.By] },
		func(ctx context.Context, asked readmodels.ForecastQuestion) (report[forecastLine], error) {
			lines, err := s.cfg.Models.Deals.Forecast(ctx, asked)
			return report[forecastLine]{each(lines, func(l readmodels.ForecastLine) forecastLine { return forecastLineOf(l, asked.By) })}, err
		})
	serveReport[AccuracyInput, accuracyDrill](s, query{
		"report.forecast_accuracy", access.ReportsRead, "/reports/forecast-accuracy", "reports", "A forecast as it stood on any day, against what came of it", own,
	}, func(asked readmodels.AccuracyQuestion) lineKeys { return forecastKeys[asked.By] },
		func(ctx context.Context, asked readmodels.AccuracyQuestion) (report[accuracyLine], error) {
			lines, err := s.cfg.Models.Deals.ForecastAccuracy(ctx, asked)
			return report[accuracyLine]{each(lines, func(l readmodels.AccuracyLine) accuracyLine { return accuracyLineOf(l, asked.By) })}, err
		})
}

func forecastLineOf(l readmodels.ForecastLine, by readmodels.ForecastGrouping) forecastLine {
	return forecastLine{
		Key: l.Key, Name: caption{l.Name, by == readmodels.ForecastByOwner}, OpenCount: l.Open, WonCount: l.Won,
		Worth: amounts(l.Worth), Weighted: amounts(l.Weighted), WonValue: amounts(l.Value),
	}
}

func accuracyLineOf(l readmodels.AccuracyLine, by readmodels.ForecastGrouping) accuracyLine {
	return accuracyLine{
		Key: l.Key, Name: caption{l.Name, by == readmodels.ForecastByOwner}, Currency: l.Currency, Forecast: l.Forecast.Minor, Actual: l.Actual.Minor,
		Accuracy: roundedIf(l.Accuracy()), Bias: roundedIf(l.Bias()),
		WonInPeriod: l.WonInPeriod, WonOutside: l.WonOutside, Lost: l.Lost, Open: l.Open, Unforeseen: l.Unforeseen,
	}
}
