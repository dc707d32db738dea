package customer_test

import (
	"strings"
	"testing"

	"crm/domain"
	"crm/domain/customer"
	"crm/domain/domaintest"
)

type patch = domain.Patch[customer.Details]

// ChangeDetails and Correct decide alike and leave different events.
func TestChangeDetailsAndCorrect(t *testing.T) {
	t.Parallel()
	type pair struct {
		name    string
		given   []customer.Event
		patch   patch
		then    patch // the zero value when it stays quiet or is refused
		refused error
		at      string
	}
	described := customer.DetailsChanged{Patch: patch{Set: customer.Details{Description: "an actor", JobTitle: "Actor"}}}
	revenue := domain.Money{Minor: 1, Currency: "EUR"}
	pairs := []pair{
		{
			name: "sets what is new", given: facts(person), patch: patch{Set: customer.Details{Name: "李小龍", JobTitle: "Actor"}},
			then: patch{Set: customer.Details{JobTitle: "Actor"}},
		},
		{
			name: "sets and clears", given: facts(person, described), patch: patch{Set: customer.Details{JobTitle: "Director"}, Clear: []string{"description", "honorific"}},
			then: patch{Set: customer.Details{JobTitle: "Director"}, Clear: []string{"description"}},
		},
		{
			name: "all of a person", given: facts(person), then: patch{Set: everyDetail(customer.Person)}, patch: patch{Set: everyDetail(customer.Person)},
		},
		{
			name: "all of an organisation", given: facts(organization), then: patch{Set: everyDetail(customer.Organization)}, patch: patch{Set: everyDetail(customer.Organization)},
		},
		{
			name: "with line breaks", given: facts(person), patch: patch{Set: customer.Details{Description: "one\r\n\ttwo"}},
			then: patch{Set: customer.Details{Description: "one\r\n\ttwo"}},
		},
		{
			name: "with a language of its own", given: facts(person), patch: patch{Set: customer.Details{Language: "sl-rozaj-biske"}},
			then: patch{Set: customer.Details{Language: "sl-rozaj-biske"}},
		},
		{name: "stays quiet when all is so", given: facts(person, described), patch: patch{Set: customer.Details{JobTitle: "Actor"}, Clear: []string{"honorific"}}},
		{name: "stays quiet when nothing is asked", given: facts(person)},
		{name: "without a name", given: facts(person), patch: patch{Clear: []string{"name"}}, refused: domain.ErrInvalid, at: "/name"},
		{name: "with a blank name", given: facts(person), patch: patch{Set: customer.Details{Name: "  "}}, refused: domain.ErrInvalid, at: "/name"},
		{name: "both set and cleared", given: facts(person), patch: patch{Set: customer.Details{JobTitle: "x"}, Clear: []string{"job_title"}}, refused: domain.ErrInvalid, at: "/job_title"},
		{name: "without what is no field", given: facts(person), patch: patch{Clear: []string{"shoe/size"}}, refused: domain.ErrInvalid, at: "/shoe~1size"},
		{name: "born on no day", given: facts(person), patch: patch{Set: customer.Details{BirthDate: "0000-01-01"}}, refused: domain.ErrInvalid, at: "/birth_date"},
		{name: "in no language", given: facts(person), patch: patch{Set: customer.Details{Language: "Deutsch (Österreich)"}}, refused: domain.ErrInvalid, at: "/language"},
		{name: "earning strange money", given: facts(organization), patch: patch{Set: customer.Details{AnnualRevenue: domain.Money{Minor: 1}}}, refused: domain.ErrInvalid, at: "/annual_revenue/currency"},
		{name: "founded before time", given: facts(organization), patch: patch{Set: customer.Details{FoundedYear: -1}}, refused: domain.ErrInvalid, at: "/founded_year"},
		{name: "founded after all time", given: facts(organization), patch: patch{Set: customer.Details{FoundedYear: 10_000}}, refused: domain.ErrInvalid, at: "/founded_year"},
		{name: "with fewer than no employees", given: facts(organization), patch: patch{Set: customer.Details{Employees: -1}}, refused: domain.ErrInvalid, at: "/employees"},
		{name: "with a NUL", given: facts(person), patch: patch{Set: customer.Details{Description: "a\x00b"}}, refused: domain.ErrInvalid, at: "/description"},
		{name: "with an escape sequence", given: facts(person), patch: patch{Set: customer.Details{GivenName: "\x1b[31m"}}, refused: domain.ErrInvalid, at: "/given_name"},
		{name: "with bytes that are no text", given: facts(organization), patch: patch{Set: customer.Details{Industry: "caf\xe9"}}, refused: domain.ErrInvalid, at: "/industry"},
		{name: "with too long a name", given: facts(person), patch: patch{Set: customer.Details{Name: domain.Personal(strings.Repeat("長", 501))}}, refused: domain.ErrInvalid, at: "/name"},
		{name: "with too long a description", given: facts(person), patch: patch{Set: customer.Details{Description: domain.Personal(strings.Repeat("x", 100_001))}}, refused: domain.ErrInvalid, at: "/description"},
		{name: "when archived", given: facts(person, archived), patch: patch{Set: customer.Details{JobTitle: "x"}}, refused: customer.ErrArchived},
		{name: "of no customer", patch: patch{Set: customer.Details{JobTitle: "x"}}, refused: customer.ErrUnknown},
	}
	for field, foreign := range map[string]customer.Details{
		"legal_name": {LegalName: "x"}, "industry": {Industry: "x"}, "founded_year": {FoundedYear: 1}, "employees": {Employees: 1},
		"annual_revenue": {AnnualRevenue: revenue}, "vat_id": {VATID: "x"},
	} {
		pairs = append(pairs, pair{name: "of a person: " + field, given: facts(person), patch: patch{Set: foreign}, refused: domain.ErrInvalid, at: "/" + field})
	}
	for field, foreign := range map[string]customer.Details{
		"honorific": {Honorific: "x"}, "given_name": {GivenName: "x"}, "family_name": {FamilyName: "x"},
		"birth_date": {BirthDate: "1999-12-31"}, "job_title": {JobTitle: "x"},
	} {
		pairs = append(pairs, pair{name: "of an organisation: " + field, given: facts(organization), patch: patch{Set: foreign}, refused: domain.ErrInvalid, at: "/" + field})
	}
	var stories []story
	for _, p := range pairs {
		change := story{Name: "change: " + p.name, Given: p.given, When: customer.ChangeDetails{Patch: p.patch}, Refused: p.refused, At: p.at}
		correct := story{Name: "correct: " + p.name, Given: p.given, When: customer.Correct{Patch: p.patch}, Refused: p.refused, At: p.at}
		if p.then.Set != (customer.Details{}) || p.then.Clear != nil {
			change.Then, correct.Then = facts(customer.DetailsChanged{Patch: p.then}), facts(customer.Corrected{Patch: p.then})
		}
		stories = append(stories, change, correct)
	}
	domaintest.Run(t, customer.Decider, stories)
}

// everyDetail has all details that a customer of the kind can have.
func everyDetail(kind customer.Kind) customer.Details {
	if kind == customer.Organization {
		return customer.Details{
			Name: "Acme GmbH", Description: "chairs", Language: "de", LegalName: "Acme Möbel GmbH", Industry: "furniture",
			FoundedYear: 1899, Employees: 12, AnnualRevenue: domain.Money{Minor: 100, Currency: "EUR"}, VATID: "ATU12345678",
		}
	}
	return customer.Details{
		Name: "Bruce Lee", Description: "an actor", Language: "en", Honorific: "Mr", GivenName: "Bruce", FamilyName: "Lee",
		BirthDate: "1940-11-27", JobTitle: "Actor",
	}
}
