package pipeline

import "crm/domain"

// Command is what may be asked of a pipeline.
//
//sumtype:decl
type Command interface {
	domain.Command
	command()
}

type (
	// Define brings a pipeline into being, with its stages in order.
	Define struct {
		Name   string
		Stages []Stage
	}

	// AddStage puts a new stage before another, or at the end.
	AddStage struct {
		Stage  Stage
		Before domain.StageID
	}

	// ReorderStages gives the order of all stages that are not retired.
	ReorderStages struct{ Order []domain.StageID }

	// RetireStage closes a stage to deals that are not in it yet.
	RetireStage struct{ ID domain.StageID }

	// SetStageProbability changes what a stage means for a forecast. Deals keep
	// what their stage meant when they entered it.
	SetStageProbability struct {
		ID          domain.StageID
		Probability int
		Category    domain.ForecastCategory // none keeps the stage's
	}
)

func (Define) CommandName() string              { return "pipeline.define" }
func (AddStage) CommandName() string            { return "pipeline.add_stage" }
func (ReorderStages) CommandName() string       { return "pipeline.reorder_stages" }
func (RetireStage) CommandName() string         { return "pipeline.retire_stage" }
func (SetStageProbability) CommandName() string { return "pipeline.set_stage_probability" }

func (Define) command()              {}
func (AddStage) command()            {}
func (ReorderStages) command()       {}
func (RetireStage) command()         {}
func (SetStageProbability) command() {}
