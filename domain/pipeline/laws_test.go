package pipeline_test

import (
	"testing"

	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/pipeline"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, pipeline.Decider, anyCommand(), map[string]error{"pipeline.define": pipeline.ErrAlreadyDefined})
}

func anyCommand() *rapid.Generator[pipeline.Command] {
	id := rapid.SampledFrom([]domain.StageID{"prospecting", "engaging", "closing", ""})
	name := rapid.OneOf(rapid.Just("Sales"), domaintest.AnyText[string]())
	percent := rapid.SampledFrom([]int{0, 50, 100, 101, -1})
	category := rapid.SampledFrom([]domain.ForecastCategory{domain.Commit, domain.Omitted, "", "hope"})
	stage := rapid.OneOf(rapid.SampledFrom([]pipeline.Stage{prospecting, engaging, closing}), rapid.Custom(func(t *rapid.T) pipeline.Stage {
		return pipeline.Stage{ID: id.Draw(t, "id"), Name: name.Draw(t, "name"), Probability: percent.Draw(t, "percent"), Category: category.Draw(t, "category")}
	}))
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) pipeline.Command {
			return pipeline.Define{Name: name.Draw(t, "name"), Stages: rapid.SliceOfN(stage, 0, 3).Draw(t, "stages")}
		}),
		rapid.Custom(func(t *rapid.T) pipeline.Command {
			return pipeline.AddStage{Stage: stage.Draw(t, "stage"), Before: id.Draw(t, "before")}
		}),
		rapid.Map(rapid.Permutation([]domain.StageID{"prospecting", "engaging", "closing"}), func(ids []domain.StageID) pipeline.Command {
			return pipeline.ReorderStages{Order: ids}
		}),
		rapid.Map(rapid.SliceOfN(id, 1, 2), func(ids []domain.StageID) pipeline.Command { return pipeline.ReorderStages{Order: ids} }),
		rapid.Map(id, func(id domain.StageID) pipeline.Command { return pipeline.RetireStage{ID: id} }),
		rapid.Custom(func(t *rapid.T) pipeline.Command {
			return pipeline.SetStageProbability{ID: id.Draw(t, "id"), Probability: percent.Draw(t, "percent"), Category: category.Draw(t, "category")}
		}),
	)
}
