package domain_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crm/domain"
)

func TestParseMoney(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		amount   string
		currency domain.Currency
		minor    int64
	}{
		{"1054.50", "EUR", 105_450},
		{"1054.5", "EUR", 105_450},
		{"1054", "EUR", 105_400},
		{"1054.500000", "EUR", 105_450},
		{"0.01", "USD", 1},
		{"-0.01", "USD", -1},
		{"-0", "USD", 0},
		{"1054", "JPY", 1054},
		{"1054.000", "JPY", 1054},
		{"1.234", "KWD", 1234},
		{"92233720368547758.07", "EUR", math.MaxInt64},
		{"-92233720368547758.08", "EUR", math.MinInt64},
	} {
		got, err := domain.ParseMoney(test.amount, test.currency)
		if want := (domain.Money{Minor: test.minor, Currency: test.currency}); err != nil || got != want {
			t.Errorf("%q is read as %v, %v, want %v", test.amount, got, err, want)
		}
	}
	for _, test := range []struct {
		amount   string
		currency domain.Currency
	}{
		{"", "EUR"},
		{"-", "EUR"},
		{".", "EUR"},
		{".5", "EUR"},
		{"5.", "EUR"},
		{"+5", "EUR"},
		{"--5", "EUR"},
		{"1.2.3", "EUR"},
		{"1,054.50", "EUR"},
		{"1 054", "EUR"},
		{"1e3", "EUR"},
		{"0x10", "EUR"},
		{"1_000", "EUR"},
		{"٣", "EUR"},
		{"NaN", "EUR"},
		{"1.005", "EUR"},
		{"0.5", "JPY"},
		{"92233720368547758.08", "EUR"},
		{"5", "eur"},
		{"5", "XXX"},
		{"5", ""},
	} {
		if got, err := domain.ParseMoney(test.amount, test.currency); err == nil {
			t.Errorf("%q %s is read as %v, want an error", test.amount, test.currency, got)
		}
	}
}

func TestMoneyString(t *testing.T) {
	t.Parallel()
	for money, want := range map[domain.Money]string{
		{Minor: 105_450, Currency: "EUR"}:       "1054.50 EUR",
		{Minor: -5, Currency: "EUR"}:            "-0.05 EUR",
		{Minor: 0, Currency: "EUR"}:             "0.00 EUR",
		{Minor: -1054, Currency: "JPY"}:         "-1054 JPY",
		{Minor: 5, Currency: "KWD"}:             "0.005 KWD",
		{Minor: math.MinInt64, Currency: "EUR"}: "-92233720368547758.08 EUR",
		{Minor: 7, Currency: "XXX"}:             "7 XXX",
	} {
		if got := money.String(); got != want {
			t.Errorf("%#v prints as %q, want %q", money, got, want)
		}
	}
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	for code, want := range map[domain.Currency]int{"EUR": 2, "JPY": 0, "BHD": 3, "ISK": 0, "XOF": 0, "CHF": 2} {
		if exponent, ok := code.Exponent(); !ok || exponent != want {
			t.Errorf("%s has %d decimal places, %v, want %d", code, exponent, ok, want)
		}
	}
	for _, code := range []domain.Currency{"", "eur", "DEM", "XAU", "XTS", "XXX", "EURO"} {
		if code.Valid() {
			t.Errorf("%q is no active currency", code)
		}
	}
}

// anyMinor draws amounts of every size, with the edges among them.
func anyMinor() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1}))
}

func anyMoney() *rapid.Generator[domain.Money] {
	return rapid.Custom(func(t *rapid.T) domain.Money {
		return domain.Money{Minor: anyMinor().Draw(t, "minor"), Currency: rapid.SampledFrom([]domain.Currency{"EUR", "USD", "JPY", "KWD"}).Draw(t, "currency")}
	})
}

func TestMoneyRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		money := anyMoney().Draw(t, "money")
		amount, currency, _ := strings.Cut(money.String(), " ")
		if again, err := domain.ParseMoney(amount, domain.Currency(currency)); err != nil || again != money {
			t.Fatalf("%v is read as %v, %v", money, again, err)
		}
	})
}

func TestMoneyPlus(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyMoney().Draw(t, "a"), anyMoney().Draw(t, "b")
		sum, ok := a.Plus(b)
		exact := new(big.Int).Add(big.NewInt(a.Minor), big.NewInt(b.Minor))
		if want := a.Currency == b.Currency && exact.IsInt64(); ok != want {
			t.Fatalf("%v + %v has a sum: %v, want %v", a, b, ok, want)
		}
		if ok && (sum.Minor != exact.Int64() || sum.Currency != a.Currency) {
			t.Fatalf("%v + %v is %v, want %v", a, b, sum, exact)
		}
	})
	euro := domain.Money{Minor: 1, Currency: "EUR"}
	for _, sum := range [][2]domain.Money{{{}, euro}, {euro, {}}} {
		if got, ok := sum[0].Plus(sum[1]); !ok || got != euro {
			t.Errorf("%#v + %#v is %v, %v, want %v", sum[0], sum[1], got, ok, euro)
		}
	}
}

// TestMoneyPortion compares with exact fractions, rounded half away from zero.
func TestMoneyPortion(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		money, numerator := anyMoney().Draw(t, "money"), anyMinor().Draw(t, "numerator")
		denominator := rapid.OneOf(rapid.SampledFrom([]int64{1, 2, 3, 1000, 10_000}), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "denominator")

		product := new(big.Int).Mul(big.NewInt(money.Minor), big.NewInt(numerator))
		exact := new(big.Int).Mul(new(big.Int).Abs(product), big.NewInt(2))
		exact.Add(exact, big.NewInt(denominator))
		exact.Quo(exact, new(big.Int).Mul(big.NewInt(denominator), big.NewInt(2)))
		if product.Sign() < 0 {
			exact.Neg(exact)
		}
		fits := exact.IsInt64() && exact.Int64() != math.MinInt64

		portion, ok := money.Portion(numerator, denominator)
		if ok != fits {
			t.Fatalf("%v × %d / %d fits: %v, want %v (%v)", money, numerator, denominator, ok, fits, exact)
		}
		if ok && (portion.Minor != exact.Int64() || portion.Currency != money.Currency) {
			t.Fatalf("%v × %d / %d is %v, want %v", money, numerator, denominator, portion, exact)
		}
	})
}

func FuzzParseMoney(f *testing.F) {
	for _, amount := range []string{"1054.50", "-0.01", "5.", ".5", "92233720368547758.08", "1e3", "٣"} {
		f.Add(amount, "EUR")
		f.Add(amount, "JPY")
	}
	f.Fuzz(func(t *testing.T, amount, currency string) {
		money, err := domain.ParseMoney(amount, domain.Currency(currency))
		if err != nil {
			return
		}
		exact, number := new(big.Rat).SetString(amount)
		exponent, ok := money.Currency.Exponent()
		if !number || !ok {
			t.Fatalf("%q %q is read as %v", amount, currency, money)
		}
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil))
		if exact.Mul(exact, scale).Cmp(new(big.Rat).SetInt64(money.Minor)) != 0 {
			t.Fatalf("%q %q is read as %v", amount, currency, money)
		}
	})
}
