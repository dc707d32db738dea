package domain_test

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"crm/domain"
)

func TestParseQuantity(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]domain.Quantity{
		"1": domain.One, "1.5": 1500, "0.001": 1, "-2": -2000, "-0.5": -500, "007": 7000, "1.000": 1000, "0": 0,
		"9223372036854775.807": math.MaxInt64,
	} {
		if got, err := domain.ParseQuantity(text); err != nil || got != want {
			t.Errorf("%q is read as %d thousandths, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "+1", "1.0001", "1,5", "1e3", "1.5.2", " 1", "x", "9223372036854775.808"} {
		if got, err := domain.ParseQuantity(text); err == nil {
			t.Errorf("%q is read as %v, want an error", text, got)
		}
	}
}

func TestQuantityRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quantity := domain.Quantity(anyMinor().Draw(t, "thousandths"))
		if again, err := domain.ParseQuantity(quantity.String()); err != nil || again != quantity {
			t.Fatalf("%d prints as %v and is read as %d, %v", int64(quantity), quantity, int64(again), err)
		}
		data, err := json.Marshal(quantity)
		if want := `"` + quantity.String() + `"`; err != nil || string(data) != want {
			t.Fatalf("%v is %s in JSON, %v, want %s", quantity, data, err, want)
		}
		var again domain.Quantity
		if err := json.Unmarshal(data, &again); err != nil || again != quantity {
			t.Fatalf("%s is read as %v, %v", data, again, err)
		}
	})
}

func TestQuantityString(t *testing.T) {
	t.Parallel()
	for quantity, want := range map[domain.Quantity]string{
		0: "0", 1: "0.001", 1000: "1", 1500: "1.5", -1: "-0.001", 10_000: "10", 100_010: "100.01", math.MinInt64: "-9223372036854775.808",
	} {
		if got := quantity.String(); got != want {
			t.Errorf("%d thousandths print as %q, want %q", int64(quantity), got, want)
		}
	}
}

func FuzzParseQuantity(f *testing.F) {
	for _, text := range []string{"1", "1.5", "-0.001", "9223372036854775.808", "1.", "1e3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quantity, err := domain.ParseQuantity(text)
		if err != nil {
			if quantity != 0 {
				t.Fatalf("%q is refused, and read as %v", text, quantity)
			}
			return
		}
		exact, number := new(big.Rat).SetString(text)
		if !number || exact.Cmp(big.NewRat(int64(quantity), int64(domain.One))) != 0 {
			t.Fatalf("%q is read as %v", text, quantity)
		}
	})
}
