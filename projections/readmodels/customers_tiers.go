package readmodels

import (
	"context"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/projections/lists"
)

// tier is what a row of the tier meets, perhaps with those before; none where there can
// be no such row.
func (s *searching) tier(ctx context.Context, tier int) (pieces []lists.Piece, err error) {
	if !s.known[tier] {
		if s.pieces[tier], err = s.meets(ctx, tier); err != nil {
			return nil, err
		}
		s.known[tier] = true
	}
	return s.pieces[tier], nil
}

func (s *searching) meets(ctx context.Context, tier int) ([]lists.Piece, error) {
	switch tier {
	case tierExact:
		if terms := s.query.Exact(); terms != "" {
			return pieces(lists.When("row.name_key = @q_name OR row.search::tsvector @@ (@q_exact::text)::tsquery", pgx.NamedArgs{"q_name": s.query.Name, "q_exact": terms}))
		}
		return pieces(lists.When("row.name_key = @q_name", pgx.NamedArgs{"q_name": s.query.Name}))
	case tierBegins:
		args := pgx.NamedArgs{"q_from": s.query.Name, "q_to": s.query.Name + "\U0010FFFF"}
		if args["q_begins"] = s.query.Begins(); args["q_begins"] != "" {
			return pieces(lists.When("row.name_key >= @q_from AND row.name_key < @q_to OR row.search::tsvector @@ (@q_begins::text)::tsquery", args))
		}
		return pieces(lists.When("row.name_key >= @q_from AND row.name_key < @q_to", args))
	case tierWords:
		return pieces(lists.When("row.search::tsvector @@ (@q_words::text)::tsquery", pgx.NamedArgs{"q_words": s.query.Whole()}))
	case tierBeginnings:
		return s.matching(lists.When("row.search::tsvector @@ (@q_begun::text)::tsquery", pgx.NamedArgs{"q_begun": s.query.Begun()}), s.query.Begun() != ""), nil
	case tierOrganization:
		through, some, err := s.through(ctx)
		if !some {
			through = nil
		}
		return through, err
	default:
		return s.like(ctx, tier-tierOrganization)
	}
}

func pieces(all ...lists.Piece) ([]lists.Piece, error) { return all, nil }

// matching is a piece, where it asks for anything, and the words of one letter.
func (s *searching) matching(piece lists.Piece, asks bool) []lists.Piece {
	var all []lists.Piece
	if asks {
		all = append(all, piece)
	}
	if short := s.query.Short(); len(short) > 0 {
		patterns := make([]string, len(short))
		for i, word := range short {
			patterns[i] = "% " + word + "%"
		}
		all = append(all, lists.When("row.search LIKE ALL (@q_short::text[])", pgx.NamedArgs{"q_short": patterns}))
	}
	return all
}

// maxOrganizations is how many organizations a word may mean: of one that more have in
// their name, as GmbH, nobody means whoever is linked to one of them.
const maxOrganizations = 50

// through looks up the organizations that the words may mean, and reports whether there
// are some.
func (s *searching) through(ctx context.Context) (pieces []lists.Piece, some bool, err error) {
	var words, terms []string
	for word, called := range s.query.Organizations() {
		words, terms = append(words, word), append(terms, called)
	}
	organizations := map[string][]uuid.UUID{}
	if len(words) > 0 {
		found, err := all[struct {
			Word       string    `db:"word"`
			CustomerID uuid.UUID `db:"customer_id"`
		}](ctx, s.db, `
			SELECT w.word, o.customer_id
			FROM unnest(@words::text[], @terms::text[]) AS w (word, terms),
			     LATERAL (SELECT row.customer_id FROM `+s.asked.AsOf.from("customers.customers")+` AS row
			              WHERE row.search::tsvector @@ w.terms::tsquery LIMIT @most) AS o`,
			s.asked.AsOf.args(pgx.NamedArgs{"words": words, "terms": terms, "most": maxOrganizations + 1}))
		if err != nil {
			return nil, false, err
		}
		for _, row := range found {
			organizations[row.Word] = append(organizations[row.Word], row.CustomerID)
		}
		maps.DeleteFunc(organizations, func(_ string, of []uuid.UUID) bool { return len(of) > maxOrganizations })
	}
	through := s.query.Through(organizations)
	return s.matching(lists.When("row.search::tsvector @@ (@q_through::text)::tsquery", pgx.NamedArgs{"q_through": through}), through != ""), len(organizations) > 0, nil
}

// alikeWord is a word of names that one that is searched for may be.
type alikeWord struct {
	For   string `db:"sought"`
	Word  string `db:"word"`
	typos int
}

// like is who has words of names that the words may be, but for some typos.
func (s *searching) like(ctx context.Context, typos int) ([]lists.Piece, error) {
	if s.alike == nil {
		if err := s.lookUpAlike(ctx); err != nil {
			return nil, err
		}
	}
	alike := map[string][]string{}
	for _, found := range s.alike {
		if found.typos <= typos {
			alike[found.For] = append(alike[found.For], found.Word)
		}
	}
	if len(alike) == 0 {
		return nil, nil
	}
	terms := s.query.Like(alike)
	if typos == 1 {
		return s.matching(lists.When("row.search::tsvector @@ (@q_like::text)::tsquery", pgx.NamedArgs{"q_like": terms}), true), nil
	}
	return s.matching(lists.When("row.search::tsvector @@ (@q_likely::text)::tsquery", pgx.NamedArgs{"q_likely": terms}), true), nil
}

// lookUpAlike asks once, for both tiers.
func (s *searching) lookUpAlike(ctx context.Context) error {
	s.alike = []alikeWord{}
	for _, word := range s.query.Fuzzy() {
		found, err := all[alikeWord](ctx, s.db, `
			SELECT @word::text AS sought, w.word FROM customers.words AS w WHERE w.word = ANY (@near::text[])
			UNION SELECT @word, s.word FROM customers.similar_words(@word) AS s (word)
			ORDER BY word`, pgx.NamedArgs{"word": word.Word, "near": word.Near})
		if err != nil {
			return err
		}
		for _, f := range found {
			if n, ok := word.Typos(f.Word); ok {
				f.typos = n
				s.alike = append(s.alike, f)
			}
		}
	}
	return nil
}
