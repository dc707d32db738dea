package deal_test

import (
	"math"
	"testing"

	"crm/domain"
	"crm/domain/deal"
)

func TestWorth(t *testing.T) {
	t.Parallel()
	euros := func(minor int64) domain.Money { return domain.Money{Minor: minor, Currency: "EUR"} }
	item := func(price domain.Money) deal.LineItem {
		return deal.LineItem{Quantity: 2 * domain.One, UnitPrice: price}
	}
	for name, c := range map[string]struct {
		state deal.State
		want  domain.Money
	}{
		"nothing is known":          {},
		"an amount":                 {state: deal.State{Status: deal.Running, Amount: euros(500), LineItems: []deal.LineItem{item(euros(1))}}, want: euros(500)},
		"line items":                {state: deal.State{Status: deal.Running, LineItems: []deal.LineItem{item(euros(100)), item(euros(25))}}, want: euros(250)},
		"items of two currencies":   {state: deal.State{LineItems: []deal.LineItem{item(euros(1)), item(domain.Money{Minor: 1, Currency: "USD"})}}},
		"items that are too much":   {state: deal.State{LineItems: []deal.LineItem{item(euros(math.MaxInt64 / 2)), item(euros(math.MaxInt64 / 2))}}},
		"won, for another value":    {state: deal.State{Status: deal.IsWon, Amount: euros(500), Value: euros(450)}, want: euros(450)},
		"won, for a value not said": {state: deal.State{Status: deal.IsWon, Amount: euros(500)}},
		"lost":                      {state: deal.State{Status: deal.IsLost, Amount: euros(500)}, want: euros(500)},
	} {
		if got := c.state.Worth(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
