package readmodels

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/projections"
	"crm/projections/lists"
)

// Asked is what every list is asked: which rows, in which order, as of when, and which
// page of them.
type Asked struct {
	lists.Query
	AsOf  AsOf
	After lists.Mark // nil: the first page
	Limit int        // at least 1
}

// Listed is a page of a list.
type Listed[T any] = Page[T, lists.Mark]

// placed is a row's place in the order that was asked for. What a list reads embeds it.
type placed struct {
	Mark []string `db:"mark"`
}

func (p placed) mark() lists.Mark { return p.Mark }

// source is where the rows of a list come from.
type source struct {
	columns string                 // to read, of row
	table   string                 // "customers.customers"; versioned, where it is asked for a past
	joins   func(asOf AsOf) string // of what is read beside row
	key     string                 // the table's primary key
	born    string                 // the column of when a row came to be
	scope   scope                  // whose rows there are
	narrow  string                 // the scope's condition, of row
}

// within is the same list, as one scope has it: narrow is that scope's condition. It is
// the one place where a list learns whose rows it may show.
func (s source) within(scope scope, narrow string) source {
	s.scope, s.narrow = scope, narrow
	return s
}

// way is how often the conditions of a list are met, where that is known better here than
// to the planner, which takes a rare value for a frequent one and the other way round. An
// OFFSET holds it to the way: it plans what is behind one by itself.
type way int

const (
	unsure way = iota // the planner decides
	seldom            // all rows that meet them are looked up, and sorted
	often             // rows are read in order until there are enough
)

// marks is which rows have a mark. To write one takes longer than to read its row.
type marks int

const (
	allMarks  marks = iota
	lastMarks       // the last two: with one row more than is shown, it is the former that the next page begins after
)

// read reads rows and their marks. Columns and joins are about row. Where the order
// never changes, the past is a walk along the index of today's rows that asks for each as
// it was; else it is all rows as they were, sorted. Where conditions are met
// seldom the past is sorted too: a walk would take longer.
func read[R any](ctx context.Context, db asker, s source, a Asked, way way, which marks, more ...lists.Piece) ([]R, error) {
	stated, err := a.Statement(a.After, !a.AsOf.IsZero() && way != seldom)
	if err != nil {
		return nil, err
	}
	stated.And(more...)
	args := s.scope.args(a.AsOf.args(pgx.NamedArgs{}))
	limit := strconv.Itoa(a.Limit) // no parameter: of one, the planner expects a tenth of the table, and so plans anew each time
	maps.Copy(args, stated.Args)
	from, born := a.AsOf.from(s.table)+" AS row", ""
	if stated.Fixed {
		from = a.AsOf.inOrder(s.table, s.key)
		born = "\n    AND (@as_of::timestamptz IS NULL OR today." + s.born + " <= @as_of) -- later ones did not exist"
	}
	where, beyond := stated.Where+born+s.narrow, stated.After
	switch {
	case !a.AsOf.IsZero():
	case way == seldom:
		from, where = "(SELECT row.* FROM "+s.table+" AS row WHERE "+where+" OFFSET 0) AS row", "TRUE"
	case way == often:
		from, beyond = "(SELECT row.* FROM "+s.table+" AS row WHERE "+stated.After+" ORDER BY "+stated.Order+" OFFSET 0) AS row", "TRUE"
	}
	planned := pgx.QueryExecModeCacheDescribe // for each question: what is best depends on the values
	if a.AsOf.IsZero() && way == unsure && a.Plain() && s.narrow == "" {
		planned = pgx.QueryExecModeCacheStatement
	}
	today := strings.NewReplacer("today.", "row.") // of an order that never changes, it is the same
	order, mark := today.Replace(stated.Order), today.Replace(stated.Mark)
	if which == lastMarks {
		mark = "CASE WHEN row_number() OVER (ORDER BY " + order + ") >= " + limit + " - 1 THEN " + mark + " END"
	}
	return all[R](ctx, db, `
		SELECT `+s.columns+`, `+mark+` AS mark
		FROM (
		  SELECT row.* FROM `+from+`
		  WHERE `+where+`
		    AND `+beyond+`
		  ORDER BY `+stated.Order+`
		  LIMIT `+limit+`
		) AS row `+s.joins(a.AsOf)+`
		ORDER BY `+order, planned, args)
}

// marked names what is wrong with a mark that Postgres cannot read: conditions are read
// before, a mark is as it came.
func marked(a Asked, err error) error {
	const malformed = "22" // class: a value that cannot be read
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && a.After != nil && strings.HasPrefix(refused.Code, malformed) {
		return lists.ErrMark
	}
	return err
}

// pageOfRows is the page of a list, out of rows that were asked for with a limit one
// higher.
func pageOfRows[R interface{ mark() lists.Mark }, T any](rows []R, limit int, item func(R) T) Listed[T] {
	shown := rows[:min(len(rows), limit)]
	page := Listed[T]{Items: make([]T, len(shown))}
	for i, row := range shown {
		page.Items[i] = item(row)
	}
	if len(rows) > limit {
		next := shown[limit-1].mark()
		page.Next = &next
	}
	return page
}

// paged answers a list by one statement.
func paged[R interface{ mark() lists.Mark }, T any](ctx context.Context, db projections.Querier, s source, a Asked, way way, item func(R) T, more ...lists.Piece) (Listed[T], error) {
	a.Limit++
	rows, err := read[R](ctx, db, s, a, way, lastMarks, more...)
	if err != nil {
		return Listed[T]{}, marked(a, err)
	}
	return pageOfRows(rows, a.Limit-1, item), nil
}
