package deal

import (
	"cmp"

	"crm/domain"
)

func (s Stage) valid() error {
	switch {
	case s.Pipeline.IsZero():
		return domain.ErrInvalid.At("/pipeline", "The pipeline is missing.")
	case !s.ID.Valid():
		return domain.ErrInvalid.At("/stage", "A stage id is 1 to 64 of a-z, 0-9, _ and -.")
	case s.Probability < 0 || s.Probability > 100 || !s.Category.Valid():
		return domain.ErrInvalid.At("/stage", "A stage has a probability of 0 to 100 percent and a forecast category.")
	}
	return nil
}

func (l LineItem) valid() error {
	switch {
	case l.ID.IsZero():
		return domain.ErrInvalid.At("/id", "A line item has an id.")
	case domain.Blank(l.Name):
		return domain.ErrInvalid.At("/name", "A line item has a name.")
	case l.Quantity <= 0:
		return domain.ErrInvalid.At("/quantity", "A quantity is more than nothing.")
	case l.UnitPrice.IsZero():
		return domain.ErrInvalid.At("/unit_price", "A line item has a price, if only of 0.")
	case l.Discount < 0 || l.Discount > fullPrice:
		return domain.ErrInvalid.At("/discount_basis_points", "A discount is 0 to 10000 basis points.")
	}
	if _, fits := l.Total(); !fits {
		return domain.ErrInvalid.At("/unit_price", "The line's total is too large.")
	}
	return cmp.Or(
		domain.CheckMoney("/unit_price", l.UnitPrice),
		domain.CheckText("/name", l.Name, domain.ShortText),
	)
}

func (l Lost) valid() error {
	if !l.Reason.Valid() {
		return domain.ErrInvalid.At("/loss_reason", "%q is not a reason for losing a deal.", string(l.Reason))
	}
	return cmp.Or(
		domain.CheckText("/competitor", l.Competitor, domain.ShortText),
		domain.CheckText("/note", l.Note, domain.LongText),
	)
}
