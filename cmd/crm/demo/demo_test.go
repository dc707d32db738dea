package demo_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/cmd/crm/demo"
	"crm/commands"
	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/pipeline"
)

// Every command of the story is one that the rules allow, and telling the story
// again changes nothing.
func TestTheStoryHappens(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		log := domaintest.NewMemory(time.Now)
		handler := commands.New(log, commands.Config{})
		if _, err := handler.Do(t.Context(), commands.Ask{
			Target: domain.DefaultPipeline.UUID, Command: pipeline.Default,
			Meta: domain.Meta{Command: domain.CommandRef{ID: uuid.NewSHA1(domain.Namespace, []byte("default"))}},
		}); err != nil {
			t.Fatal(err)
		}
		asks := demo.Commands(demo.Config{Seed: seed})
		if len(asks) < 500 {
			t.Errorf("seed %d: a company with %d commands is not believable", seed, len(asks))
		}
		var stored []int
		for range 2 {
			for i, answer := range handler.DoAll(t.Context(), asks) {
				if answer.Err != nil {
					t.Fatalf("seed %d, command %d %s at %s: %v",
						seed, i, asks[i].Command.CommandName(), asks[i].Meta.OccurredAt, answer.Err)
				}
			}
			stored = append(stored, len(log.All(domain.Position{})))
		}
		if stored[0] < len(asks) || stored[0] != stored[1] {
			t.Errorf("seed %d: %d commands left %d events, told again %d", seed, len(asks), stored[0], stored[1])
		}
	}
}

func TestSameSeedSameCompany(t *testing.T) {
	t.Parallel()
	seven, again := demo.Commands(demo.Config{Seed: 7}), demo.Commands(demo.Config{Seed: 7})
	if diff := cmp.Diff(seven, again); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(seven, demo.Commands(demo.Config{Seed: 8})) {
		t.Error("another seed made the same company")
	}
}
