package http

import (
	"net/http"

	"crm/domain"
	"crm/domain/pipeline"
	"crm/http/access"
)

// StageInput mirrors pipeline.Stage.
type StageInput struct {
	ID          domain.StageID          `json:"id" pattern:"^[a-z0-9][a-z0-9_-]{0,63}$" example:"proposal"`
	Name        string                  `json:"name" maxLength:"500" example:"Proposal"`
	Probability int                     `json:"probability" minimum:"0" maximum:"100" doc:"Of winning a deal in it, percent."`
	Category    domain.ForecastCategory `json:"category" enum:"omitted,pipeline,best_case,commit,closed"`
}

type (
	definePipelineBody struct {
		NewID
		Name   string       `json:"name" maxLength:"500"`
		Stages []StageInput `json:"stages" minItems:"1" doc:"In order."`
		Envelope
	}
	addStageBody struct {
		StageInput
		Before domain.StageID `json:"before,omitempty" doc:"Default: at the end."`
		Envelope
	}
	reorderStagesBody struct {
		Order []domain.StageID `json:"order" doc:"Every stage that is not retired, each once."`
		Envelope
	}
	stageProbabilityBody struct {
		Probability int                     `json:"probability" minimum:"0" maximum:"100"`
		Category    domain.ForecastCategory `json:"category,omitempty" enum:"omitted,pipeline,best_case,commit,closed" doc:"Default: the stage's."`
		Envelope
	}
)

var pipelineCommands = []*command{
	describe("pipeline.define", access.CatalogWrite, http.MethodPost, "/pipelines", "Define a pipeline",
		func(_ *Server, _ *place, b *definePipelineBody) (domain.Command, error) {
			define := pipeline.Define{Name: b.Name}
			for _, stage := range b.Stages {
				define.Stages = append(define.Stages, pipeline.Stage(stage))
			}
			return define, nil
		}),
	describe("pipeline.add_stage", access.CatalogWrite, http.MethodPost, "/pipelines/{id}/stages", "Add a stage",
		func(_ *Server, at *place, b *addStageBody) (domain.Command, error) {
			at.part = string(b.ID)
			return pipeline.AddStage{Stage: pipeline.Stage(b.StageInput), Before: b.Before}, nil
		}),
	describe("pipeline.reorder_stages", access.CatalogWrite, http.MethodPost, "/pipelines/{id}/stage-order", "Order the stages",
		func(_ *Server, _ *place, b *reorderStagesBody) (domain.Command, error) {
			return pipeline.ReorderStages{Order: b.Order}, nil
		}),
	describe("pipeline.retire_stage", access.CatalogWrite, http.MethodPost, "/pipelines/{id}/stages/{part}/retire", "Close a stage to further deals",
		func(_ *Server, at *place, _ *nothing) (domain.Command, error) {
			return pipeline.RetireStage{ID: domain.StageID(at.part)}, nil
		}),
	describe("pipeline.set_stage_probability", access.CatalogWrite, http.MethodPost, "/pipelines/{id}/stages/{part}/probability", "Change what a stage means for a forecast",
		func(_ *Server, at *place, b *stageProbabilityBody) (domain.Command, error) {
			return pipeline.SetStageProbability{ID: domain.StageID(at.part), Probability: b.Probability, Category: b.Category}, nil
		}),
}
