package http

import (
	"net/http"

	"crm/domain"
	"crm/domain/interaction"
	"crm/http/access"
)

// InteractionInput mirrors interaction.Details.
type InteractionInput struct {
	Channel      interaction.Channel   `json:"channel,omitempty" enum:"call,email,meeting,visit,chat,sms,letter,web,social,note" doc:"Every interaction has one."`
	Direction    interaction.Direction `json:"direction,omitempty" enum:"inbound,outbound"`
	Participants []domain.Personal     `json:"participants,omitempty"`
	Subject      domain.Personal       `json:"subject,omitempty" maxLength:"500"`
	Note         domain.Personal       `json:"note,omitempty" maxLength:"100000"`
	Reaction     interaction.Reaction  `json:"reaction,omitempty" enum:"accepted,interested,undecided,objecting,declined,none" doc:"How the customer took an offer."`
	Mood         interaction.Mood      `json:"mood,omitempty" enum:"delighted,satisfied,neutral,annoyed,angry"`
	Duration     int64                 `json:"duration_seconds,omitempty" minimum:"0"`
	Deal         domain.DealID         `json:"deal,omitzero" format:"uuid" doc:"The deal it was about."`
	Employee     domain.EmployeeID     `json:"employee,omitzero" format:"uuid" doc:"Who of us took part."`
}

type (
	logInteractionBody struct {
		NewID
		InteractionInput
		Envelope
	}
	amendInteractionBody struct {
		InteractionInput
		Envelope
	}
)

var interactionCommands = []*command{
	describe("interaction.log", access.InteractionsWrite, http.MethodPost, "/customers/{id}/interactions", "Log an interaction; when it took place is occurred_at",
		func(_ *Server, at *place, b *logInteractionBody) (domain.Command, error) {
			id := domain.InteractionID{UUID: b.ID}
			if id.IsZero() {
				id.UUID = at.derived("interaction")
			}
			at.part = id.String()
			return interaction.Log{ID: id, Details: interaction.Details(b.InteractionInput)}, nil
		}),
	describe("interaction.amend", access.InteractionsWrite, http.MethodPatch, "/customers/{id}/interactions/{part}", "Amend what was logged (merge patch; null clears)",
		func(_ *Server, at *place, b *amendInteractionBody) (domain.Command, error) {
			id, err := at.partID()
			set := interaction.Details(b.InteractionInput)
			return interaction.Amend{ID: domain.InteractionID{UUID: id}, Patch: domain.Patch[interaction.Details]{
				Set: set, Clear: cleared(at, interaction.DetailFields, set),
			}}, err
		}),
}
