package commands

import (
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/readmodel"
)

var readModels = &kind[readmodel.State, readmodel.Command, readmodel.Event]{
	Decider:    readmodel.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.ReadModelStream(domain.ReadModelID{UUID: id}) },
	isCreating: func(readmodel.Command) bool { return false },
}
