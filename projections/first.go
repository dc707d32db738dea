package projections

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// The first window of a build begins with tables in which there is nothing, and has them
// to itself until it is committed. What Postgres does to keep rows safe, found and apart
// from those of others is then done once, at its end, or not at all:
//
//	TRUNCATE           in the transaction, so that a server with wal_level = minimal writes
//	                   the rows to the tables only, and not to the WAL
//	COPY FREEZE        so that nobody visits the rows again to note that they are there: not
//	                   the making of indexes, and not the first vacuum
//	no primary keys    before the rows are there; a key is made in a fraction of the time
//	                   that it takes to keep it
//
// All of it is in one transaction: whoever looks, or comes after a crash, finds empty
// tables with their keys or full ones with theirs. Until then the tables are locked, and
// who looks all the same, as a dump of the database does, waits. Who was there first, and
// holds them for longer than our patience, is not waited for: the window goes without all
// this, which is only speed.

// key is a primary key of a table that is off.
type key struct{ table, name, definition string }

// clear makes the tables ready for the first window, in its transaction. It fails where
// somebody reads them.
func (b *Builder) clear(ctx context.Context) error {
	if _, err := b.conn.Exec(ctx, patience); err != nil {
		return lasting(err, b.first, "")
	}
	rows, err := b.conn.Query(ctx, `
		SELECT c.relname, coalesce(k.conname, ''), coalesce(pg_get_constraintdef(k.oid), '')
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
		WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY c.relname`, b.schema)
	if err != nil {
		return lasting(err, b.first, "")
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k key, err error) {
		return k, row.Scan(&k.table, &k.name, &k.definition)
	})
	if err != nil {
		return lasting(err, b.first, "")
	}
	names := make([]string, len(tables))
	b.window.keys = b.window.keys[:0]
	var off strings.Builder
	for i, k := range tables {
		names[i] = pgx.Identifier{b.schema, k.table}.Sanitize()
		if k.name != "" {
			b.window.keys = append(b.window.keys, k)
			off.WriteString("; ALTER TABLE " + names[i] + " DROP CONSTRAINT " + pgx.Identifier{k.name}.Sanitize())
		}
	}
	_, err = b.conn.PgConn().Exec(ctx, "TRUNCATE "+strings.Join(names, ", ")+off.String()).ReadAll()
	return lasting(err, b.first, "")
}

// putOn makes the primary key of a table, of all for "", if it is off. It is asked when
// rows are about to be looked for, and at the end.
func (b *Builder) putOn(ctx context.Context, table string) error {
	var off []key
	for _, k := range b.window.keys {
		if table != "" && k.table != table {
			off = append(off, k)
			continue
		}
		if _, err := b.conn.Exec(ctx, "ALTER TABLE "+pgx.Identifier{b.schema, k.table}.Sanitize()+
			" ADD CONSTRAINT "+pgx.Identifier{k.name}.Sanitize()+" "+k.definition); err != nil {
			return lasting(err, domain.Position{}, k.table) // rows of any batch
		}
	}
	b.window.keys = off
	return nil
}
