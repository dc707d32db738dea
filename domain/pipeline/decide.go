package pipeline

import (
	"slices"
	"strconv"

	"crm/domain"
)

// Decider is the pipeline.
var Decider = domain.Decider[State, Command, Event]{Initial: initial, Decide: decide, Evolve: evolve}

// The refusals of a pipeline.
var (
	ErrUnknown        = &domain.Error{Code: domain.NotFound, Slug: "pipeline-unknown", Detail: "There is no such pipeline."}
	ErrAlreadyDefined = &domain.Error{Code: domain.Conflict, Slug: "pipeline-already-defined", Detail: "A pipeline with this id is defined already."}
	ErrNoStage        = &domain.Error{Code: domain.Invalid, Slug: "stage-unknown", Detail: "The pipeline has no such stage."}
	ErrStageExists    = &domain.Error{Code: domain.Conflict, Slug: "stage-exists", Detail: "The pipeline has another stage with this id."}
	ErrStageRetired   = &domain.Error{Code: domain.Conflict, Slug: "stage-retired", Detail: "The stage is retired; no further deal may enter it."}
	ErrLastStage      = &domain.Error{Code: domain.Conflict, Slug: "last-stage", Detail: "A pipeline keeps at least one stage that is not retired."}
)

func decide(s State, command Command) ([]Event, error) {
	if _, defines := command.(Define); !defines && !s.Exists() {
		return nil, ErrUnknown
	}
	switch c := command.(type) {
	case Define:
		return define(s, c)
	case AddStage:
		return addStage(s, c)
	case ReorderStages:
		return reorderStages(s, c)
	case RetireStage:
		return retireStage(s, c)
	case SetStageProbability:
		return setStageProbability(s, c)
	}
	panic("pipeline: command without a decision: " + command.CommandName())
}

func define(s State, c Define) ([]Event, error) {
	switch {
	case s.Exists():
		return nil, ErrAlreadyDefined
	case domain.Blank(c.Name):
		return nil, domain.ErrInvalid.At("/name", "A pipeline has a name.")
	case len(c.Stages) == 0:
		return nil, domain.ErrInvalid.At("/stages", "A pipeline has at least one stage.")
	}
	if err := domain.CheckText("/name", c.Name, domain.ShortText); err != nil {
		return nil, err
	}
	for i, stage := range c.Stages {
		at := "/stages/" + strconv.Itoa(i)
		if err := validStage(stage); err != nil {
			return nil, domain.Within(at, err)
		}
		if slices.ContainsFunc(c.Stages[:i], func(other Stage) bool { return other.ID == stage.ID }) {
			return nil, domain.ErrInvalid.At(at+"/id", "%s is there twice.", string(stage.ID))
		}
	}
	return []Event{Defined(c)}, nil
}

func addStage(s State, c AddStage) ([]Event, error) {
	if err := validStage(c.Stage); err != nil {
		return nil, err
	}
	if i := s.index(c.Stage.ID); i >= 0 {
		if s.Stages[i] == (KnownStage{Stage: c.Stage}) {
			return nil, nil
		}
		return nil, ErrStageExists
	}
	if c.Before != "" && s.index(c.Before) < 0 {
		return nil, ErrNoStage.At("/before", "The pipeline has no stage %q.", string(c.Before))
	}
	return []Event{StageAdded(c)}, nil
}

func reorderStages(s State, c ReorderStages) ([]Event, error) {
	var current []domain.StageID
	for _, stage := range s.Stages {
		if !stage.Retired {
			current = append(current, stage.ID)
		}
	}
	if slices.Equal(current, c.Order) {
		return nil, nil
	}
	if !slices.Equal(slices.Sorted(slices.Values(current)), slices.Sorted(slices.Values(c.Order))) {
		return nil, domain.ErrInvalid.At("/order", "The order names every stage that is not retired, each once.")
	}
	return []Event{StagesReordered(c)}, nil
}

func retireStage(s State, c RetireStage) ([]Event, error) {
	i := s.index(c.ID)
	switch {
	case i < 0:
		return nil, ErrNoStage
	case s.Stages[i].Retired:
		return nil, nil
	}
	for _, stage := range s.Stages {
		if !stage.Retired && stage.ID != c.ID {
			return []Event{StageRetired(c)}, nil
		}
	}
	return nil, ErrLastStage
}

func setStageProbability(s State, c SetStageProbability) ([]Event, error) {
	i := s.index(c.ID)
	if i < 0 {
		return nil, ErrNoStage
	}
	changed := s.Stages[i].Stage
	changed.Probability = c.Probability
	if c.Category != "" {
		changed.Category = c.Category
	}
	if err := validStage(changed); err != nil || changed == s.Stages[i].Stage {
		return nil, err
	}
	return []Event{StageProbabilitySet{ID: c.ID, Probability: changed.Probability, Category: changed.Category}}, nil
}

func validStage(stage Stage) error {
	switch {
	case !stage.ID.Valid():
		return domain.ErrInvalid.At("/id", "A stage id is 1 to 64 of a-z, 0-9, _ and -.")
	case domain.Blank(stage.Name):
		return domain.ErrInvalid.At("/name", "A stage has a name.")
	case stage.Probability < 0 || stage.Probability > 100:
		return domain.ErrInvalid.At("/probability", "A probability is 0 to 100 percent.")
	case !stage.Category.Valid():
		return domain.ErrInvalid.At("/category", "%q is not a forecast category.", string(stage.Category))
	}
	return domain.CheckText("/name", stage.Name, domain.ShortText)
}
