package importrun_test

import (
	"testing"

	"pgregory.net/rapid"

	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/importrun"
)

func TestLaws(t *testing.T) {
	t.Parallel()
	sum := rapid.SampledFrom([]string{mapping.SHA256, file.SHA256, file.SHA256, "", "0G"})
	asks := func(c importrun.Command) *rapid.Generator[importrun.Command] { return rapid.Just(c) }
	domaintest.Laws(t, importrun.Decider, rapid.OneOf(
		rapid.Custom(func(t *rapid.T) importrun.Command {
			name := rapid.SampledFrom([]string{"vcard", "vcard", "V Card", ""}).Draw(t, "mapping")
			return importrun.Create{Mapping: importrun.Mapping{Name: name, SHA256: sum.Draw(t, "hash")}}
		}),
		rapid.Custom(func(t *rapid.T) importrun.Command {
			return importrun.AddFile{File: importrun.File{
				Name: domaintest.AnyText[domain.Personal]().Draw(t, "name"), Size: rapid.Int64Range(-1, 3).Draw(t, "size"), SHA256: sum.Draw(t, "hash"),
			}}
		}),
		// Start oftener, for most of the others are asked of what was started.
		asks(importrun.Start{}), asks(importrun.Start{}), asks(importrun.Start{}), asks(importrun.Resume{}), asks(importrun.Cancel{}),
		asks(importrun.Finish{Rows: rows}), asks(importrun.Undo{}), asks(importrun.FinishUndo{Undone: undone}),
		rapid.Map(rapid.IntRange(0, 9), func(n int) importrun.Command { // seldom, for little comes after it
			if n > 0 {
				return importrun.AddFile{File: file}
			}
			return importrun.ForgetFiles{}
		}),
		rapid.Map(rapid.SampledFrom([]importrun.Failure{importrun.BadFile, importrun.Internal, "bored"}), func(f importrun.Failure) importrun.Command {
			return importrun.Fail{Why: f}
		}),
	), map[string]error{"import.create": importrun.ErrAlreadyCreated})
}
