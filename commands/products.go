package commands

import (
	"github.com/google/uuid"

	"crm/domain"
	"crm/domain/product"
)

var products = &kind[product.State, product.Command, product.Event]{
	Decider:    product.Decider,
	streamOf:   func(id uuid.UUID) domain.Stream { return domain.ProductStream(domain.ProductID{UUID: id}) },
	settings:   product.Settings,
	isCreating: func(c product.Command) bool { _, ok := c.(product.Define); return ok },
	tell: func(s product.State) any {
		if !s.Defined {
			return nil
		}
		return s
	},
}
