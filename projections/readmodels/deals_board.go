package readmodels

import (
	"math/big"
	"time"

	"crm/domain"
	"crm/domain/deal"
	"crm/projections"
)

// boardColumn is a column of a pipeline's board, and a currency.
type boardColumn struct {
	PipelineID domain.PipelineID `db:"pipeline_id"`
	Status     deal.Status       `db:"status"`
	Stage      domain.StageID    `db:"stage"`    // none of a closed column
	Currency   domain.Currency   `db:"currency"` // none of deals that are worth nothing known
}

// columnSum is what the deals in it come to.
type columnSum struct {
	boardColumn
	inColumn
}

type inColumn struct {
	Count      int64   `db:"count"`
	WorthMinor big.Int `db:"worth_minor"`
	Weighted   big.Int `db:"weighted"` // the worth times percent
}

// columnSpan is a column in a month or on a day, taken apart by what a forecast is
// grouped by.
type columnSpan struct {
	timeSpan
	boardColumn
	prospect
}

// prospect is what a forecast says of an open deal besides where it stands; none of a
// closed one.
type prospect struct {
	Category domain.ForecastCategory `db:"category"`
	Expected string                  `db:"expected"` // the month of the expected day; empty: unknown
}

// columnChange is what came into the column then, less what left it.
type columnChange struct {
	columnSpan
	inColumn
}

var (
	columnSums    = projections.NewSums[boardColumn, columnSum]("column_sums", "pipeline_id", "status", "stage", "currency")
	columnChanges = projections.NewSums[columnSpan, columnChange]("column_changes",
		"span", "since", "pipeline_id", "status", "stage", "category", "expected", "currency")
)

// moveColumns takes a deal out of the column that it was in and puts it into the one
// that it is in. A board is looked at all day, while the closed deals grow for ever:
// counting them took 600 ms for a million.
func moveColumns(w *projections.Writer, before, after *dealRow) {
	was, is := standingOf(before), standingOf(after)
	was.prospect, is.prospect = prospect{}, prospect{} // which the board of today does not tell
	if was == is {
		return
	}
	was.add(w, -1)
	is.add(w, 1)
}

// retellDeal tells the sums of the past what a deal is from one instant until another.
func retellDeal(w *projections.Writer, from, until time.Time, before, after *dealRow) {
	before, after = before.counted(), after.counted()
	retellColumns(w, from, until, before, after)
	retellWays(w, from, until, before, after)
}

// retellColumns does as moveColumns does for the board and the forecast as of any instant.
func retellColumns(w *projections.Writer, from, until time.Time, before, after *dealRow) {
	was, is := standingOf(before), standingOf(after)
	if was == is {
		return
	}
	was.turn(w, from, -1)
	is.turn(w, from, 1)
	if until.Before(projections.Infinity) {
		was.turn(w, until, 1)
		is.turn(w, until, -1)
	}
}

// standing is where a deal stands on its board and what it comes to there.
type standing struct {
	column             boardColumn
	prospect           prospect
	count              int64 // 0 of a deal that is nowhere
	worth, probability int64
}

func standingOf(r *dealRow) standing {
	if r == nil {
		return standing{}
	}
	p := standing{column: boardColumn{PipelineID: r.PipelineID, Status: r.Status}, count: 1, probability: int64(r.Probability)}
	if r.Status == deal.Running {
		p.column.Stage = r.Stage
		p.prospect = prospect{r.Category, string(r.ExpectedClose[:min(len("2026-03"), len(r.ExpectedClose))])}
	}
	if worth := money(r.WorthMinor, r.WorthCurrency); !worth.IsZero() {
		p.column.Currency, p.worth = worth.Currency, worth.Minor
	}
	return p
}

func (p standing) add(w *projections.Writer, sign int64) {
	if p.count > 0 {
		change := p.times(sign)
		columnSums.Add(w, p.column, func(sum *columnSum) { sum.add(&change) })
	}
}

func (p standing) turn(w *projections.Writer, at time.Time, sign int64) {
	if p.count == 0 {
		return
	}
	change := p.times(sign)
	for _, span := range spansOf(at) {
		columnChanges.Add(w, columnSpan{span, p.column, p.prospect}, func(sum *columnChange) { sum.add(&change) })
	}
}

func (p standing) times(sign int64) (in inColumn) {
	in.Count = sign * p.count
	in.WorthMinor.SetInt64(sign * p.worth)
	in.Weighted.Mul(&in.WorthMinor, big.NewInt(p.probability))
	return in
}

func (c *inColumn) add(change *inColumn) {
	c.Count += change.Count
	c.WorthMinor.Add(&c.WorthMinor, &change.WorthMinor)
	c.Weighted.Add(&c.Weighted, &change.Weighted)
}
