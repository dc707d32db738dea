package pipeline

import "crm/domain"

// Event is what happened to a pipeline.
//
//sumtype:decl
type Event interface {
	domain.Event
	event()
}

// Stage is a named step of a pipeline.
type Stage struct {
	ID          domain.StageID          `json:"id"`
	Name        string                  `json:"name"`
	Probability int                     `json:"probability"` // of winning a deal in it, percent
	Category    domain.ForecastCategory `json:"category"`
}

type (
	// Defined records a new pipeline.
	Defined struct {
		Name   string  `json:"name"`
		Stages []Stage `json:"stages"`
	}

	// StageAdded records a new stage, before another or at the end.
	StageAdded struct {
		Stage  Stage          `json:"stage"`
		Before domain.StageID `json:"before,omitempty"`
	}

	// StagesReordered records the order of the stages that are not retired.
	StagesReordered struct {
		Order []domain.StageID `json:"order"`
	}

	// StageRetired records that no further deal may enter the stage.
	StageRetired struct {
		ID domain.StageID `json:"id"`
	}

	// StageProbabilitySet records what a stage means for a forecast from now on.
	StageProbabilitySet struct {
		ID          domain.StageID          `json:"id"`
		Probability int                     `json:"probability"`
		Category    domain.ForecastCategory `json:"category"`
	}
)

func (Defined) EventType() string             { return "pipeline.defined" }
func (StageAdded) EventType() string          { return "pipeline.stage_added" }
func (StagesReordered) EventType() string     { return "pipeline.stages_reordered" }
func (StageRetired) EventType() string        { return "pipeline.stage_retired" }
func (StageProbabilitySet) EventType() string { return "pipeline.stage_probability_set" }

func (Defined) event()             {}
func (StageAdded) event()          {}
func (StagesReordered) event()     {}
func (StageRetired) event()        {}
func (StageProbabilitySet) event() {}
