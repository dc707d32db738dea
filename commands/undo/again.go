package undo

import (
	"crm/domain"
	"crm/domain/customer"
	"crm/domain/deal"
	"crm/domain/product"
)

// Mark is what undos have left in a stream, as somebody needs to know it who imports the
// same rows again.
type Mark struct {
	// Revision is that of the last event that an undo left. It grows with every undo
	// that changes the stream, and with nothing else.
	Revision domain.Revision
	// Back is the command that brings back what an undo has put away; nil when it is
	// not put away, or when it was somebody else who has done so.
	Back domain.Command
}

// MarkOf is the mark of a stream with that history; false when no undo has changed it.
func MarkOf(history []domain.Recorded) (Mark, bool) {
	mark, found := Mark{}, false
	for _, recorded := range history {
		by := recorded.Meta.Source.Application == Application
		if by {
			mark.Revision, found = recorded.Revision, true
		}
		switch recorded.Event.(type) {
		case customer.Archived:
			mark.Back = onlyIf(by, customer.Restore{})
		case deal.Lost, deal.Voided:
			mark.Back = onlyIf(by, deal.Reopen{})
		case product.Retired:
			mark.Back = onlyIf(by, product.Reinstate{})
		case customer.Restored, deal.Reopened, product.Reinstated:
			mark.Back = nil
		}
	}
	return mark, found
}

func onlyIf(holds bool, c domain.Command) domain.Command {
	if holds {
		return c
	}
	return nil
}
