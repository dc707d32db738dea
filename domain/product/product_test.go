package product_test

import (
	"strings"
	"testing"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/product"
)

type (
	story = domaintest.Story[product.Command, product.Event]
	patch = domain.Patch[product.Details]
)

func facts(events ...product.Event) []product.Event { return events }

func usd(minor int64) domain.Money { return domain.Money{Minor: minor, Currency: "USD"} }

var (
	details = product.Details{Name: "GTX Pro", SKU: "GTX-P", Family: "GTX", Description: "a chair"}
	defined = product.Defined{Details: details, ListPrice: usd(482_100)}
	retired = product.Retired{}
)

func TestDefine(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, product.Decider, []story{
		{Name: "with all", When: product.Define{Details: details, ListPrice: usd(482_100)}, Then: facts(defined)},
		{
			Name: "without a price", When: product.Define{Details: product.Details{Name: "MG Advanced"}},
			Then: facts(product.Defined{Details: product.Details{Name: "MG Advanced"}}),
		},
		{Name: "twice", Given: facts(defined), When: product.Define(defined), Refused: product.ErrAlreadyDefined},
		{Name: "again after it was retired", Given: facts(defined, retired), When: product.Define(defined), Refused: product.ErrAlreadyDefined},
		{Name: "without a name", When: product.Define{ListPrice: usd(1)}, Refused: domain.ErrInvalid, At: "/name"},
		{Name: "with a NUL in its number", When: product.Define{Details: product.Details{Name: "x", SKU: "\x00"}}, Refused: domain.ErrInvalid, At: "/sku"},
		{
			Name: "for strange money", Refused: domain.ErrInvalid, At: "/list_price/currency",
			When: product.Define{Details: details, ListPrice: domain.Money{Minor: 1, Currency: "usd"}},
		},
	})
}

func TestChangeDetails(t *testing.T) {
	t.Parallel()
	changed := product.DetailsChanged{Patch: patch{Set: product.Details{Family: "GT"}, Clear: []string{"sku"}}}
	domaintest.Run(t, product.Decider, []story{
		{
			Name: "sets and clears what is different", Given: facts(defined), Then: facts(changed),
			When: product.ChangeDetails{Patch: patch{Set: product.Details{Name: "GTX Pro", Family: "GT"}, Clear: []string{"sku"}}},
		},
		{Name: "to what they are", Given: facts(defined, changed), When: product.ChangeDetails{Patch: changed.Patch}},
		{Name: "without a name", Given: facts(defined), When: product.ChangeDetails{Patch: patch{Clear: []string{"name"}}}, Refused: domain.ErrInvalid, At: "/name"},
		{
			Name: "with too long a description", Given: facts(defined), Refused: domain.ErrInvalid, At: "/description",
			When: product.ChangeDetails{Patch: patch{Set: product.Details{Description: strings.Repeat("x", domain.LongText+1)}}},
		},
		{Name: "of no field", Given: facts(defined), When: product.ChangeDetails{Patch: patch{Clear: []string{"list_price"}}}, Refused: domain.ErrInvalid, At: "/list_price"},
		{Name: "when retired", Given: facts(defined, retired), When: product.ChangeDetails{Patch: changed.Patch}, Refused: product.ErrRetired},
		{Name: "of no product", When: product.ChangeDetails{Patch: changed.Patch}, Refused: product.ErrUnknown},
	})
}

func TestSetListPrice(t *testing.T) {
	t.Parallel()
	set := product.ListPriceSet{ListPrice: usd(500_000)}
	domaintest.Run(t, product.Decider, []story{
		{Name: "higher", Given: facts(defined), When: product.SetListPrice(set), Then: facts(set)},
		{Name: "to nothing", Given: facts(defined), When: product.SetListPrice{ListPrice: usd(0)}, Then: facts(product.ListPriceSet{ListPrice: usd(0)})},
		{Name: "to what it is", Given: facts(defined, set), When: product.SetListPrice(set)},
		{Name: "to no price", Given: facts(defined), When: product.SetListPrice{}, Refused: domain.ErrInvalid, At: "/list_price"},
		{Name: "to strange money", Given: facts(defined), When: product.SetListPrice{ListPrice: domain.Money{Minor: 1}}, Refused: domain.ErrInvalid, At: "/list_price/currency"},
		{Name: "when retired", Given: facts(defined, retired), When: product.SetListPrice(set), Refused: product.ErrRetired},
		{Name: "of no product", When: product.SetListPrice(set), Refused: product.ErrUnknown},
	})
}

func TestRetire(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, product.Decider, []story{
		{Name: "once", Given: facts(defined), When: product.Retire{}, Then: facts(retired)},
		{Name: "twice", Given: facts(defined, retired), When: product.Retire{}},
		{Name: "no product", When: product.Retire{}, Refused: product.ErrUnknown},
	})
}

func TestReinstate(t *testing.T) {
	t.Parallel()
	domaintest.Run(t, product.Decider, []story{
		{Name: "a retired one", Given: facts(defined, retired), When: product.Reinstate{}, Then: facts(product.Reinstated{})},
		{Name: "one on sale", Given: facts(defined), When: product.Reinstate{}},
		{Name: "and then change it", Given: facts(defined, retired, product.Reinstated{}), When: product.SetListPrice{ListPrice: usd(1)}, Then: facts(product.ListPriceSet{ListPrice: usd(1)})},
		{Name: "one that nobody defined", When: product.Reinstate{}, Refused: product.ErrUnknown},
	})
}
