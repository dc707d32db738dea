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
	sought  []column // of a search for former versions
	copy    string
	freeze  string // copy, into a table that was emptied in the same transaction
	// Statements take one array per column. load answers the ordinal of the key
	// and the row.
	load, upsert, remove, insert *pgconn.StatementDescription

	order []int // of the batch's rows, by key
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
	return b, b.prepare(ctx, conn, schema, t)
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

func (b *binding) prepare(ctx context.Context, conn *pgx.Conn, schema string, t table) error {
	into := pgx.Identifier{schema, t.name()}.Sanitize()
	b.copy = fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", into, strings.Join(names(b.columns), ", "))
	b.freeze = strings.TrimSuffix(b.copy, ")") + ", FREEZE)"
	for _, s := range t.statements(b, into) {
		prepared, err := conn.PgConn().Prepare(ctx, s.verb+" "+t.name(), s.sql, nil)
		if err != nil {
			return err
		}
		*s.into = prepared
	}
	return nil
}

func (t *Keyed[K, R]) statements(b *binding, into string) []statement {
	set := "NOTHING"
	if rest := b.values(); len(rest) > 0 {
		for i, c := range rest {
			rest[i] = c + " = EXCLUDED." + c
		}
		set = "UPDATE SET " + strings.Join(rest, ", ")
	}
	return []statement{
		{"load", &b.load, b.selectSQL(into, b.keys)},
		{"upsert", &b.upsert, b.upsertSQL(into, set)},
		{"remove", &b.remove, b.removeSQL(into)},
	}
}

func (t *Appended[R]) statements(b *binding, into string) []statement {
	return []statement{{"insert", &b.insert, b.insertSQL(into)}}
}

func (b *binding) insertSQL(into string) string {
	return fmt.Sprintf("INSERT INTO %s AS t (%s) SELECT %s FROM %s", into, strings.Join(names(b.columns), ", "), cast(b.columns), unnest(b.columns))
}

func (b *binding) upsertSQL(into, set string) string {
	return fmt.Sprintf("%s ON CONFLICT (%s) DO %s", b.insertSQL(into), strings.Join(names(b.keys), ", "), set)
}

func (b *binding) removeSQL(into string) string {
	return fmt.Sprintf("DELETE FROM %s AS t USING %s WHERE %s", into, unnest(b.keys), match(b.keys))
}

// selectSQL answers, with the ordinal of the parameters, the rows with their key.
func (b *binding) selectSQL(from string, parameters []column) string {
	return fmt.Sprintf("SELECT k.ordinal, t.%s FROM unnest(%s) WITH ORDINALITY AS k (%s, ordinal) JOIN %s AS t ON %s",
		strings.Join(names(b.columns), ", t."), arrays(parameters), strings.Join(names(parameters), ", "),
		from, match(parameters))
}

// values are the columns that are no part of the key.
func (b *binding) values() []string {
	keys := names(b.keys)
	return slices.DeleteFunc(names(b.columns), func(c string) bool { return slices.Contains(keys, c) })
}

// match compares the table's key with that of the parameters.
func match(keys []column) string {
	on := names(keys)
	for i, k := range on {
		on[i] = fmt.Sprintf("t.%s = k.%s", k, k)
	}
	return strings.Join(on, " AND ")
}

type statement struct {
	verb string
	into **pgconn.StatementDescription
	sql  string
}

// unnest turns a parameter per column, each an array, into rows called k.
func unnest(columns []column) string {
	return fmt.Sprintf("unnest(%s) AS k (%s)", arrays(columns), strings.Join(names(columns), ", "))
}

func arrays(columns []column) string {
	parameters := make([]string, len(columns))
	for i, c := range columns {
		parameters[i] = fmt.Sprintf("$%d::%s[]", i+1, c.sql)
	}
	return strings.Join(parameters, ", ")
}

// cast makes of what unnest gave what the columns hold.
func cast(columns []column) string {
	values := names(columns)
	for i, c := range columns {
		values[i] = "k." + values[i]
		if c.cast != "" {
			values[i] += "::" + c.cast
		}
	}
	return strings.Join(values, ", ")
}

func names(columns []column) []string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = pgx.Identifier{c.column}.Sanitize()
	}
	return quoted
}
