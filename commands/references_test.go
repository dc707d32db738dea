package commands_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/consent"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/employee"
	"crm/domain/interaction"
	"crm/domain/pipeline"
	"crm/domain/product"
)

func setPrice(t *testing.T, h *commands.Handler, key string, minor int64) {
	t.Helper()
	do(t, h, ask(key, id("lamp"), product.SetListPrice{ListPrice: euro(minor)}))
}

func TestAReferenceMustExist(t *testing.T) {
	t.Parallel()
	nobody, newsletter := person("nobody"), consent.Key{Purpose: "newsletter", Channel: consent.Email}
	for name, test := range map[string]struct {
		target  uuid.UUID
		command domain.Command
		want    *domain.Error
		pointer string
	}{
		"deal of an unknown customer":   {id("d"), deal.Open{Title: "T", Customer: nobody}, commands.ErrUnknownReference, "/customer"},
		"deal of an unknown owner":      {id("d"), deal.Open{Title: "T", Owner: staff("nobody")}, commands.ErrUnknownReference, "/owner"},
		"deal in an unknown pipeline":   {id("d"), deal.Open{Title: "T", Stage: deal.Stage{Pipeline: funnel("none")}}, commands.ErrUnknownReference, "/pipeline"},
		"deal in an unknown stage":      {id("d"), deal.Open{Title: "T", Stage: deal.Stage{ID: "none"}}, pipeline.ErrNoStage, "/stage"},
		"deal in a retired stage":       {id("d"), deal.Open{Title: "T", Stage: deal.Stage{ID: "old"}}, pipeline.ErrStageRetired, "/stage"},
		"deal with an unknown product":  {id("d"), deal.Open{Title: "T", LineItems: []deal.LineItem{{ID: line("1"), Product: article("none")}}}, commands.ErrUnknownReference, "/line_items/0/product"},
		"line item without its product": {id("deal"), deal.AddLineItem{Item: deal.LineItem{ID: line("1"), Product: article("none")}}, commands.ErrUnknownReference, "/product"},
		"link to an unknown customer":   {id("deal"), deal.LinkCustomer{Customer: nobody}, commands.ErrUnknownReference, "/customer"},
		"stage of another pipeline":     {id("deal"), deal.ChangeStage{Stage: deal.Stage{Pipeline: funnel("other"), ID: "new"}}, deal.ErrOtherPipeline, "/pipeline"},
		"stage of no pipeline":          {id("deal"), deal.ChangeStage{Stage: deal.Stage{Pipeline: funnel("none"), ID: "new"}}, commands.ErrUnknownReference, "/pipeline"},
		"stage without a name":          {id("deal"), deal.ChangeStage{}, domain.ErrInvalid, "/stage"},
		"stage that is not there":       {id("deal"), deal.ChangeStage{Stage: deal.Stage{ID: "none"}}, pipeline.ErrNoStage, "/stage"},
		"stage of an unknown deal":      {id("none"), deal.ChangeStage{Stage: deal.Stage{ID: "new"}}, deal.ErrUnknown, ""},
		"owner nobody knows":            {id("ada"), customer.AssignOwner{Owner: staff("nobody")}, commands.ErrUnknownReference, "/owner"},
		"owner of nobody":               {id("none"), customer.AssignOwner{Owner: staff("nobody")}, customer.ErrUnknown, ""},
		"link to nobody":                {id("ada"), customer.LinkToOrganization{Link: customer.Link{Organization: nobody, Relation: customer.WorksAt}}, commands.ErrUnknownReference, "/organization"},
		"link to a person":              {id("acme"), customer.LinkToOrganization{Link: customer.Link{Organization: person("ada"), Relation: customer.PartnerOf}}, customer.ErrNotOrganization, "/organization"},
		"link to itself":                {id("acme"), customer.LinkToOrganization{Link: customer.Link{Organization: person("acme"), Relation: customer.PartnerOf}}, domain.ErrInvalid, "/organization"},
		"registered with such a link": {id("new"), customer.Register{
			Kind: customer.Person, Details: customer.Details{Name: "New"},
			Links: []customer.Link{{Organization: person("ada"), Relation: customer.WorksAt}},
		}, customer.ErrNotOrganization, "/links/0/organization"},
		"consent of nobody":       {nobody.UUID, consent.Grant{Key: newsletter}, customer.ErrUnknown, ""},
		"interaction with nobody": {nobody.UUID, interaction.Log{ID: domain.InteractionID{UUID: id("i")}, Details: interaction.Details{Channel: interaction.Call}}, customer.ErrUnknown, ""},
		"consent for nobody's address": {id("ada"), consent.Grant{
			Key:      consent.Key{Purpose: "news", Channel: consent.Email},
			Evidence: consent.Evidence{ContactPoint: domain.ContactPointID{UUID: id("nowhere")}},
		}, commands.ErrUnknownReference, "/contact_point"},
		"interaction about no deal": {id("ada"), interaction.Log{ID: domain.InteractionID{UUID: id("i")}, Details: interaction.Details{Channel: interaction.Call, Deal: dealID("none")}}, commands.ErrUnknownReference, "/deal"},
		"manager nobody knows":      {id("new"), employee.Register{Details: employee.Details{Name: "New", Manager: staff("nobody")}}, commands.ErrUnknownReference, "/manager"},
		"employee as their manager": {id("eve"), employee.ChangeDetails{Patch: domain.Patch[employee.Details]{Set: employee.Details{Manager: staff("eve")}}}, domain.ErrInvalid, "/manager"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := newLedger()
			h := commands.New(log, commands.Config{})
			company(t, h)
			before := log.appends.Load()
			_, err := h.Do(t.Context(), ask("x", test.target, test.command))
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			pointer := ""
			if refusal, ok := errors.AsType[*domain.Refusal](err); ok {
				pointer = refusal.Pointer
			}
			if pointer != test.pointer {
				t.Errorf("at %q, want %q", pointer, test.pointer)
			}
			if log.appends.Load() != before {
				t.Error("something was appended")
			}
		})
	}
}

func TestADealTakesWhatItRefersTo(t *testing.T) {
	t.Parallel()
	log := newLedger()
	h := commands.New(log, commands.Config{})
	company(t, h)
	do(t, h, ask("1", id("d"), deal.Open{
		Title: "Two lamps", Customer: person("ada"), Owner: staff("eve"),
		LineItems: []deal.LineItem{{ID: line("1"), Product: article("lamp"), Quantity: 2 * domain.One}},
	}))
	do(t, h, ask("2", id("d"), deal.ChangeStage{Stage: deal.Stage{ID: "offer"}}))
	setPrice(t, h, "3", 5900)
	do(t, h, ask("4", id("d"), deal.AddLineItem{Item: deal.LineItem{ID: line("2"), Product: article("lamp"), Name: "Lamp, red"}}))
	recorded, _ := log.Memory.Load(t.Context(), domain.DealStream(dealID("d")), domain.NoStream)
	var got []domain.Event
	for _, r := range recorded {
		got = append(got, r.Event)
	}
	first := deal.Stage{Pipeline: domain.DefaultPipeline, ID: "new", Probability: 10, Category: domain.Pipeline}
	offer := deal.Stage{Pipeline: domain.DefaultPipeline, ID: "offer", Probability: 60, Category: domain.BestCase}
	want := []domain.Event{
		deal.Opened{Title: "Two lamps", Stage: first, Customer: person("ada"), Owner: staff("eve")},
		deal.LineItemAdded{Item: deal.LineItem{ID: line("1"), Product: article("lamp"), Name: "Lamp", Quantity: 2 * domain.One, UnitPrice: euro(4900)}},
		deal.StageChanged{From: "new", To: offer},
		deal.LineItemAdded{Item: deal.LineItem{ID: line("2"), Product: article("lamp"), Name: "Lamp, red", Quantity: domain.One, UnitPrice: euro(5900)}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAStageAddedElsewhereCanBeEnteredAtOnce(t *testing.T) {
	t.Parallel()
	log := newLedger()
	here, there := commands.New(log, commands.Config{}), commands.New(log, commands.Config{})
	company(t, here)
	do(t, here, ask("0", id("d"), deal.Open{Title: "T"})) // the pipeline is known here now
	do(t, there, ask("1", domain.DefaultPipeline.UUID, pipeline.AddStage{
		Stage: pipeline.Stage{ID: "pilot", Name: "Pilot", Probability: 70, Category: domain.Commit},
	}))
	do(t, here, ask("2", id("d"), deal.ChangeStage{Stage: deal.Stage{ID: "pilot"}}))
	do(t, there, ask("3", id("late"), register("Late")))
	do(t, here, ask("4", id("d"), deal.LinkCustomer{Customer: person("late")}))
}

func TestAStageThatWasRetiredMeanwhileStaysWhereADealIs(t *testing.T) {
	t.Parallel()
	h := commands.New(newLedger(), commands.Config{})
	company(t, h)
	do(t, h, ask("1", domain.DefaultPipeline.UUID, pipeline.RetireStage{ID: "new"}))
	if got := do(t, h, ask("2", id("deal"), deal.ChangeStage{Stage: deal.Stage{ID: "new"}})); got.Events != 0 {
		t.Errorf("got %+v", got)
	}
}
