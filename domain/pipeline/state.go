package pipeline

import (
	"slices"

	"crm/domain"
)

// State is a pipeline folded from its history.
type State struct {
	Name   string // empty before it is defined
	Stages []KnownStage
}

// KnownStage is a stage and whether it is closed to further deals.
type KnownStage struct {
	Stage
	Retired bool
}

func initial() State { return State{} }

func evolve(s State, event Event) State {
	switch e := event.(type) {
	case Defined:
		s.Name, s.Stages = e.Name, nil
		for _, stage := range e.Stages {
			s.Stages = append(s.Stages, KnownStage{Stage: stage})
		}
	case StageAdded:
		at := s.index(e.Before)
		if at < 0 {
			at = len(s.Stages)
		}
		s.Stages = slices.Insert(s.Stages, at, KnownStage{Stage: e.Stage})
	case StagesReordered:
		rank := func(stage KnownStage) int {
			if i := slices.Index(e.Order, stage.ID); i >= 0 {
				return i
			}
			return len(e.Order) // retired stages come last
		}
		slices.SortStableFunc(s.Stages, func(a, b KnownStage) int { return rank(a) - rank(b) })
	case StageRetired:
		if i := s.index(e.ID); i >= 0 {
			s.Stages[i].Retired = true
		}
	case StageProbabilitySet:
		if i := s.index(e.ID); i >= 0 {
			s.Stages[i].Probability, s.Stages[i].Category = e.Probability, e.Category
		}
	}
	return s
}

// Exists reports whether the pipeline was defined.
func (s State) Exists() bool { return s.Name != "" }

// First is the stage a deal enters when none is named, and false when every
// stage is retired.
func (s State) First() (Stage, bool) {
	for _, stage := range s.Stages {
		if !stage.Retired {
			return stage.Stage, true
		}
	}
	return Stage{}, false
}

// Enter is the stage of that id for a deal that moves into it: [ErrNoStage] when
// the pipeline has none, [ErrStageRetired] when it is closed.
func (s State) Enter(id domain.StageID) (Stage, error) {
	i := s.index(id)
	switch {
	case i < 0:
		return Stage{}, ErrNoStage
	case s.Stages[i].Retired:
		return Stage{}, ErrStageRetired
	}
	return s.Stages[i].Stage, nil
}

func (s State) index(id domain.StageID) int {
	return slices.IndexFunc(s.Stages, func(stage KnownStage) bool { return stage.ID == id })
}
