package commands

import (
	"context"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/consent"
)

var consents = &kind[consent.State, consent.Command, consent.Event]{
	Decider:    consent.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.ConsentStream(domain.CustomerID{UUID: id}) },
	isCreating: func(consent.Command) bool { return false }, // one stream holds them all
	references: func(target uuid.UUID, _ consent.Command) []domain.Stream {
		return []domain.Stream{domain.CustomerStream(domain.CustomerID{UUID: target})}
	},
	resolve: func(ctx context.Context, h *Handler, target uuid.UUID, _ consent.State, c consent.Command) (consent.Command, error) {
		return c, h.mustBeCustomer(ctx, target)
	},
}
