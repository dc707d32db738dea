package commands

import (
	"slices"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/pipeline"
)

var pipelines = &kind[pipeline.State, pipeline.Command, pipeline.Event]{
	Decider:    pipeline.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.PipelineStream(domain.PipelineID{UUID: id}) },
	settings:   pipeline.Settings,
	isCreating: func(c pipeline.Command) bool { _, ok := c.(pipeline.Define); return ok },
	tell: func(s pipeline.State) any {
		if !s.Exists() {
			return nil
		}
		s.Stages = slices.Clone(s.Stages) // Evolve changes them in place
		return s
	},
}
