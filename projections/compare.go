package projections

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Comparison is how the tables of two builds of one read model differ.
type Comparison struct {
	Name   string `json:"name"`
	Before Side   `json:"before"`
	After  Side   `json:"after"`
	// Tables are all tables of either build, by name.
	Tables []TableComparison `json:"tables" nullable:"false"`
}

// Equal reports whether no row and no column differs.
func (c Comparison) Equal() bool {
	return !slices.ContainsFunc(c.Tables, func(t TableComparison) bool { return !t.Equal() })
}

// Side is one of the two builds.
type Side struct {
	Build    int64  `json:"build"`
	Version  int    `json:"version"`
	Position string `json:"position" doc:"Up to where in the log it was compared."`
}

// TableComparison is how one table differs between two builds.
type TableComparison struct {
	Table  string  `json:"table"`
	Before Content `json:"before"`
	After  Content `json:"after"`
	// Added, Removed and Changed count rows by key, over the columns that both
	// have. Of a table without a key a changed row is one removed and one added.
	Added   int64 `json:"added" doc:"Rows that only the build after has."`
	Removed int64 `json:"removed" doc:"Rows that only the build before has."`
	Changed int64 `json:"changed" doc:"Rows of the same key that are not the same."`
	// First are the first rows that differ, in the order of their keys as text.
	First []RowDifference `json:"first,omitempty"`
	// NewColumns are in the build after only, OldColumns in the build before.
	NewColumns []string `json:"new_columns,omitempty"`
	OldColumns []string `json:"old_columns,omitempty"`
}

// Equal reports whether both have the same columns and rows.
func (t TableComparison) Equal() bool {
	return t.Before == t.After && len(t.NewColumns) == 0 && len(t.OldColumns) == 0
}

// Content is what a table holds, in a word: two tables with the same rows, in
// whatever order, have the same content.
type Content struct {
	// Missing is a build without the table.
	Missing bool  `json:"missing,omitempty"`
	Rows    int64 `json:"rows"`
	// Hash is the sum of the hashes of the rows, so it does not depend on order,
	// and a row that is there twice counts twice.
	Hash string `json:"hash"`
}

// RowDifference is one key and what stands under it.
type RowDifference struct {
	// Key is the key columns as Postgres writes a row: "(17,EUR)".
	Key string `json:"key"`
	// Before and After are the rows as JSON; empty where there is none.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// WithoutPersonal is nothing: a row holds whatever the model does.
func (RowDifference) WithoutPersonal() any { return nil }

// seen is a build as it is compared: its schema, seen by a transaction whose
// snapshot does not move.
type seen struct {
	schema string
	tx     pgx.Tx
}

// both asks the two sides at once: each has a connection, and so a core.
func both(ask func(i int) error) error {
	var errs [2]error
	var asking sync.WaitGroup
	for i := range errs {
		asking.Go(func() { errs[i] = ask(i) })
	}
	asking.Wait()
	if errs[0] != nil {
		return errs[0]
	}
	return errs[1]
}

// compareBuilds compares table by table. Of each that differs it finds the first
// keys, limit of them at most.
//
// A table is read once on either side, into the count and the hash of each of
// 1,024 buckets of keys. Only buckets that differ are read again, in the order of
// their keys, and merged; nothing is held in memory but what differs.
func compareBuilds(ctx context.Context, sides [2]seen, limit int) ([]TableComparison, error) {
	var tables [2]map[string]shape
	err := both(func(i int) (err error) {
		tables[i], err = shapesOf(ctx, sides[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	union := maps.Clone(tables[0])
	maps.Copy(union, tables[1])
	compared := []TableComparison{}
	for _, name := range slices.Sorted(maps.Keys(union)) {
		t, err := compareTable(ctx, sides, name, [2]shape{tables[0][name], tables[1][name]}, limit)
		if err != nil {
			return nil, fmt.Errorf("compare table %s: %w", name, err)
		}
		compared = append(compared, t)
	}
	return compared, nil
}

// shape is what a table looks like in Postgres. The zero shape is no table.
type shape struct {
	columns []string // in their order
	key     []string // of the primary key, or else of a unique index; nil without
}

// shapesOf describes the tables of a build. Catalogs show the present, whatever
// the snapshot: nobody may rename schemas meanwhile.
func shapesOf(ctx context.Context, s seen) (map[string]shape, error) {
	rows, err := s.tx.Query(ctx, `
		SELECT c.relname,
			(SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
			(SELECT array_agg(a.attname::text ORDER BY k.nth)
				FROM (SELECT i.indkey FROM pg_index i
					WHERE i.indrelid = c.oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
					ORDER BY NOT i.indisprimary, i.indexrelid LIMIT 1) AS i,
					unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, nth)
				JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')`, s.schema)
	if err != nil {
		return nil, err
	}
	shapes := map[string]shape{}
	var name string
	var columns, key []string
	_, err = pgx.ForEachRow(rows, []any{&name, &columns, &key}, func() error {
		shapes[name] = shape{slices.Clone(columns), slices.Clone(key)}
		return nil
	})
	return shapes, err
}

func compareTable(ctx context.Context, sides [2]seen, name string, shapes [2]shape, limit int) (TableComparison, error) {
	t := TableComparison{Table: name}
	shared := slices.DeleteFunc(slices.Clone(shapes[0].columns), func(c string) bool { return !slices.Contains(shapes[1].columns, c) })
	for i, missing := range []*bool{&t.Before.Missing, &t.After.Missing} {
		if shapes[i].columns == nil {
			*missing = true
			shared = shapes[1-i].columns
		}
	}
	if !t.Before.Missing && !t.After.Missing {
		t.OldColumns, t.NewColumns = without(shapes[0].columns, shared), without(shapes[1].columns, shared)
	}
	read := reading{table: name, row: "ROW(" + quoted(shared) + ")::text"}
	read.key = read.row
	for _, s := range shapes { // a build without its indexes may have none yet
		if len(s.key) > 0 && len(without(s.key, shared)) == 0 {
			read.key = "ROW(" + quoted(s.key) + ")::text"
			break
		}
	}
	var buckets [2]map[int32]Content
	contents := [2]*Content{&t.Before, &t.After}
	err := both(func(i int) (err error) {
		if contents[i].Missing {
			return nil
		}
		buckets[i], err = read.buckets(ctx, sides[i], contents[i])
		return err
	})
	if err != nil || t.Before == t.After {
		return t, err
	}
	var differing []int32
	for b := range int32(bucketCount) {
		if buckets[0][b] != buckets[1][b] {
			differing = append(differing, b)
		}
	}
	if t.Before.Missing || t.After.Missing { // all of its rows are new, or gone
		t.Added, t.Removed = t.After.Rows, t.Before.Rows
		return t, nil
	}
	return t, read.merge(ctx, sides, differing, limit, &t)
}

// without is what of all is not in some.
func without(all, some []string) (rest []string) {
	for _, name := range all {
		if !slices.Contains(some, name) {
			rest = append(rest, name)
		}
	}
	return rest
}

func quoted(columns []string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = pgx.Identifier{c}.Sanitize()
	}
	return strings.Join(names, ", ")
}

// bucketCount is into how many parts the keys of a table are dealt.
const bucketCount = 1024

// reading is how a table is read for comparing: its key and its row as text.
type reading struct{ table, key, row string }

func (r reading) from(s seen) string { return pgx.Identifier{s.schema, r.table}.Sanitize() }

// bucket is the bucket of a row's key.
func (r reading) bucket() string {
	return fmt.Sprintf("(hashtextextended(%s, 0) & %d)::integer", r.key, bucketCount-1)
}

// buckets reads the whole table.
func (r reading) buckets(ctx context.Context, s seen, sum *Content) (map[int32]Content, error) {
	rows, err := s.tx.Query(ctx, fmt.Sprintf(
		"SELECT %s, count(*), sum(hashtextextended(%s, 0))::text FROM %s GROUP BY 1", r.bucket(), r.row, r.from(s)))
	if err != nil {
		return nil, err
	}
	buckets := map[int32]Content{}
	total := new(big.Int)
	var bucket int32
	var c Content
	_, err = pgx.ForEachRow(rows, []any{&bucket, &c.Rows, &c.Hash}, func() error {
		buckets[bucket] = c
		sum.Rows += c.Rows
		part, ok := new(big.Int).SetString(c.Hash, 10)
		if !ok {
			return fmt.Errorf("%q is not a sum", c.Hash)
		}
		total.Add(total, part)
		return nil
	})
	sum.Hash = total.String()
	return buckets, err
}

// merge reads the buckets that differ in the order of their keys, counts what
// differs and finds the first keys.
func (r reading) merge(ctx context.Context, sides [2]seen, differing []int32, limit int, t *TableComparison) error {
	var rows [2]*hashedRows
	err := both(func(i int) (err error) {
		rows[i], err = r.hashes(ctx, sides[i], differing)
		return err
	})
	for _, opened := range rows {
		if opened != nil {
			defer opened.rows.Close()
		}
	}
	if err != nil {
		return err
	}
	var keys []string
	differs := func(count *int64, key string) {
		*count++
		if len(keys) < limit && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	before, after := rows[0], rows[1]
	before.next()
	after.next()
	for before.valid || after.valid {
		switch order := before.compare(after); {
		case order < 0:
			differs(&t.Removed, before.key)
			before.next()
		case order > 0:
			differs(&t.Added, after.key)
			after.next()
		default:
			if before.hash != after.hash {
				differs(&t.Changed, before.key)
			}
			before.next()
			after.next()
		}
	}
	if err := both(func(i int) error { return rows[i].rows.Err() }); err != nil {
		return err
	}
	return r.show(ctx, sides, keys, t)
}

// hashes asks for the rows of some buckets: key and hash, by key.
func (r reading) hashes(ctx context.Context, s seen, buckets []int32) (*hashedRows, error) {
	rows, err := s.tx.Query(ctx, fmt.Sprintf(
		`SELECT %s COLLATE "C" AS key, hashtextextended(%s, 0) AS hash FROM %s WHERE %s = ANY($1) ORDER BY key, hash`,
		r.key, r.row, r.from(s), r.bucket()), buckets)
	return &hashedRows{rows: rows}, err
}

// hashedRows walks along rows that are sorted by key.
type hashedRows struct {
	rows  pgx.Rows
	valid bool
	key   string
	hash  int64
}

func (h *hashedRows) next() {
	h.valid = h.rows.Next() && h.rows.Scan(&h.key, &h.hash) == nil // the error is in rows.Err
}

// compare orders by key; what has ended comes after all.
func (h *hashedRows) compare(other *hashedRows) int {
	switch {
	case !h.valid:
		return 1
	case !other.valid:
		return -1
	}
	return strings.Compare(h.key, other.key)
}

// show reads the rows of some keys on both sides.
func (r reading) show(ctx context.Context, sides [2]seen, keys []string, t *TableComparison) error {
	var found [2]map[string]string
	err := both(func(i int) error {
		found[i] = map[string]string{}
		rows, err := sides[i].tx.Query(ctx, fmt.Sprintf(
			"SELECT %s, to_jsonb(t)::text FROM %s AS t WHERE %s = ANY($1)", r.key, r.from(sides[i]), r.key), keys)
		if err != nil {
			return err
		}
		var key, row string
		_, err = pgx.ForEachRow(rows, []any{&key, &row}, func() error {
			found[i][key] = row
			return nil
		})
		return err
	})
	for _, key := range keys {
		t.First = append(t.First, RowDifference{Key: key, Before: found[0][key], After: found[1][key]})
	}
	return err
}
