package pipeline_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/pipeline"
)

type story = domaintest.Story[pipeline.Command, pipeline.Event]

func facts(events ...pipeline.Event) []pipeline.Event { return events }

func order(ids ...domain.StageID) []domain.StageID { return ids }

var (
	prospecting = pipeline.Stage{ID: "prospecting", Name: "Prospecting", Probability: 10, Category: domain.Pipeline}
	engaging    = pipeline.Stage{ID: "engaging", Name: "Engaging", Probability: 40, Category: domain.BestCase}
	closing     = pipeline.Stage{ID: "closing", Name: "Closing", Probability: 80, Category: domain.Commit}

	defined = pipeline.Defined{Name: "Sales", Stages: []pipeline.Stage{prospecting, engaging}}
	added   = pipeline.StageAdded{Stage: closing}
	retired = pipeline.StageRetired{ID: "prospecting"}
)

// brokenStages are stages that no pipeline takes, by the pointer of what is
// wrong with each.
func brokenStages() map[string]pipeline.Stage {
	with := func(change func(*pipeline.Stage)) pipeline.Stage {
		stage := closing
		change(&stage)
		return stage
	}
	return map[string]pipeline.Stage{
		"/id":          with(func(s *pipeline.Stage) { s.ID = "Closing!" }),
		"/name":        with(func(s *pipeline.Stage) { s.Name = " " }),
		"/probability": with(func(s *pipeline.Stage) { s.Probability = 101 }),
		"/category":    with(func(s *pipeline.Stage) { s.Category = "" }),
	}
}

func TestDefine(t *testing.T) {
	t.Parallel()
	stories := []story{
		{Name: "with its stages", When: pipeline.Define{Name: "Sales", Stages: []pipeline.Stage{prospecting, engaging}}, Then: facts(defined)},
		{Name: "twice", Given: facts(defined), When: pipeline.Define(defined), Refused: pipeline.ErrAlreadyDefined},
		{Name: "without a name", When: pipeline.Define{Stages: []pipeline.Stage{closing}}, Refused: domain.ErrInvalid, At: "/name"},
		{
			Name: "with too long a name", Refused: domain.ErrInvalid, At: "/name",
			When: pipeline.Define{Name: strings.Repeat("x", 501), Stages: []pipeline.Stage{closing}},
		},
		{Name: "without stages", When: pipeline.Define{Name: "Sales"}, Refused: domain.ErrInvalid, At: "/stages"},
		{
			Name: "with a stage twice", Refused: domain.ErrInvalid, At: "/stages/1/id",
			When: pipeline.Define{Name: "Sales", Stages: []pipeline.Stage{closing, {ID: "closing", Name: "x", Category: domain.Closed}}},
		},
	}
	for pointer, stage := range brokenStages() {
		stories = append(stories, story{
			Name: "with a broken stage at " + pointer, Refused: domain.ErrInvalid, At: "/stages/1" + pointer,
			When: pipeline.Define{Name: "Sales", Stages: []pipeline.Stage{engaging, stage}},
		})
	}
	domaintest.Run(t, pipeline.Decider, stories)
}

func TestAddStage(t *testing.T) {
	t.Parallel()
	renamed := closing
	renamed.Name = "Closing now"
	stories := []story{
		{Name: "at the end", Given: facts(defined), When: pipeline.AddStage{Stage: closing}, Then: facts(added)},
		{
			Name: "before another", Given: facts(defined), When: pipeline.AddStage{Stage: closing, Before: "engaging"},
			Then: facts(pipeline.StageAdded{Stage: closing, Before: "engaging"}),
		},
		{Name: "that is there", Given: facts(defined, added), When: pipeline.AddStage{Stage: closing}},
		{Name: "that is there under another name", Given: facts(defined, added), When: pipeline.AddStage{Stage: renamed}, Refused: pipeline.ErrStageExists},
		{Name: "that was retired", Given: facts(defined, retired), When: pipeline.AddStage{Stage: prospecting}, Refused: pipeline.ErrStageExists},
		{Name: "before none", Given: facts(defined), When: pipeline.AddStage{Stage: closing, Before: "dreaming"}, Refused: pipeline.ErrNoStage, At: "/before"},
		{Name: "to no pipeline", When: pipeline.AddStage{Stage: closing}, Refused: pipeline.ErrUnknown},
	}
	for pointer, stage := range brokenStages() {
		stories = append(stories, story{
			Name: "that is broken at " + pointer, Given: facts(defined), When: pipeline.AddStage{Stage: stage},
			Refused: domain.ErrInvalid, At: pointer,
		})
	}
	domaintest.Run(t, pipeline.Decider, stories)
}

func TestReorderStages(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, pipeline.Decider, []story{
		{
			Name: "the other way round", Given: facts(defined), When: pipeline.ReorderStages{Order: order("engaging", "prospecting")},
			Then: facts(pipeline.StagesReordered{Order: order("engaging", "prospecting")}),
		},
		{
			Name: "without those retired", Given: facts(defined, added, retired), When: pipeline.ReorderStages{Order: order("closing", "engaging")},
			Then: facts(pipeline.StagesReordered{Order: order("closing", "engaging")}),
		},
		{Name: "as they are", Given: facts(defined), When: pipeline.ReorderStages{Order: order("prospecting", "engaging")}},
		{Name: "as they are without those retired", Given: facts(defined, retired), When: pipeline.ReorderStages{Order: order("engaging")}},
		{Name: "with one missing", Given: facts(defined), When: pipeline.ReorderStages{Order: order("engaging")}, Refused: domain.ErrInvalid, At: "/order"},
		{Name: "with one twice", Given: facts(defined), When: pipeline.ReorderStages{Order: order("engaging", "engaging")}, Refused: domain.ErrInvalid, At: "/order"},
		{Name: "with one too many", Given: facts(defined), When: pipeline.ReorderStages{Order: order("engaging", "prospecting", "closing")}, Refused: domain.ErrInvalid, At: "/order"},
		{Name: "with one retired", Given: facts(defined, retired), When: pipeline.ReorderStages{Order: order("engaging", "prospecting")}, Refused: domain.ErrInvalid, At: "/order"},
		{Name: "of no pipeline", When: pipeline.ReorderStages{}, Refused: pipeline.ErrUnknown},
	})
}

func TestRetireStage(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, pipeline.Decider, []story{
		{Name: "one of two", Given: facts(defined), When: pipeline.RetireStage{ID: "prospecting"}, Then: facts(retired)},
		{Name: "again", Given: facts(defined, retired), When: pipeline.RetireStage{ID: "prospecting"}},
		{Name: "the last", Given: facts(defined, retired), When: pipeline.RetireStage{ID: "engaging"}, Refused: pipeline.ErrLastStage},
		{Name: "one that is not there", Given: facts(defined), When: pipeline.RetireStage{ID: "closing"}, Refused: pipeline.ErrNoStage},
		{Name: "of no pipeline", When: pipeline.RetireStage{ID: "closing"}, Refused: pipeline.ErrUnknown},
	})
}

func TestSetStageProbability(t *testing.T) {
	t.Parallel()
	set := pipeline.StageProbabilitySet{ID: "engaging", Probability: 50, Category: domain.BestCase}
	domaintest.Run(t, pipeline.Decider, []story{
		{Name: "alone", Given: facts(defined), When: pipeline.SetStageProbability{ID: "engaging", Probability: 50}, Then: facts(set)},
		{
			Name: "with a category", Given: facts(defined), When: pipeline.SetStageProbability{ID: "engaging", Probability: 0, Category: domain.Omitted},
			Then: facts(pipeline.StageProbabilitySet{ID: "engaging", Category: domain.Omitted}),
		},
		{Name: "to what it is", Given: facts(defined, set), When: pipeline.SetStageProbability{ID: "engaging", Probability: 50}},
		{Name: "of no stage", Given: facts(defined), When: pipeline.SetStageProbability{ID: "closing", Probability: 50}, Refused: pipeline.ErrNoStage},
		{Name: "below nothing", Given: facts(defined), When: pipeline.SetStageProbability{ID: "engaging", Probability: -1}, Refused: domain.ErrInvalid, At: "/probability"},
		{Name: "to a strange category", Given: facts(defined), When: pipeline.SetStageProbability{ID: "engaging", Category: "hope"}, Refused: domain.ErrInvalid, At: "/category"},
		{Name: "of no pipeline", When: pipeline.SetStageProbability{ID: "engaging"}, Refused: pipeline.ErrUnknown},
	})
}

func TestOrderOfStages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		history []pipeline.Event
		want    string
	}{
		"as defined":                    {facts(defined), "prospecting engaging"},
		"added at the end":              {facts(defined, added), "prospecting engaging closing"},
		"added before another":          {facts(defined, pipeline.StageAdded{Stage: closing, Before: "engaging"}), "prospecting closing engaging"},
		"retired in place":              {facts(defined, retired), "(prospecting) engaging"},
		"reordered with one retired":    {facts(defined, added, retired, pipeline.StagesReordered{Order: order("closing", "engaging")}), "closing engaging (prospecting)"},
		"retired after being reordered": {facts(defined, pipeline.StagesReordered{Order: order("engaging", "prospecting")}, retired), "engaging (prospecting)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, stage := range pipeline.Decider.Fold(test.history...).Stages {
				if stage.Retired {
					got = append(got, "("+string(stage.ID)+")")
				} else {
					got = append(got, string(stage.ID))
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("the stages stand otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntering(t *testing.T) {
	t.Parallel()
	state := pipeline.Decider.Fold(defined, retired, pipeline.StageProbabilitySet{ID: "engaging", Probability: 55, Category: domain.Commit})
	want := pipeline.Stage{ID: "engaging", Name: "Engaging", Probability: 55, Category: domain.Commit}
	if stage, ok := state.First(); !ok || stage != want {
		t.Errorf("the first stage is %+v, %v, want %+v", stage, ok, want)
	}
	if stage, err := state.Enter("engaging"); err != nil || stage != want {
		t.Errorf("entering gives %+v, %v, want %+v", stage, err, want)
	}
	if _, err := state.Enter("prospecting"); !errors.Is(err, pipeline.ErrStageRetired) {
		t.Errorf("entering a retired stage gives %v, want %v", err, pipeline.ErrStageRetired)
	}
	if _, err := state.Enter("closing"); !errors.Is(err, pipeline.ErrNoStage) {
		t.Errorf("entering no stage gives %v, want %v", err, pipeline.ErrNoStage)
	}
	if stage, ok := pipeline.Decider.Initial().First(); ok {
		t.Errorf("no pipeline begins with %+v", stage)
	}
}
