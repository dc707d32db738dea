package readmodels

import (
	"context"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
)

// named are arguments by name, as pgx.NamedArgs, that look through the text of a
// statement once: the longest have two thousand characters, and looking for @ in them
// is a tenth of what a read costs here.
type named pgx.NamedArgs

// numbered is a statement with $1 for @name, and whose turn it is.
type numbered struct {
	sql   string
	names []string
}

// written are the statements that were asked last. Filters make many, and few are
// asked often.
var written = func() *lru.Cache[string, numbered] {
	cache, err := lru.New[string, numbered](512)
	if err != nil {
		panic(err) // a size below one
	}
	return cache
}()

// RewriteQuery implements pgx.QueryRewriter.
func (n named) RewriteQuery(ctx context.Context, conn *pgx.Conn, sql string, args []any) (string, []any, error) {
	statement, known := written.Get(sql)
	if !known {
		own := pgx.NamedArgs{} // each stands for its own name, and so tells its place
		for name := range n {
			own[name] = name
		}
		text, places, err := own.RewriteQuery(ctx, conn, sql, args)
		if err != nil {
			return "", nil, err
		}
		statement = numbered{sql: text}
		for _, place := range places {
			name, given := place.(string)
			if !given { // pgx has nothing for a name that was not given; and says so to Postgres
				return pgx.NamedArgs(n).RewriteQuery(ctx, conn, sql, args)
			}
			statement.names = append(statement.names, name)
		}
		written.Add(sql, statement)
	}
	values := make([]any, len(statement.names))
	for i, name := range statement.names {
		values[i] = n[name]
		if id, is := values[i].(uuid.UUID); is {
			values[i] = [16]byte(id) // else pgx writes it as text, and parses that
		}
	}
	return statement.sql, values, nil
}
