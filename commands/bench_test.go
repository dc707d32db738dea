package commands_test

import (
	"strconv"
	"testing"

	"github.com/google/uuid"

	"crm/commands"
	"crm/domain"
	"crm/domain/customer"
)

// BenchmarkDo is the cost of a command beside its store.
func BenchmarkDo(b *testing.B) {
	b.Run("create", func(b *testing.B) {
		h := commands.New(newLedger(), commands.Config{})
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			a := commands.Ask{Target: numbered(i), Command: register("Ada"), Meta: domain.Meta{Command: domain.CommandRef{ID: numbered(i)}}}
			if _, err := h.Do(b.Context(), a); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("change", func(b *testing.B) {
		h := commands.New(newLedger(), commands.Config{})
		if _, err := h.Do(b.Context(), ask("0", id("ada"), register("Ada"))); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			set := customer.Details{JobTitle: domain.Personal(strconv.Itoa(i))}
			a := commands.Ask{
				Target: id("ada"), Command: customer.ChangeDetails{Patch: domain.Patch[customer.Details]{Set: set}},
				Meta: domain.Meta{Command: domain.CommandRef{ID: numbered(i)}},
			}
			if _, err := h.Do(b.Context(), a); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func numbered(i int) uuid.UUID {
	return uuid.UUID{0: 1, 12: byte(i >> 24), 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
}
