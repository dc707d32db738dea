package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/http/access"
	"crm/projections/readmodels"
)

// funnelCard is a funnel.
type funnelCard struct {
	Opened        int64        `json:"opened_count" doc:"The cohort: deals of the pipeline that were opened in the period."`
	Steps         []funnelStep `json:"data" nullable:"false" doc:"The stages in the order of the pipeline."`
	Won           int64        `json:"won_count" doc:"Of the cohort; key=(won) has the events."`
	WonConversion *float64     `json:"won_conversion" doc:"won / reached the last stage"`
	WonShare      *float64     `json:"won_share" doc:"won / opened"`
}

type funnelStep struct {
	Key        string   `json:"key" doc:"The stage's id." example:"proposal_sent"`
	Name       string   `json:"name"`
	Reached    int64    `json:"reached_count" doc:"Deals that came so far or further, also those that jumped over it. A won deal reached every stage."`
	Visited    int64    `json:"visited_count" doc:"Deals that stood in it."`
	Standing   int64    `json:"standing_count" doc:"Deals that stand in it."`
	Lost       int64    `json:"lost_count" doc:"Deals that were lost from it."`
	Conversion *float64 `json:"conversion" doc:"reached / reached of the stage before; of the first, reached / opened."`
	Share      *float64 `json:"share" doc:"reached / opened"`
}

// PipelineOfReport is the pipeline that a report is about.
type PipelineOfReport struct {
	Pipeline uuid.UUID `query:"pipeline" format:"uuid" doc:"Default: the pipeline that exists from the first start on."`
}

func (p *PipelineOfReport) pipeline() domain.PipelineID {
	if p.Pipeline == uuid.Nil {
		return domain.DefaultPipeline
	}
	return domain.PipelineID{UUID: p.Pipeline}
}

// FunnelInput is the question of the funnel: how far the deals came that were opened
// in the period.
type FunnelInput struct {
	Freshness
	Moment
	Days
	PipelineOfReport
}

func (in *FunnelInput) question(time.Time) (readmodels.FunnelQuestion, error) {
	period, err := in.period()
	return readmodels.FunnelQuestion{Pipeline: in.pipeline(), Period: period, AsOf: in.asOf()}, err
}

// stageDuration is how long deals stood in a stage.
type stageDuration struct {
	Key          string       `json:"key" doc:"The stage's id." example:"proposal_sent"`
	Name         string       `json:"name"`
	Retired      bool         `json:"retired"`
	Stays        int64        `json:"stays" doc:"That ended in the period; a deal that comes back stays again."`
	MeanDays     *float64     `json:"mean_days" doc:"Of them."`
	Forward      int64        `json:"forward_count" doc:"Stays that ended with a move to a later stage."`
	Backward     int64        `json:"backward_count" doc:"Stays that ended with a move to an earlier stage."`
	Won          int64        `json:"won_count"`
	Lost         int64        `json:"lost_count"`
	Lengths      []stayLength `json:"lengths" nullable:"false" doc:"How many stays were how long."`
	Standing     int64        `json:"standing_count" doc:"Deals that stand in it."`
	StandingDays *float64     `json:"mean_standing_days" doc:"For how long they have, by as_of or now."`
}

type stayLength struct {
	Days  *int  `json:"up_to_days" doc:"At most so long, and longer than those before; null for any longer."`
	Count int64 `json:"count"`
}

// DurationsInput is the question of the stage durations.
type DurationsInput struct {
	Freshness
	Moment
	Days
	PipelineOfReport
}

func (in *DurationsInput) question(time.Time) (readmodels.DurationsQuestion, error) {
	period, err := in.period()
	return readmodels.DurationsQuestion{Pipeline: in.pipeline(), Period: period, AsOf: in.asOf()}, err
}

type funnelDrill struct {
	FunnelInput
	Drill
}

type durationsDrill struct {
	DurationsInput
	Drill
}

func (s *Server) pipelineReportQueries() {
	own := []string{"deals"}
	serveReport[FunnelInput, funnelDrill](s, query{
		"report.funnel", access.ReportsRead, "/reports/funnel", "reports", "How far deals came, and the conversion from stage to stage", own,
	}, always[readmodels.FunnelQuestion](placeKeys),
		func(ctx context.Context, asked readmodels.FunnelQuestion) (funnelCard, error) {
			f, err := s.cfg.Models.Deals.Funnel(ctx, asked)
			return funnelCard{
				Opened: f.Opened, Won: f.Won, WonConversion: roundedIf(f.WonConversion()), WonShare: roundedIf(f.WonShare()),
				Steps: each(f.Steps, funnelStepOf),
			}, err
		})
	serveReport[DurationsInput, durationsDrill](s, query{
		"report.stage_durations", access.ReportsRead, "/reports/stage-durations", "reports", "How long deals stood in each stage, and which way they left it", own,
	}, always[readmodels.DurationsQuestion](stageKeys),
		func(ctx context.Context, asked readmodels.DurationsQuestion) (report[stageDuration], error) {
			lines, err := s.cfg.Models.Deals.Durations(ctx, asked, s.cfg.Now())
			return report[stageDuration]{each(lines, stageDurationOf)}, err
		})
}

func funnelStepOf(t readmodels.FunnelStep) funnelStep {
	return funnelStep{
		Key: string(t.Stage), Name: t.Name, Reached: t.Reached, Visited: t.Visited, Standing: t.Standing, Lost: t.Lost,
		Conversion: roundedIf(t.Conversion), Share: roundedIf(t.Share),
	}
}

func stageDurationOf(d readmodels.StageDuration) stageDuration {
	shown := stageDuration{
		Key: string(d.Stage), Name: d.Name, Retired: d.Retired, Stays: d.Stays, MeanDays: roundedIf(d.Days),
		Forward: d.Forward, Backward: d.Backward, Won: d.Won, Lost: d.Lost,
		Standing: d.Standing, StandingDays: roundedIf(d.StandingDays),
	}
	for i, count := range d.Lengths {
		length := stayLength{Count: count}
		if i < len(readmodels.StayBounds) {
			length.Days = &readmodels.StayBounds[i]
		}
		shown.Lengths = append(shown.Lengths, length)
	}
	return shown
}
