package readmodels

import (
	"context"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/projections/lists"
	"crm/projections/search"
)

// searching is one search. What it finds comes in tiers, each newest first:
//
//	exact         the name, an address or a number is the text
//	begins        it begins with the text; a number may also end with it
//	words         all words are words of the customer
//	beginnings    all words begin some of the customer's
//	organization  or of the name of an organization that the customer is linked to
//	like, likely  or are like one of the customer's names: one typo, two; only where all
//	              before found fewer than enough
//
// A tier holds what none before it does, and a mark says which tier it is in, so pages go
// on through all of them. A tier that is not needed for the page is not read.
type searching struct {
	source source
	asked  Asked
	query  search.Query
	db     asker
	rows   []customerListed
}

const (
	tierExact = iota
	tierBegins
	tierWords
	tierBeginnings
	tierOrganization
	tierLike
	tierLikely
	tiers
)

// enough is how many hits before like make that one superfluous.
const enough = 5

func (s *searching) find(ctx context.Context) error {
	s.asked.Limit++
	if s.asked.Sorted {
		through, _, err := s.through(ctx)
		if err != nil {
			return err
		}
		if err := s.choose(ctx, through); err != nil {
			return err
		}
		s.rows, err = read[customerListed](ctx, s.db, s.source, s.asked, true, through...)
		return err
	}
	from, hits, after, err := unmark(s.asked.After)
	if err != nil {
		return err
	}
	var before []lists.Piece
	for tier := range tiers {
		if tier == tierLike && from < tierLike && hits >= enough {
			return nil
		}
		pieces, err := s.tier(ctx, tier)
		if err != nil {
			return err
		}
		if len(pieces) == 0 {
			continue
		}
		if tier >= from {
			if hits, err = s.readTier(ctx, tier, hits, after, slices.Concat(pieces, before)); err != nil || len(s.rows) == s.asked.Limit {
				return err
			}
			after = nil
		}
		before = append(before, lists.All(pieces...).Not())
	}
	return nil
}

// readTier reads what is still missing of the page.
func (s *searching) readTier(ctx context.Context, tier, hits int, after lists.Mark, pieces []lists.Piece) (int, error) {
	a := s.asked
	a.After, a.Limit = after, s.asked.Limit-len(s.rows)
	if err := s.choose(ctx, pieces); err != nil {
		return hits, err
	}
	found, err := read[customerListed](ctx, s.db, s.source, a, true, pieces...)
	for i := range found {
		if hits < enough {
			hits++
		}
		found[i].Mark = append([]string{strconv.Itoa(tier), strconv.Itoa(hits)}, found[i].Mark...)
	}
	s.rows = append(s.rows, found...)
	return hits, err
}

// many is from how many rows on a page of them is found sooner by walking all customers
// in order.
const many = 2000

// choose has the rows of a tier looked up by its terms and sorted, where they are few, or
// else come out of a walk in the order of the list. The planner cannot know: of a term
// that is not among the commonest it takes any to be in one row of two hundred, and then
// walks through a million for one.
func (s *searching) choose(ctx context.Context, pieces []lists.Piece) error {
	if !s.asked.AsOf.IsZero() {
		return nil // the past has no index
	}
	stated, err := s.asked.Statement(nil, false)
	if err != nil {
		return err
	}
	stated.And(pieces...)
	if err := s.plan(ctx, "off", "on"); err != nil {
		return err
	}
	counted, err := one[struct {
		Found int64 `db:"found"`
	}](ctx, s.db, nil, `
		SELECT count(*) AS found FROM (
		  SELECT FROM customers.customers AS row WHERE `+stated.Where+` LIMIT @many
		) AS found`, pgx.QueryExecModeCacheDescribe, s.source.scope.args(withMany(stated.Args)))
	if err != nil || counted.Found < many {
		return err
	}
	return s.plan(ctx, "on", "off")
}

func withMany(args map[string]any) pgx.NamedArgs {
	args["many"] = many
	return args
}

// plan says which ways the planner may take; never to read a table whole.
func (s *searching) plan(ctx context.Context, walks, lookups string) error {
	_, err := one[struct{ A, B, C string }](ctx, s.db, nil, `
		SELECT set_config('enable_indexscan', @walks, TRUE) AS a, set_config('enable_bitmapscan', @lookups, TRUE) AS b, set_config('enable_seqscan', 'off', TRUE) AS c`,
		pgx.NamedArgs{"walks": walks, "lookups": lookups})
	return err
}

// unmark takes the tier and how many hits there were out of a mark.
func unmark(mark lists.Mark) (tier, hits int, after lists.Mark, err error) {
	if mark == nil {
		return 0, 0, nil, nil
	}
	if len(mark) > 2 {
		if tier, err = strconv.Atoi(mark[0]); err == nil {
			hits, err = strconv.Atoi(mark[1])
		}
	}
	if len(mark) <= 2 || err != nil {
		return 0, 0, nil, lists.ErrMark
	}
	return tier, hits, mark[2:], nil
}

// tier is what a row of the tier meets, perhaps with those before; none where there can
// be no such row.
func (s *searching) tier(ctx context.Context, tier int) ([]lists.Piece, error) {
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

// maxOrganizations is through how many organizations of a name customers are found: the
// newest.
const maxOrganizations = 50

// through looks up the organizations that the words may mean, and reports whether there
// are some.
func (s *searching) through(ctx context.Context) (pieces []lists.Piece, some bool, err error) {
	organizations := map[string][]uuid.UUID{}
	if s.asked.AsOf.IsZero() {
		if err := s.plan(ctx, "off", "on"); err != nil {
			return nil, false, err
		}
	}
	for word, terms := range s.query.Organizations() {
		found, err := all[struct {
			CustomerID uuid.UUID `db:"customer_id"`
		}](ctx, s.db, `
			SELECT row.customer_id FROM `+s.asked.AsOf.from("customers.customers")+` AS row
			WHERE row.search::tsvector @@ (@terms::text)::tsquery
			ORDER BY row.registered_at DESC, row.customer_id DESC LIMIT @most`,
			pgx.QueryExecModeCacheDescribe, s.asked.AsOf.args(pgx.NamedArgs{"terms": terms, "most": maxOrganizations}))
		if err != nil {
			return nil, false, err
		}
		for _, row := range found {
			organizations[word] = append(organizations[word], row.CustomerID)
		}
	}
	through := s.query.Through(organizations)
	return s.matching(lists.When("row.search::tsvector @@ (@q_through::text)::tsquery", pgx.NamedArgs{"q_through": through}), through != ""), len(organizations) > 0, nil
}

// like looks up the words of names that the words may be, but for some typos.
func (s *searching) like(ctx context.Context, typos int) ([]lists.Piece, error) {
	alike := map[string][]string{}
	for _, word := range s.query.Fuzzy() {
		found, err := all[struct {
			Word string `db:"word"`
		}](ctx, s.db, `
			SELECT w.word FROM customers.words AS w WHERE w.word = ANY (@near::text[])
			UNION SELECT s.word FROM customers.similar_words(@word) AS s (word)
			ORDER BY word`, pgx.NamedArgs{"word": word.Word, "near": word.Near})
		if err != nil {
			return nil, err
		}
		for _, row := range found {
			if n, ok := word.Typos(row.Word); ok && n <= typos {
				alike[word.Word] = append(alike[word.Word], row.Word)
			}
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
