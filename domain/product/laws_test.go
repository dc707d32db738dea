package product_test

import (
	"testing"

	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/product"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	text, price := domaintest.AnyText[string](), domaintest.AnyMoney()
	anyDetails := rapid.OneOf(rapid.SampledFrom([]product.Details{details, {Name: "x"}}), rapid.Custom(func(t *rapid.T) product.Details {
		return product.Details{Name: text.Draw(t, "name"), SKU: text.Draw(t, "sku"), Family: text.Draw(t, "family"), Description: text.Draw(t, "description")}
	}))
	domaintest.Laws(t, product.Decider, rapid.OneOf(
		rapid.Custom(func(t *rapid.T) product.Command {
			return product.Define{Details: anyDetails.Draw(t, "details"), ListPrice: price.Draw(t, "price")}
		}),
		rapid.Map(domaintest.AnyPatch(anyDetails, product.DetailFields), func(p patch) product.Command { return product.ChangeDetails{Patch: p} }),
		rapid.Map(price, func(m domain.Money) product.Command { return product.SetListPrice{ListPrice: m} }),
		rapid.Just[product.Command](product.Retire{}),
		rapid.Just[product.Command](product.Reinstate{}),
	), map[string]error{"product.define": product.ErrAlreadyDefined})
}
