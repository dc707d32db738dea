package lists

import (
	"maps"
	"strconv"
	"strings"
)

// Asks reports whether the piece is a condition at all.
func (p Piece) Asks() bool { return p.sql != "" }

// Counts is an array of how many rows meet each piece.
func (s *Statement) Counts(pieces ...Piece) string {
	counts := make([]string, len(pieces))
	for i, p := range pieces {
		counts[i] = "count(*) FILTER (WHERE " + p.sql + ")"
		maps.Copy(s.Args, p.args)
	}
	return "ARRAY[" + strings.Join(counts, ", ") + "]"
}

// Ranked is a query of the rows that meet a piece, and Where, with the number of the piece
// as tier: a row once for each that it meets. Pieces that ask nothing have no rows. It is
// one query for each piece, so that an index can be used for every one.
func (s *Statement) Ranked(from string, pieces ...Piece) string {
	var ranked []string
	for i, p := range pieces {
		if p.Asks() {
			ranked = append(ranked, "\n  SELECT row.*, "+strconv.Itoa(i)+" AS tier FROM "+from+" AS row WHERE "+s.Where+" AND ("+p.sql+")")
			maps.Copy(s.Args, p.args)
		}
	}
	return strings.Join(ranked, "\n  UNION ALL")
}
