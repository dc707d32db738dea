package commands

import (
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/importrun"
)

var imports = &kind[importrun.State, importrun.Command, importrun.Event]{
	Decider:    importrun.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.ImportStream(domain.ImportID{UUID: id}) },
	isCreating: func(c importrun.Command) bool { _, ok := c.(importrun.Create); return ok },
}
