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
	resolve: func(ctx context.Context, a asking, _ consent.State, command consent.Command) (consent.Command, error) {
		if err := a.mustBeCustomer(ctx); err != nil {
			return nil, err
		}
		switch c := command.(type) {
		case consent.Request:
			return c, a.mustHaveContactPoint(ctx, c.Evidence.ContactPoint, "/contact_point")
		case consent.Grant:
			return c, a.mustHaveContactPoint(ctx, c.Evidence.ContactPoint, "/contact_point")
		default:
			return command, nil
		}
	},
	ownerOf: func(ctx context.Context, a asking, _ consent.State) (domain.EmployeeID, error) {
		return customersOwner(ctx, a)
	},
}
