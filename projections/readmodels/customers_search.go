package readmodels

import (
	"context"
	"maps"
	"slices"
	"strconv"

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

	pieces [tiers][]lists.Piece // what was found out about tiers
	known  [tiers]bool          // and of which
	alike  []alikeWord
	common [tiers]bool
	hits   int // at most enough
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
	if err := s.sample(ctx, tierExact, tierBeginnings, s.traces()); err != nil {
		return err
	}
	if s.asked.Sorted {
		return s.findSorted(ctx)
	}
	from, hits, after, err := unmark(s.asked.After)
	if err != nil {
		return err
	}
	s.hits = hits
	for tier := from; tier < tiers && len(s.rows) < s.asked.Limit; {
		if tier == tierLike && from < tierLike && s.hits >= enough {
			return nil
		}
		if tier >= tierLike {
			if err := s.sample(ctx, tier, tier, nil); err != nil {
				return err
			}
		}
		last := tier
		for last+1 < tierOrganization && last+1 != tierWords && !s.common[tier] && !s.common[last+1] { // beginnings cost the most
			last++
		}
		if err := s.readTiers(ctx, tier, last, after); err != nil {
			return err
		}
		tier, after = last+1, nil
	}
	return nil
}

// findSorted has no tiers: it is all that has the words, in the order that was asked for.
func (s *searching) findSorted(ctx context.Context) error {
	through, some, err := s.through(ctx)
	if err != nil {
		return err
	}
	way := seldom
	if s.common[tierBeginnings] {
		way = often
		if !some {
			through = append(through, s.traces()...)
		}
	}
	s.rows, err = read[customerListed](ctx, s.db, s.source, s.asked, way, allMarks, through...)
	return err
}

// A tier is common where so many of the newest customers that are looked at are in it, or
// rather of the first of them that have a trace of the words: then a page of them is found
// sooner by walking from the newest on, over five thousand customers or so, than in an
// index, which gives all that ever had them. Statistics cannot tell: the planner knows of
// a hundred words how common they are, and of the beginning of none.
const (
	newest = 500 // are looked at
	traced = 100 // of them, at most, are asked
	common = 5   // of these are in it
)

// sample finds out which of some tiers are common. It also has no later statement read the
// whole table, or start processes: those take longer to start than a search does.
func (s *searching) sample(ctx context.Context, first, last int, traces []lists.Piece) error {
	if !s.asked.AsOf.IsZero() {
		return nil // the past has no index, and is always walked through
	}
	stated, err := s.asked.Statement(nil, false)
	if err != nil {
		return err
	}
	stated.And(traces...)
	var tiers []lists.Piece
	for tier := first; tier <= last; tier++ {
		pieces, err := s.tier(ctx, tier)
		switch {
		case err != nil:
			return err
		case len(pieces) == 0:
			return nil // a tier of nobody, which is sampled alone
		}
		tiers = append(tiers, lists.All(pieces...))
	}
	counts := stated.Counts(tiers...)
	stated.Args["q_newest"], stated.Args["q_traced"] = newest, traced
	if len(traces) == 0 {
		stated.Args["q_traced"] = newest
	}
	found, err := one[struct {
		Counts    []int64
		Seq, Each string
	}](ctx, s.db, nil, `
		SELECT `+counts+` AS counts,
		  set_config('enable_seqscan', 'off', TRUE) AS seq, set_config('max_parallel_workers_per_gather', '0', TRUE) AS each
		FROM (
		  SELECT row.* FROM (SELECT * FROM customers.customers AS row ORDER BY row.registered_at DESC, row.customer_id DESC LIMIT @q_newest) AS row
		  WHERE `+stated.Where+s.source.narrow+`
		  LIMIT @q_traced
		) AS row`, pgx.QueryExecModeCacheDescribe, s.source.scope.args(stated.Args))
	if err != nil {
		return err
	}
	for i, count := range found.Counts {
		s.common[first+i] = count >= common
	}
	return nil
}

// traces are what whoever has all the words must have; it takes an eighth of the time to
// look for as the words do.
func (s *searching) traces() []lists.Piece {
	var pieces []lists.Piece
	all, either := s.query.Traces()
	if len(all) > 0 {
		pieces = append(pieces, lists.When("row.search LIKE ALL (@q_traces::text[])", pgx.NamedArgs{"q_traces": all}))
	}
	if len(either) > 0 {
		pieces = append(pieces, lists.When("row.search LIKE ANY (@q_numbers::text[])", pgx.NamedArgs{"q_numbers": either}))
	}
	return pieces
}

// readTiers reads what is still missing of the page from some tiers: from one that is
// common, or from those between that are not.
func (s *searching) readTiers(ctx context.Context, first, last int, after lists.Mark) error {
	pieces := make([]lists.Piece, last+1)
	for tier := range pieces {
		meets, err := s.tier(ctx, tier)
		if err != nil {
			return err
		}
		if len(meets) > 0 {
			pieces[tier] = lists.All(meets...)
		}
	}
	a := s.asked
	a.After, a.Limit = after, s.asked.Limit-len(s.rows)
	var found []customerFound
	var err error
	switch {
	case !slices.ContainsFunc(pieces[first:], lists.Piece.Asks):
		return nil
	case s.common[first]:
		found, err = s.walk(ctx, a, pieces)
	default:
		found, err = s.lookUp(ctx, a, pieces, first)
	}
	for _, row := range found {
		if s.hits < enough {
			s.hits++
		}
		row.Mark = append([]string{strconv.Itoa(row.Tier), strconv.Itoa(s.hits)}, row.Mark...)
		s.rows = append(s.rows, row.customerListed)
	}
	return err
}

// customerFound is a customer and its tier.
type customerFound struct {
	customerListed
	Tier int `db:"tier"`
}

// walk reads a page of the last of some tiers in the order of the list.
func (s *searching) walk(ctx context.Context, a Asked, tiers []lists.Piece) ([]customerFound, error) {
	last := len(tiers) - 1
	pieces := append(none(tiers[:last]), tiers[last])
	if last < tierOrganization {
		pieces = append(pieces, s.traces()...)
	}
	rows, err := read[customerListed](ctx, s.db, s.source, a, often, allMarks, pieces...)
	found := make([]customerFound, len(rows))
	for i := range rows {
		found[i] = customerFound{rows[i], last}
	}
	return found, err
}

// lookUp reads a page of tiers that have few customers, from the first on: all of each are
// looked up and sorted, by the best that they are in. So those before are looked up too,
// but where they are common.
func (s *searching) lookUp(ctx context.Context, a Asked, tiers []lists.Piece, first int) ([]customerFound, error) {
	stated, err := a.Statement(a.After, false)
	if err != nil {
		return nil, err
	}
	if !a.AsOf.IsZero() && len(tiers) <= tierOrganization {
		stated.And(s.traces()...) // there is no index
	}
	ranked := slices.Clone(tiers)
	for tier := range first {
		if s.common[tier] {
			stated.And(none(tiers[tier : tier+1])...)
			ranked[tier] = lists.Piece{}
		}
	}
	args := s.source.scope.args(a.AsOf.args(pgx.NamedArgs{"limit": a.Limit, "first": first}))
	from, found := a.AsOf.from(s.source.table), stated.Ranked(a.AsOf.from(s.source.table), ranked...)
	maps.Copy(args, stated.Args)
	return all[customerFound](ctx, s.db, `
		WITH found AS (`+found+`), page AS (
		  SELECT row.customer_id, row.tier
		  FROM (SELECT row.customer_id, row.registered_at, min(row.tier) AS tier FROM found AS row GROUP BY row.customer_id, row.registered_at) AS row
		  WHERE (row.tier > @first OR row.tier = @first AND `+stated.After+`)`+s.source.narrow+`
		  ORDER BY row.tier, `+stated.Order+` LIMIT @limit
		)
		SELECT `+s.source.columns+`, row.mark, row.tier
		FROM (SELECT row.*, page.tier, `+stated.Mark+` AS mark FROM page JOIN `+from+` AS row USING (customer_id)) AS row `+s.source.joins(a.AsOf)+`
		ORDER BY row.tier, `+stated.Order, pgx.QueryExecModeCacheDescribe, args)
}

// none is that none of the pieces is met.
func none(pieces []lists.Piece) []lists.Piece {
	var not []lists.Piece
	for _, p := range pieces {
		if p.Asks() {
			not = append(not, p.Not())
		}
	}
	return not
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
