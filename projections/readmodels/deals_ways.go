package readmodels

import (
	"slices"
	"strings"
	"time"

	"crm/domain"
	"crm/domain/deal"
	"crm/projections"
)

// wayKey is the deals opened in a month that have stood in the same stages. In which
// order is left out: how far a deal came is the furthest of them, in the order that the
// pipeline has when it is asked, and there are a hundred times fewer sets than orders.
type wayKey struct {
	PipelineID domain.PipelineID `db:"pipeline_id"`
	Month      time.Time         `db:"month"`
	Status     deal.Status       `db:"status"`
	Stage      domain.StageID    `db:"stage"`   // the last open one
	Visited    string            `db:"visited"` // stages, each once and in order, a space between
}

// waySpan is the same in a month or on a day.
type waySpan struct {
	timeSpan
	wayKey
}

// wayChange is how many deals came to be so then, less those that went on.
type wayChange struct {
	waySpan
	Deals int64 `db:"deals"`
}

var wayChanges = projections.NewSums[waySpan, wayChange]("way_changes",
	"pipeline_id", "span", "since", "month", "status", "stage", "visited")

// retellWays tells the funnel how far a deal came from one instant until another.
func retellWays(w *projections.Writer, from, until time.Time, before, after *dealRow) {
	if before != nil && after != nil && before.wentAs(after) {
		return
	}
	was, is := before.way(), after.way()
	turn := func(at time.Time, key wayKey, deals int64) {
		if key == (wayKey{}) {
			return
		}
		for _, span := range spansOf(at) {
			wayChanges.Add(w, waySpan{span, key}, func(sum *wayChange) { sum.Deals += deals })
		}
	}
	turn(from, was, -1)
	turn(from, is, 1)
	if until.Before(projections.Infinity) {
		turn(until, was, 1)
		turn(until, is, -1)
	}
}

func (r *dealRow) wentAs(other *dealRow) bool {
	return r.PipelineID == other.PipelineID && r.Status == other.Status && r.Stage == other.Stage &&
		r.OpenedAt.Equal(other.OpenedAt) && slices.Equal(r.Places, other.Places)
}

// way is zero of a deal that there is not.
func (r *dealRow) way() wayKey {
	if r == nil {
		return wayKey{}
	}
	var room [8]string
	places := slices.DeleteFunc(append(room[:0], r.Places...), func(place string) bool { return !isStage(place) })
	slices.Sort(places)
	return wayKey{r.PipelineID, monthOf(r.OpenedAt), r.Status, r.Stage, strings.Join(slices.Compact(places), " ")}
}
