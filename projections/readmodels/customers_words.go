package readmodels

import (
	"slices"
	"strings"

	"crm/projections"
	"crm/projections/search"
)

// nameWord is a word that names have, and how many.
type nameWord struct {
	Word      string `db:"word"`
	Customers int64  `db:"customers"`
}

var nameWords = projections.NewSums[string, nameWord]("words", "word")

// countWords brings the words from a customer's row before to the one after.
func countWords(w *projections.Writer, before, after *customerRow) {
	was, is := before.nameWords(), after.nameWords()
	if slices.Equal(was, is) {
		return
	}
	for _, word := range was {
		nameWords.Add(w, word, func(sum *nameWord) { sum.Customers-- })
	}
	for _, word := range is {
		nameWords.Add(w, word, func(sum *nameWord) { sum.Customers++ })
	}
}

func (r *customerRow) nameWords() []string {
	if r == nil {
		return nil
	}
	line, _, _ := strings.Cut(r.Search, "\n")
	return search.NameWords(line)
}
