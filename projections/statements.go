package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// binding is a table of the code bound to one in Postgres: its columns checked,
// its statements prepared on the builder's connection.
type binding struct {
	columns []column // of the row
	keys    []column // of the key; none in an appended table
	copy    string
	// Statements take one array per column. load answers the ordinal of the key
	// and the row.
	load, upsert, remove, insert *pgconn.StatementDescription
	order                        []int // of the batch's rows, by key
}

// bindTable compares t with the table in schema and prepares what writing to it takes.
func bindTable(ctx context.Context, conn *pgx.Conn, schema string, t table) (*binding, error) {
	types, err := columnTypes(ctx, conn, schema, t.name())
	if err != nil {
		return nil, err
	}
	row, key := t.shape()
	b := &binding{}
	var wrong []string
	for _, part := range []struct {
		fields  layout
		columns *[]column
	}{{row, &b.columns}, {key, &b.keys}} {
		for _, f := range part.fields {
			c, ok := bind(f, types[f.column])
			if !ok {
				wrong = append(wrong, f.column)
			}
			*part.columns = append(*part.columns, c)
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return nil, &Failure{Class: BadSchema, Table: t.name(), Detail: "columns " + strings.Join(slices.Compact(wrong), " ")}
	}
	return b, b.prepare(ctx, conn, schema, t.name())
}

func columnTypes(ctx context.Context, conn *pgx.Conn, schema, table string) (map[string]uint32, error) {
	rows, err := conn.Query(ctx, `
		SELECT a.attname, a.atttypid
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = @schema AND c.relname = @table AND a.attnum > 0 AND NOT a.attisdropped`,
		pgx.NamedArgs{"schema": schema, "table": table})
	if err != nil {
		return nil, err
	}
	types := make(map[string]uint32)
	var name string
	var oid uint32
	_, err = pgx.ForEachRow(rows, []any{&name, &oid}, func() error {
		types[name] = oid
		return nil
	})
	return types, err
}

func (b *binding) prepare(ctx context.Context, conn *pgx.Conn, schema, table string) error {
	into := pgx.Identifier{schema, table}.Sanitize()
	columns := names(b.columns)
	b.copy = fmt.Sprintf("COPY %s (%s) FROM STDIN BINARY", into, strings.Join(columns, ", "))
	insert := fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM %s", into, strings.Join(columns, ", "), unnest(b.columns))
	statements := []statement{{"insert", &b.insert, insert}}
	if len(b.keys) > 0 {
		keys := names(b.keys)
		var set []string
		for _, c := range columns {
			if !slices.Contains(keys, c) {
				set = append(set, c+" = EXCLUDED."+c)
			}
		}
		resolve := "NOTHING"
		if len(set) > 0 {
			resolve = "UPDATE SET " + strings.Join(set, ", ")
		}
		match := make([]string, len(keys))
		for i, k := range keys {
			match[i] = fmt.Sprintf("t.%s = k.%s", k, k)
		}
		on, list := strings.Join(match, " AND "), strings.Join(keys, ", ")
		statements = []statement{
			{"load", &b.load, fmt.Sprintf("SELECT k.ordinal, t.%s FROM %s WITH ORDINALITY AS k (%s, ordinal) JOIN %s AS t ON %s",
				strings.Join(columns, ", t."), unnest(b.keys), list, into, on)},
			{"upsert", &b.upsert, fmt.Sprintf("%s ON CONFLICT (%s) DO %s", insert, list, resolve)},
			{"remove", &b.remove, fmt.Sprintf("DELETE FROM %s AS t USING %s AS k (%s) WHERE %s", into, unnest(b.keys), list, on)},
		}
	}
	for _, s := range statements {
		prepared, err := conn.PgConn().Prepare(ctx, s.verb+" "+table, s.sql, nil)
		if err != nil {
			return err
		}
		*s.into = prepared
	}
	return nil
}

type statement struct {
	verb string
	into **pgconn.StatementDescription
	sql  string
}

// unnest turns a parameter per column, each an array, into rows.
func unnest(columns []column) string {
	arrays := make([]string, len(columns))
	for i, c := range columns {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, c.sql)
	}
	return "unnest(" + strings.Join(arrays, ", ") + ")"
}

func names(columns []column) []string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = pgx.Identifier{c.column}.Sanitize()
	}
	return quoted
}
