// Package search is how a customer is found by what somebody types: what of a customer
// is written down to be found by (terms), and what is asked of that for a text ([Parse]).
// It is pure.
//
// Terms are words, folded so that Müller, Mueller and Muller are one, in English as in
// German; Straße and Strasse; É and e:
//
//	name            muller anna              and of an organization also &muller
//	e-mail          anna@example.org example.org
//	phone           +49301234567 #76543210394 (backwards, for its end) 0301234567 (as typed)
//	address, web    its words
//	link            ~<organization's id>
//
// Postgres looks terms up in a GIN index of them as a tsvector; the words that names have
// are kept in a table of their own too, in which trigrams find the like of one.
//
// # Decisions
//
//   - 2026-11-22 Folding is Lucene's GermanNormalizationFilter (ue is ü, but not in "neue"
//     or "quelle") after taking accents off. What both sides fold alike cannot be missed;
//     that it also makes "Joel" and "Jol" one costs a hit too many at most.
//   - 2026-11-22 Words and their beginnings instead of any part of a text, as it was: a
//     trigram index of all customers' texts is eight times as large, and for what is in
//     every address ("example") it reads them all. Parts of a word are found among the
//     words of names.
//   - 2026-11-22 What a customer's organization is called stands in no term of the customer,
//     where a change of it would have to reach thousands: the organization is looked up
//     first, then who is linked to it.
//   - 2026-11-22 Words are compared by edit distance as Lucene's fuzzy queries do: one typo
//     in words up to five letters, two in longer ones.
package search
