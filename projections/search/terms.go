package search

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// maxTerms is how many bytes of terms there are of a kind; a tsvector takes 1 MiB.
const maxTerms = 100_000

// terms are collected each once, with a space before each.
type terms struct {
	text string
	seen []string
}

func (t *terms) add(term string) {
	if term == "" || slices.Contains(t.seen, term) || len(t.text)+len(term) > maxTerms {
		return
	}
	t.seen, t.text = append(t.seen, term), t.text+" "+term
}

// NameTerms are the terms of a name.
func NameTerms(name string, organization bool) string {
	var t terms
	words := Words(name)
	for _, word := range words {
		t.add(word)
	}
	if organization {
		for _, word := range words {
			t.add("&" + word)
		}
	}
	return t.text
}

// NameWords are the words that NameTerms wrote.
func NameWords(nameTerms string) []string {
	words := strings.Fields(nameTerms)
	if i := slices.IndexFunc(words, func(word string) bool { return word[0] == '&' }); i >= 0 {
		words = words[:i]
	}
	return words
}

// Contacts collects the terms of contact points.
type Contacts struct{ terms }

// Text are the terms so far.
func (c *Contacts) Text() string { return c.text }

// Email adds an address.
func (c *Contacts) Email(address string) {
	address = whole(address)
	c.add(address)
	_, domain, _ := strings.Cut(address, "@")
	c.add(domain)
}

// Phone adds a number as it was typed, and in its normal form, +49301234567.
func (c *Contacts) Phone(typed, normalized string) {
	number := digits(normalized)
	c.add("+" + number)
	c.add("#" + backwards(number))
	if typed := digits(typed); strings.HasPrefix(typed, "0") && !strings.HasPrefix(typed, "00") {
		c.add(typed)
	}
}

// Words adds the words of any other text.
func (c *Contacts) Words(text string) {
	for _, word := range Words(text) {
		c.add(word)
	}
}

// LinkTerms are the terms of links to organizations.
func LinkTerms(organizations []uuid.UUID) string {
	var t terms
	for _, id := range organizations {
		t.add("~" + id.String())
	}
	return t.text
}

// LinkQuery is the tsquery for who is linked to an organization; EmailQuery and
// PhoneQuery for who has an address or a number, or one that folds to the same.
func LinkQuery(organization string) string { return quoted("~" + organization) }

// EmailQuery is described at [LinkQuery].
func EmailQuery(address string) string { return quoted(whole(address)) }

// PhoneQuery is described at [LinkQuery].
func PhoneQuery(number string) string { return quoted("+" + digits(number)) }
