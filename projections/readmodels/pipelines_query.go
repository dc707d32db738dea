package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/domain"
	"crm/domain/deal"
	"crm/domain/pipeline"
	"crm/projections/lists"
)

// Pipeline is a pipeline with its stages in order.
type Pipeline struct {
	ID domain.PipelineID
	pipeline.State
	DefinedAt time.Time
	ChangedAt time.Time
	Revision  domain.Revision
}

const pipelineColumns = `pipeline_id, name, stages, defined_at, changed_at, revision`

// Pipeline is one pipeline, or pipeline.ErrUnknown; [ErrParked] where its first event
// is parked.
func (m Deals) Pipeline(ctx context.Context, id domain.PipelineID, asOf AsOf) (Pipeline, error) {
	return readPipeline(ctx, m.db, id, asOf)
}

func readPipeline(ctx context.Context, db asker, id domain.PipelineID, asOf AsOf) (Pipeline, error) {
	row, err := one[pipelineRow](ctx, db, pipeline.ErrUnknown,
		`SELECT `+pipelineColumns+` FROM `+asOf.from("deals.pipelines")+` WHERE pipeline_id = @pipeline_id`,
		asOf.args(pgx.NamedArgs{"pipeline_id": id.UUID}))
	if err != nil {
		return Pipeline{}, orParked(ctx, db, err, domain.PipelineStream(id), "deals.pipelines WHERE pipeline_id", id.UUID)
	}
	return row.pipeline(), nil
}

// PipelineList is what pipelines are filtered and sorted by.
var PipelineList = lists.New(lists.List{
	Name: "pipelines", ID: "row.pipeline_id", Default: "name",
	Fields: []lists.Field{
		{Name: "id", Type: lists.ID, Column: "row.pipeline_id"},
		{Name: "name", Type: lists.Text, Column: "row.name", Order: "row.name"},
		{Name: "defined_at", Type: lists.Instant, Column: "row.defined_at", Order: "row.defined_at"},
		{Name: "changed_at", Type: lists.Instant, Column: "row.changed_at", Order: "row.changed_at"},
	},
})

var pipelineSource = source{columns: pipelineColumns, table: "deals.pipelines", joins: alone}

type pipelineListed struct {
	pipelineRow
	placed
}

func (r pipelineListed) item() Pipeline { return r.pipeline() }

// Pipelines is a page of pipelines.
func (m Deals) Pipelines(ctx context.Context, a Asked) (Listed[Pipeline], error) {
	return paged(ctx, m.db, pipelineSource, a, unsure, pipelineListed.item)
}

func (r pipelineRow) pipeline() Pipeline {
	return Pipeline{
		ID: domain.PipelineID{UUID: r.PipelineID}, State: r.state(),
		DefinedAt: r.DefinedAt.UTC(), ChangedAt: r.ChangedAt.UTC(), Revision: domain.Revision(r.Revision),
	}
}

// Board is a pipeline with its deals: a column for each stage, in order, then one
// for the won and one for the lost. A retired stage has a column while deals stand
// in it.
type Board struct {
	Pipeline Pipeline
	Columns  []Column
}

// Column is the deals of one stage, or all that were won or lost.
type Column struct {
	Status deal.Status
	Stage  pipeline.KnownStage // of an open column
	Count  int64               // deals, also those that are worth nothing known
	Totals []Total             // by currency, in the order of its code
	Deals  []Deal              // the first: newest opened, or latest closed
}

// Total is the sum of what a column's deals of one currency are worth.
type Total struct {
	Worth domain.Money
	// Weighted is each worth times the deal's probability. Of closed deals it is none.
	Weighted domain.Money
}

// Board is a pipeline's board with the first deals of each column, or
// pipeline.ErrUnknown. All of it is of one moment.
func (m Deals) Board(ctx context.Context, id domain.PipelineID, asOf AsOf, first int) (Board, error) {
	var (
		board  Board
		totals []columnTotal
		rows   []dealRead
	)
	err := snapshot(ctx, m.db, func(tx pgx.Tx) (err error) {
		args := m.scope.args(asOf.spanArgs(pgx.NamedArgs{"pipeline_id": id.UUID, "first": first}))
		if board.Pipeline, err = readPipeline(ctx, tx, id, asOf); err != nil {
			return err
		}
		if totals, err = all[columnTotal](ctx, tx, m.columnTotalsSQL(asOf), args); err != nil {
			return err
		}
		planned := pgx.QueryExecModeCacheStatement
		if !asOf.IsZero() {
			planned = pgx.QueryExecModeCacheDescribe // for each call: the best plan depends on how long ago it is
		}
		rows, err = all[dealRead](ctx, tx, m.firstOfColumnsSQL(asOf), planned, args)
		return err
	})
	if err != nil {
		return Board{}, err
	}
	for _, stage := range board.Pipeline.Stages {
		column := columnOf(deal.Running, stage, totals, rows)
		if !stage.Retired || column.Count > 0 {
			board.Columns = append(board.Columns, column)
		}
	}
	for _, status := range []deal.Status{deal.IsWon, deal.IsLost} {
		board.Columns = append(board.Columns, columnOf(status, pipeline.KnownStage{}, totals, rows))
	}
	return board, nil
}

// columnTotalsSQL reads sums, which are kept of today and of the past as it is known
// today. For what was known at another instant, or is one owner's, it adds up the deals.
// Sums that do not fit an amount stop at the largest one.
func (m Deals) columnTotalsSQL(asOf AsOf) string {
	sums := `deals.column_sums`
	if narrowed := m.scope.deal("deal_id"); narrowed != "" {
		sums = `(
		  SELECT pipeline_id, status, CASE WHEN status = 'open' THEN stage ELSE '' END AS stage, coalesce(worth_currency, '') AS currency,
		    count(*) AS count, sum(coalesce(worth_minor, 0)::numeric) AS worth_minor, sum(coalesce(worth_minor, 0)::numeric * probability) AS weighted
		  FROM ` + asOf.from("deals.deals") + ` AS d WHERE pipeline_id = @pipeline_id` + narrowed + ` GROUP BY 1, 2, 3, 4
		)`
	} else if !asOf.IsZero() {
		sums = `(
		  SELECT pipeline_id, status, stage, currency, sum(count)::bigint AS count, sum(worth_minor) AS worth_minor, sum(weighted) AS weighted
		  FROM (
		    SELECT pipeline_id, status, CASE WHEN status = 'open' THEN stage ELSE '' END AS stage, coalesce(worth_currency, '') AS currency,
		      sign AS count, sign * coalesce(worth_minor, 0)::numeric AS worth_minor, sign * coalesce(worth_minor, 0)::numeric * probability AS weighted
		    FROM ` + asOf.turned("deals.deals") + ` AS d WHERE pipeline_id = @pipeline_id
		    UNION ALL
		    SELECT pipeline_id, status, stage, currency, count, worth_minor, weighted
		    FROM deals.column_changes WHERE pipeline_id = @pipeline_id AND @summed AND ` + spansBefore + `
		  ) AS s GROUP BY 1, 2, 3, 4 HAVING sum(count) <> 0
		)`
	}
	return `
	SELECT status, stage, currency, count,
	  greatest(least(worth_minor, 9223372036854775807), -9223372036854775807)::bigint AS worth_minor,
	  greatest(least(round(weighted / 100), 9223372036854775807), -9223372036854775807)::bigint AS weighted_minor
	FROM ` + sums + ` AS s WHERE pipeline_id = @pipeline_id
	ORDER BY status, stage, currency`
}

// firstOfColumnsSQL walks for each column the deals that ever stood in it, in order,
// until it has enough that did then.
func (m Deals) firstOfColumnsSQL(asOf AsOf) string {
	open := asOf.first("deals.deals", "deal_id", "opened_at", "pipeline_id = @pipeline_id AND status = 'open' AND stage = s.id"+m.scope.deal("deal_id"))
	closed := asOf.first("deals.deals", "deal_id", "closed_at", "pipeline_id = @pipeline_id AND status = o.status"+m.scope.deal("deal_id"))
	return `
	SELECT ` + dealColumns + `
	FROM (
	  SELECT f.deal_id FROM ` + asOf.from("deals.pipelines") + ` AS b
	  CROSS JOIN jsonb_to_recordset(b.stages) AS s (id text)
	  CROSS JOIN LATERAL (` + open + `) AS f
	  WHERE b.pipeline_id = @pipeline_id
	  UNION ALL
	  SELECT f.deal_id FROM (VALUES ('won'), ('lost')) AS o (status) CROSS JOIN LATERAL (` + closed + `) AS f
	) AS f
	CROSS JOIN LATERAL (
	  SELECT * FROM ` + asOf.from("deals.deals") + ` AS was WHERE was.deal_id = f.deal_id OFFSET 0 -- by its key, whatever the planner expects of f
	) AS row ` + dealNames(asOf) + `
	ORDER BY row.status, coalesce(row.closed_at, row.opened_at) DESC, row.deal_id DESC`
}

type columnTotal struct {
	Status        deal.Status     `db:"status"`
	Stage         domain.StageID  `db:"stage"`
	Currency      domain.Currency `db:"currency"`
	Count         int64           `db:"count"`
	WorthMinor    int64           `db:"worth_minor"`
	WeightedMinor int64           `db:"weighted_minor"`
}

func columnOf(status deal.Status, stage pipeline.KnownStage, totals []columnTotal, rows []dealRead) Column {
	column := Column{Status: status, Stage: stage}
	for _, t := range totals {
		if t.Status != status || t.Stage != stage.ID {
			continue
		}
		column.Count += t.Count
		if t.Currency == "" {
			continue
		}
		total := Total{Worth: domain.Money{Minor: t.WorthMinor, Currency: t.Currency}}
		if status == deal.Running {
			total.Weighted = domain.Money{Minor: t.WeightedMinor, Currency: t.Currency}
		}
		column.Totals = append(column.Totals, total)
	}
	for _, row := range rows {
		if row.Status == status && (status != deal.Running || row.Stage == stage.ID) {
			column.Deals = append(column.Deals, row.deal())
		}
	}
	return column
}
