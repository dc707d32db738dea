package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/pipeline"
	"crm/http/access"
	"crm/projections/readmodels"
)

// pipelineCard is a pipeline with its stages.
type pipelineCard struct {
	ID        uuid.UUID       `json:"id" format:"uuid"`
	Name      string          `json:"name"`
	Stages    []stageCard     `json:"stages" nullable:"false" doc:"In order."`
	DefinedAt time.Time       `json:"defined_at"`
	ChangedAt time.Time       `json:"changed_at" doc:"When the latest change occurred."`
	Revision  domain.Revision `json:"revision" doc:"The same as ETag."`
}

type stageCard struct {
	ID          domain.StageID          `json:"id" example:"proposal"`
	Name        string                  `json:"name"`
	Probability int                     `json:"probability" doc:"Percent."`
	Category    domain.ForecastCategory `json:"category" enum:"omitted,pipeline,best_case,commit,closed"`
	Retired     bool                    `json:"retired" doc:"No further deal may enter it."`
}

// boardCard is a pipeline with its deals.
type boardCard struct {
	Pipeline pipelineCard `json:"pipeline"`
	Columns  []columnCard `json:"columns" nullable:"false" doc:"Each stage in order (a retired one while deals stand in it), then won, then lost."`
}

type columnCard struct {
	Status deal.Status `json:"status" enum:"open,won,lost"`
	Stage  *stageCard  `json:"stage" doc:"Of an open column."`
	Count  int64       `json:"count" doc:"All deals of the column."`
	Totals []totalCard `json:"totals" nullable:"false" doc:"What they are worth, by currency. A sum too large for 64 bits stops there."`
	Deals  []dealCard  `json:"deals" nullable:"false" doc:"The first: newest opened, or latest closed."`
}

type totalCard struct {
	Worth    domain.Money  `json:"worth"`
	Weighted *domain.Money `json:"weighted" doc:"Of an open column: each worth times its deal's probability."`
}

type pipelineListInput struct {
	Listing
	Moment
}

type boardInput struct {
	Dated
	First int `query:"first" minimum:"0" maximum:"50" default:"10" doc:"Deals to show in each column."`
}

func (s *Server) pipelineQueries() {
	own := []string{"deals"}
	serveQuery(s, query{"pipeline.list", access.CatalogRead, "/pipelines", "pipelines", "All pipelines, by name", own}, s.listPipelines)
	s.describeList("/pipelines", readmodels.PipelineList)
	serveQuery(s, query{"pipeline.card", access.CatalogRead, "/pipelines/{id}", "pipelines", "A pipeline", own}, s.showPipeline)
	serveNarrowed(s, query{"pipeline.board", access.DealsRead, "/pipelines/{id}/board", "pipelines", "A pipeline's board", dealModels}, s.showBoard)
}

func (s *Server) listPipelines(ctx context.Context, in *pipelineListInput) (*listed[pipelineCard], error) {
	return listFrom(ctx, readmodels.PipelineList, in.ask(in.asOf()), func(asked readmodels.Asked) (readmodels.Listed[readmodels.Pipeline], error) {
		return s.models(ctx).Deals.Pipelines(ctx, asked)
	}, pipelineOf)
}

func (s *Server) showPipeline(ctx context.Context, in *Dated) (*tagged[pipelineCard], error) {
	p, err := s.models(ctx).Deals.Pipeline(ctx, domain.PipelineID{UUID: in.ID}, in.asOf())
	if err != nil {
		return nil, err
	}
	return taggedAt(in.asOf(), p.Revision, pipelineOf(p)), nil
}

func (s *Server) showBoard(ctx context.Context, in *boardInput) (*plain[boardCard], error) {
	board, err := s.models(ctx).Deals.Board(ctx, domain.PipelineID{UUID: in.ID}, in.asOf(), in.First)
	if err != nil {
		return nil, err
	}
	return &plain[boardCard]{boardCard{Pipeline: pipelineOf(board.Pipeline), Columns: each(board.Columns, columnOf)}}, nil
}

func pipelineOf(p readmodels.Pipeline) pipelineCard {
	return pipelineCard{
		ID: p.ID.UUID, Name: p.Name, Stages: each(p.Stages, stageOf),
		DefinedAt: p.DefinedAt, ChangedAt: p.ChangedAt, Revision: p.Revision,
	}
}

func stageOf(s pipeline.KnownStage) stageCard {
	return stageCard{ID: s.ID, Name: s.Name, Probability: s.Probability, Category: s.Category, Retired: s.Retired}
}

func columnOf(c readmodels.Column) columnCard {
	card := columnCard{
		Status: c.Status, Count: c.Count, Deals: each(c.Deals, dealOf),
		Totals: each(c.Totals, func(t readmodels.Total) totalCard { return totalCard{t.Worth, sum(t.Weighted)} }),
	}
	if c.Status == deal.Running {
		stage := stageOf(c.Stage)
		card.Stage = &stage
	}
	return card
}
