package imports

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/domain/importrun"
	"crm/projections/lists"
)

// Listed is what imports are filtered and sorted by.
var Listed = lists.New(lists.List{
	Name: "imports", ID: "row.id", Default: "-created_at",
	Fields: []lists.Field{
		{Name: "id", Type: lists.ID, Column: "row.id"},
		{Name: "status", Type: lists.Choice, Column: "row.status", Choices: []string{
			string(importrun.Draft), string(importrun.Running), string(importrun.IsFinished), string(importrun.IsFailed),
			string(importrun.IsCancelled), string(importrun.Undoing), string(importrun.IsUndone),
		}},
		{Name: "mapping", Type: lists.Text, Column: "row.mapping", About: "the mapping's name"},
		{Name: "actor", Type: lists.Text, Column: "row.actor", About: "who has created it"},
		{Name: "created_at", Type: lists.Instant, Column: "row.created_at", Order: "row.created_at"},
		{Name: "started_at", Type: lists.Instant, Column: "row.started_at", Absent: "row.started_at IS NULL", Order: "coalesce(row.started_at, 'infinity'::timestamptz)", About: "not yet is last"},
		{Name: "ended_at", Type: lists.Instant, Column: "row.ended_at", Absent: "row.ended_at IS NULL", Order: "coalesce(row.ended_at, 'infinity'::timestamptz)", About: "not yet is last"},
	},
})

// List is a page of the imports that are asked for, behind a mark; without one it is the
// first page. Next is nil on the last.
func (j *Jobs) List(ctx context.Context, asked lists.Query, after lists.Mark, limit int) (page []Import, next *lists.Mark, err error) {
	stated, err := asked.Statement(after, false)
	if err != nil {
		return nil, nil, err
	}
	args := pgx.NamedArgs{"limit": limit + 1}
	maps.Copy(args, stated.Args)
	rows, err := j.cfg.Pool.Query(ctx, "SELECT "+importColumns+", "+stated.Mark+" FROM crm.imports AS row WHERE "+stated.Where+" AND "+stated.After+
		" ORDER BY "+stated.Order+" LIMIT @limit", args)
	if err != nil {
		return nil, nil, err
	}
	var marks []lists.Mark
	page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Import, error) {
		var mark lists.Mark
		i, err := scanImport(row, (*[]string)(&mark))
		marks = append(marks, mark)
		return i, err
	})
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && after != nil && strings.HasPrefix(refused.Code, "22") {
		return nil, nil, lists.ErrMark // a value that Postgres cannot read; conditions were read before
	}
	if len(page) > limit {
		page, next = page[:limit], &marks[limit-1]
	}
	for k := 0; err == nil && k < len(page); k++ {
		page[k], err = complete(ctx, j.cfg.Pool, page[k])
	}
	return page, next, err
}
