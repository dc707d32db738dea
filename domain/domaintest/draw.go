package domaintest

import (
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"crm/domain"
)

// AnyID draws one of a few ids of the same kind as the one given, seldom the zero
// one, so that random commands meet.
func AnyID[Of any](domain.ID[Of]) *rapid.Generator[domain.ID[Of]] {
	return rapid.Custom(func(t *rapid.T) domain.ID[Of] {
		return domain.ID[Of]{UUID: uuid.UUID{15: rapid.SampledFrom([]byte{1, 1, 2, 2, 3, 0}).Draw(t, "id")}}
	})
}

// AnyText draws one of a few texts: none, plain, not Latin, and some that must
// be refused.
func AnyText[T ~string]() *rapid.Generator[T] {
	return rapid.SampledFrom([]T{"", "", "", "plain", "plain", "李小龍 🐉", "two\nlines", " ", "nul\x00", "bytes\xff"})
}

// AnyMoney draws one of a few amounts, among them none and impossible ones.
func AnyMoney() *rapid.Generator[domain.Money] {
	return rapid.SampledFrom([]domain.Money{
		{},
		{},
		{Currency: "EUR"},
		{Minor: 4_999, Currency: "EUR"},
		{Minor: -1, Currency: "USD"},
		{Minor: 1},
		{Minor: 1<<63 - 1, Currency: "EUR"},
		{Minor: -1 << 63, Currency: "EUR"},
	})
}

// AnyPatch draws a patch that sets some details and clears some fields, now and
// then one that is no field.
func AnyPatch[D any](details *rapid.Generator[D], fields domain.Fields[D]) *rapid.Generator[domain.Patch[D]] {
	names := []string{"no_field"}
	for _, field := range fields {
		names = append(names, field.Name)
	}
	return rapid.Custom(func(t *rapid.T) domain.Patch[D] {
		patch := domain.Patch[D]{Set: details.Draw(t, "set")}
		if rapid.Bool().Draw(t, "clears") {
			patch.Clear = rapid.SliceOfN(rapid.SampledFrom(names), 0, 2).Draw(t, "clear")
		}
		return patch
	})
}
