package commands

import (
	"context"

	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/interaction"
)

var interactions = &kind[interaction.State, interaction.Command, interaction.Event]{
	Decider:    interaction.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.InteractionStream(domain.CustomerID{UUID: id}) },
	settings:   interaction.Settings,
	isCreating: func(interaction.Command) bool { return false }, // one stream holds them all
	references: func(target uuid.UUID, command interaction.Command) []domain.Stream {
		details := mentioned(command)
		streams := append(some(domain.DealStream, details.Deal), some(domain.EmployeeStream, details.Employee)...)
		return append(streams, domain.CustomerStream(domain.CustomerID{UUID: target}))
	},
	resolve: func(ctx context.Context, a asking, _ interaction.State, command interaction.Command) (interaction.Command, error) {
		if err := a.mustBeCustomer(ctx); err != nil {
			return nil, err
		}
		details := mentioned(command)
		if err := a.mustExist(ctx, deals, details.Deal.UUID, "/deal", "deal"); err != nil {
			return nil, err
		}
		return command, a.mustExist(ctx, employees, details.Employee.UUID, "/employee", "employee")
	},
	ownerOf: func(ctx context.Context, a asking, _ interaction.State) (domain.EmployeeID, error) {
		return customersOwner(ctx, a)
	},
}

// mentioned are the details that a command brings.
func mentioned(command interaction.Command) interaction.Details {
	switch c := command.(type) {
	case interaction.Log:
		return c.Details
	case interaction.Amend:
		return c.Patch.Set
	}
	return interaction.Details{}
}
